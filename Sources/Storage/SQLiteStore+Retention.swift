import GRDB
import Gateway

extension SQLiteStore: RetentionStore {
    /// See `RetentionStore`.
    public func retention(of business: BusinessID) async throws -> RetentionPolicy {
        try await read { db in
            let days = try Int.fetchOne(
                db,
                sql: "SELECT raw_retention_days FROM business WHERE id = ?1",
                arguments: [business.rawValue]
            )
            guard let days else { throw GatewayError.unknownBusiness(business.description) }
            return try Self.policy(days)
        }
    }

    /// See `RetentionStore`.
    public func setRetention(_ policy: RetentionPolicy, of business: BusinessID) async throws {
        try await write(for: business) { db in
            try Self.refuseRemoved(business, db)
            try db.execute(
                sql: "UPDATE business SET raw_retention_days = ?2 WHERE id = ?1",
                arguments: [business.rawValue, policy.rawDays]
            )
            if db.changesCount == 0 { throw GatewayError.unknownBusiness(business.description) }
        }
    }

    /// See `RetentionStore`.
    public func retentionPolicies() async throws -> [BusinessID: RetentionPolicy] {
        try await read { db in
            var policies: [BusinessID: RetentionPolicy] = [:]
            for row in try Row.fetchAll(db, sql: "SELECT id, raw_retention_days FROM business") {
                policies[BusinessID(rawValue: row["id"])] = try Self.policy(row["raw_retention_days"])
            }
            return policies
        }
    }

    private static func policy(_ days: Int) throws -> RetentionPolicy {
        guard let policy = RetentionPolicy(rawDays: days) else { throw StoreError.damaged("retention of a business") }
        return policy
    }

    /// See `RetentionStore`.
    public func updates(after id: KeptUpdateID, limit: Int) async throws -> [AgedUpdate] {
        try await read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    // The type of a body is known without reading it.
                    sql: """
                        SELECT id, business_id, received_at, state = 'open' AS is_open, mark IS NOT NULL AS is_marked,
                            update_id IS NOT NULL AS has_number, typeof(body) <> 'null' AS has_body
                        FROM raw_update WHERE id > ?1 ORDER BY id LIMIT ?2
                        """
                ),
                arguments: [id.rawValue, limit]
            ).map { row in
                AgedUpdate(
                    id: KeptUpdateID(rawValue: row["id"]),
                    businessID: BusinessID(rawValue: row["business_id"]),
                    receivedAt: Timestamp(milliseconds: row["received_at"]),
                    isOpen: row["is_open"],
                    isMarked: row["is_marked"],
                    hasNumber: row["has_number"],
                    hasBody: row["has_body"]
                )
            }
        }
    }

    /// See `RetentionStore`.
    public func prune(_ step: RetentionStep) async throws -> Int {
        let done = "id IN (SELECT value FROM json_each(?1)) AND state = 'done'"
        let runs = "update_id IN (SELECT value FROM json_each(?1))"
        let changes = [
            ("UPDATE raw_update SET body = NULL WHERE \(done)", step.bodies),
            ("DELETE FROM pipeline_run WHERE \(runs)", step.bodies + step.rows),
            (
                """
                UPDATE raw_update SET claimed_update_id = coalesce(update_id, claimed_update_id), update_id = NULL
                WHERE \(done)
                """,
                step.numbers
            ),
            ("DELETE FROM raw_update WHERE \(done)", step.rows),
        ]
        return try await write(changes: { _ in [] }) { db in
            var rows = 0
            for (change, ids) in changes where !ids.isEmpty {
                let list = "[\(ids.map { String($0.rawValue) }.joined(separator: ","))]"
                try db.execute(sql: change, arguments: [list])
                rows += db.changesCount
            }
            return rows
        }
    }
}
