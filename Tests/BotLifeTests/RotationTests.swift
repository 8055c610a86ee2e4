import Gateway
import Simulator
import Storage
import Telegram
import TestClock
import Testing

extension BotLifeTests {
    @Suite("gets a new token")
    struct Rotation {
        @Test func `the server takes the old secret for ten minutes after Telegram has the new one`() async throws {
            try await BotScene.with { scene in
                let (bot, _) = try await scene.register()
                let old = try await scene.secret(of: bot)
                #expect(try await scene.deliver(1, to: bot, secret: old) == 200)
                let token = try scene.telegram.replaceToken(ofBot: bot.telegramID).token
                let rotated = try await BotRotation(scene.webhooks).rotate(bot, to: token)
                #expect(rotated.bot.health == .ok && rotated.bot.hook == bot.hook && !rotated.tokenIsSame)
                #expect(try await scene.webhookURL(token).hasSuffix(bot.hook))
                let new = try await scene.secret(of: bot)
                #expect(new != old)
                #expect(try await scene.deliver(2, to: bot, secret: old) == 200)
                #expect(try await scene.deliver(3, to: bot, secret: new) == 200)
                scene.clock.advance(by: .seconds(598))
                #expect(try await scene.deliver(4, to: bot, secret: old) == 200)
                // Looking at the webhook meanwhile does not make it longer.
                _ = try await scene.webhooks.look(at: try await scene.store.standing(of: bot.id))
                scene.clock.advance(by: .seconds(3))
                #expect(try await scene.deliver(5, to: bot, secret: old) == 401)
                #expect(try await scene.deliver(6, to: bot, secret: new) == 200)
                // It is forgotten with the next look.
                _ = try await scene.webhooks.look(at: try await scene.store.standing(of: bot.id))
                #expect(try await scene.value(Int.self, "SELECT previous_secret_digest IS NULL FROM bot") == 1)
                #expect(try await scene.value(Int.self, "SELECT count(*) FROM message") == 5)
            }
        }

        @Test func `until Telegram has the new secret the old one is taken, however long`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let old = try await scene.secret(of: bot)
                // Telegram refuses such an address.
                let failing = BotRotation(scene.webhooks(at: "http://example.com"))
                await #expect(throws: GatewayError.self) { try await failing.rotate(bot, to: token) }
                let second = try await scene.secret(of: bot)
                #expect(try await scene.bot(bot.id).health == .webhookFailed)
                scene.clock.advance(by: .seconds(86_400))
                #expect(try await scene.deliver(1, to: bot, secret: old) == 200)
                // A second rotation keeps the secret that Telegram has, not the one that it never heard of.
                await #expect(throws: GatewayError.self) { try await failing.rotate(bot, to: token) }
                #expect(try await scene.deliver(2, to: bot, secret: old) == 200)
                #expect(try await scene.deliver(3, to: bot, secret: second) == 401)
                let due = try #require(try await scene.store.nextDue(at: scene.now.advanced(by: .seconds(3600))))
                scene.clock.advance(by: .seconds(2))
                #expect(try await scene.webhooks.tend(due).bot.health == .ok)
                #expect(try await scene.deliver(4, to: bot, secret: old) == 200)
                scene.clock.advance(by: .seconds(601))
                #expect(try await scene.deliver(5, to: bot, secret: old) == 401)
            }
        }

        @Test func `the overlap ends at once where that is asked for`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let old = try await scene.secret(of: bot)
                let rotated = try await BotRotation(scene.webhooks).rotate(bot, to: token, endsOverlap: true)
                #expect(rotated.tokenIsSame)
                #expect(try await scene.deliver(1, to: bot, secret: old) == 401)
                #expect(try await scene.deliver(1, to: bot, secret: try await scene.secret(of: bot)) == 200)
            }
        }

        @Test func `a token of another bot, or of nobody, changes nothing`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let other = try scene.make("bauer")
                let rotation = BotRotation(scene.webhooks)
                await #expect(throws: GatewayError.anotherBotsToken(of: "@maier_bot")) {
                    try await rotation.rotate(bot, to: other.token)
                }
                let invented = try BotToken("\(bot.telegramID):\(String(repeating: "x", count: 35))")
                await #expect(throws: GatewayError.tokenUnknown) { try await rotation.rotate(bot, to: invented) }
                let lost = BotRotation(scene.webhooks(telegram: BotScene.nowhere))
                await #expect(throws: GatewayError.self) { try await lost.rotate(bot, to: token) }
                let standing = try await scene.store.standing(of: bot.id)
                #expect(standing.credentials.token.version == 1 && standing.credentials.secret.version == 1)
                #expect(standing.bot == bot)
            }
        }

        @Test func `of two rotations at once one is told that it came too late`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let present = try await scene.store.credentials(of: bot.id)
                _ = try await BotRotation(scene.webhooks).rotate(bot, to: token)
                let late = SealedCredentials(
                    token: Sealed(bytes: present.token.bytes, keyID: present.token.keyID, version: 2),
                    secret: Sealed(bytes: present.secret.bytes, keyID: present.secret.keyID, version: 2)
                )
                let digest = SecretDigest(of: WebhookSecret("late"))
                await #expect(throws: GatewayError.replacedMeanwhile(bot.id)) {
                    try await scene.store.rotate(late, digest: digest, endsOverlap: false, of: bot.id, look: scene.now)
                }
            }
        }
    }
}
