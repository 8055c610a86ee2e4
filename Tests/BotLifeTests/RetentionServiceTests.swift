import Gateway
import Logging
import ServiceLifecycle
import Synchronization
import TestClock
import Testing

@Suite("Retention beside the server", .timeLimit(.minutes(1)))
struct RetentionServiceTests {
    /// A store whose updates are of any age, and which may fail.
    private final class Scripted: RetentionStore {
        struct Broken: Error {}

        let rounds = Mutex(0)
        private let failing: Int

        init(failingRounds: Int) { failing = failingRounds }

        func retention(of business: BusinessID) async throws -> RetentionPolicy { .standard }
        func setRetention(_ policy: RetentionPolicy, of business: BusinessID) async throws {}
        func retentionPolicies() async throws -> [BusinessID: RetentionPolicy] {
            let round = rounds.withLock { count in
                count += 1
                return count
            }
            if round <= failing { throw Broken() }
            return [:]
        }
        func updates(after id: KeptUpdateID, limit: Int) async throws -> [AgedUpdate] { [] }
        func prune(_ step: RetentionStep) async throws -> Int { 0 }
    }

    @Test func `a round is made at the start and then every minute, a failed one included, until the server stops`()
        async throws
    {
        let store = Scripted(failingRounds: 2)
        let clock = HandClock()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let service = RetentionService(Retention(store: store), clock: clock, logger: logger)
        let group = ServiceGroup(services: [service], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            for round in 1...4 {
                await clock.untilSomebodySleeps()
                #expect(store.rounds.withLock { $0 } == round)
                clock.advance(by: .seconds(59))
                #expect(store.rounds.withLock { $0 } == round)
                clock.advance(by: .seconds(1))
            }
            await clock.untilSomebodySleeps()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(store.rounds.withLock { $0 } == 5)
    }
}
