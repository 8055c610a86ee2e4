import Foundation
import GRDB
import Simulator
import Telegram
import Testing

extension KillTests {
    /// What people do that is no new text, and updates drawn from a seed, under the same faults and kills.
    @Test(.timeLimit(.minutes(5)))
    func `updates of every kind survive kills too, each once, and every edit in its order`() async throws {
        let binary = try RealBinary()
        try await binary.succeed("init")
        try await binary.succeed("business", "add", "Maier", "--slug", "maier")
        let telegram = SimulatedTelegram(clock: HastyClock(), seed: 43)
        let port = try freePort()
        let bots = try await SimulatorServer(telegram).whileRunning { simulator in
            let address = [
                "--listen", "127.0.0.1:\(port)", "--public-url", "http://127.0.0.1:\(port)", "--bot-api",
                "http://127.0.0.1:\(simulator)", "--log-level", "debug",
            ]
            let (bots, code) = try await binary.serving(address) { server in
                let bots = try await Self.register(binary, telegram)
                try Self.act(telegram, bots)
                try await telegram.wait { $0.delivered >= 200 }
                server.signal(SIGKILL)
                return bots
            }
            #expect(code == 128 + SIGKILL)
            for round in 2...3 {
                let (_, code) = try await binary.serving(address) { server in
                    try await telegram.wait { $0.delivered >= 300 * round }
                    server.signal(SIGKILL)
                }
                #expect(code == 128 + SIGKILL)
            }
            let (_, last) = try await binary.serving(address) { _ in try await telegram.drained() }
            #expect(last == 0)
            return bots
        }
        let counts = telegram.counts()
        #expect(counts.repeated > 0 && counts.failed > 0, "the faults did not happen: \(counts)")
        try Self.expectRows(binary, telegram, bots)
        try await Self.expectEdits(binary)
    }

    private static let writers = 4
    private static let edited = 20
    private static let drawn = 400

    private static func register(_ binary: RealBinary, _ telegram: SimulatedTelegram) async throws -> [SimulatedBot] {
        var bots: [SimulatedBot] = []
        for number in 1...2 {
            let bot = try telegram.addBot(name: "Bot \(number)", username: "bot_\(number)_bot")
            try await binary.succeed("bot", "add", "maier", "--token-stdin", input: bot.token.reveal() + "\n")
            try telegram.setFaults(.init(duplicateProbability: 0.05, cutProbability: 0.02), ofBot: bot.id)
            bots.append(bot)
        }
        return bots
    }

    private static func act(_ telegram: SimulatedTelegram, _ bots: [SimulatedBot]) throws {
        let people = (1...writers).map { telegram.addPerson(firstName: "Writer", lastName: "\($0)") }
        for bot in bots {
            for person in people {
                for number in 1...edited { try telegram.say("form 0 of \(number)", from: person, to: bot.id) }
                let messages = telegram.messages(in: person.id, of: bot.id).map(\.messageID)
                for form in 1...2 {
                    for (index, message) in messages.enumerated() {
                        try telegram.edit(message, to: "form \(form) of \(index + 1)", by: person, to: bot.id)
                    }
                }
                try telegram.block(bot.id, by: person)
            }
            var draw = GeneratedUpdates(seed: UInt64(bot.id))
            var left = drawn
            while left > 0 {
                let (kind, body) = draw.next()
                // Telegram writes no payload that is not an object; what is none is for the tests of the projection.
                guard let payload = try UpdateEnvelope(body).payload, let recent = Self.recent(payload) else {
                    continue
                }
                left -= 1
                _ = try #require(try telegram.post(update: kind, payload: .raw(recent), to: bot.id), "\(kind)")
            }
        }
    }

    /// A payload with dates of now: Telegram does not deliver what is older than a day.
    private static func recent(_ payload: JSONView) -> [UInt8]? {
        guard payload.isObject, let members = payload.members else { return nil }
        let dates: Set = ["date", "edit_date", "add_date", "remove_date"]
        let now = Int64(Date().timeIntervalSince1970)
        let parts = members.map { member in
            let name = String(decoding: JSON.string(member.name).encoded(), as: UTF8.self)
            if dates.contains(member.name) { return "\(name):\(now)" }
            if member.name == "boost" { return "\(name):{\"add_date\":\(now)}" }
            return "\(name):\(member.value.rawText)"
        }
        return Array("{\(parts.joined(separator: ","))}".utf8)
    }

    /// Looks into the database itself: what was acknowledged is there once, and everything hangs together.
    private static func expectRows(_ binary: RealBinary, _ telegram: SimulatedTelegram, _ bots: [SimulatedBot]) throws {
        let database = try DatabaseQueue(path: binary.data + "/switchboard.sqlite")
        try database.read { db in
            for bot in bots {
                let stored = try Int64.fetchAll(
                    db,
                    sql: """
                        SELECT coalesce(update_id, claimed_update_id) FROM raw_update
                        WHERE bot_id = (SELECT id FROM bot WHERE telegram_id = ?)
                        """,
                    arguments: [bot.id]
                )
                let acknowledged = telegram.acknowledged(by: bot.id)
                #expect(Set(stored) == Set(acknowledged))
                #expect(stored.count == Set(stored).count)
                // Queries live for seconds: some are gone before a killed server is back.
                #expect(stored.count >= writers * (3 * edited + 1) + drawn / 2)
            }
            let failed = "SELECT count(*) FROM raw_update WHERE mark IN ('failed', 'conflict', 'unreadable')"
            #expect(try Int.fetchOne(db, sql: failed) == 0)
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM pragma_foreign_key_check") == 0)
            #expect(try String.fetchOne(db, sql: "PRAGMA integrity_check") == "ok")
            let joined =
                "history JOIN message ON message.id = message_id AND message.conversation_id = history.conversation_id"
            let entered = try Int.fetchOne(db, sql: "SELECT count(*) FROM \(joined)")
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM message") == entered)
            #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM history_tail") == 0)
        }
    }

    private static func expectEdits(_ binary: RealBinary) async throws {
        let conversations = try await binary.succeed("conversations", "maier", "--limit", "1000", "--json").list()
        var seen = 0
        for conversation in conversations {
            guard let title = conversation["title"] as? String, title.hasPrefix("Writer "),
                conversation["space"] as? String == "direct", let id = conversation["id"] as? String
            else { continue }
            #expect(conversation["blocked"] as? Bool == true)
            let history = try await binary.succeed("history", "maier", id, "--limit", "100000", "--json").list()
            let texts = history.reversed().filter { ($0["text"] as? String)?.hasPrefix("form ") == true }
            #expect(texts.compactMap { $0["text"] as? String } == (1...edited).map { "form 2 of \($0)" })
            for (index, message) in texts.enumerated() {
                let versions = try #require(message["versions"] as? [[String: any Sendable]])
                #expect(
                    versions.compactMap { $0["text"] as? String } == [
                        "form 0 of \(index + 1)", "form 1 of \(index + 1)",
                    ]
                )
            }
            seen += 1
        }
        #expect(seen == 2 * writers)
    }
}
