import Gateway
import Simulator
import Storage
import Synchronization
import Telegram
import Testing

extension BotLifeTests {
    @Suite("goes with its business")
    struct BusinessEnd {
        private static func removal(_ scene: BotScene, telegram base: String? = nil) -> BusinessRemoval {
            BusinessRemoval(store: scene.store, webhooks: scene.webhooks(telegram: base))
        }

        @Test func `webhooks go first, then every row, and deliveries are refused`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let (second, other) = try await scene.register("second")
                let secret = try await scene.secret(of: bot)
                for number in 1...30 { #expect(try await scene.deliver(number, to: bot, secret: secret) == 200) }
                var removed: [String] = []
                struct Interrupted: Error {}
                // Files that cannot be removed, or a person who interrupts it then: run again, it goes on from there.
                await #expect(throws: Interrupted.self) {
                    _ = try await Self.removal(scene).remove(scene.business) {
                        throw Interrupted()
                    } progress: { progress in
                        if case .bot(let bot, _) = progress { removed.append(bot.title) }
                    }
                }
                #expect(try await scene.store.businesses().count == 1)
                var times = 0
                let rows = try await Self.removal(scene).remove(scene.business, files: { times += 1 })
                #expect(times == 1)
                // Updates, messages, their places in the history, one conversation, chat, customer, two bots and the business.
                #expect(rows == 30 + 30 + 30 + 1 + 1 + 1 + 2 + 1)
                #expect(removed == [bot.title, second.title])
                for token in [token, other] { #expect(try await scene.webhookURL(token) == "") }
                #expect(try await scene.deliver(31, to: bot, secret: secret) == 404)
                #expect(try await scene.store.businesses() == [])
            }
        }

        @Test func `where Telegram cannot be told nothing is erased, unless forced`() async throws {
            try await BotScene.with { scene in
                let (bot, _) = try await scene.register()
                let secret = try await scene.secret(of: bot)
                #expect(try await scene.deliver(1, to: bot, secret: secret) == 200)
                let lost = Self.removal(scene, telegram: BotScene.nowhere)
                await #expect(throws: GatewayError.self) { try await lost.remove(scene.business) }
                #expect(try await scene.store.business(named: "maier").state == .active)
                #expect(try await scene.deliver(2, to: bot, secret: secret) == 200)
                #expect(try await scene.value(Int.self, "SELECT count(*) FROM message") == 2)
                #expect(try await lost.remove(scene.business, force: true) > 0)
                #expect(try await scene.deliver(3, to: bot, secret: secret) == 404)
            }
        }

        @Test func `more bots than a minute has turns are asked at the pace of the server`() async throws {
            let waited = Mutex<[Duration]>([])
            var few = BotTurns(count: 15) { wait in waited.withLock { $0.append(wait) } }
            for _ in 0..<15 { try await few.next() }
            #expect(waited.withLock(\.self) == [])
            var many = BotTurns(count: 16) { wait in waited.withLock { $0.append(wait) } }
            for _ in 0..<16 { try await many.next() }
            #expect(waited.withLock(\.self) == Array(repeating: .seconds(4), count: 15))
        }
    }
}
