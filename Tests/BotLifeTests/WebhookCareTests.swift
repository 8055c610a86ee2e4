import Gateway
import Simulator
import Storage
import Telegram
import TestClock
import Testing

extension BotLifeTests {
    @Suite("keeps its webhook")
    struct Webhooks {
        @Test func `what was registered is in order, and due again in about a day`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let report = try await scene.webhooks.look(at: try await scene.store.standing(of: bot.id))
                #expect(report.differences == [] && report.foreignHost == nil && report.bot.health == .ok)
                #expect(try await scene.webhookURL(token) == "\(scene.server)/telegram/\(bot.hook)")
                #expect(try await scene.store.nextDue(at: scene.now)?.bot == nil)
                #expect(try await scene.store.nextDue(at: scene.now.advanced(by: .seconds(22 * 3600)))?.bot == nil)
                let tomorrow = scene.now.advanced(by: .seconds(26 * 3600))
                #expect(try await scene.store.nextDue(at: tomorrow)?.bot.id == bot.id)
            }
        }

        @Test func `another program's webhook is told and left alone until it is taken back`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let theirs = "http://127.0.0.1:9/theirs/secret-path"
                try await scene.takeOver(token, at: theirs)
                let tended = try await scene.webhooks.tend(try await scene.store.standing(of: bot.id)).bot
                #expect(tended.health == .webhookFailed)
                let detail = try #require(tended.healthDetail)
                #expect(detail.contains("127.0.0.1") && detail.contains("--set"), "\(detail)")
                #expect(!detail.contains("secret-path"))
                #expect(try await scene.webhookURL(token) == theirs)
                let report = try await scene.webhooks.look(at: try await scene.store.standing(of: bot.id))
                #expect(!report.json.text.contains("secret-path") && !report.shownURL.contains("secret-path"))
                let set = try await scene.webhooks.set(try await scene.store.standing(of: bot.id))
                #expect(set.error == nil && set.bot.health == .ok)
                #expect(try await scene.webhookURL(token).hasSuffix(bot.hook))
            }
        }

        @Test func `a token in another program's URL does not come into our files`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                try await scene.takeOver(token, at: "http://127.0.0.1:9/bot\(token.reveal())/hook")
                let report = try await scene.webhooks.look(at: try await scene.store.standing(of: bot.id))
                #expect(report.foreignHost == "127.0.0.1" && !report.json.text.contains(token.reveal()))
                let known = try await scene.value(String.self, "SELECT known_webhook_url FROM bot")
                #expect(known == "http://127.0.0.1:9/bot***/hook")
            }
        }

        @Test func `a webhook that is gone, or was set for another address, is mended`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                try await scene.api.deleteWebhook(token: token)
                let mended = try await scene.webhooks.tend(try await scene.store.standing(of: bot.id))
                #expect(mended.bot.health == .ok && mended.wasGone)
                // Whoever polls with the token deletes it: that is told until the next look.
                #expect(mended.bot.healthDetail?.contains("poll") == true)
                #expect(try await scene.webhookURL(token).hasSuffix(bot.hook))
                let next = try await scene.webhooks.tend(try await scene.store.standing(of: bot.id))
                #expect(next.bot.healthDetail == nil && !next.wasGone)
                scene.clock.advance(by: .seconds(2))
                // The server has moved.
                let moved = scene.webhooks(at: "http://127.0.0.1:9")
                #expect(try await scene.store.nextDue(at: scene.now)?.bot == nil)
                #expect(try await moved.hasten() == 1)
                let due = try #require(try await scene.store.nextDue(at: scene.now))
                #expect(try await moved.tend(due).bot.health == .ok)
                #expect(try await scene.webhookURL(token) == "http://127.0.0.1:9/telegram/\(bot.hook)")
                #expect(try await moved.hasten() == 0)
            }
        }

        @Test func `a token that Telegram does not know is told, unless it was replaced meanwhile`() async throws {
            try await BotScene.with { scene in
                let (bot, _) = try await scene.register()
                let before = try await scene.store.standing(of: bot.id)
                let next = try scene.telegram.replaceToken(ofBot: bot.telegramID).token
                let revoked = try await scene.webhooks.tend(before).bot
                #expect(revoked.health == .tokenRevoked)
                #expect(revoked.healthDetail?.contains("bot rotate") == true)
                _ = try await BotRotation(scene.webhooks).rotate(bot, to: next)
                // What was found with the token before says nothing of the present one.
                let late = try await scene.webhooks.tend(before).bot
                #expect(late.health == .ok)
                #expect(try await scene.bot(bot.id).health == .ok)
            }
        }

        @Test func `a passing failure leaves the health, and is tried again later and later`() async throws {
            try await BotScene.with { scene in
                let (bot, _) = try await scene.register()
                let lost = scene.webhooks(telegram: BotScene.nowhere)
                var waits: [Int64] = []
                for _ in 0..<8 {
                    let outcome = try await lost.tend(try await scene.store.standing(of: bot.id))
                    #expect(outcome.error != nil && outcome.bot.health == .ok)
                    let at = try await scene.value(Int64.self, "SELECT webhook_look_at FROM bot")
                    waits.append(((at ?? 0) - scene.now.milliseconds) / 60_000)
                }
                #expect(waits == [1, 2, 4, 8, 16, 32, 60, 60])
                let well = try await scene.webhooks.tend(try await scene.store.standing(of: bot.id))
                #expect(well.error == nil)
                #expect(try await scene.store.standing(of: bot.id).failures == 0)
            }
        }

        @Test func `a bot that Telegram was never asked about is taken up in the background`() async throws {
            try await BotScene.with { scene in
                let made = try scene.make()
                let registration = BotRegistration(scene.webhooks(telegram: BotScene.nowhere))
                await #expect(throws: GatewayError.self) { try await registration.add(made.token, to: scene.business) }
                let due = try #require(try await scene.store.nextDue(at: scene.now))
                #expect(due.bot.username == "" && due.bot.health == .unverified)
                let bot = try await scene.webhooks.tend(due).bot
                #expect(bot.username == "maier_bot" && bot.health == .ok)
                #expect(try await scene.webhookURL(made.token).hasSuffix(bot.hook))
            }
        }

        @Test func `a command has a minute for its webhook before the background looks`() async throws {
            try await BotScene.with { scene in
                let token = try scene.make().token
                let draft = BotDraft(
                    businessID: scene.business.id,
                    telegramID: token.botID,
                    username: "maier_bot",
                    name: "maier",
                    hook: String(repeating: "h", count: 24),
                    secretDigest: SecretDigest(of: WebhookSecret("s")),
                    createdAt: scene.now
                )
                // A command that died before it set anything.
                _ = try await scene.store.addBot(draft) { id in
                    SealedCredentials(
                        token: try scene.sealer.seal(token, for: id, version: 1),
                        secret: try scene.sealer.seal(WebhookSecret("s"), for: id, version: 1)
                    )
                }
                #expect(try await scene.store.nextDue(at: scene.now.advanced(by: .seconds(59)))?.bot == nil)
                let due = try #require(try await scene.store.nextDue(at: scene.now.advanced(by: .seconds(60))))
                #expect(try await scene.webhooks.tend(due).bot.health == .ok)
            }
        }

        @Test func `a webhook that was deleted on purpose stays away until it is set`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let deleted = try await scene.webhooks.delete(try await scene.store.standing(of: bot.id))
                #expect(deleted.error == nil && !deleted.bot.wantsWebhook && deleted.bot.health == .webhookFailed)
                #expect(try await scene.webhookURL(token) == "")
                let far = scene.now.advanced(by: .seconds(1_000_000))
                #expect(try await scene.store.nextDue(at: far)?.bot == nil)
                let moved = scene.webhooks(at: "http://127.0.0.1:9")
                #expect(try await moved.hasten() == 0)
                try await scene.store.setWantsWebhook(true, of: bot.id, look: scene.now)
                #expect(try await scene.store.nextDue(at: scene.now)?.bot.id == bot.id)
            }
        }

        @Test func `a webhook that could not be deleted is wanted as before`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let lost = scene.webhooks(telegram: BotScene.nowhere)
                let outcome = try await lost.delete(try await scene.store.standing(of: bot.id))
                #expect(outcome.error != nil)
                #expect(try await scene.bot(bot.id).wantsWebhook)
                #expect(try await scene.webhookURL(token).hasSuffix(bot.hook))
            }
        }

        @Test func `who deletes or removes wins over a setting that was under way`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let before = try await scene.store.standing(of: bot.id)
                _ = try await scene.webhooks.delete(before)
                _ = try await scene.webhooks.set(before)
                #expect(try await scene.webhookURL(token) == "")
                scene.clock.advance(by: .seconds(2))
                try await scene.store.setWantsWebhook(true, of: bot.id, look: scene.now)
                _ = try await BotRemoval(scene.webhooks).remove(bot)
                #expect(try await scene.webhooks.set(before).bot.state == .removed)
                #expect(try await scene.webhookURL(token) == "")
            }
        }

        @Test func `a setting with the secret before does not stay unnoticed`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let before = try await scene.store.standing(of: bot.id)
                _ = try await BotRotation(scene.webhooks).rotate(bot, to: token)
                #expect(try await scene.store.nextDue(at: scene.now)?.bot == nil)
                scene.clock.advance(by: .seconds(2))
                // Telegram has the old secret again, and never tells.
                _ = try await scene.webhooks.set(before)
                let due = try #require(try await scene.store.nextDue(at: scene.now))
                #expect(due.accepted == nil)
                scene.clock.advance(by: .seconds(2))
                #expect(try await scene.webhooks.tend(due).bot.health == .ok)
                #expect(try await scene.store.standing(of: bot.id).accepted?.secretVersion == 2)
            }
        }
    }
}
