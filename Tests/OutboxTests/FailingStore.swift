import Gateway
import Storage
import Synchronization

/// The real store, whose writes of the sender fail for a while as they do when the disk is full.
final class FailingStore: OutboxStore {
    private let store: SQLiteStore
    private let left: Mutex<Int>
    private let failed: AsyncStream<Void>
    private let tell: AsyncStream<Void>.Continuation

    /// Fails so many writes, from the first one that settles something on.
    init(_ store: SQLiteStore, times: Int) {
        self.store = store
        left = Mutex(times)
        (failed, tell) = AsyncStream.makeStream(of: Void.self)
    }

    /// Returns when a write has failed.
    func untilFailed() async { for await _ in failed { return } }

    func advance(_ claims: [OutboxClaim], _ settlements: [Settlement], at now: Timestamp) async throws -> OutboxProgress
    {
        let fails = left.withLock { left in
            guard left > 0, !settlements.isEmpty else { return false }
            left -= 1
            return true
        }
        if fails {
            tell.yield()
            throw StoreError.full
        }
        return try await store.advance(claims, settlements, at: now)
    }

    func enqueue(_ request: SendRequest, at now: Timestamp) async throws -> QueuedCalls {
        try await store.enqueue(request, at: now)
    }

    func original(
        answeredBy reply: MessageID,
        of business: BusinessID
    ) async throws -> (
        message: MessageID, conversation: ConversationID
    )? {
        try await store.original(answeredBy: reply, of: business)
    }

    func outboxChanges() -> AsyncStream<Void> { store.outboxChanges() }

    func outboxNews(after: OutboxID?, knownVersion: Int64?) async throws -> OutboxNews {
        try await store.outboxNews(after: after, knownVersion: knownVersion)
    }

    func windows(_ requests: [OutboxWindow.Request], at now: Timestamp) async throws -> [OutboxWindow] {
        try await store.windows(requests, at: now)
    }

    func interruptedCalls(limit: Int) async throws -> [ClaimedCall] { try await store.interruptedCalls(limit: limit) }

    func record(_ check: BotCheck, of bot: BotID, at now: Timestamp) async throws -> Bot {
        try await store.record(check, of: bot, at: now)
    }
}
