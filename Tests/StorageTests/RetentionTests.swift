import GRDB
import Synchronization
import Telegram
import Testing

@testable import Gateway
@testable import Storage

@Suite("Retention", .timeLimit(.minutes(1)))
struct RetentionTests {
    private static let day: Int64 = 86_400_000

    private static func after(_ days: Double) -> Timestamp {
        Timestamp(milliseconds: StoreFixture.noon.milliseconds + Int64(days * Double(day)))
    }

    /// A round over a store at a moment that the test moves.
    private final class Walk: Sendable {
        private let at = Mutex(StoreFixture.noon)
        private let retention: Mutex<Retention?> = Mutex(nil)
        private let store: any RetentionStore

        init(_ store: any RetentionStore) { self.store = store }

        /// Lets go what is due so many days after noon.
        @discardableResult
        func round(after days: Double) async throws -> Retention.Report {
            at.withLock { $0 = RetentionTests.after(days) }
            var retention =
                retention.withLock { $0.take() }
                ?? Retention(store: store, now: { [self] in at.withLock { $0 } }, pause: { _ in await Task.yield() })
            defer { self.retention.withLock { [retention] in $0 = retention } }
            return try await retention.round()
        }
    }

    /// A store that counts what it is asked, and fails where it is told to.
    private final class Watched: RetentionStore {
        struct Failure: Error {}

        private let store: SQLiteStore
        private let state = Mutex((steps: [RetentionStep](), failsAt: Int.max))

        init(_ store: SQLiteStore, failsAt: Int = .max) {
            self.store = store
            state.withLock { $0.failsAt = failsAt }
        }

        var steps: [RetentionStep] { state.withLock { $0.steps } }

        func retention(of business: BusinessID) async throws -> RetentionPolicy {
            try await store.retention(of: business)
        }
        func setRetention(_ policy: RetentionPolicy, of business: BusinessID) async throws {
            try await store.setRetention(policy, of: business)
        }
        func retentionPolicies() async throws -> [BusinessID: RetentionPolicy] { try await store.retentionPolicies() }
        func updates(after id: KeptUpdateID, limit: Int) async throws -> [AgedUpdate] {
            try await store.updates(after: id, limit: limit)
        }
        func prune(_ step: RetentionStep) async throws -> Int {
            let fails = state.withLock { state in
                state.steps.append(step)
                return state.steps.count >= state.failsAt
            }
            if fails { throw Failure() }
            return try await store.prune(step)
        }
    }

    /// What a history says, without raw bodies.
    private static func shapes(_ fixture: StoreFixture, _ shop: Shop) async throws -> [JSON] {
        var shapes: [JSON] = []
        for conversation in try await fixture.conversations(shop.business) {
            let page = Page(limit: Page.maximum)
            shapes += try await fixture.store.messages(
                of: conversation.id,
                business: shop.business.id,
                page: page,
                raw: false
            ).elements.map(\.json)
        }
        return shapes
    }

    private static func bodies(_ fixture: StoreFixture, _ shop: Shop) async throws -> Int {
        try await fixture.value(
            Int.self,
            "SELECT count(*) FROM raw_update WHERE body IS NOT NULL AND business_id = \(shop.business.id.rawValue)"
        ) ?? -1
    }

    @Test func `bodies go when their business says so, and the history is whole without them`() async throws {
        try await StoreFixture.with { fixture in
            let maier = try await fixture.addShop("maier")
            let bauer = try await fixture.addShop("bauer", telegramID: 7_000_002)
            for number: Int64 in 1...4 {
                for shop in [maier, bauer] { await fixture.accept(UpdateText(number: number, text: "\(number)"), shop) }
            }
            let policy = try RetentionPolicy(raw: "2d")
            try await fixture.store.setRetention(policy, of: maier.business.id)
            #expect(try await fixture.store.retention(of: maier.business.id) == policy)
            #expect(try await fixture.store.retention(of: bauer.business.id) == .standard)
            let before = try await Self.shapes(fixture, maier) + Self.shapes(fixture, bauer)
            let walk = Walk(fixture.store)
            #expect(try await walk.round(after: 1.99).rows == 0)
            #expect(try await Self.bodies(fixture, maier) == 4)
            #expect(try await walk.round(after: 2.01).rows == 4)
            #expect(try await Self.bodies(fixture, maier) == 0)
            #expect(try await Self.bodies(fixture, bauer) == 4)
            // Without its body an update is still known.
            #expect(await fixture.accept(UpdateText(number: 2, text: "2"), maier) == .duplicate)
            #expect(try await walk.round(after: 7.01).rows == 8)
            #expect(try await fixture.count("raw_update") == 0)
            #expect(try await Self.shapes(fixture, maier) + Self.shapes(fixture, bauer) == before)
            #expect(before.count == 8)
        }
    }

    @Test func `a number is known for a week, and may then be a new update's`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            try await fixture.store.setRetention(try RetentionPolicy(raw: "0d"), of: shop.business.id)
            await fixture.accept(UpdateText(number: 7, text: "first"), shop)
            let walk = Walk(fixture.store)
            for days in [0.01, 2.01, 6.99] {
                try await walk.round(after: days)
                #expect(try await Self.bodies(fixture, shop) == 0)
                #expect(await fixture.accept(UpdateText(number: 7, text: "first"), shop) == .duplicate)
            }
            try await walk.round(after: 7.01)
            let again = shop.record(UpdateText(number: 7, messageID: 70, text: "second"), at: Self.after(7.02))
            #expect(await fixture.accept(again) == .stored)
            let conversation = try #require(try await fixture.conversations(shop.business).first)
            #expect(try await fixture.texts(of: conversation.id, shop.business) == ["first", "second"])
        }
    }

    @Test func `what was not understood gives up its number after a week, and is listed for thirty days`() async throws
    {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await fixture.accept(UpdateText(number: 7, kind: "hologram"), shop)
            _ = await fixture.accept(shop.record(Array("not readable".utf8)))
            let walk = Walk(fixture.store)
            try await walk.round(after: 7.01)
            let kept = try await fixture.store.keptUpdates(of: shop.business.id, page: Page()).elements
            #expect(kept.map(\.updateID) == [nil, 7] && kept.map(\.bytes) == [0, 0])
            let again = shop.record(UpdateText(number: 7, text: "new"), at: Self.after(7.02))
            #expect(await fixture.accept(again) == .stored)
            try await walk.round(after: 29.9)
            #expect(try await fixture.store.keptUpdates(of: shop.business.id, page: Page()).elements.count == 2)
            try await walk.round(after: 30.01)
            #expect(try await fixture.store.keptUpdates(of: shop.business.id, page: Page()).elements == [])
            #expect(try await fixture.count("raw_update") == 0)
        }
    }

    @Test func `a body that is kept longer than a week loses its number, and goes with its row in its time`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            try await fixture.store.setRetention(try RetentionPolicy(raw: "90d"), of: shop.business.id)
            let update = UpdateText(number: 7, text: "first")
            await fixture.accept(update, shop)
            let walk = Walk(fixture.store)
            try await walk.round(after: 8)
            #expect(
                await fixture.accept(shop.record(UpdateText(number: 7, messageID: 9), at: Self.after(8))) == .stored
            )
            try await walk.round(after: 89)
            let message = try #require(try await fixture.value(Int64.self, "SELECT min(id) FROM message"))
            let read = {
                try await fixture.store.message(MessageID(rawValue: message), business: shop.business.id, raw: true).raw
            }
            #expect(try await read() == update.body)
            try await walk.round(after: 90.01)
            #expect(try await read() == nil)
            #expect(try await fixture.count("raw_update") == 1)
        }
    }

    @Test func `an update that has given up its number is erased with its business`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            try await fixture.store.setRetention(try RetentionPolicy(raw: "90d"), of: shop.business.id)
            await fixture.accept(UpdateText(number: 7), shop)
            await fixture.accept(UpdateText(number: 8, kind: "hologram"), shop)
            try await Walk(fixture.store).round(after: 8)
            #expect(try await fixture.value(Int.self, "SELECT count(update_id) FROM raw_update") == 0)
            _ = try await fixture.store.removeBot(shop.bot.id, at: StoreFixture.noon)
            #expect(try await fixture.store.beginErasure(of: shop.business.id, at: StoreFixture.noon))
            while try await !fixture.store.eraseStep(of: shop.business.id, rows: 500).isDone {}
            #expect(try await fixture.count("raw_update") == 0)
        }
    }

    @Test func `what is still to be worked on stays whole, and goes when it is done`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            for number: Int64 in 1...3 { await fixture.accept(UpdateText(number: number), shop) }
            try await fixture.execute("UPDATE raw_update SET state = 'open' WHERE update_id = 2")
            let walk = Walk(fixture.store)
            try await walk.round(after: 100)
            #expect(try await fixture.value(Int64.self, "SELECT update_id FROM raw_update WHERE body IS NOT NULL") == 2)
            #expect(try await fixture.count("raw_update") == 1)
            try await fixture.execute("UPDATE raw_update SET state = 'done'")
            // The walk has passed it; once a day it begins anew.
            try await walk.round(after: 100.5)
            #expect(try await fixture.count("raw_update") == 1)
            try await walk.round(after: 101)
            #expect(try await fixture.count("raw_update") == 0)
        }
    }

    @Test func `even if it is opened between the look and the step, it stays`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            for number: Int64 in 1...2 { await fixture.accept(UpdateText(number: number), shop) }
            let ids = try await fixture.store.updates(after: KeptUpdateID(rawValue: 0), limit: 10).map(\.id)
            try await fixture.execute("UPDATE raw_update SET state = 'open' WHERE update_id = 2")
            #expect(try await fixture.store.prune(RetentionStep(bodies: ids, numbers: ids)) == 2)
            #expect(try await fixture.store.prune(RetentionStep(rows: ids + [KeptUpdateID(rawValue: 4711)])) == 1)
            #expect(try await fixture.value(Int64.self, "SELECT update_id FROM raw_update WHERE body IS NOT NULL") == 2)
        }
    }

    @Test func `a shorter time holds for what the walk has passed too`() async throws {
        try await StoreFixture.with { fixture in
            let maier = try await fixture.addShop("maier")
            let bauer = try await fixture.addShop("bauer", telegramID: 7_000_002)
            try await fixture.store.setRetention(try RetentionPolicy(raw: "1d"), of: bauer.business.id)
            for shop in [maier, bauer] { await fixture.accept(UpdateText(number: 1), shop) }
            let walk = Walk(fixture.store)
            try await walk.round(after: 3)
            #expect(try await Self.bodies(fixture, maier) == 1)
            #expect(try await Self.bodies(fixture, bauer) == 0)
            try await fixture.store.setRetention(try RetentionPolicy(raw: "1d"), of: maier.business.id)
            try await walk.round(after: 3.01)
            #expect(try await Self.bodies(fixture, maier) == 0)
        }
    }

    @Test func `a clock that was wrong holds nothing up`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            _ = await fixture.accept(shop.record(UpdateText(number: 1), at: Self.after(4000)))
            await fixture.accept(UpdateText(number: 2), shop)
            try await Walk(fixture.store).round(after: 8)
            #expect(try await fixture.value(Int64.self, "SELECT update_id FROM raw_update") == 1)
        }
    }

    @Test func `a round goes on where the last one was interrupted, in small steps, and looks at nothing twice`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            try await fixture.store.setRetention(try RetentionPolicy(raw: "1d"), of: shop.business.id)
            let records = (1...1300).map { shop.record(UpdateText(number: $0)) }
            await withTaskGroup { group in
                for record in records { group.addTask { _ = await fixture.accept(record) } }
            }
            let failing = Watched(fixture.store, failsAt: 3)
            await #expect(throws: Watched.Failure.self) { try await Walk(failing).round(after: 2) }
            let gone = 1300 - (try await Self.bodies(fixture, shop))
            #expect(gone > 0 && gone < 1300)
            // A new process, from the start.
            let watched = Watched(fixture.store)
            let walk = Walk(watched)
            let report = try await walk.round(after: 2)
            #expect(report.rows == 1300 - gone && report.seen == 1300)
            #expect(try await Self.bodies(fixture, shop) == 0)
            #expect(failing.steps.allSatisfy { $0.bodies.count <= 500 })
            #expect(watched.steps.allSatisfy { $0.bodies.count <= 500 })
            await fixture.accept(UpdateText(number: 2000), shop)
            #expect(try await walk.round(after: 2.1).seen == 1)
            #expect(try await walk.round(after: 2.2) == Retention.Report(rows: 0, seen: 0))
        }
    }

    @Test func `the intake goes on beside it, and loses nothing`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let old = (1...1500).map { shop.record(UpdateText(number: $0, text: "old")) }
            let new = (2001...4000).map { shop.record(UpdateText(number: $0, text: "new"), at: Self.after(8)) }
            await withTaskGroup { group in for record in old { group.addTask { _ = await fixture.accept(record) } } }
            let watched = Watched(fixture.store)
            let outcomes = try await withThrowingTaskGroup(of: [IntakeOutcome].self) { group in
                group.addTask {
                    try await Walk(watched).round(after: 8)
                    return []
                }
                for lane in 0..<4 {
                    group.addTask {
                        var outcomes: [IntakeOutcome] = []
                        for index in stride(from: lane, to: new.count, by: 4) {
                            outcomes.append(await fixture.accept(new[index]))
                        }
                        return outcomes
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(outcomes.count == 2000 && outcomes.allSatisfy { $0 == .stored })
            #expect(watched.steps.count >= 3 && watched.steps.allSatisfy { $0.rows.count <= 500 })
            #expect(try await fixture.count("raw_update") == 2000)
            #expect(try await Self.bodies(fixture, shop) == 2000)
            #expect(try await fixture.value(Int.self, "SELECT min(update_id) FROM raw_update") == 2001)
            #expect(try await fixture.count("message") == 3500)
        }
    }

    @Test func `a time is whole days, at most a year`() throws {
        for text in ["0d", "1d", "365d"] { #expect(try RetentionPolicy(raw: text).raw == text) }
        for text in ["", "d", "7", "-1d", "366d", "1.5d", "07d", "+7d", "7h", "7 d", "٧d"] {
            #expect(throws: GatewayError.badRetention(text)) { try RetentionPolicy(raw: text) }
        }
        #expect(RetentionPolicy(rawDays: 366) == nil)
    }

    @Test func `nobody and a business that is being erased have no time of their own`() async throws {
        try await StoreFixture.with { fixture in
            let nobody = BusinessID(rawValue: 99)
            await #expect(throws: GatewayError.unknownBusiness("biz_99")) {
                try await fixture.store.retention(of: nobody)
            }
            await #expect(throws: GatewayError.unknownBusiness("biz_99")) {
                try await fixture.store.setRetention(.standard, of: nobody)
            }
            let business = try await fixture.addBusiness()
            _ = try await fixture.store.beginErasure(of: business.id, at: StoreFixture.noon)
            await #expect(throws: GatewayError.businessIsRemoved("maier")) {
                try await fixture.store.setRetention(.standard, of: business.id)
            }
        }
    }

    @Test func `looking and letting go are done by the key`() async throws {
        try await StoreFixture.with { fixture in
            let seen = Mutex<[String]>([])
            let note: @Sendable (Database) -> Void = { db in
                db.trace { event in
                    if case .statement(let statement) = event { seen.withLock { $0.append(statement.sql) } }
                }
            }
            try await fixture.store.pool.read { note($0) }
            try await fixture.store.write { note($0) }
            _ = try await fixture.store.updates(after: KeptUpdateID(rawValue: 0), limit: 5)
            let ids = [KeptUpdateID(rawValue: 1)]
            _ = try await fixture.store.prune(RetentionStep(bodies: ids, numbers: ids, rows: ids))
            try await fixture.store.write { $0.trace(nil) }
            let statements = seen.withLock { $0 }.filter { $0.contains("raw_update") }
            #expect(statements.count == 4)
            for sql in statements {
                let plan = try await fixture.store.pool.read { db in
                    let statement = try db.makeStatement(sql: "EXPLAIN QUERY PLAN \(sql)")
                    statement.setUncheckedArguments([])
                    return try Row.fetchAll(statement).map { $0["detail"] as String }
                }
                #expect(
                    plan.first
                        == "SEARCH raw_update USING INTEGER PRIMARY KEY (rowid\(sql.contains("IN (") ? "=?" : ">?"))"
                )
            }
        }
    }
}
