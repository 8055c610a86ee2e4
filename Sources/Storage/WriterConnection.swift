import GRDB
import Gateway

/// The writer connection with what belongs to it: prepared statements, caches, the last seen `data_version`.
///
/// `@unchecked Sendable` is right because every member is touched only in `with`, which takes the `Database` of the pool's
/// one writer: GRDB hands that out on its serial writer queue alone, one access at a time, and asserts so.
final class WriterConnection: @unchecked Sendable {
    private var members: Members?

    final class Members {
        var intake: IntakeWriter
        let begin: HotStatement
        let commit: HotStatement
        let rollback: HotStatement
        let savepoint: HotStatement
        let release: HotStatement
        let rollbackToSavepoint: HotStatement
        private let dataVersion: HotStatement
        private var seenDataVersion: Int64

        init(_ connection: OpaquePointer) throws {
            intake = try IntakeWriter(connection)
            begin = try HotStatement(connection, "BEGIN IMMEDIATE")
            commit = try HotStatement(connection, "COMMIT")
            rollback = try HotStatement(connection, "ROLLBACK")
            savepoint = try HotStatement(connection, "SAVEPOINT write")
            release = try HotStatement(connection, "RELEASE write")
            rollbackToSavepoint = try HotStatement(connection, "ROLLBACK TO write")
            dataVersion = try HotStatement(connection, "PRAGMA data_version")
            seenDataVersion = try dataVersion.first { $0.int64(0) } ?? 0
        }

        /// Whether another process has committed since the last look.
        ///
        /// **Source:** sqlite.org, `PRAGMA data_version`.
        func othersHaveCommitted() throws -> Bool {
            let present = try dataVersion.first { $0.int64(0) } ?? 0
            guard present != seenDataVersion else { return false }
            seenDataVersion = present
            intake.forgetAll()
            return true
        }
    }

    /// Gives the members; prepares them at the first call.
    func with<Value>(_ db: Database, _ body: (Members) throws -> Value) throws -> Value {
        if let members { return try body(members) }
        guard let connection = db.sqliteConnection else { throw StoreError.closed }
        let made = try Members(connection)
        members = made
        return try body(made)
    }

    /// Finalises the statements, so that the connection can close.
    func close(_ db: Database) { members = nil }
}
