import Foundation
import Simulator
import Telegram
import Testing

@Suite("The whole of it, as real processes", .serialized)
struct KillTests {
    /// A clock that runs ten times as fast, so that the back-off of minutes fits a test; order and meaning stay.
    struct HastyClock: Clock {
        typealias Instant = ContinuousClock.Instant

        private let start = ContinuousClock.now
        private static let haste = 10

        var now: Instant { start + (ContinuousClock.now - start) * Self.haste }
        var minimumResolution: Duration { .milliseconds(1) }

        func sleep(until deadline: Instant, tolerance: Duration?) async throws {
            try await ContinuousClock().sleep(until: start + (deadline - start) / Self.haste)
        }
    }

    /// A bot with the business that it was registered for.
    private struct Side: Sendable {
        let slug: String
        let bot: SimulatedBot
    }

    private static let businesses = 3
    private static let botsEach = 2
    private static let people = 8
    private static let texts = 60
    private static let kills = 4

    @Test(.timeLimit(.minutes(5)))
    func
        `every acknowledged update is there exactly once, in order, in the right business, whenever the process is killed`()
        async throws
    {
        let binary = try RealBinary()
        try await binary.succeed("init")
        let telegram = SimulatedTelegram(clock: HastyClock(), seed: 42)
        let port = try freePort()
        let sides = try await SimulatorServer(telegram).whileRunning { simulator in
            let address = [
                "--listen", "127.0.0.1:\(port)", "--public-url", "http://127.0.0.1:\(port)", "--bot-api",
                "http://127.0.0.1:\(simulator)", "--log-level", "debug",
            ]
            let (sides, code) = try await binary.serving(address) { server in
                let sides = try await Self.register(binary, telegram)
                try Self.write(telegram, sides)
                try await Self.kill(server, telegram, after: 300)
                return sides
            }
            #expect(code == 128 + SIGKILL)
            for round in 2...Self.kills {
                let (_, code) = try await binary.serving(address) { server in
                    try await Self.kill(server, telegram, after: 300 * round)
                }
                #expect(code == 128 + SIGKILL)
            }
            let (_, last) = try await binary.serving(address) { _ in try await telegram.drained() }
            #expect(last == 0)
            return sides
        }
        let counts = telegram.counts()
        #expect(counts.repeated > 0 && counts.failed > 0, "the faults did not happen: \(counts)")
        try await Self.expectHistory(binary, telegram, sides)
        let secrets = sides.flatMap { side -> [String] in
            let token = side.bot.token.reveal()
            return [token, String(token.drop { $0 != ":" }.dropFirst())]
        }
        #expect(try binary.files(holding: secrets) == [])
    }

    /// Registers every bot by the commands while the server runs.
    private static func register(_ binary: RealBinary, _ telegram: SimulatedTelegram) async throws -> [Side] {
        var sides: [Side] = []
        for business in 1...businesses {
            let slug = "business-\(business)"
            try await binary.succeed("business", "add", "Business \(business)", "--slug", slug)
            for number in 1...botsEach {
                let bot = try telegram.addBot(
                    name: "Bot \(business)-\(number)",
                    username: "bot_\(business)_\(number)_bot"
                )
                try await binary.succeed("bot", "add", slug, "--token-stdin", input: bot.token.reveal() + "\n")
                try telegram.setFaults(.init(duplicateProbability: 0.05, cutProbability: 0.02), ofBot: bot.id)
                sides.append(Side(slug: slug, bot: bot))
            }
        }
        return sides
    }

    /// Every person writes to every bot, numbered.
    private static func write(_ telegram: SimulatedTelegram, _ sides: [Side]) throws {
        let people = (1...people).map { telegram.addPerson(firstName: "Person", lastName: "\($0)") }
        for number in 1...texts {
            for side in sides {
                for person in people {
                    try telegram.say("\(side.bot.username) \(person.id) \(number)", from: person, to: side.bot.id)
                }
            }
        }
    }

    /// Kills the process as soon as that many are delivered, in the middle of the rest.
    private static func kill(
        _ server: RealBinary.Server,
        _ telegram: SimulatedTelegram,
        after delivered: Int
    ) async throws {
        try await telegram.wait { $0.delivered >= delivered }
        server.signal(SIGKILL)
    }

    private static func expectHistory(_ binary: RealBinary, _ telegram: SimulatedTelegram, _ sides: [Side]) async throws
    {
        var total = 0
        for slug in Set(sides.map(\.slug)) {
            let conversations = try await binary.succeed("conversations", slug, "--limit", "1000", "--json").list()
            #expect(conversations.count == botsEach * people)
            for conversation in conversations {
                let id = try #require(conversation["id"] as? String)
                let history = try await binary.succeed("history", slug, id, "--limit", "100000", "--json").list()
                let texts = history.compactMap { $0["text"] as? String }
                let words = try #require(texts.first).split(separator: " ")
                let side = try #require(sides.first { $0.bot.username == String(words[0]) })
                #expect(side.slug == slug)
                // Newest first.
                #expect(texts == (1...Self.texts).reversed().map { "\(words[0]) \(words[1]) \($0)" })
                total += texts.count
            }
        }
        let acknowledged = sides.map { Set(telegram.acknowledged(by: $0.bot.id)).count }.reduce(0, +)
        #expect(total == acknowledged)
        #expect(total == sides.count * people * texts)
        #expect(try await binary.succeed("updates", "failed", "--json").list().isEmpty)
    }
}
