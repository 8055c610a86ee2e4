import GRDB
import Gateway
import Testing

@testable import Storage

@Suite("The audit")
struct AuditTests {
    private static func actions(_ fixture: StoreFixture, _ business: BusinessID? = nil) async throws -> [String] {
        let slice = try await fixture.store.audit(of: business, page: Page(limit: 200))
        return slice.elements.reversed().map { "\($0.action) \($0.subject)" }
    }

    @Test func `each change writes its line, and a change of nothing none`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let (business, bot) = (shop.business.id, shop.bot.id)
            for _ in 1...2 {
                _ = try await fixture.store.setPaused(true, of: bot)
                _ = try await fixture.store.setState(.suspended, of: business)
            }
            _ = try await fixture.store.setPaused(false, of: bot)
            _ = try await fixture.store.renameBusiness(business, to: "Another")
            _ = try await fixture.store.setPipeline(
                "steps:\n  - stop: true\n",
                calling: [],
                of: business,
                at: StoreFixture.noon
            )
            try await fixture.store.usePipeline(nil, calling: [], of: business, at: StoreFixture.noon)
            _ = try await fixture.store.removeBot(bot, at: StoreFixture.noon)
            #expect(
                try await Self.actions(fixture) == [
                    "business.added \(business)", "bot.added \(bot)", "bot.paused \(bot)",
                    "business.suspended \(business)", "bot.resumed \(bot)", "business.renamed \(business)",
                    "pipeline.set version 1", "pipeline.off version 1", "bot.removed \(bot)",
                ]
            )
        }
    }

    @Test func `a business sees its own lines, and they outlive it without a word of it`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop("maier")
            let other = try await fixture.addShop("huber", telegramID: 7_000_002)
            _ = try await fixture.store.removeBot(shop.bot.id, at: StoreFixture.noon)
            #expect(try await fixture.store.beginErasure(of: shop.business.id, at: StoreFixture.noon))
            while try await !fixture.store.eraseStep(of: shop.business.id, rows: 50).isDone {}
            let lines = try await Self.actions(fixture, shop.business.id)
            #expect(lines.suffix(2) == ["business.erasure_begun biz_1", "business.erased biz_1"])
            #expect(try await Self.actions(fixture, other.business.id).count == 2)
            let entries = try await fixture.store.audit(of: nil, page: Page(limit: 200)).elements
            #expect(!"\(entries)".contains("maier"))
        }
    }

    @Test func `no line is changed or taken away`() async throws {
        try await StoreFixture.with { fixture in
            _ = try await fixture.addShop()
            for sql in ["DELETE FROM audit", "UPDATE audit SET subject = 'x'"] {
                await #expect(throws: DatabaseError.self) {
                    try await fixture.store.pool.write { try $0.execute(sql: sql) }
                }
            }
            #expect(try await fixture.count("audit") == 2)
        }
    }
}
