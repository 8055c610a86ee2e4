import GRDB
import Telegram
import Testing

@testable import Gateway
@testable import Storage

@Suite("Erasing a business", .timeLimit(.minutes(1)))
struct ErasureTests {
    private static let listed = [Erasure.ofNotes, Erasure.ofMessages, Erasure.ofConversations, Erasure.ofBusiness]
        .flatMap { $0 }

    /// A business with some customers, each with some messages, and updates that are only kept.
    private static func fill(_ fixture: StoreFixture, _ shop: Shop, customers: Int, messages: Int) async {
        for customer in 0..<customers {
            for message in 0..<messages {
                let number = Int64(customer * messages + message + 1)
                var update = UpdateText(number: number)
                update.chatID = Int64(1000 + customer)
                update.userID = update.chatID
                update.text = "\(shop.business.slug) \(number)"
                await fixture.accept(update, shop)
            }
        }
        _ = await fixture.accept(shop.record(Array("not readable".utf8)))
    }

    /// Marks a business whose bots are removed.
    private static func mark(_ fixture: StoreFixture, _ shop: Shop) async throws {
        #expect(try await !fixture.store.beginErasure(of: shop.business.id, at: StoreFixture.noon))
        _ = try await fixture.store.removeBot(shop.bot.id, at: StoreFixture.noon)
        #expect(try await fixture.store.beginErasure(of: shop.business.id, at: StoreFixture.noon))
    }

    private static func rows(_ fixture: StoreFixture) async throws -> [String: Int] {
        var rows: [String: Int] = [:]
        for line in Self.listed { rows[line.table] = try await fixture.count(line.table) }
        return rows
    }

    @Test func `every table is listed, as a business's or as nobody's`() async throws {
        try await StoreFixture.with { fixture in
            let tables = try await fixture.store.pool.read { db in
                try String.fetchAll(
                    db,
                    sql: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                )
            }
            #expect(tables.count > 5)
            #expect(Set(tables) == Set(Self.listed.map(\.table)).union(Erasure.ofNobody))
        }
    }

    @Test func `everything of it goes, in small steps, and nothing of another one`() async throws {
        try await StoreFixture.with { fixture in
            let other = try await fixture.addShop("bauer", telegramID: 7_000_002)
            await Self.fill(fixture, other, customers: 3, messages: 4)
            let before = try await Self.rows(fixture)
            let shop = try await fixture.addShop("maier")
            await Self.fill(fixture, shop, customers: 30, messages: 5)
            let all = try await Self.rows(fixture)
            try await Self.mark(fixture, shop)
            var gone = 0
            var steps = 0
            while true {
                let step = try await fixture.store.eraseStep(of: shop.business.id, rows: 20)
                // Each message with its entry in the history; conversations may go with the last of theirs.
                #expect(step.rows <= 60)
                gone += step.rows
                steps += 1
                if step.isDone { break }
            }
            #expect(gone == all.values.reduce(0, +) - before.values.reduce(0, +))
            #expect(steps >= gone / 60)
            #expect(try await Self.rows(fixture) == before)
            #expect(try await fixture.value(Int.self, "SELECT count(*) FROM pragma_foreign_key_check") == 0)
            // References are looked at again for everybody else.
            #expect(try await fixture.store.write { try Int.fetchOne($0, sql: "PRAGMA foreign_keys") } == 1)
            await #expect(throws: GatewayError.unknownBusiness("maier")) {
                try await fixture.store.business(named: "maier")
            }
            // Not even its texts are left in the files.
            try await fixture.store.close()
            let files = try DataFiles(fixture.directory)
            #expect(files.holding("bauer 3") == ["switchboard.sqlite"])
            #expect(files.holding("maier 3") == [] && files.holding("Business maier") == [])
        }
    }

    @Test func `an erasure that was interrupted goes on, and meanwhile nothing comes in`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await Self.fill(fixture, shop, customers: 3, messages: 10)
            try await Self.mark(fixture, shop)
            _ = try await fixture.store.eraseStep(of: shop.business.id, rows: 10)
            try await fixture.withAnotherStore { later in
                let half = try await later.store.business(named: "maier")
                #expect(half.state == .removing)
                await #expect(throws: GatewayError.businessIsRemoved("maier")) { try await later.addBot(half) }
                await #expect(throws: GatewayError.businessIsRemoved("maier")) {
                    try await later.store.setState(.active, of: half.id)
                }
                await #expect(throws: GatewayError.slugTaken("maier")) { try await later.addBusiness("maier") }
                #expect(try await later.store.beginErasure(of: half.id, at: StoreFixture.noon))
                while try await !later.store.eraseStep(of: half.id, rows: 500).isDone {}
                #expect(try await later.store.businesses() == [])
            }
        }
    }

    @Test func `a business that is not marked, or not there, loses nothing`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await #expect(throws: GatewayError.unknownBusiness(shop.business.id.description)) {
                try await fixture.store.eraseStep(of: shop.business.id, rows: 500)
            }
            let nobody = BusinessID(rawValue: 99)
            await #expect(throws: GatewayError.unknownBusiness("biz_99")) {
                try await fixture.store.beginErasure(of: nobody, at: StoreFixture.noon)
            }
            #expect(try await fixture.store.eraseStep(of: nobody, rows: 500) == ErasureStep(rows: 0, isDone: true))
        }
    }

    @Test func `no step reads a table from end to end`() async throws {
        try await StoreFixture.with { fixture in
            for (table, condition) in Self.listed {
                let plan = try await fixture.store.pool.read { db in
                    let statement = try db.makeStatement(
                        sql: "EXPLAIN QUERY PLAN SELECT 1 FROM \(table) WHERE \(condition)"
                    )
                    statement.setUncheckedArguments([])
                    return try Row.fetchAll(statement).map { $0["detail"] as String }
                }
                #expect(!plan.contains { $0.hasPrefix("SCAN \(table)") }, "\(table): \(plan)")
            }
        }
    }

    @Test func `the bot that is due first is found by an index`() async throws {
        try await StoreFixture.with { fixture in
            let plan = try await fixture.store.pool.read { db in
                let statement = try db.makeStatement(
                    sql: """
                        EXPLAIN QUERY PLAN SELECT id FROM bot WHERE state <> 'removed' AND wants_webhook = 1
                            AND webhook_look_at <= ?1 ORDER BY webhook_look_at LIMIT 1
                        """
                )
                statement.setUncheckedArguments([])
                return try Row.fetchAll(statement).map { $0["detail"] as String }
            }
            #expect(plan == ["SEARCH bot USING INDEX bot_webhook_look (webhook_look_at<?)"])
        }
    }
}
