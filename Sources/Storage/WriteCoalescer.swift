import GRDB
import GRDBSQLite
import Gateway
import Synchronization

/// The one door for writes: whatever waits is written in one transaction, so that one fsync serves all that came during the last.
///
/// A batch is drawn in turns from the businesses. Its intake records are applied as one set without savepoints; the rest are closures,
/// each in a savepoint of its own: synchronous, free of side effects, and perhaps run twice. If the set fails by the values of a record,
/// the batch is run again one by one, so that this record fails alone; if the engine fails, the whole batch does. All are
/// answered after the commit. Nobody who waits can undo what is committed by going away.
final class WriteCoalescer: Sendable {
    /// Above this only the time to wait grows.
    ///
    /// **Source:** measured, see the load program.
    static let maximumBatch = 256

    enum Job: Sendable {
        case intake(IntakeRecord, then: @Sendable (IntakeOutcome) -> Void)
        case closure(ClosureJob)
    }

    struct ClosureJob: Sendable {
        /// Writes; gives what is to be told after the commit.
        let run: @Sendable (Database) throws -> Written
        /// Whether what the intake remembers of places does not hold afterwards.
        let movesConversations: Bool
        /// Told instead if nothing of it is written.
        let fail: @Sendable (any Error) -> Void
    }

    /// What a closure has written, once it is committed.
    struct Written: Sendable {
        let changes: Changes
        /// Tells whoever waits.
        let tell: @Sendable () -> Void
    }

    /// A job, and since when it waits.
    struct Waiting: Sendable {
        let job: Job
        let since = ContinuousClock.now
    }

    private struct State {
        var turns: FairTurns<Waiting>
        var isDraining = false
        var isClosed = false
    }

    private let pool: DatabasePool
    private let checkpoints: Checkpoints
    private let connection = WriterConnection()
    private let state: Mutex<State>
    private let instruments: WriteInstruments
    /// Called after a commit with what has changed, by closures or by another process.
    private let onChange: @Sendable (Changes) -> Void
    /// Called with the jobs that a commit has made, on the writer's thread.
    private let onJobs: @Sendable ([PipelineJob]) -> Void

    init(
        _ pool: DatabasePool,
        _ checkpoints: Checkpoints,
        limits: FairTurns<Waiting>.Limits,
        instruments: WriteInstruments = Instruments.none.writes,
        onChange: @escaping @Sendable (Changes) -> Void,
        onJobs: @escaping @Sendable ([PipelineJob]) -> Void = { _ in }
    ) {
        self.pool = pool
        self.checkpoints = checkpoints
        self.instruments = instruments
        state = Mutex(State(turns: FairTurns(limits: limits)))
        self.onChange = onChange
        self.onJobs = onJobs
    }

    /// How many writes wait for the next batch.
    var waiting: Int { state.withLock { $0.turns.count } }

    /// How many writes wait, and how long the one that came first has; for whoever looks now and then.
    var backlog: (waiting: Int, oldest: Duration) {
        let (waiting, first) = state.withLock { ($0.turns.count, $0.turns.fronts.map(\.since).min()) }
        return (waiting, first.map { ContinuousClock.now - $0 } ?? .zero)
    }

    /// Whether it was told to close.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Lets an update wait for the next batch; an answer comes at once only if it cannot wait.
    func accept(_ record: IntakeRecord, then: @escaping @Sendable (IntakeOutcome) -> Void) {
        let refusal = enqueue(.intake(record, then: then), owner: record.businessID.rawValue, bytes: record.body.count)
        if let refusal { then(.unavailable(refusal, retryAfterSeconds: 1)) }
    }

    /// Runs a closure within a batch, and tells its value after the commit; what it threw, if nothing of it is written.
    ///
    /// Nobody who waits for it can stop or undo it by going away.
    ///
    /// - Parameters:
    ///   - business: whose share the write counts in; nil for the operator.
    ///   - movesConversations: see `SQLiteStore.write`.
    ///   - changes: what has changed, by the value that the closure gave.
    ///   - then: called once, on the writer's thread, or at once with a `StoreError` if it cannot wait.
    func write<Value: Sendable>(
        for business: BusinessID?,
        movesConversations: Bool = false,
        changes: @escaping @Sendable (Value) -> Changes = { _ in .all },
        _ body: @escaping @Sendable (Database) throws -> Value,
        then: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        let job = ClosureJob(
            run: { db in
                let value = try body(db)
                return Written(changes: changes(value), tell: { then(.success(value)) })
            },
            movesConversations: movesConversations,
            fail: { then(.failure($0)) }
        )
        // Row ids begin at 1: 0 is the operator's line.
        if let refusal = enqueue(.closure(job), owner: business?.rawValue ?? 0, bytes: 256) { then(.failure(refusal)) }
    }

    /// Looks whether another process has committed.
    func poll() async {
        await withCheckedContinuation { continuation in
            pool.asyncWriteWithoutTransaction { [connection, onChange] db in
                // A failed look is no harm: the next comes in a moment, and a batch that meets the failure reports it.
                let isChanged = try? connection.with(db) { writer in
                    try writer.look()
                    return writer.takeChangeOfOthers()
                }
                if isChanged == true { onChange(.all) }
                self.enterNoted(db)
                continuation.resume()
            }
        }
    }

    /// Brings the log into the database file if it is long, after a write that went past this.
    ///
    /// On the writer's queue.
    func checkpoint(_ db: Database) { connection.checkpoint(db, checkpoints) }

    /// Takes up what a server that has died has left to be done.
    func recover() async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            pool.asyncWriteWithoutTransaction { [connection] db in
                continuation.resume(with: Result { try connection.with(db) { try $0.intake.recover() } })
            }
        }
    }

    /// Enters what is noted into the histories, a transaction a step, until nothing is left or something else waits.
    private func enterNoted(_ db: Database) {
        // A failure is no harm: the notes stay, and the next look tries again.
        while waiting == 0, (try? connection.with(db) { $0.intake.hasNotedMessages }) == true {
            guard Batch([]).write(db, connection, instruments, onChange, onJobs) else { return }
            connection.checkpoint(db, checkpoints)
        }
    }

    /// Refuses what comes from now on, and returns when all that waits is written and the statements are finalised.
    func close() async {
        state.withLock { $0.isClosed = true }
        await withCheckedContinuation { continuation in
            // Drains run on the same serial queue: what waited before this is done by then.
            pool.asyncWriteWithoutTransaction { [connection] db in
                self.drain(db)
                self.enterNoted(db)
                connection.close(db)
                continuation.resume()
            }
        }
        checkpoints.close()
    }

    private func enqueue(_ job: Job, owner: Int64, bytes: Int) -> StoreError? {
        let waiting = Waiting(job: job)
        let (refusal, wakes): (StoreError?, Bool) = state.withLock { state in
            if state.isClosed { return (.closed, false) }
            guard state.turns.append(waiting, owner: owner, bytes: bytes) else { return (.overloaded, false) }
            defer { state.isDraining = true }
            return (nil, !state.isDraining)
        }
        if wakes { pool.asyncWriteWithoutTransaction { self.drain($0) } }
        return refusal
    }

    private func drain(_ db: Database) {
        while true {
            let batch = state.withLock { state in
                let batch = state.turns.draw(Self.maximumBatch)
                state.isDraining = !batch.isEmpty
                return batch
            }
            guard !batch.isEmpty else { return }
            Batch(batch).write(db, connection, instruments, onChange, onJobs)
            connection.checkpoint(db, checkpoints)
        }
    }
}
