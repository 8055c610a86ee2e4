import Gateway
import Simulator
import Telegram
import Testing

extension BotLifeTests {
    @Suite("has a profile")
    struct Profile {
        private static func profiles(_ scene: BotScene) -> BotProfiles {
            BotProfiles(store: scene.store, telegram: scene.api, sealer: scene.sealer)
        }

        @Test func `only what differs is set, and the difference is told`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let profiles = Self.profiles(scene)
                let menu = try ProfileChange.commands(
                    "start - Begin\n\n# later\n/help - What I can do - and what not\n"
                )
                let change = try ProfileChange(name: "maier", description: "Hello", about: "Flowers", commands: menu)
                let first = try await profiles.apply(change, to: bot.id)
                #expect(first.changed.map(\.field) == ["description", "about", "commands"])
                #expect(first.changed.last?.after == "start - Begin\nhelp - What I can do - and what not")
                let seen = try await scene.api.getProfile(language: "", token: token)
                #expect(seen == first.profile && seen.description == "Hello" && seen.commands == menu)
                let second = try await profiles.apply(change, to: bot.id)
                #expect(second.changed == [] && second.profile == seen)
            }
        }

        @Test func `a language has a profile of its own, and can lose it`() async throws {
            try await BotScene.with { scene in
                let (bot, token) = try await scene.register()
                let profiles = Self.profiles(scene)
                let menu = try ProfileChange.commands("start - Anfang")
                let german = try ProfileChange(name: "Blumen", commands: menu, language: "de")
                _ = try await profiles.apply(german, to: bot.id)
                #expect(try await scene.api.getProfile(language: "de", token: token).name == "Blumen")
                #expect(try await scene.api.getProfile(language: "", token: token).name == "maier")
                let gone = try ProfileChange(name: "", commands: [], language: "de")
                #expect(try await profiles.apply(gone, to: bot.id).changed.map(\.field) == ["name", "commands"])
                #expect(try await scene.api.getProfile(language: "de", token: token).commands == [])
            }
        }

        @Test func `a token that is dead is found here too`() async throws {
            try await BotScene.with { scene in
                let (bot, _) = try await scene.register()
                try scene.telegram.revokeToken(ofBot: bot.telegramID)
                await #expect(throws: GatewayError.self) {
                    try await Self.profiles(scene).apply(try ProfileChange(about: "x"), to: bot.id)
                }
                #expect(try await scene.bot(bot.id).health == .tokenRevoked)
            }
        }
    }
}
