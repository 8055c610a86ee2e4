import GRDB
import Gateway

/// The schema's steps, compiled in from the folder `migrations`, in their order.
enum Migrations {
    /// A new file is added here by hand; a test compares the list with the folder.
    static let all: [(name: String, sql: [UInt8])] = [
        ("0001_main_job", PackageResources._001_main_job_sqlite_sql),
        ("0002_history_tail", PackageResources._002_history_tail_sqlite_sql),
        ("0003_bot_life", PackageResources._003_bot_life_sqlite_sql),
        ("0004_every_kind", PackageResources._004_every_kind_sqlite_sql),
        ("0005_outbox", PackageResources._005_outbox_sqlite_sql),
        ("0006_retention", PackageResources._006_retention_sqlite_sql),
        ("0007_pipeline", PackageResources._007_pipeline_sqlite_sql),
        ("0008_jobs", PackageResources._008_jobs_sqlite_sql),
        ("0009_deliveries", PackageResources._009_deliveries_sqlite_sql),
        ("0010_outbox_order", PackageResources._010_outbox_order_sqlite_sql),
        ("0011_audit", PackageResources._011_audit_sqlite_sql),
        ("0012_webhook_in_force", PackageResources._012_webhook_in_force_sqlite_sql),
        ("0013_conversation_jobs", PackageResources._013_conversation_jobs_sqlite_sql),
        ("0014_webhook_renewal", PackageResources._014_webhook_renewal_sqlite_sql),
    ]

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        for (name, sql) in all {
            migrator.registerMigration(name) { try $0.execute(sql: String(decoding: sql, as: UTF8.self)) }
        }
        return migrator
    }

    /// What the database has and lacks.
    ///
    /// - Throws: `StoreError.newerSchema` if it has steps that this version does not know.
    static func state(_ db: Database) throws -> MigrationState {
        let applied = try migrator.appliedIdentifiers(db)
        let unknown = applied.subtracting(all.map(\.name)).sorted()
        guard unknown.isEmpty else { throw StoreError.newerSchema(unknown: unknown) }
        return MigrationState(
            applied: all.map(\.name).filter(applied.contains),
            pending: all.map(\.name).filter { !applied.contains($0) }
        )
    }
}

/// Which steps of the schema a database has, and which it lacks.
public struct MigrationState: Hashable, Sendable {
    /// Done, in order.
    public var applied: [String]
    /// To be done, in order.
    public var pending: [String]
}
