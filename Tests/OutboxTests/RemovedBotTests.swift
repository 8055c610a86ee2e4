import GRDB
import Simulator
import Telegram
import Testing

@testable import Gateway
@testable import Storage

extension SendingTests {
    /// What becomes of calls whose bot is removed.
    @Suite struct RemovedBots {
        /// Brings the bot back under a new token.
        private static func revive(_ scene: OutboxScene) async throws {
            let shop = scene.shop
            let found = try await scene.store.removedBot(telegramID: shop.simulated.id, of: shop.business.id)
            let removed = try #require(found)
            let secret = WebhookSecret("another secret")
            let draft = BotDraft(
                businessID: shop.business.id,
                telegramID: shop.simulated.id,
                username: shop.simulated.username,
                name: "maier",
                hook: "another-hook-of-the-same-bot",
                secretDigest: SecretDigest(of: secret),
                createdAt: scene.now
            )
            let version = removed.tokenVersion + 1
            let credentials = SealedCredentials(
                token: try scene.sealer.seal(shop.simulated.token, for: removed.id, version: version),
                secret: try scene.sealer.seal(secret, for: removed.id, version: removed.secretVersion + 1)
            )
            _ = try await scene.store.reviveBot(removed, as: draft, credentials)
        }

        @Test func `what waited is dead with its reason, and is not sent when the bot is back`() async throws {
            try await OutboxScene.with { scene in
                let queued = [try await scene.queue("one"), try await scene.queue("two")]
                _ = try await scene.store.removeBot(scene.shop.bot.id, at: scene.now)
                #expect(try await scene.count("outbox") == 0)
                for request in queued {
                    let message = try await scene.message(request.messages[0])
                    #expect(message.state == "failed" && message.error?.contains("removed") == true)
                }
                let dead = try await scene.store.deadLetters(of: nil, page: Page()).elements
                #expect(dead.map(\.cause) == [.failed, .failed])
                await #expect(throws: GatewayError.self) {
                    _ = try await scene.store.replay(dead.map(\.id), at: scene.now)
                }
                try await Self.revive(scene)
                try await scene.sending {
                    try await scene.queue("three")
                    try await scene.untilEmpty()
                }
                #expect(scene.seen() == ["three"])
            }
        }

        @Test func `a call under way counts as what becomes of it, but is not made again`() async throws {
            try await OutboxScene.with { scene in
                let sent = try await scene.queue("one")
                let bert = try await scene.addCustomer("Bert", of: scene.shop)
                let lost = try await scene.queue("two", in: bert.conversation)
                let claims = [sent, lost].map { OutboxClaim(id: $0.calls[0], tokenVersion: 1) }
                let calls = try await scene.store.advance(claims, [], at: scene.now).calls
                #expect(calls.count == 2)
                _ = try await scene.store.removeBot(scene.shop.bot.id, at: scene.now)
                #expect(try await scene.count("outbox", "state = 'sending'") == 2)
                let again = Judgement(calls[1], .failure(.noAnswer("cut off")), at: scene.now)
                let settlements = [Settlement(calls[0].id, .sent([])), again.settlement]
                _ = try await scene.store.advance([], settlements, at: scene.now)
                #expect(try await scene.count("outbox") == 0)
                #expect(try await scene.message(sent.messages[0]).state == "sent")
                #expect(try await scene.message(lost.messages[0], in: bert.conversation).state == "unknown")
            }
        }

        @Test func `what a removal that was interrupted has left is dead before the bot is back, a backlog in steps`()
            async throws
        {
            try await OutboxScene.with { scene in
                let queued = try await scene.queue("one")
                let open = try await scene.queue("two")
                try await scene.store.write { db in
                    try db.execute(
                        sql: """
                            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)
                            INSERT INTO outbox (business_id, bot_id, conversation_id, method, parameters, messages, priority, state,
                                created_at)
                            SELECT business_id, bot_id, conversation_id, 'sendChatAction', '{"action":"typing"}', 0, 0, 'queued', 0
                            FROM outbox, n WHERE id = \(queued.calls[0].rawValue);
                            UPDATE outbox SET state = 'sending' WHERE id = \(open.calls[0].rawValue);
                            UPDATE bot SET state = 'removed', token_sealed = NULL, token_key_id = NULL;
                            """
                    )
                }
                try await Self.revive(scene)
                #expect(try await scene.count("outbox") == 0)
                #expect(try await scene.message(queued.messages[0]).state == "failed")
                #expect(try await scene.message(open.messages[0]).state == "unknown")
                #expect(try await scene.count("dead_letter") == 702)
            }
        }
    }
}
