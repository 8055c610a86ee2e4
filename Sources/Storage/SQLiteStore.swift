import CPlatform
import Foundation
import GRDB
import GRDBSQLite
import Gateway

/// The gateway's database in one SQLite file.
///
/// All SQL is in this module.
///
/// Writes go through one coalescer, reads through a bounded set of connections that see what is committed. Several processes may
/// have the file open (the server and the admin commands); SQLite's write-ahead log keeps them apart.
public final class SQLiteStore: Sendable {
    /// How a store is opened.
    public enum Opening: Sendable {
        /// For `init`: makes the database, which must not be there.
        case create
        /// For `serve` and `migrate`: brings an older schema up to date.
        case migrate
        /// For every other command: refuses a differing schema.
        case expectCurrent
    }

    let pool: DatabasePool
    let writes: WriteCoalescer
    let directory: DataDirectory
    let changeStream: AsyncStream<Void>
    private let changeContinuation: AsyncStream<Void>.Continuation
    let outboxFeed = ChangeFeed()
    let deliveryFeed = ChangeFeed()
    let lateAnswerFeed = ChangeFeed()
    /// Tells of every commit with closures, and of those of other processes.
    let commitFeed = ChangeFeed()
    let jobStream: AsyncStream<[PipelineJob]>
    private let jobContinuation: AsyncStream<[PipelineJob]>.Continuation

    /// At most so many reads run at once; each connection keeps a page cache of its own.
    private static let readers = 4

    /// The least room on the disk with which the server counts as ready.
    static let leastFreeBytes: Int64 = 64 << 20

    /// Opens the database of a data directory.
    ///
    /// - Parameter instruments: what counts its writes.
    /// - Throws: `StoreError` in words for people; nothing is left behind by a failed `create`.
    public convenience init(
        _ directory: DataDirectory,
        _ opening: Opening,
        instruments: WriteInstruments = Instruments.none.writes
    ) async throws {
        try await self.init(directory, opening, limits: .init(), instruments: instruments)
    }

    init(
        _ directory: DataDirectory,
        _ opening: Opening,
        limits: FairTurns<WriteCoalescer.Waiting>.Limits,
        instruments: WriteInstruments = Instruments.none.writes
    ) async throws {
        try directory.check()
        switch opening {
        case .create: try directory.claimDatabase()
        case .migrate, .expectCurrent:
            if !directory.isInitialised { throw StoreError.notInitialised(directory.path) }
        }
        _ = Self.isTuned
        do {
            pool = try DatabasePool(path: directory.database, configuration: Self.configuration())
            try await Self.prepare(pool, opening)
        } catch {
            if case .create = opening { Self.removeFiles(directory) }
            throw StoreError(error)
        }
        self.directory = directory
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        changeStream = stream
        changeContinuation = continuation
        // Without a listener, as in a command, nothing makes jobs.
        let (jobs, jobContinuation) = AsyncStream<[PipelineJob]>.makeStream()
        jobStream = jobs
        self.jobContinuation = jobContinuation
        let checkpoints = Checkpoints(path: directory.database)
        writes = WriteCoalescer(pool, checkpoints, limits: limits, instruments: instruments) {
            [outboxFeed, deliveryFeed, lateAnswerFeed, commitFeed] changes in
            commitFeed.tell()
            if changes.contains(.registry) { continuation.yield() }
            if changes.contains(.outbox) { outboxFeed.tell() }
            if changes.contains(.deliveries) { deliveryFeed.tell() }
            if changes.contains(.lateAnswers) { lateAnswerFeed.tell() }
        } onJobs: {
            jobContinuation.yield($0)
        }
        if case .migrate = opening { try await writes.recover() }
    }

    /// Writes what waits, refuses what comes later, and closes the connections.
    public func close() async throws {
        changeContinuation.finish()
        for feed in [outboxFeed, deliveryFeed, lateAnswerFeed, commitFeed] { feed.end() }
        jobContinuation.finish()
        await writes.close()
        // The writer shall be the last to close: only it can bring the log into the database file and remove it.
        pool.invalidateReadOnlyConnections()
        do { try pool.close() } catch { throw StoreError(error) }
    }

    /// Done once in a process, before its first connection; SQLite takes no harm from being told too late.
    private static let isTuned = platform_sqlite_without_memory_statistics() == SQLITE_OK

    private static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.label = "switchboard"
        configuration.maximumReaderCount = readers
        // Another process may hold the write lock for a moment: an admin command, or this server.
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            try db.execute(
                sql: """
                    PRAGMA secure_delete = ON;
                    PRAGMA foreign_keys = ON;
                    PRAGMA journal_size_limit = 268435456;
                    PRAGMA cache_size = -16384;
                    PRAGMA temp_store = MEMORY;
                    """
            )
        }
        return configuration
    }

    private static func prepare(_ pool: DatabasePool, _ opening: Opening) async throws {
        // GRDB sets NORMAL on its writer after `prepareDatabase`: what is acknowledged would not be on the disk.
        try await pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2 else {
                throw StoreError.failed("the database does not take synchronous=FULL")
            }
        }
        let state = try await pool.read { try Migrations.state($0) }
        switch opening {
        case .create, .migrate:
            if !state.pending.isEmpty { try Migrations.migrator.migrate(pool) }
        case .expectCurrent:
            if !state.pending.isEmpty { throw StoreError.olderSchema(pending: state.pending) }
        }
    }

    private static func removeFiles(_ directory: DataDirectory) {
        for suffix in ["", "-wal", "-shm"] { unlink(directory.database + suffix) }
    }

    /// Which migrations the database of a directory has, without changing it.
    public static func migrationState(_ directory: DataDirectory) async throws -> MigrationState {
        try directory.check()
        guard directory.isInitialised else { throw StoreError.notInitialised(directory.path) }
        do {
            var configuration = configuration()
            configuration.readonly = true
            let queue = try DatabaseQueue(path: directory.database, configuration: configuration)
            defer { try? queue.close() }
            return try await queue.read { try Migrations.state($0) }
        } catch {
            throw StoreError(error)
        }
    }

    /// Reads what is committed; failures come out as `StoreError` or `GatewayError`, or `CancellationError`.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        do {
            return try await pool.read(body)
        } catch let error as GatewayError {
            throw error
        } catch let error as CancellationError {
            // Whoever asked has gone away: that is no failure of the database.
            throw error
        } catch {
            throw writes.isClosed ? StoreError.closed : StoreError(error)
        }
    }

    /// Writes within a batch; failures come out as `StoreError` or `GatewayError`.
    ///
    /// - Parameters:
    ///   - movesConversations: whether chats may lead to other conversations afterwards than the intake remembers.
    ///   - changes: what has changed, by the value that `body` gave.
    func write<Value: Sendable>(
        for business: BusinessID? = nil,
        movesConversations: Bool = false,
        changes: @escaping @Sendable (Value) -> Changes = { _ in .all },
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            write(for: business, movesConversations: movesConversations, changes: changes, body) {
                continuation.resume(with: $0)
            }
        }
    }

    /// Writes within a batch, then tells what came of it, once: after the commit, on the writer's thread, or at once for what cannot wait.
    func write<Value: Sendable>(
        for business: BusinessID? = nil,
        movesConversations: Bool = false,
        changes: @escaping @Sendable (Value) -> Changes = { _ in .all },
        _ body: @escaping @Sendable (Database) throws -> Value,
        then: @escaping @Sendable (Result<Value, any Error>) -> Void
    ) {
        writes.write(for: business, movesConversations: movesConversations, changes: changes, body) { result in
            then(result.mapError { $0 is GatewayError ? $0 : StoreError($0) })
        }
    }
}

extension SQLiteStore: Inbox {
    /// See `Inbox`.
    public func accept(_ record: IntakeRecord, then: @escaping @Sendable (IntakeOutcome) -> Void) {
        writes.accept(record, then: then)
    }
}

extension SQLiteStore: StoreCondition {
    /// See `StoreCondition`.
    public func problems() async -> [String] {
        var problems: [String] = []
        do {
            // A real commit: a file system that has become read-only or full shows itself here.
            try await write(changes: { _ in [] }) { db in
                try db.execute(
                    sql: """
                        INSERT INTO setting (name, value) VALUES ('ready_check', '1')
                        ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)
                        """
                )
            }
        } catch {
            problems.append(StoreError(error).description)
        }
        if let free = directory.freeBytes, free < Self.leastFreeBytes {
            problems.append("the disk has only \(free >> 20) MiB left")
        }
        return problems
    }
}
