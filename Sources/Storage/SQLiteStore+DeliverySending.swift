import Foundation
import GRDB
import Gateway

extension SQLiteStore: DeliveryStore {
    /// A look gives at most so many webhooks.
    private static let endpointsInLook = 10_000

    /// A webhook that is told something, in SQL.
    private static let mayBeTold = "e.state = 'on' AND b.state = 'active' AND b.removing_at IS NULL"

    /// See `DeliveryStore`.
    public func deliveryChanges() -> AsyncStream<Void> { outboxFeed.listen() }

    /// See `DeliveryStore`.
    public func look(at now: Timestamp) async throws -> DueLook {
        try await read { db in
            let rows = try Row.fetchAll(
                try db.cachedStatement(
                    sql: """
                        SELECT e.id, e.business_id FROM webhook_endpoint e JOIN business b ON b.id = e.business_id
                        WHERE e.next_at <= ?1 AND \(Self.mayBeTold) ORDER BY e.next_at, e.id LIMIT ?2
                        """
                ),
                arguments: [now.milliseconds, Self.endpointsInLook]
            )
            let next = try Int64.fetchOne(
                try db.cachedStatement(
                    sql: """
                        SELECT e.next_at FROM webhook_endpoint e JOIN business b ON b.id = e.business_id
                        WHERE e.next_at > ?1 AND \(Self.mayBeTold) ORDER BY e.next_at LIMIT 1
                        """
                ),
                arguments: [now.milliseconds]
            )
            return DueLook(
                endpoints: rows.map {
                    DueEndpoint(id: WebhookEndpointID(rawValue: $0[0]), business: BusinessID(rawValue: $0[1]))
                },
                nextAt: next.map(Timestamp.init(milliseconds:))
            )
        }
    }

    /// See `DeliveryStore`.
    public func due(
        _ wanted: [WebhookEndpointID: Int],
        without: Set<DeliveryID>,
        at now: Timestamp
    ) async throws -> [DueDelivery] {
        let taken = "[" + without.map { String($0.rawValue) }.joined(separator: ",") + "]"
        return try await read { db in
            var found: [DueDelivery] = []
            for (endpoint, limit) in wanted {
                let statement = try db.cachedStatement(
                    sql: """
                        SELECT id, event_id, kind, body, mode, timeout_seconds, attempts FROM delivery
                        WHERE endpoint_id = ?1 AND state = 'waiting' AND next_at <= ?2
                            AND id NOT IN (SELECT value FROM json_each(?4))
                        ORDER BY next_at, id LIMIT ?3
                        """
                )
                let rows = try Row.fetchAll(
                    statement,
                    arguments: [endpoint.rawValue, now.milliseconds, limit, taken]
                )
                guard !rows.isEmpty,
                    let row = try Row.fetchOne(
                        db,
                        sql: "SELECT * FROM webhook_endpoint WHERE id = ?1",
                        arguments: [endpoint.rawValue]
                    )
                else { continue }
                let webhook = WebhookRows.endpoint(row)
                found += try rows.map { try Self.due($0, webhook) }
            }
            return found
        }
    }

    private static func due(_ row: Row, _ webhook: WebhookEndpoint) throws -> DueDelivery {
        guard let mode = WebhookCall.Mode(rawValue: row["mode"]) else {
            throw StoreError.damaged("mode of a delivery")
        }
        return DueDelivery(
            id: DeliveryID(rawValue: row["id"]),
            endpoint: webhook,
            event: try WebhookRows.event(row),
            mode: mode,
            timeoutSeconds: row["timeout_seconds"],
            attempts: row["attempts"]
        )
    }

    /// See `DeliveryStore`.
    public func settle(_ settlements: [DeliverySettlement], at now: Timestamp) async throws -> [WebhookEndpoint] {
        try await write { db in
            var touched: Set<Int64> = []
            var off: Set<Int64> = []
            for settlement in settlements {
                guard let endpoint = try Self.settle(settlement, now, db) else { continue }
                touched.insert(endpoint)
                if try WebhookRows.judge(endpoint, settlement.end, now, db) { off.insert(endpoint) }
            }
            for endpoint in touched { try WebhookRows.schedule(endpoint, db) }
            return try off.compactMap { id in
                try Row.fetchOne(db, sql: "SELECT * FROM webhook_endpoint WHERE id = ?1", arguments: [id])
                    .map { WebhookRows.endpoint($0) }
            }
        }
    }

    /// The webhook of the row; nil for a row that is not waiting any more.
    private static func settle(_ settlement: DeliverySettlement, _ now: Timestamp, _ db: Database) throws -> Int64? {
        let end = settlement.end
        let columns = DeliveryColumns(end, now)
        let isLate = end.next == .done && !end.answer.isEmpty
        return try Int64.fetchOne(
            try db.cachedStatement(
                sql: """
                    UPDATE delivery SET state = ?2, next_at = ?3, settled_at = ?4, attempts = attempts + ?5,
                        status = CASE WHEN ?5 = 1 THEN ?6 ELSE status END, problem = coalesce(?7, CASE WHEN ?5 = 1 THEN NULL ELSE problem END),
                        answer = CASE WHEN ?5 = 1 THEN ?8 ELSE answer END, tried_at = CASE WHEN ?5 = 1 THEN ?9 ELSE tried_at END,
                        late_answer = CASE WHEN mode = 'answer' THEN ?10 ELSE NULL END
                    WHERE id = ?1 AND state = 'waiting' RETURNING endpoint_id
                    """
            ),
            arguments: [
                settlement.id.rawValue, columns.state, columns.nextAt, columns.settledAt, end.isTry ? 1 : 0, end.status,
                end.problem, columns.answer, now.milliseconds, isLate ? Data(end.answer) : nil,
            ]
        )
    }

    /// See `DeliveryStore`.
    public func giveUpForOff(limit: Int, at now: Timestamp) async throws -> Int {
        let isThere = try await read { db in
            try Bool.fetchOne(
                db,
                sql: "SELECT 1 FROM webhook_endpoint WHERE next_at IS NOT NULL AND state = 'off' LIMIT 1"
            )
        }
        guard isThere != nil else { return 0 }
        return try await write { db in
            let off = try Row.fetchOne(
                db,
                sql: "SELECT id, off_reason FROM webhook_endpoint WHERE next_at IS NOT NULL AND state = 'off' LIMIT 1"
            )
            guard let off else { return 0 }
            try db.execute(
                sql: """
                    UPDATE delivery SET state = 'failed', next_at = NULL, settled_at = ?2, problem = 'the webhook was turned off: ' || ?3
                    WHERE id IN (SELECT id FROM delivery WHERE endpoint_id = ?1 AND state = 'waiting' LIMIT ?4)
                    """,
                arguments: [off["id"], now.milliseconds, (off["off_reason"] as String?) ?? "", limit]
            )
            let count = db.changesCount
            try WebhookRows.schedule(off["id"], db)
            return count
        }
    }

    /// See `DeliveryStore`.
    public func pruneDeliveries(limit: Int, at now: Timestamp) async throws -> Int {
        try await write { db in
            var gone = 0
            for (state, kept) in [
                ("done", Delivery.keptDone), ("dropped", Delivery.keptDone), ("failed", Delivery.keptFailed),
            ] {
                try db.execute(
                    sql: """
                        DELETE FROM delivery WHERE id IN (
                            SELECT id FROM delivery WHERE state = ?1 AND settled_at < ?2 AND late_answer IS NULL
                            ORDER BY settled_at LIMIT ?3)
                        """,
                    arguments: [state, now.advanced(by: .zero - kept).milliseconds, limit - gone]
                )
                gone += db.changesCount
            }
            return gone
        }
    }
}
