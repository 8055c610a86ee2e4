import GRDB
import GRDBSQLite
import Gateway

/// The writer connection with what belongs to it: prepared statements, caches, the last seen `data_version`.
///
/// `@unchecked Sendable` is right because every member is touched only in `with`, which takes the `Database` of the pool's
/// one writer: GRDB hands that out on its serial writer queue alone, one access at a time, and asserts so.
final class WriterConnection: @unchecked Sendable {
    private var members: Members?
    private var isClosed = false

    final class Members {
        var intake: IntakeWriter
        let begin: HotStatement
        let commit: HotStatement
        let rollback: HotStatement
        let savepoint: HotStatement
        let release: HotStatement
        let rollbackToSavepoint: HotStatement
        private let dataVersion: HotStatement
        /// Nil before the first look: what others committed before it may be unknown too, so that look finds a change.
        private var seenDataVersion: Int64?
        /// Whether others have committed and nobody was told yet.
        ///
        /// It outlives the transaction that saw it: one that is rolled back would swallow the change otherwise.
        private var hasChangeOfOthers = false
        /// How long the write-ahead log is, as SQLite tells it with each commit.
        private let log = LogLength()
        private let connection: OpaquePointer

        private final class LogLength {
            var pages = 0
        }

        init(_ connection: OpaquePointer) throws {
            intake = try IntakeWriter(connection)
            begin = try HotStatement(connection, "BEGIN IMMEDIATE")
            commit = try HotStatement(connection, "COMMIT")
            rollback = try HotStatement(connection, "ROLLBACK")
            savepoint = try HotStatement(connection, "SAVEPOINT write")
            release = try HotStatement(connection, "RELEASE write")
            rollbackToSavepoint = try HotStatement(connection, "ROLLBACK TO write")
            dataVersion = try HotStatement(connection, "PRAGMA data_version")
            self.connection = connection
            // This takes the place of SQLite's own checkpoints, in the middle of whichever commit makes the log long.
            sqlite3_wal_hook(
                connection,
                { log, _, _, pages in
                    if let log { Unmanaged<LogLength>.fromOpaque(log).takeUnretainedValue().pages = Int(pages) }
                    return SQLITE_OK
                },
                Unmanaged.passUnretained(log).toOpaque()
            )
        }

        deinit { sqlite3_wal_hook(connection, nil, nil) }

        /// Brings the log into the database file if it is long.
        func checkpoint(_ checkpoints: Checkpoints) { checkpoints.afterCommit(pages: log.pages, writer: connection) }

        /// Looks whether another process has committed since the last look; then nothing remembered is trusted.
        ///
        /// **Source:** sqlite.org, `PRAGMA data_version`.
        func look() throws {
            let present = try dataVersion.first { $0.int64(0) }
            guard present != seenDataVersion else { return }
            seenDataVersion = present
            hasChangeOfOthers = true
            intake.forgetAll()
        }

        /// Whether a look has found a change that nobody was told yet; whoever asks tells it.
        func takeChangeOfOthers() -> Bool {
            defer { hasChangeOfOthers = false }
            return hasChangeOfOthers
        }
    }

    /// Gives the members; prepares them at the first call.
    func with<Value>(_ db: Database, _ body: (Members) throws -> Value) throws -> Value {
        if let members { return try body(members) }
        guard !isClosed, let connection = db.sqliteConnection else { throw StoreError.closed }
        let made = try Members(connection)
        members = made
        return try body(made)
    }

    /// Brings the log into the database file if it is long.
    func checkpoint(_ db: Database, _ checkpoints: Checkpoints) { members?.checkpoint(checkpoints) }

    /// Finalises the statements, so that the connection can close; a look that comes late prepares them no more.
    func close(_ db: Database) {
        isClosed = true
        members = nil
    }
}
