import GRDB
import Gateway
import Synchronization
import Testing

@testable import Storage

@Suite("Query plans", .timeLimit(.minutes(1)))
struct QueryPlanTests {
    /// The statements that a connection has run, as they were prepared.
    private final class Statements: Sendable {
        private let seen = Mutex<[String]>([])

        func note(_ sql: String) { seen.withLock { $0.append(sql) } }

        /// How many hold these words.
        func count(naming words: String) -> Int { seen.withLock { $0.count { $0.contains(words) } } }

        /// The one that reads from that table.
        func reading(_ table: String) throws -> String {
            try #require(seen.withLock { $0 }.last { $0.contains("FROM \(table)") })
        }
    }

    /// The plan of the statement that the body runs, in SQLite's words.
    private static func plan(
        _ fixture: StoreFixture,
        reading table: String,
        _ body: () async throws -> Void
    ) async throws -> String {
        let statements = Statements()
        try await fixture.store.pool.read { db in
            db.trace { event in if case .statement(let statement) = event { statements.note(statement.sql) } }
        }
        try await body()
        return try await explain(try statements.reading(table), fixture)
    }

    private static func explain(_ sql: String, _ fixture: StoreFixture) async throws -> String {
        try await fixture.store.pool.read { db in
            let statement = try db.makeStatement(sql: "EXPLAIN QUERY PLAN \(sql)")
            // The values do not matter, and shall not: a value in the text would make the plan another one.
            statement.setUncheckedArguments([])
            return try Row.fetchAll(statement).map { $0["detail"] as String }.joined(separator: "\n")
        }
    }

    @Test func `what a webhook is told next is one stretch of its index, and so is which webhooks have something`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let due = try await Self.plan(fixture, reading: "delivery INDEXED") {
                _ = try await fixture.store.due(
                    [DueEndpoint(id: WebhookEndpointID(rawValue: 1), business: BusinessID(rawValue: 1)): 4],
                    without: [],
                    at: .now()
                )
            }
            #expect(due.contains("USING INDEX delivery_due (endpoint_id=? AND next_at<?)"), "\(due)")
            #expect(!due.contains("TEMP B-TREE"), "\(due)")
            let look = try await Self.plan(fixture, reading: "webhook_endpoint e") {
                _ = try await fixture.store.look(at: .now())
            }
            #expect(look.contains("USING INDEX webhook_endpoint_due"), "\(look)")
            let failed = try await Self.plan(fixture, reading: "delivery d") {
                _ = try await fixture.store.deliveries(
                    of: BusinessID(rawValue: 1),
                    failedOnly: true,
                    page: Page(limit: 9)
                )
            }
            #expect(failed.contains("USING INDEX delivery_failed"), "\(failed)")
            #expect(!failed.contains("TEMP B-TREE"), "\(failed)")
        }
    }

    @Test(arguments: [nil, OpenJobs.Part(conversation: ConversationID(rawValue: 1), through: 9)])
    func `open jobs of a business, and of one conversation, are one stretch of their index`(
        only: OpenJobs.Part?
    ) async throws {
        try await StoreFixture.with { fixture in
            let plan = try await Self.plan(fixture, reading: "raw_update") {
                let business = BusinessID(rawValue: 1)
                _ = try await fixture.store.openJobs(OpenJobs(business: business, after: 3, limit: 9, only: only))
            }
            let through = only == nil ? "" : " AND id<?"
            #expect(plan.contains("USING INDEX raw_update_open (business_id=? AND id>?\(through))"), "\(plan)")
            #expect(!plan.contains("TEMP B-TREE"), "\(plan)")
        }
    }

    private static let positions = [Page.Position.newest, .before(900), .after(3)]

    @Test(arguments: positions, [false, true])
    func `a page of history is one stretch of its index`(position: Page.Position, raw: Bool) async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await fixture.accept(UpdateText(number: 1), shop)
            let conversation = try #require(try await fixture.conversations(shop.business).first?.id)
            let plan = try await Self.plan(fixture, reading: "page") {
                _ = try await fixture.store.messages(
                    of: conversation,
                    business: shop.business.id,
                    page: Page(position),
                    raw: raw
                )
            }
            let comparison = if case .after = position { "message_id>?" } else { "message_id<?" }
            #expect(
                plan.contains("SEARCH history USING PRIMARY KEY (conversation_id=? AND \(comparison))"),
                "\(plan)"
            )
            #expect(plan.contains("SEARCH message USING INTEGER PRIMARY KEY"), "\(plan)")
            // The page itself is put in order, at most 402 numbers; no table is walked through but the small tail, from its end.
            #expect(!plan.contains("SCAN message"), "\(plan)")
            #expect(!plan.contains("SCAN history\n"), "\(plan)")
        }
    }

    @Test func `calls that go aside are found beside those of their conversations`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let asked = OutboxWindow.Request(
                bot: shop.bot.id,
                hinted: [],
                position: nil,
                rows: 0,
                perConversation: 4,
                asides: 8
            )
            let plan = try await Self.plan(fixture, reading: "outbox") {
                _ = try await fixture.store.windows([asked], at: StoreFixture.noon)
            }
            #expect(plan.contains("SEARCH o USING INDEX outbox_aside (bot_id=?)"), "\(plan)")
            #expect(!plan.contains("TEMP B-TREE"), "\(plan)")
        }
    }

    @Test(arguments: positions, [ConversationFilter(), ConversationFilter(bot: BotID(rawValue: 1), status: "open")])
    func `the list of conversations is one stretch of its index`(
        position: Page.Position,
        filter: ConversationFilter
    ) async throws {
        try await StoreFixture.with { fixture in
            let business = try await fixture.addBusiness()
            let plan = try await Self.plan(fixture, reading: "conversation") {
                _ = try await fixture.store.conversations(of: business.id, matching: filter, page: Page(position))
            }
            #expect(
                plan.contains("SEARCH c USING INDEX conversation_inbox (business_id=? AND last_message_id>?"),
                "\(plan)"
            )
            #expect(!plan.contains("TEMP B-TREE"), "\(plan)")
            #expect(!plan.contains("SCAN"), "\(plan)")
        }
    }

    @Test func `the labels of a page of conversations are one read, a stretch of their index for each`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let second = try await fixture.addBot(shop.business, telegramID: 7_000_002)
            await fixture.accept(UpdateText(number: 1), shop)
            await fixture.accept(UpdateText(number: 2), Shop(business: shop.business, bot: second))
            let conversations = try await fixture.conversations(shop.business).map(\.id)
            try #require(conversations.count == 2)
            for (conversation, labels) in zip(conversations, [["vip", "late"], ["new"]]) {
                var change = ConversationChange()
                for label in labels { change.labels[label] = true }
                try await fixture.store.apply(change, to: conversation, of: shop.business.id, at: StoreFixture.noon)
            }
            let statements = Statements()
            try await fixture.store.pool.read { db in
                db.trace { event in if case .statement(let statement) = event { statements.note(statement.sql) } }
            }
            #expect(try await fixture.conversations(shop.business).map(\.labels) == [["late", "vip"], ["new"]])
            #expect(statements.count(naming: "FROM label") == 1)
            let plan = try await Self.explain(try statements.reading("label"), fixture)
            #expect(
                plan.contains("SEARCH label USING INDEX sqlite_autoindex_label_1 (conversation_id=?)"),
                "\(plan)"
            )
        }
    }

    @Test(arguments: positions)
    func `kept updates of a business are one stretch of their index`(position: Page.Position) async throws {
        try await StoreFixture.with { fixture in
            let business = try await fixture.addBusiness()
            let plan = try await Self.plan(fixture, reading: "raw_update") {
                _ = try await fixture.store.keptUpdates(of: business.id, page: Page(position))
            }
            let comparison = if case .after = position { "id>?" } else { "id<?" }
            #expect(plan.contains("USING INDEX raw_update_marked (business_id=? AND \(comparison))"), "\(plan)")
            #expect(!plan.contains("TEMP B-TREE"), "\(plan)")
            #expect(!plan.contains("SCAN"), "\(plan)")
        }
    }

    @Test func `kept updates are counted along their index, and only so many`() async throws {
        try await StoreFixture.with { fixture in
            let plan = try await Self.plan(fixture, reading: "(SELECT 1 FROM raw_update") {
                _ = try await StoreTablesSource(fixture.store).samples()
            }
            #expect(plan.contains("SCAN raw_update USING INDEX raw_update_marked_all"), "\(plan)")
        }
    }

    @Test func `intake finds a repetition by its number and a conversation by its chat`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let statements = Statements()
            try await fixture.store.write { db in
                db.trace { event in if case .statement(let statement) = event { statements.note(statement.sql) } }
            }
            await fixture.accept(UpdateText(number: 1), shop)
            await fixture.accept(UpdateText(number: 1), shop)
            try await fixture.store.write { $0.trace(nil) }
            let repetition = try await Self.explain(try statements.reading("raw_update"), fixture)
            #expect(repetition == "SEARCH raw_update USING INDEX raw_update_number (bot_id=? AND update_id=?)")
            let conversation = try await Self.explain(try statements.reading("conversation"), fixture)
            #expect(conversation.hasPrefix("SEARCH conversation USING COVERING INDEX"), "\(conversation)")
        }
    }
}
