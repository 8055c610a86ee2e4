import Foundation
import GRDB
import Simulator
import Telegram
import Testing

extension KillTests {
    private static let shops = 3
    private static let customers = 6
    private static let rounds = 4
    /// In each round, of each customer.
    private static let questions = 3

    /// A business with a bot, and those who write to it.
    private struct Shop: Sendable {
        let slug: String
        let bot: SimulatedBot
        let people: [Person]

        /// The texts of one of its customers, the first first; no text is anybody else's.
        func texts(of person: Person, _ numbers: ClosedRange<Int>) -> [String] {
            numbers.map { "\(slug) \(person.id) \($0)" }
        }
    }

    /// What the kills left, as the database says right afterwards.
    private struct Interrupted {
        /// How often a call with this text was out at a kill: nobody knows whether it was made.
        var calls: [String: Int] = [:]
        /// How many messages were taken in and not decided.
        var undecided = 0

        mutating func look(_ binary: RealBinary) throws {
            let database = try DatabaseQueue(path: binary.data + "/switchboard.sqlite")
            try database.read { db in
                let out = """
                    SELECT message.text FROM outbox JOIN message ON message.id = outbox.first_message_id
                    WHERE outbox.state = 'sending'
                    """
                for text in try String.fetchAll(db, sql: out) { calls[text, default: 0] += 1 }
                let open = "SELECT count(*) FROM raw_update WHERE state = 'open'"
                undecided += try Int.fetchOne(db, sql: open) ?? 0
            }
            try database.close()
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func
        `every acknowledged message is decided and answered once, whenever the process is killed; doubled is only what was out`()
        async throws
    {
        let binary = try RealBinary()
        try await binary.succeed("init")
        let telegram = SimulatedTelegram(clock: HastyClock(), seed: 44)
        let port = try freePort()
        var interrupted = Interrupted()
        var replayed: Set<String> = []
        var shops: [Shop] = []
        try await SimulatorServer(telegram).whileRunning { simulator in
            let address = [
                "--listen", "127.0.0.1:\(port)", "--public-url", "http://127.0.0.1:\(port)", "--bot-api",
                "http://127.0.0.1:\(simulator)",
            ]
            (shops, _) = try await binary.serving(address) { _ in try await Self.openShops(binary, telegram) }
            for round in 1...Self.rounds {
                let present = shops
                let (_, code) = try await binary.serving(address) { server in
                    try await Self.writeAndKill(round, server, telegram, present)
                }
                #expect(code == 128 + SIGKILL)
                try interrupted.look(binary)
            }
            let present = shops
            let (dead, last) = try await binary.serving(address) { _ in
                try await telegram.drained()
                return try await Self.finish(binary, present)
            }
            replayed = dead
            #expect(last == 0)
        }
        let counts = telegram.counts()
        #expect(counts.repeated > 0 && counts.failed > 0, "the faults did not happen: \(counts)")
        #expect(interrupted.undecided > 0, "no kill met a message that was taken in and not decided")
        #expect(!interrupted.calls.isEmpty, "no kill met a call that was out")
        for shop in shops { try Self.expectRows(binary, telegram, shop) }
        Self.expectScreens(telegram, shops, interrupted, replayed)
    }

    private static func openShops(_ binary: RealBinary, _ telegram: SimulatedTelegram) async throws -> [Shop] {
        let file = binary.folder + "/echo.yaml"
        try Data("steps:\n  - reply: \"{{message.text}}\"\n".utf8).write(to: URL(fileURLWithPath: file))
        var shops: [Shop] = []
        for number in 1...Self.shops {
            let slug = "shop-\(number)"
            try await binary.succeed("business", "add", "Shop \(number)", "--slug", slug)
            let bot = try telegram.addBot(name: "Shop \(number)", username: "shop_\(number)_bot")
            try await binary.succeed("bot", "add", slug, "--token-stdin", input: bot.token.reveal())
            try await binary.succeed("pipeline", "set", slug, file)
            try telegram.setFaults(.init(duplicateProbability: 0.05, cutProbability: 0.02), ofBot: bot.id)
            let people = (1...customers).map { telegram.addPerson(firstName: "Person", lastName: "\($0)") }
            shops.append(Shop(slug: slug, bot: bot, people: people))
        }
        return shops
    }

    /// Everybody writes; in odd rounds the process is killed while the messages come in, in even ones while the answers go out.
    private static func writeAndKill(
        _ round: Int,
        _ server: RealBinary.Server,
        _ telegram: SimulatedTelegram,
        _ shops: [Shop]
    ) async throws {
        let (delivered, sent) = (telegram.counts().delivered, Self.sent(telegram, shops))
        for number in (round - 1) * questions + 1...round * questions {
            for shop in shops {
                for person in shop.people {
                    for text in shop.texts(of: person, number...number) {
                        try telegram.say(text, from: person, to: shop.bot.id)
                    }
                }
            }
        }
        let half = shops.count * customers * questions / 2
        if round.isMultiple(of: 2) {
            while Self.sent(telegram, shops) < sent + half { await Task.yield() }
        } else {
            try await telegram.wait { $0.delivered >= delivered + half }
        }
        server.signal(SIGKILL)
    }

    private static func sent(_ telegram: SimulatedTelegram, _ shops: [Shop]) -> Int {
        shops.map { telegram.sentCount(by: $0.bot.id) }.reduce(0, +)
    }

    /// Waits until everything is decided and settled; what met two kills while it was out is replayed, as people would.
    ///
    /// - Returns: the texts that were replayed.
    private static func finish(_ binary: RealBinary, _ shops: [Shop]) async throws -> Set<String> {
        let all = customers * questions * rounds
        var replayed: Set<String> = []
        for shop in shops {
            // A process for each look; the suite's limit ends it if it never comes so far.
            while try await binary.succeed("pipeline", "log", shop.slug, "--limit", "10000", "--json").list().count
                < all
            {}
            let conversations = try await binary.succeed("conversations", shop.slug, "--json").list()
            for conversation in conversations {
                let id = try #require(conversation["id"] as? String)
                // When this is sent, all before it in the conversation are settled.
                try await binary.succeed("send", shop.slug, id, "end", "--wait", "60")
            }
            let dead = try await binary.succeed("dead", "list", shop.slug, "--limit", "1000", "--json").list()
            for letter in dead {
                #expect(letter["cause"] as? String == "unknown" && letter["attempts"] as? Int == 2)
                let id = try #require(letter["id"] as? String)
                let shown = try await binary.succeed("dead", "show", id).output
                for person in shop.people {
                    replayed.formUnion(shop.texts(of: person, 1...questions * rounds).filter { shown.contains($0) })
                }
                try await binary.succeed("dead", "replay", id)
            }
            guard !dead.isEmpty else { continue }
            for conversation in conversations {
                let id = try #require(conversation["id"] as? String)
                try await binary.succeed("send", shop.slug, id, "end", "--wait", "60")
            }
        }
        return replayed
    }

    /// Looks into the database: one run for each update that was acknowledged, one answer for each message.
    private static func expectRows(_ binary: RealBinary, _ telegram: SimulatedTelegram, _ shop: Shop) throws {
        let database = try DatabaseQueue(path: binary.data + "/switchboard.sqlite")
        try database.read { db in
            let owner = "(SELECT id FROM business WHERE slug = '\(shop.slug)')"
            let decided = try Int64.fetchAll(
                db,
                sql: """
                    SELECT raw_update.update_id FROM pipeline_run JOIN raw_update ON raw_update.id = pipeline_run.update_id
                    WHERE pipeline_run.business_id = \(owner) AND pipeline_run.result = 'ran'
                        AND pipeline_run.details ->> 'answers' = 1
                    """
            )
            #expect(Set(decided) == Set(telegram.acknowledged(by: shop.bot.id)))
            #expect(decided.count == customers * questions * rounds)
            let answers = try String.fetchAll(
                db,
                sql: """
                    SELECT message.text FROM message JOIN conversation ON conversation.id = message.conversation_id
                    WHERE conversation.business_id = \(owner) AND message.sender_role = 'bot' AND message.text <> 'end'
                    """
            )
            let wanted = shop.people.flatMap { shop.texts(of: $0, 1...questions * rounds) }
            #expect(answers.sorted() == wanted.sorted())
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM raw_update WHERE state = 'open'") == 0)
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM outbox") == 0)
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM pragma_foreign_key_check") == 0)
        }
        try database.close()
    }

    /// Looks at the customers' side: every answer at least once, in order, and more often only where its call was out at a kill.
    private static func expectScreens(
        _ telegram: SimulatedTelegram,
        _ shops: [Shop],
        _ interrupted: Interrupted,
        _ replayed: Set<String>
    ) {
        var doubled = 0
        for shop in shops {
            for person in shop.people {
                let shown = telegram.messages(in: person.id, of: shop.bot.id).filter(\.isFromBot).compactMap(\.text)
                    .filter { $0 != "end" }
                var once: [String] = []
                for text in shown where !once.contains(text) { once.append(text) }
                let wanted = shop.texts(of: person, 1...questions * rounds)
                #expect(Set(once) == Set(wanted), "lost: \(Set(wanted).subtracting(once))")
                #expect(once.filter { !replayed.contains($0) } == wanted.filter { !replayed.contains($0) })
                for text in wanted {
                    let times = shown.count { $0 == text }
                    doubled += times - 1
                    #expect(times <= 1 + (interrupted.calls[text] ?? 0), "\(text) came \(times) times")
                }
            }
        }
        #expect(doubled <= interrupted.calls.values.reduce(0, +))
    }
}
