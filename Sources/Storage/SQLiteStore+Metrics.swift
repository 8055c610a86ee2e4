import Foundation
import GRDB
import Gateway

/// How much waits to be written: from memory, so that it can be told though the database cannot be read.
public struct WriteBacklogSource: MetricSource {
    private let writes: WriteCoalescer

    /// Watches the writes of a store.
    public init(_ store: SQLiteStore) { writes = store.writes }

    /// See `MetricSource`.
    public var metricSourceName: String { "write_backlog" }

    /// See `MetricSource`.
    public func samples() -> [MetricSample] {
        let (waiting, oldest) = writes.backlog
        return [
            MetricSample(.writeWaiting, Double(waiting)),
            MetricSample(.writeOldest, oldest / .seconds(1)),
        ]
    }
}

/// How large the store's files are, and how much room the disk has.
public struct StoreFilesSource: MetricSource {
    private let directory: DataDirectory

    /// Watches the files of a data directory.
    public init(_ directory: DataDirectory) { self.directory = directory }

    /// See `MetricSource`.
    public var metricSourceName: String { "store_files" }

    /// Leaves out what the system does not say.
    public func samples() -> [MetricSample] {
        var samples: [MetricSample] = []
        if let bytes = Self.bytes(directory.database) { samples.append(MetricSample(.databaseBytes, bytes)) }
        // Without a log there is nothing in it.
        samples.append(MetricSample(.walBytes, Self.bytes(directory.database + "-wal") ?? 0))
        if let free = directory.freeBytes { samples.append(MetricSample(.diskFreeBytes, Double(free))) }
        return samples
    }

    private static func bytes(_ path: String) -> Double? {
        var status = stat()
        return stat(path, &status) == 0 ? Double(status.st_size) : nil
    }
}

/// What the tables hold, counted where that is cheap.
public struct StoreTablesSource: MetricSource {
    /// Kept updates are counted up to this: SQLite looks at the row of each, though the index alone would tell.
    static let mostKept = 10_000

    private let store: SQLiteStore

    /// Watches the tables of a store.
    public init(_ store: SQLiteStore) { self.store = store }

    /// See `MetricSource`.
    public var metricSourceName: String { "store_tables" }

    /// Reads in one transaction; states that nothing is in count as 0.
    public func samples() async throws -> [MetricSample] {
        try await store.read { db in
            try Self.bots(db) + Self.businesses(db) + Self.handlerWebhooks(db) + [
                MetricSample(.deliveriesWaiting, try Self.count(db, Self.waitingDeliveries)),
                MetricSample(.historyTail, try Self.count(db, "SELECT count(*) FROM history_tail")),
                MetricSample(.keptUpdates, try Self.count(db, Self.keptUpdates)),
                MetricSample(.outboxWaiting, try Self.count(db, Self.waitingCalls)),
                MetricSample(.outboxOldest, try Self.oldestCall(db)),
            ]
        }
    }

    private static let keptUpdates = """
        SELECT count(*) FROM (SELECT 1 FROM raw_update WHERE mark IS NOT NULL LIMIT \(mostKept))
        """

    /// Counted up to this, as kept updates are.
    private static let waitingCalls = "SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT 100000)"

    private static let waitingDeliveries =
        "SELECT count(*) FROM (SELECT 1 FROM delivery INDEXED BY delivery_due WHERE state = 'waiting' LIMIT 100000)"

    /// Seconds since the first call that waits was put there.
    private static func oldestCall(_ db: Database) throws -> Double {
        guard let since = try Int64.fetchOne(db, sql: "SELECT created_at FROM outbox ORDER BY id LIMIT 1") else {
            return 0
        }
        return Double(max(0, Timestamp.now().milliseconds - since)) / 1000
    }

    private static func count(_ db: Database, _ sql: String) throws -> Double { try Double.fetchOne(db, sql: sql) ?? 0 }

    private static func bots(_ db: Database) throws -> [MetricSample] {
        var counts: [[String]: Double] = [:]
        for state in [Bot.State.active, .paused] {
            for health in [Bot.Health.ok, .unverified, .tokenRevoked, .webhookFailed] {
                counts[[state.rawValue, health.rawValue]] = 0
            }
        }
        let rows = try Row.fetchCursor(
            db,
            sql: "SELECT state, health, count(*) FROM bot WHERE state <> 'removed' GROUP BY state, health"
        )
        while let row = try rows.next() { counts[[row[0], row[1]]] = row[2] }
        return counts.map { MetricSample(.bots, $0.key, $0.value) }
    }

    private static func handlerWebhooks(_ db: Database) throws -> [MetricSample] {
        var counts = ["ok": 0.0, "failing": 0, "off": 0]
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT CASE WHEN state = 'off' THEN 'off' WHEN failing_since IS NULL THEN 'ok' ELSE 'failing' END AS standing, count(*)
                FROM webhook_endpoint WHERE in_force = 1 GROUP BY standing
                """
        )
        while let row = try rows.next() { counts[row[0]] = row[1] }
        return counts.map { MetricSample(.handlerWebhooks, [$0.key], $0.value) }
    }

    private static func businesses(_ db: Database) throws -> [MetricSample] {
        var counts: [String: Double] = [:]
        for state in [Business.State.active, .suspended, .removing] { counts[state.rawValue] = 0 }
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT CASE WHEN removing_at IS NULL THEN state ELSE 'removing' END AS standing, count(*)
                FROM business GROUP BY standing
                """
        )
        while let row = try rows.next() { counts[row[0]] = row[1] }
        return counts.map { MetricSample(.businesses, [$0.key], $0.value) }
    }
}
