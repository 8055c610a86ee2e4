import Foundation
import GRDB
import Telegram
import Testing

@testable import Gateway
@testable import Storage

@Suite("Businesses and bots", .timeLimit(.minutes(1)))
struct DirectoryTests {
    @Test func `a slug belongs to one business`() async throws {
        try await StoreFixture.with { fixture in
            let first = try await fixture.addBusiness("maier")
            await #expect(throws: GatewayError.slugTaken("maier")) { try await fixture.addBusiness("maier") }
            let second = try await fixture.addBusiness("bauer")
            #expect(first.id != second.id)
            #expect(try await fixture.store.businesses() == [first, second])
        }
    }

    @Test func `a business is found by its slug and by its id`() async throws {
        try await StoreFixture.with { fixture in
            let business = try await fixture.addBusiness("maier")
            #expect(try await fixture.store.business(named: "maier") == business)
            #expect(try await fixture.store.business(named: business.id.description) == business)
            for unknown in ["bauer", "Maier", "biz_99", "1", "", "bot_1", "biz_0", "maier' OR '1'='1"] {
                await #expect(throws: GatewayError.unknownBusiness(unknown)) {
                    try await fixture.store.business(named: unknown)
                }
            }
        }
    }

    @Test func `a business is renamed, suspended and resumed`() async throws {
        try await StoreFixture.with { fixture in
            let business = try await fixture.addBusiness()
            #expect(try await fixture.store.renameBusiness(business.id, to: "Neu ÄÖÜ").name == "Neu ÄÖÜ")
            #expect(try await fixture.store.setState(.suspended, of: business.id).state == .suspended)
            #expect(try await fixture.store.setState(.active, of: business.id).state == .active)
            let after = try await fixture.store.business(named: "maier")
            #expect(after.name == "Neu ÄÖÜ" && after.state == .active && after.createdAt == StoreFixture.noon)
            let nobody = BusinessID(rawValue: 99)
            await #expect(throws: GatewayError.unknownBusiness("biz_99")) {
                try await fixture.store.renameBusiness(nobody, to: "x")
            }
            await #expect(throws: GatewayError.unknownBusiness("biz_99")) {
                try await fixture.store.setState(.suspended, of: nobody)
            }
        }
    }

    @Test func `one Telegram bot is registered once on the whole server`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop("maier")
            let other = try await fixture.addBusiness("bauer")
            await #expect(throws: GatewayError.botIsHere(shop.bot.id)) { try await fixture.addBot(shop.business) }
            await #expect(throws: GatewayError.botIsElsewhere) { try await fixture.addBot(other) }
            #expect(try await fixture.store.bots(of: nil).map(\.id) == [shop.bot.id])
        }
    }

    @Test func `a bot of no business is not added`() async throws {
        try await StoreFixture.with { fixture in
            var business = try await fixture.addBusiness()
            business.id = BusinessID(rawValue: 99)
            let nobody = business
            await #expect(throws: StoreError.self) { try await fixture.addBot(nobody) }
            #expect(try await fixture.count("bot") == 0)
        }
    }

    @Test func `a bot whose secrets cannot be sealed is not added`() async throws {
        try await StoreFixture.with { fixture in
            let business = try await fixture.addBusiness()
            let draft = StoreFixture.draft(business)
            await #expect(throws: GatewayError.badKey(.wrong)) {
                try await fixture.store.addBot(draft) { _ in throw GatewayError.badKey(.wrong) }
            }
            #expect(try await fixture.count("bot") == 0)
        }
    }

    @Test func `a bot is found by its username in any case and by its id`() async throws {
        try await StoreFixture.with { fixture in
            let business = try await fixture.addBusiness()
            let bot = try await fixture.addBot(business, username: "Maier_Bot")
            let nameless = try await fixture.addBot(business, telegramID: 7_000_002, username: "")
            for reference in ["@Maier_Bot", "@maier_bot", "MAIER_BOT", bot.id.description] {
                #expect(try await fixture.store.bot(named: reference) == bot)
            }
            #expect(try await fixture.store.bot(named: nameless.id.description) == nameless)
            for unknown in ["@bauer_bot", "", "@", "bot_99", "biz_1", "%", "@maier%"] {
                await #expect(throws: GatewayError.unknownBot(unknown)) {
                    try await fixture.store.bot(named: unknown)
                }
            }
        }
    }

    @Test func `two bots that Telegram calls the same are told apart by id only`() async throws {
        try await StoreFixture.with { fixture in
            let business = try await fixture.addBusiness()
            _ = try await fixture.addBot(business, telegramID: 7_000_001, username: "same_bot")
            let second = try await fixture.addBot(business, telegramID: 7_000_002, username: "Same_Bot")
            await #expect(throws: GatewayError.ambiguousBot("@same_bot")) {
                try await fixture.store.bot(named: "@same_bot")
            }
            #expect(try await fixture.store.bot(named: second.id.description) == second)
        }
    }

    @Test func `ids are not used again`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            try await fixture.execute("DELETE FROM bot")
            let next = try await fixture.addBot(shop.business)
            #expect(next.id > shop.bot.id)
            try await fixture.execute("DELETE FROM bot; DELETE FROM business")
            #expect(try await fixture.addBusiness("bauer").id > shop.business.id)
        }
    }

    @Test func `a removed bot may be added again, as another bot`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            _ = try await fixture.store.setState(.removed, of: shop.bot.id)
            let next = try await fixture.addBot(try await fixture.addBusiness("bauer"))
            #expect(next.id != shop.bot.id)
            #expect(try await fixture.store.bots(of: shop.business.id) == [])
            #expect(try await fixture.store.bots(of: nil).map(\.id) == [next.id])
            await #expect(throws: GatewayError.unknownBot(shop.bot.id.description)) {
                try await fixture.store.setState(.active, of: shop.bot.id)
            }
        }
    }

    @Test func `bots are listed of one business or of all`() async throws {
        try await StoreFixture.with { fixture in
            let maier = try await fixture.addShop("maier", telegramID: 7_000_001)
            let bauer = try await fixture.addShop("bauer", telegramID: 7_000_002)
            #expect(try await fixture.store.bots(of: nil) == [maier.bot, bauer.bot])
            #expect(try await fixture.store.bots(of: bauer.business.id) == [bauer.bot])
            #expect(try await fixture.store.bots(of: BusinessID(rawValue: 99)) == [])
        }
    }

    @Test func `a check is recorded and leaves alone what it did not ask`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let later = StoreFixture.noon.advanced(by: .seconds(5))
            let failed = BotCheck(health: .webhookFailed, detail: "Telegram refused")
            let bot = try await fixture.store.record(failed, of: shop.bot.id, at: later)
            #expect(bot.health == .webhookFailed && bot.healthDetail == "Telegram refused" && bot.healthAt == later)
            #expect(bot.username == shop.bot.username && bot.name == shop.bot.name)
            let settings = WebhookSettings(url: "https://x.example/telegram/h", maxConnections: 40, allowedUpdates: [])
            let found = BotCheck(
                health: .ok,
                identity: BotIdentity(id: 7_000_001, name: "New", username: "new_bot"),
                known: WebhookInfo(settings: settings, pendingUpdates: 3)
            )
            let well = try await fixture.store.record(found, of: shop.bot.id, at: later)
            #expect(well.health == .ok && well.healthDetail == nil && well.username == "new_bot" && well.name == "New")
            #expect(try await fixture.value(Int.self, "SELECT known_webhook_pending FROM bot") == 3)
        }
    }
}

@Suite("Sealed credentials", .timeLimit(.minutes(1)))
struct CredentialTests {
    @Test func `they come back as they were sealed`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let credentials = try await fixture.store.credentials(of: shop.bot.id)
            #expect(try fixture.sealer.openToken(credentials.token, of: shop.bot.id) == StoreFixture.token())
            #expect(try fixture.sealer.openSecret(credentials.secret, of: shop.bot.id) == StoreFixture.secret())
            await #expect(throws: GatewayError.unknownBot("bot_99")) {
                try await fixture.store.credentials(of: BotID(rawValue: 99))
            }
        }
    }

    @Test func `those of one bot do not open as another's`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let other = try await fixture.addBot(shop.business, telegramID: 7_000_002)
            // Somebody who can write to the file, but has no key, puts one bot's token into another's row.
            try await fixture.execute(
                """
                UPDATE bot SET token_sealed = (SELECT token_sealed FROM bot WHERE telegram_id = 7000001),
                    secret_sealed = (SELECT secret_sealed FROM bot WHERE telegram_id = 7000001)
                WHERE telegram_id = 7000002
                """
            )
            let swapped = try await fixture.store.credentials(of: other.id)
            #expect(throws: GatewayError.badKey(.wrong)) { try fixture.sealer.openToken(swapped.token, of: other.id) }
            #expect(throws: GatewayError.badKey(.wrong)) { try fixture.sealer.openSecret(swapped.secret, of: other.id) }
        }
    }

    @Test func `a token is replaced by the next version alone, and the old one is forgotten`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let token = try BotToken("7000001:AnotherSecretOfTheSameBot_12345")
            for version: Int64 in [1, 3, 0] {
                let sealed = try fixture.sealer.seal(token, for: shop.bot.id, version: version)
                await #expect(throws: StoreError.self) {
                    try await fixture.store.replaceToken(sealed, of: shop.bot.id)
                }
            }
            let before = try await fixture.store.credentials(of: shop.bot.id)
            #expect(try fixture.sealer.openToken(before.token, of: shop.bot.id) == StoreFixture.token())
            let next = try fixture.sealer.seal(token, for: shop.bot.id, version: 2)
            try await fixture.store.replaceToken(next, of: shop.bot.id)
            await #expect(throws: StoreError.self) { try await fixture.store.replaceToken(next, of: shop.bot.id) }
            let after = try await fixture.store.credentials(of: shop.bot.id)
            #expect(after.token.version == 2)
            #expect(try fixture.sealer.openToken(after.token, of: shop.bot.id) == token)
            // The old value with the new version does not open either.
            var old = before.token
            old.version = 2
            let oldAsNew = old
            #expect(throws: GatewayError.badKey(.wrong)) {
                try fixture.sealer.openToken(oldAsNew, of: shop.bot.id)
            }
        }
    }

    @Test func `no byte of a token or of a secret lies in any file`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let token = try StoreFixture.token().reveal()
            let secretPart = try #require(token.split(separator: ":").last)
            let traces = [token, String(secretPart), StoreFixture.secret().reveal()]
            let files = try DataFiles(fixture.directory)
            #expect(files.names == ["switchboard.sqlite", "switchboard.sqlite-shm", "switchboard.sqlite-wal"])
            // What is searched is what was written: the name is found.
            #expect(files.holding(shop.bot.name) == ["switchboard.sqlite-wal"])
            for trace in traces { #expect(files.holding(trace) == []) }
            try await fixture.store.close()
            #expect(try DataFiles(fixture.directory).holding(shop.bot.name) == ["switchboard.sqlite"])
            for trace in traces { #expect(try DataFiles(fixture.directory).holding(trace) == []) }
        }
    }

    @Test func `the check of the key is set once`() async throws {
        try await StoreFixture.with { fixture in
            #expect(try await fixture.store.keyCheck() == nil)
            let check = try fixture.sealer.sealCheck()
            try await fixture.store.setKeyCheck(check)
            #expect(try await fixture.store.keyCheck() == check)
            let other = try Sealer(key: MasterKey()).sealCheck()
            await #expect(throws: StoreError.self) { try await fixture.store.setKeyCheck(other) }
            #expect(try await fixture.store.keyCheck() == check)
        }
    }

    @Test func `the server's address is recorded as a whole`() async throws {
        try await StoreFixture.with { fixture in
            #expect(try await fixture.store.serverAddress() == nil)
            for host in ["a", "b"] {
                let address = ServerAddress(
                    publicURL: PublicURL(recorded: "https://\(host).example"),
                    botAPI: "https://api-\(host).example"
                )
                try await fixture.store.record(address)
                #expect(try await fixture.store.serverAddress() == address)
            }
        }
    }
}
