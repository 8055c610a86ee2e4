import Foundation
import Simulator
import Telegram
import Testing

@Suite("Sending, as real processes", .serialized, .timeLimit(.minutes(5)))
struct SendCommandTests {
    /// A simulator with a bot of a business to which Anna has written.
    private struct Scene: Sendable {
        let binary: RealBinary
        let telegram: SimulatedTelegram
        let bot: SimulatedBot
        let anna: Person
        let server: RealBinary.Server

        func seen() -> [String] {
            telegram.messages(in: anna.id, of: bot.id).filter(\.isFromBot).map { $0.text ?? "" }
        }

        /// The messages of the conversation that went out, the newest first.
        func sent() async throws -> [[String: any Sendable]] {
            try await binary.succeed("history", "maier", "cnv_1", "--limit", "5000", "--json").list().filter {
                $0["direction"] as? String == "out"
            }
        }
    }

    private static func address(_ port: Int, _ simulator: Int) -> [String] {
        [
            "--listen", "127.0.0.1:\(port)", "--public-url", "http://127.0.0.1:\(port)", "--bot-api",
            "http://127.0.0.1:\(simulator)",
        ]
    }

    private static func with(_ body: @escaping @Sendable (Scene) async throws -> Void) async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        let telegram = SimulatedTelegram(seed: 33)
        let bot = try telegram.addBot(name: "Maier", username: "maier_bot")
        let anna = telegram.addPerson(firstName: "Anna")
        let port = try freePort()
        try await SimulatorServer(telegram).whileRunning { simulator in
            let (_, code) = try await binary.serving(address(port, simulator)) { server in
                try await binary.succeed("bot", "add", "maier", "--token-stdin", input: bot.token.reveal())
                try telegram.say("hello", from: anna, to: bot.id)
                try await telegram.drained()
                try await body(Scene(binary: binary, telegram: telegram, bot: bot, anna: anna, server: server))
            }
            #expect(code == 0)
        }
    }

    private static func expectFailure(_ outcome: RealBinary.Outcome, code: Int32, mentioning words: [String]) {
        #expect(outcome.code == code, "\(outcome.errors)")
        for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
    }

    @Test
    func `what a command writes the running server sends within a second, and the key keeps it from coming twice`()
        async throws
    {
        try await Self.with { scene in
            let binary = scene.binary
            let start = ContinuousClock.now
            let sent = try await binary.succeed(
                "send",
                "maier",
                "cnv_1",
                "It is <b>ready</b> & waits",
                "--html",
                "--button",
                "Yes=yes",
                "--wait",
                "5",
                "--idempotency-key",
                "order-1",
                "--json"
            ).json()
            // The command looks ten times a second, and a process has to start.
            #expect(ContinuousClock.now - start < .seconds(2))
            #expect(sent["state"] as? String == "sent")
            #expect(sent["text"] as? String == "It is ready & waits")
            #expect(scene.seen() == ["It is ready & waits"])
            let again = try await binary.succeed(
                "send",
                "maier",
                "cnv_1",
                "-",
                "--html",
                "--button",
                "Yes=yes",
                "--wait",
                "5",
                "--idempotency-key",
                "order-1",
                "--json",
                input: "It is <b>ready</b> & waits"
            )
            #expect(try again.json()["id"] as? String == sent["id"] as? String)
            #expect(again.errors.contains("same key"))
            let other = try await binary.run("send", "maier", "cnv_1", "else", "--idempotency-key", "order-1")
            Self.expectFailure(other, code: 1, mentioning: ["idempotency key"])
            #expect(scene.seen().count == 1)
            #expect(try await scene.sent().count == 1)
        }
    }

    @Test func `wrong texts, buttons and conversations are told with their mend, and nothing is queued`() async throws {
        try await Self.with { scene in
            let binary = scene.binary
            Self.expectFailure(try await binary.run("send", "maier", "cnv_9", "x"), code: 3, mentioning: ["cnv_9"])
            Self.expectFailure(try await binary.run("send", "maier", "cnv_1", "  "), code: 2, mentioning: ["empty"])
            Self.expectFailure(
                try await binary.run("send", "maier", "cnv_1", "<b>x", "--html"),
                code: 2,
                mentioning: ["HTML"]
            )
            Self.expectFailure(
                try await binary.run("send", "maier", "cnv_1", "x", "--button", "Yes"),
                code: 2,
                mentioning: ["Label=value"]
            )
            Self.expectFailure(
                try await binary.run("send", "maier", "cnv_1", "x", "--reply-to", "msg_77"),
                code: 2,
                mentioning: ["msg_77"]
            )
            #expect(try await scene.sent().isEmpty)
        }
    }

    @Test func `what Telegram refuses is shown, listed as dead, and replayed once the cause is gone`() async throws {
        try await Self.with { scene in
            let binary = scene.binary
            try scene.telegram.block(scene.bot.id, by: scene.anna)
            try await scene.telegram.drained()
            let refused = try await binary.run("send", "maier", "cnv_1", "secret words", "--wait", "5")
            Self.expectFailure(refused, code: 4, mentioning: ["blocked by the user"])
            let dead = try await binary.succeed("dead", "list", "maier", "--json").list()
            #expect(dead.compactMap { $0["cause"] as? String } == ["blocked"])
            let id = try #require(dead.first?["id"] as? String)
            #expect(try await !binary.succeed("dead", "list").output.contains("secret words"))
            #expect(try await binary.succeed("dead", "show", id).output.contains("secret words"))
            try scene.telegram.unblock(scene.bot.id, by: scene.anna)
            try await binary.succeed("dead", "replay", id)
            // The next one of the conversation goes after it.
            try await binary.succeed("send", "maier", "cnv_1", "and more", "--wait", "5")
            #expect(scene.seen() == ["secret words", "and more"])
            Self.expectFailure(try await binary.run("dead", "drop", id), code: 3, mentioning: [id])
        }
    }

    /// Kills of the server while it sends.
    private static let kills = 4
    private static let people = 10
    private static let texts = 8

    @Test(arguments: ["retry", "keep"])
    func `no message is lost by kills, and none comes twice but where its answer was lost`(
        onUnknown: String
    )
        async throws
    {
        let binary = try RealBinary()
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier")
        try await binary.succeed("business", "set", "maier", "--on-unknown", onUnknown)
        let telegram = SimulatedTelegram(clock: KillTests.HastyClock(), seed: 34)
        let bot = try telegram.addBot(name: "Maier", username: "maier_bot")
        let people = (1...Self.people).map { telegram.addPerson(firstName: "Person", lastName: "\($0)") }
        let port = try freePort()
        var wanted: Set<String> = []
        try await SimulatorServer(telegram).whileRunning { simulator in
            let address = Self.address(port, simulator)
            _ = try await binary.serving(address) { _ in
                try await binary.succeed("bot", "add", "maier", "--token-stdin", input: bot.token.reveal())
                for person in people { try telegram.say("hello", from: person, to: bot.id) }
                try await telegram.drained()
            }
            // Queued while no server runs: nothing is sent, nothing is lost.
            for number in 1...Self.texts {
                for person in 1...Self.people {
                    let text = "\(person)-\(number)"
                    wanted.insert(text)
                    try await binary.succeed("send", "maier", "cnv_\(person)", text)
                }
            }
            #expect(telegram.sentCount(by: bot.id) == 0)
            for round in 1...Self.kills {
                let (_, code) = try await binary.serving(address) { server in
                    let goal = round * Self.people
                    while telegram.sentCount(by: bot.id) < goal { await Task.yield() }
                    server.signal(SIGKILL)
                }
                #expect(code == 128 + SIGKILL)
            }
            let (_, last) = try await binary.serving(address) { _ in
                // One more in each conversation: when it is sent, all before it are settled.
                for person in 1...Self.people {
                    try await binary.succeed("send", "maier", "cnv_\(person)", "end", "--wait", "60")
                }
            }
            #expect(last == 0)
        }
        var counts: [String: Int] = [:]
        for person in people {
            let texts = telegram.messages(in: person.id, of: bot.id).filter(\.isFromBot).compactMap(\.text)
            for text in texts where text != "end" { counts[text, default: 0] += 1 }
            // In order, repetitions left out.
            var once: [String] = []
            for text in texts where !once.contains(text) { once.append(text) }
            #expect(once == once.sorted { $0.split(separator: "-").last ?? "" < $1.split(separator: "-").last ?? "" })
        }
        let dead = try await binary.succeed("dead", "list", "--limit", "1000", "--json").list()
        let doubles = counts.values.filter { $0 > 1 }.count
        let lost = wanted.subtracting(counts.keys).count
        #expect(counts.values.allSatisfy { $0 <= 2 })
        if onUnknown == "retry" {
            // Two tries that both met a kill: then it lies with the dead, and is not tried a third time.
            #expect(dead.allSatisfy { $0["cause"] as? String == "unknown" && $0["attempts"] as? Int == 2 })
            #expect(lost <= dead.count, "lost \(lost), dead \(dead.count)")
            // At most what was out at the kills: one in each conversation.
            #expect(doubles <= Self.kills * Self.people)
        } else {
            #expect(doubles == 0)
            // What nobody knows lies there, and nothing else.
            #expect(dead.allSatisfy { $0["cause"] as? String == "unknown" })
            #expect(lost <= dead.count, "lost \(lost), dead \(dead.count)")
        }
    }
}
