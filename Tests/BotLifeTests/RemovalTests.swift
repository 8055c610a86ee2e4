import Foundation
import Gateway
import Simulator
import Telegram
import TestClock
import Testing

@testable import Storage

extension BotLifeTests {
    @Suite("ends, and returns")
    struct Removal {
        @Test func `a removed bot leaves no webhook and no token, but its history`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let secret = try await scene.secret(of: bot)
                #expect(try await scene.deliver(1, to: bot, secret: secret) == 200)
                let sealed = try await scene.store.credentials(of: bot.id)
                let removed = try await BotRemoval(scene.webhooks).remove(bot)
                #expect(removed.bot.state == .removed && removed.note == nil)
                #expect(try await scene.webhookURL(token) == "")
                #expect(try await scene.deliver(2, to: bot, secret: secret) == 404)
                await #expect(throws: GatewayError.unknownBot(bot.id.description)) {
                    try await scene.store.credentials(of: bot.id)
                }
                let conversations = try await scene.store.conversations(
                    of: scene.business.id,
                    matching: .init(),
                    page: Page()
                ).elements
                #expect(conversations.count == 1)
                // Sealed, and yet it is gone from the files once the log is written back.
                try await scene.store.close()
                let file = try Data(contentsOf: URL(fileURLWithPath: scene.directory.database))
                #expect(file.range(of: Data("hello 1".utf8)) != nil)
                #expect(file.range(of: Data(sealed.token.bytes)) == nil)
                #expect(file.range(of: Data(sealed.secret.bytes)) == nil)
            }
        }

        @Test func `the same business gets it back with its history, another one gets a new bot`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                #expect(try await scene.deliver(1, to: bot, secret: try await scene.secret(of: bot)) == 200)
                _ = try await BotRemoval(scene.webhooks).remove(bot)
                scene.clock.advance(by: .seconds(2))
                let back = try await BotRegistration(scene.webhooks).add(token, to: scene.business)
                #expect(back.id == bot.id && back.state == .active && back.health == .ok && back.hook != bot.hook)
                #expect(try await scene.webhookURL(token).hasSuffix(back.hook))
                #expect(try await scene.deliver(2, to: back, secret: try await scene.secret(of: back)) == 200)
                #expect(try await scene.value(Int.self, "SELECT count(*) FROM message") == 2)
                #expect(try await scene.value(Int.self, "SELECT count(*) FROM conversation") == 1)
                // Sealed under versions that were not used before.
                #expect(try await scene.store.credentials(of: back.id).token.version == 2)
                _ = try await BotRemoval(scene.webhooks).remove(back)
                scene.clock.advance(by: .seconds(2))
                let other = try await scene.store.addBusiness(name: "B", slug: try Slug("bauer"), at: scene.now)
                let elsewhere = try await BotRegistration(scene.webhooks).add(token, to: other)
                #expect(elsewhere.id != bot.id && elsewhere.businessID == other.id)
                let theirs = try await scene.store.conversations(of: other.id, matching: .init(), page: Page())
                #expect(theirs.elements.isEmpty)
                // While it is there, the first business cannot have it back.
                await #expect(throws: GatewayError.botIsElsewhere) {
                    try await BotRegistration(scene.webhooks).add(token, to: scene.business)
                }
            }
        }

        @Test func `where Telegram cannot be told nothing is removed, unless forced`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let lost = BotRemoval(scene.webhooks(telegram: BotScene.nowhere))
                await #expect(throws: GatewayError.self) { try await lost.remove(bot) }
                let kept = try await scene.bot(bot.id)
                #expect(kept == bot && kept.wantsWebhook)
                #expect(try await scene.deliver(1, to: bot, secret: try await scene.secret(of: bot)) == 200)
                let forced = try await lost.remove(bot, force: true)
                #expect(forced.bot.state == .removed)
                #expect(forced.note?.contains("may still be at Telegram") == true)
                #expect(try await scene.webhookURL(token).hasSuffix(bot.hook))
            }
        }

        @Test func `a bot whose token is dead is removed without force`() async throws {
            try await BotScene.with { scene in
                let (bot, _) = try await scene.register()
                try scene.telegram.revokeToken(ofBot: bot.telegramID)
                let removed = try await BotRemoval(scene.webhooks).remove(bot)
                #expect(removed.bot.state == .removed && removed.note != nil)
            }
        }

        @Test func `another program's webhook is left where it is`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                try await scene.takeOver(token)
                let removed = try await BotRemoval(scene.webhooks).remove(bot)
                #expect(removed.note?.contains("left alone") == true)
                #expect(try await scene.webhookURL(token).contains("theirs"))
            }
        }

        @Test func `without the master key only force removes`() async throws {
            try await BotScene.with { scene in
                let (bot, _) = try await scene.register()
                let keyless = BotRemoval(
                    BotWebhooks(
                        store: scene.store,
                        telegram: scene.api,
                        sealer: Sealer(key: MasterKey()),
                        publicURL: PublicURL(recorded: scene.server)
                    )
                )
                await #expect(throws: GatewayError.badKey(.wrong)) { try await keyless.remove(bot) }
                #expect(try await scene.bot(bot.id) == bot)
                #expect(try await keyless.remove(bot, force: true).note?.contains("could not be opened") == true)
            }
        }
    }
}
