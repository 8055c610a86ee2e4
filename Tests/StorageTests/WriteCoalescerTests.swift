import GRDB
import Gateway
import Synchronization
import Testing

@testable import Storage

@Suite("One batch of writes", .timeLimit(.minutes(1)))
struct WriteCoalescerTests {
    /// What became of updates, in the order in which they were handed in.
    private final class Outcomes: Sendable {
        private let given = Mutex<[Int: [IntakeOutcome]]>([:])

        func collect(_ index: Int) -> @Sendable (IntakeOutcome) -> Void {
            given.withLock { $0[index] = [] }
            return { outcome in self.given.withLock { $0[index]?.append(outcome) } }
        }

        /// One list for each update: each must hold one outcome.
        var all: [[IntakeOutcome]] { given.withLock { given in given.keys.sorted().map { given[$0] ?? [] } } }
    }

    private struct Refusal: Error {}

    private static let insertBusiness =
        "INSERT INTO business (slug, name, state, created_at) VALUES (?1, 'x', 'active', 0)"

    private static func poison(_ fixture: StoreFixture) async throws {
        try await fixture.execute(
            """
            CREATE TRIGGER poison BEFORE INSERT ON message WHEN new.text = 'poison'
            BEGIN SELECT RAISE(ABORT, 'refused by the test'); END
            """
        )
    }

    @Test func `one bad record fails alone`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let outcomes = Outcomes()
            await fixture.whileWriterIsHeld {
                for index in 0..<9 {
                    let update = UpdateText(number: Int64(index + 1), chatID: Int64(index % 3 + 1))
                    let record = (index == 4 ? shop.withoutBot : shop).record(update)
                    fixture.store.accept(record, then: outcomes.collect(index))
                }
            }
            try await fixture.store.write { _ in }
            for (index, given) in outcomes.all.enumerated() {
                guard index == 4 else {
                    #expect(given == [.stored], "\(index)")
                    continue
                }
                guard case .unavailable(.failed, let seconds)? = given.first, given.count == 1 else {
                    Issue.record("the bad record came to \(given)")
                    continue
                }
                #expect((1...5).contains(seconds))
            }
            #expect(try await fixture.count("raw_update") == 8)
            #expect(try await fixture.count("message") == 8)
            #expect(try await fixture.count("chat") == 3)
        }
    }

    @Test func `a message that cannot be stored is kept raw and marked`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            try await Self.poison(fixture)
            let outcomes = Outcomes()
            await fixture.whileWriterIsHeld {
                for (index, text) in ["one", "poison", "two"].enumerated() {
                    let chat: Int64 = text == "one" ? 1 : 2
                    let update = UpdateText(number: Int64(index + 1), chatID: chat, userID: chat, text: text)
                    fixture.store.accept(shop.record(update), then: outcomes.collect(index))
                }
            }
            try await fixture.store.write { _ in }
            #expect(outcomes.all == [[.stored], [.stored], [.stored]])
            let kept = try await fixture.store.keptUpdates(of: shop.business.id, page: Page()).elements
            #expect(kept.map(\.mark) == [.failed])
            #expect(kept.first?.updateID == 2)
            #expect(kept.first?.detail?.contains("poison") == false)
            // The first message of its chat was undone with chat and conversation; the next one makes them.
            let conversations = try await fixture.conversations(shop.business)
            #expect(conversations.compactMap { $0.lastMessage?.text } == ["two", "one"])
            #expect(await fixture.accept(UpdateText(number: 2, chatID: 2, text: "poison"), shop) == .duplicate)
        }
    }

    @Test func `what a rolled back batch has taught is not believed afterwards`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            try await Self.poison(fixture)
            #expect(await fixture.accept(UpdateText(number: 1, text: "poison"), shop) == .stored)
            #expect(try await fixture.count("conversation") == 0)
            #expect(await fixture.accept(UpdateText(number: 2, text: "good"), shop) == .stored)
            #expect(try await fixture.conversations(shop.business).map { $0.lastMessage?.text } == ["good"])
            #expect(try await fixture.count("customer") == 1)
        }
    }

    @Test func `a write that throws leaves nothing behind and the others are kept`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let outcomes = Outcomes()
            let (failing, good) = await fixture.whileWriterIsHeld {
                fixture.store.accept(shop.record(UpdateText(number: 1)), then: outcomes.collect(0))
                let failing = Task {
                    try await fixture.store.write { db in
                        try db.execute(sql: Self.insertBusiness, arguments: ["thrown-away"])
                        throw GatewayError.unknownMessage("msg_1")
                    }
                }
                let good = Task {
                    try await fixture.store.write { db in
                        try db.execute(sql: Self.insertBusiness, arguments: ["kept"])
                    }
                }
                await fixture.untilWaiting(3)
                return (failing, good)
            }
            await #expect(throws: GatewayError.self) { try await failing.value }
            try await good.value
            #expect(outcomes.all == [[.stored]])
            let slugs = try await fixture.store.businesses().map(\.slug.text)
            #expect(slugs == ["maier", "kept"])
        }
    }

    @Test func `writes beside a bad record take effect once`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let outcomes = Outcomes()
            let write = await fixture.whileWriterIsHeld {
                fixture.store.accept(shop.withoutBot.record(UpdateText(number: 1)), then: outcomes.collect(0))
                fixture.store.accept(shop.record(UpdateText(number: 2)), then: outcomes.collect(1))
                let write = Task { try await fixture.addBusiness("once") }
                await fixture.untilWaiting(3)
                return write
            }
            #expect(try await write.value.slug.text == "once")
            #expect(outcomes.all.map(\.count) == [1, 1])
            #expect(outcomes.all.last == [.stored])
            #expect(try await fixture.store.businesses().map(\.slug.text) == ["maier", "once"])
        }
    }

    @Test func `a full disk fails the whole batch, and afterwards all works again`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            #expect(await fixture.accept(UpdateText(number: 1), shop) == .stored)
            try await fixture.store.write { db in
                let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
                _ = try Int.fetchOne(db, sql: "PRAGMA max_page_count = \(pages)")
            }
            let outcomes = Outcomes()
            let long = String(repeating: "long ", count: 60_000)
            let write = await fixture.whileWriterIsHeld {
                fixture.store.accept(shop.record(UpdateText(number: 2, chatID: 9)), then: outcomes.collect(0))
                fixture.store.accept(shop.record(UpdateText(number: 3, text: long)), then: outcomes.collect(1))
                let write = Task { try await fixture.addBusiness("too-late") }
                await fixture.untilWaiting(3)
                return write
            }
            await #expect(throws: StoreError.full) { try await write.value }
            for given in outcomes.all { #expect(given == [.unavailable(.full, retryAfterSeconds: 5)]) }
            #expect(try await fixture.count("raw_update") == 1)

            try await fixture.store.write { _ = try Int.fetchOne($0, sql: "PRAGMA max_page_count = 1073741823") }
            #expect(await fixture.accept(UpdateText(number: 2, chatID: 9), shop) == .stored)
            #expect(await fixture.accept(UpdateText(number: 3, text: long), shop) == .stored)
            #expect(try await fixture.count("message") == 3)
            #expect(try await fixture.store.businesses().count == 1)
        }
    }

    @Test func `a waiter that goes away does not undo the write`() async throws {
        try await StoreFixture.with { fixture in
            let write = await fixture.whileWriterIsHeld {
                let write = Task { try await fixture.addBusiness("stays") }
                await fixture.untilWaiting(1)
                write.cancel()
                return write
            }
            let business = try await write.value
            #expect(business.slug.text == "stays")
            let all = try await fixture.store.businesses()
            #expect(all == [business])
        }
    }

    @Test func `a lock that another process holds for too long fails the batch, and then all works again`() async throws
    {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            // Without the five seconds that the writer is ready to wait.
            try await fixture.store.write { _ = try Int.fetchOne($0, sql: "PRAGMA busy_timeout = 0") }
            var configuration = Configuration()
            configuration.allowsUnsafeTransactions = true
            let other = try DatabaseQueue(path: fixture.directory.database, configuration: configuration)
            try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
            #expect(
                await fixture.accept(UpdateText(number: 1), shop) == .unavailable(.busy, retryAfterSeconds: 5)
            )
            try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
            try other.close()
            #expect(await fixture.accept(UpdateText(number: 1), shop) == .stored)
        }
    }
}
