import GRDB
import Gateway
import Synchronization
import Testing

@testable import Storage

@Suite("The bounds of what may wait", .timeLimit(.minutes(1)))
struct BoundsTests {
    private typealias Limits = FairTurns<WriteCoalescer.Waiting>.Limits

    private static let overloaded = IntakeOutcome.unavailable(.overloaded, retryAfterSeconds: 1)

    @Test func `a business over its share is refused while another's update is taken`() async throws {
        try await StoreFixture.with(limits: Limits(total: 100, share: 2)) { fixture in
            let loud = try await fixture.addShop("loud", telegramID: 7_000_001)
            let calm = try await fixture.addShop("calm", telegramID: 7_000_002)
            let outcomes = Mutex<[String: [IntakeOutcome]]>([:])
            let refused = await fixture.whileWriterIsHeld {
                for number: Int64 in 1...4 {
                    fixture.store.accept(loud.record(UpdateText(number: number))) { outcome in
                        outcomes.withLock { $0["loud", default: []].append(outcome) }
                    }
                }
                fixture.store.accept(calm.record(UpdateText(number: 1))) { outcome in
                    outcomes.withLock { $0["calm", default: []].append(outcome) }
                }
                // A refusal does not wait for the writer.
                return outcomes.withLock { $0 }
            }
            #expect(refused == ["loud": [Self.overloaded, Self.overloaded]])
            try await fixture.store.write { _ in }
            let all = outcomes.withLock { $0 }
            #expect(all["loud"] == [Self.overloaded, Self.overloaded, .stored, .stored])
            #expect(all["calm"] == [.stored])
            #expect(try await fixture.count("raw_update") == 3)
            // The refused one is taken when Telegram sends it again.
            #expect(await fixture.accept(UpdateText(number: 3), loud) == .stored)
        }
    }

    @Test func `a business may not have more bytes waiting than its share`() async throws {
        try await StoreFixture.with(limits: Limits(shareBytes: 3000)) { fixture in
            let shop = try await fixture.addShop()
            let text = String(repeating: "x", count: 1800)
            let outcomes = Mutex<[IntakeOutcome]>([])
            await fixture.whileWriterIsHeld {
                for number: Int64 in 1...2 {
                    fixture.store.accept(shop.record(UpdateText(number: number, text: text))) { outcome in
                        outcomes.withLock { $0.append(outcome) }
                    }
                }
            }
            try await fixture.store.write { _ in }
            #expect(outcomes.withLock { $0 } == [Self.overloaded, .stored])
        }
    }

    @Test func `administrative writes over their share are refused with a word`() async throws {
        try await StoreFixture.with(limits: Limits(share: 1)) { fixture in
            let first = await fixture.whileWriterIsHeld {
                let first = Task { try await fixture.addBusiness("first") }
                await fixture.untilWaiting(1)
                await #expect(throws: StoreError.overloaded) { try await fixture.addBusiness("second") }
                return first
            }
            let business = try await first.value
            #expect(business.slug.text == "first")
        }
    }

    @Test func `what waits when the store closes is written, and what comes later is refused`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let outcomes = Mutex<[IntakeOutcome]>([])
            let closing = await fixture.whileWriterIsHeld {
                for number: Int64 in 1...600 {
                    fixture.store.accept(shop.record(UpdateText(number: number))) { outcome in
                        outcomes.withLock { $0.append(outcome) }
                    }
                }
                return Task { try await fixture.store.close() }
            }
            try await closing.value
            #expect(outcomes.withLock { $0 } == Array(repeating: .stored, count: 600))

            let refusal = IntakeOutcome.unavailable(.closed, retryAfterSeconds: 1)
            #expect(await fixture.accept(UpdateText(number: 601), shop) == refusal)
            await #expect(throws: StoreError.closed) { try await fixture.addBusiness("late") }
            await #expect(throws: StoreError.closed) { try await fixture.store.businesses() }
            #expect(await fixture.store.problems().first == StoreError.closed.description)
            await fixture.store.poll()

            let reopened = try await SQLiteStore(fixture.directory, .expectCurrent)
            try await StoreFixture.closing(reopened) {
                let after = StoreFixture(directory: fixture.directory, store: reopened)
                let messages = try await after.count("message")
                #expect(messages == 600)
            }
        }
    }

    @Test func `a look for other processes between the last write and the end does not hinder closing`() async throws {
        try await StoreFixture.with { fixture in
            _ = try await fixture.addShop()
            await fixture.store.writes.close()
            await fixture.store.poll()
            fixture.store.pool.invalidateReadOnlyConnections()
            // Statements prepared by that look would hold the connection open.
            try fixture.store.pool.close()
            #expect(try DataFiles(fixture.directory).names == ["switchboard.sqlite"])
        }
    }

    @Test func `closing leaves the database file alone, without its log`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            for number: Int64 in 1...20 { await fixture.accept(UpdateText(number: number), shop) }
            _ = try await fixture.conversations(shop.business)
            #expect(try DataFiles(fixture.directory).names.contains("switchboard.sqlite-wal"))
            try await fixture.store.close()
            #expect(try DataFiles(fixture.directory).names == ["switchboard.sqlite"])
        }
    }

    @Test func `a read that is cancelled says so and blames nobody`() async throws {
        try await StoreFixture.with { fixture in
            let read = Task {
                while !Task.isCancelled { await Task.yield() }
                return try await fixture.store.businesses()
            }
            read.cancel()
            await #expect(throws: CancellationError.self) { try await read.value }
        }
    }

    @Test func `a ready store has no problem`() async throws {
        try await StoreFixture.with { fixture in
            #expect(await fixture.store.problems() == [])
            #expect(await fixture.store.problems() == [])
        }
    }
}
