import Foundation
import GRDB
import Gateway
import Logging
import Synchronization
import Telegram
import Testing

@testable import Storage

@Suite("The registry and other processes", .timeLimit(.minutes(1)))
struct RegistryTests {
    /// Takes the element that a write of ours has made: from now on the stream is empty.
    private static func settle(_ store: SQLiteStore) async throws {
        try await store.write { _ in }
        var changes = store.changes().makeAsyncIterator()
        #expect(await changes.next() != nil)
    }

    /// How often the store tells of a change until it is closed; several before they are heard count as one.
    private static func told(_ store: SQLiteStore) async throws -> Int {
        try await store.close()
        var count = 0
        for await _ in store.changes() { count += 1 }
        return count
    }

    @Test func `a bot that a command adds is told at the next look`() async throws {
        try await StoreFixture.with { fixture in
            let business = try await fixture.addBusiness()
            let registry = Registry()
            try await registry.refresh(from: fixture.store)
            try await Self.settle(fixture.store)
            let version = try await fixture.store.registryVersion()

            let bot = try await fixture.withAnotherStore { try await $0.addBot(business) }
            #expect(try await fixture.store.registryVersion() != version)
            #expect(registry.bot(hook: bot.hook) == nil)
            await fixture.store.poll()
            #expect(try await registry.refresh(from: fixture.store))
            #expect(registry.bot(hook: bot.hook)?.id == bot.id)
            #expect(try await Self.told(fixture.store) == 1)
        }
    }

    @Test func `a change before the first look of all is told`() async throws {
        try await StoreFixture.with { fixture in
            let business = try await fixture.addBusiness()
            // A server that starts anew and has nothing of its own to write.
            try await fixture.withAnotherStore { server in
                let registry = Registry()
                try await registry.refresh(from: server.store)
                let bot = try await fixture.addBot(business)
                await server.store.poll()
                #expect(try await registry.refresh(from: server.store))
                #expect(registry.bot(hook: bot.hook) != nil)
                #expect(try await Self.told(server.store) == 1)
            }
        }
    }

    @Test func `a batch of updates tells what another process has changed`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            try await Self.settle(fixture.store)
            try await fixture.withAnotherStore { _ = try await $0.store.setState(.paused, of: shop.bot.id) }
            await fixture.accept(UpdateText(number: 1), shop)
            #expect(try await Self.told(fixture.store) == 1)
        }
    }

    @Test func `a bad record in that batch does not swallow the change`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            try await Self.settle(fixture.store)
            try await fixture.withAnotherStore { _ = try await $0.store.setState(.paused, of: shop.bot.id) }
            await fixture.accept(UpdateText(number: 1), shop.withoutBot)
            await fixture.store.poll()
            #expect(try await Self.told(fixture.store) == 1)
        }
    }

    @Test func `a batch that fails as a whole does not swallow the change`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            try await fixture.store.write { db in
                let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
                _ = try Int.fetchOne(db, sql: "PRAGMA max_page_count = \(pages)")
            }
            try await Self.settle(fixture.store)
            try await fixture.withAnotherStore { _ = try await $0.store.setState(.paused, of: shop.bot.id) }
            let long = String(repeating: "long ", count: 60_000)
            let outcome = await fixture.accept(UpdateText(number: 1, text: long), shop)
            #expect(outcome == .unavailable(.full, retryAfterSeconds: 5))
            await fixture.store.poll()
            #expect(try await Self.told(fixture.store) == 1)
        }
    }

    @Test func `nothing is told where nothing changed but updates`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            try await Self.settle(fixture.store)
            await fixture.accept(UpdateText(number: 1), shop)
            await fixture.store.poll()
            await fixture.store.poll()
            #expect(try await Self.told(fixture.store) == 0)
        }
    }

    @Test func `an administrative write of the server itself is told before it is answered`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            try await Self.settle(fixture.store)
            _ = try await fixture.store.setState(.paused, of: shop.bot.id)
            #expect(try await Self.told(fixture.store) == 1)
        }
    }

    @Test(arguments: [
        "UPDATE business SET state = 'suspended'", "UPDATE bot SET state = 'paused'",
        "UPDATE bot SET hook = 'another-hook-of-the-bot'", "UPDATE bot SET secret_digest = zeroblob(32)",
        "UPDATE bot SET previous_secret_digest = zeroblob(32), previous_secret_until = 5",
        "UPDATE bot SET business_id = business_id", "DELETE FROM bot",
        // The sender keeps these in memory.
        "UPDATE bot SET health = 'token_revoked'", "UPDATE bot SET token_version = token_version + 1",
    ])
    func `the version rises with what a webhook must know`(change: String) async throws {
        try await StoreFixture.with { fixture in
            _ = try await fixture.addShop()
            let before = try await fixture.store.registryVersion()
            try await fixture.execute(change)
            #expect(try await fixture.store.registryVersion() > before)
        }
    }

    @Test func `the version stays where only names change, or messages come`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            _ = try await fixture.store.record(BotCheck(health: .ok), of: shop.bot.id, at: StoreFixture.noon)
            let before = try await fixture.store.registryVersion()
            let identity = BotIdentity(id: 7_000_001, name: "New name", username: "new_bot")
            let check = BotCheck(health: .ok, identity: identity)
            let bot = try await fixture.store.record(check, of: shop.bot.id, at: StoreFixture.noon)
            #expect(bot.health == .ok && bot.username == "new_bot")
            _ = try await fixture.store.renameBusiness(shop.business.id, to: "New name")
            await fixture.accept(UpdateText(number: 1), shop)
            #expect(try await fixture.store.registryVersion() == before)
            #expect(try await Registry().refresh(from: fixture.store))
        }
    }

    @Test func `a paused bot and one of a suspended business are known but do not run`() async throws {
        try await StoreFixture.with { fixture in
            let maier = try await fixture.addShop("maier", telegramID: 7_000_001)
            let bauer = try await fixture.addShop("bauer", telegramID: 7_000_002)
            let fresh = try await fixture.addShop("fresh", telegramID: 7_000_003)
            let gone = try await fixture.addShop("gone", telegramID: 7_000_004)
            _ = try await fixture.store.setState(.paused, of: maier.bot.id)
            _ = try await fixture.store.setState(.suspended, of: bauer.business.id)
            _ = try await fixture.store.setState(.removed, of: gone.bot.id)
            let registry = Registry()
            #expect(try await registry.refresh(from: fixture.store))
            #expect(try await !registry.refresh(from: fixture.store))
            #expect(registry.count == 3)
            #expect(registry.bot(hook: maier.bot.hook)?.runs == false)
            #expect(registry.bot(hook: bauer.bot.hook)?.runs == false)
            #expect(registry.bot(hook: fresh.bot.hook)?.runs == true)
            #expect(registry.bot(hook: fresh.bot.hook)?.businessID == fresh.business.id)
            #expect(registry.bot(hook: gone.bot.hook) == nil)
        }
    }

    @Test func `the previous secret is taken until its time and not from then on`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let old = SecretDigest(of: WebhookSecret("the-secret-before"))
            let until = StoreFixture.noon.advanced(by: .seconds(600))
            try await fixture.store.write { db in
                try db.execute(
                    sql: "UPDATE bot SET previous_secret_digest = ?1, previous_secret_until = ?2",
                    arguments: [Data(old.bytes), until.milliseconds]
                )
            }
            let registry = Registry()
            try await registry.refresh(from: fixture.store)
            let bot = try #require(registry.bot(hook: shop.bot.hook))
            let present = SecretDigest(of: StoreFixture.secret())
            let last = Timestamp(milliseconds: until.milliseconds - 1)
            #expect(bot.accepts(old, at: last))
            #expect(!bot.accepts(old, at: until))
            #expect(bot.accepts(present, at: last) && bot.accepts(present, at: until))
            #expect(!bot.accepts(SecretDigest(of: WebhookSecret("wrong")), at: last))
        }
    }

    /// The real store, which fails to give the version once.
    private final class StumblingSource: RegistrySource {
        let store: SQLiteStore
        private let stumbles = Mutex(true)
        let reads: AsyncStream<Void>
        private let continuation: AsyncStream<Void>.Continuation

        init(_ store: SQLiteStore) {
            self.store = store
            (reads, continuation) = AsyncStream.makeStream()
        }

        func registryVersion() async throws -> Int64 {
            let stumbles = stumbles.withLock { stumbles in
                defer { stumbles = false }
                return stumbles
            }
            if stumbles { throw StoreError.busy }
            return try await store.registryVersion()
        }

        func registeredBots() async throws -> (version: Int64, bots: [RegisteredBot]) {
            let bots = try await store.registeredBots()
            continuation.yield()
            return bots
        }

        func changes() -> AsyncStream<Void> { store.changes() }
        func poll() async { await store.poll() }
    }

    @Test func `a refresh that failed is tried again though nothing else changes`() async throws {
        try await StoreFixture.with { fixture in
            _ = try await fixture.addShop()
            let source = StumblingSource(fixture.store)
            let refresher = RegistryRefresher(registry: Registry(), source: source, logger: Logger(label: "test"))
            let running = Task { try await refresher.run() }
            var reads = source.reads.makeAsyncIterator()
            #expect(await reads.next() != nil)
            running.cancel()
            try await running.value
        }
    }
}
