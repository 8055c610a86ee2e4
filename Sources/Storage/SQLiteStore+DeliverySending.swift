import Foundation
import GRDB
import Gateway

extension SQLiteStore: DeliveryStore {
    /// A look gives at most so many webhooks.
    private static let endpointsInLook = 10_000

    /// A webhook that is told something, in SQL.
    private static let mayBeTold =
        "e.state = 'on' AND e.in_force = 1 AND e.secret_sealed IS NOT NULL AND b.state = 'active' AND b.removing_at IS NULL"

    /// See `DeliveryStore`.
    public func deliveryChanges() -> AsyncStream<Void> { deliveryFeed.listen() }

    /// See `DeliveryStore`.
    public func look(at now: Timestamp) async throws -> DueLook {
        try await read { db in
            let rows = try Row.fetchAll(
                try db.cachedStatement(
                    sql: """
                        SELECT e.id, e.business_id, e.renewal FROM webhook_endpoint e JOIN business b ON b.id = e.business_id
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
                    DueEndpoint(
                        id: WebhookEndpointID(rawValue: $0[0]),
                        business: BusinessID(rawValue: $0[1]),
                        renewal: $0[2]
                    )
                },
                nextAt: next.map(Timestamp.init(milliseconds:))
            )
        }
    }

    /// See `DeliveryStore`.
    public func nextDelivery(of webhooks: Set<DueEndpoint>, after now: Timestamp) async throws -> Timestamp? {
        try await read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT min(next_at) FROM delivery INDEXED BY delivery_due
                    WHERE endpoint_id = ?1 AND business_id = ?3 AND state = 'waiting' AND next_at > ?2
                    """
            )
            return try webhooks.compactMap {
                try Int64.fetchOne(statement, arguments: [$0.id.rawValue, now.milliseconds, $0.business.rawValue])
            }.min().map(Timestamp.init(milliseconds:))
        }
    }

    /// See `DeliveryStore`.
    public func due(
        _ wanted: [DueEndpoint: Int],
        without: Set<DeliveryID>,
        at now: Timestamp
    ) async throws -> [DueDelivery] {
        let taken = "[" + without.map { String($0.rawValue) }.joined(separator: ",") + "]"
        return try await read { db in
            var found: [DueDelivery] = []
            for (endpoint, limit) in wanted {
                let statement = try db.cachedStatement(
                    sql: """
                        SELECT id, event_id, kind, body, mode, timeout_seconds, attempts FROM delivery INDEXED BY delivery_due
                        WHERE endpoint_id = ?1 AND business_id = ?5 AND state = 'waiting' AND next_at <= ?2
                            AND id NOT IN (SELECT value FROM json_each(?4))
                        ORDER BY next_at, id LIMIT ?3
                        """
                )
                let rows = try Row.fetchAll(
                    statement,
                    arguments: [
                        endpoint.id.rawValue, now.milliseconds, limit, taken, endpoint.business.rawValue,
                    ]
                )
                guard !rows.isEmpty,
                    let webhook = try WebhookRows.endpoint(endpoint.id.rawValue, of: endpoint.business, db)
                else { continue }
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
    public func settle(_ settlements: [DeliverySettlement], at now: Timestamp) async throws -> DeliveryProgress {
        let areLate = settlements.contains { $0.end.next == .done && !$0.end.answer.isEmpty }
        // What becomes of its own rows the sender knows.
        let changes: Changes = areLate ? .lateAnswers : []
        return try await write(changes: { _ in changes }) { db in
            var progress = DeliveryProgress()
            if try db.attempt({ progress.turnedOff = try Self.settle(settlements, now, db) }) == nil { return progress }
            // One of them is not taken by its values: each goes alone, and that one without what the handler said.
            for settlement in settlements {
                var off: [WebhookEndpoint] = []
                let failure = try db.attempt { off = try Self.settle([settlement], now, db) }
                if let failure {
                    let end = DeliveryEnd(
                        .failed,
                        isTry: settlement.end.isTry,
                        problem: "what became of it could not be stored: \(StoreError(failure))"
                    )
                    let bare = DeliverySettlement(
                        id: settlement.id,
                        of: settlement.business,
                        at: settlement.url,
                        end: end
                    )
                    if try db.attempt({ off = try Self.settle([bare], now, db) }) != nil {
                        progress.faults.append(settlement.id)
                    }
                }
                progress.turnedOff += off
            }
            return progress
        }
    }

    /// Writes ends; gives the webhooks that are turned off by them.
    private static func settle(
        _ settlements: [DeliverySettlement],
        _ now: Timestamp,
        _ db: Database
    ) throws -> [WebhookEndpoint] {
        var touched: [Int64: BusinessID] = [:]
        var off: Set<Int64> = []
        for settlement in settlements {
            guard let endpoint = try settle(settlement, now, db) else { continue }
            touched[endpoint] = settlement.business
            if try WebhookRows.judge(endpoint, of: settlement.business, at: settlement.url, settlement.end, now, db) {
                off.insert(endpoint)
            }
        }
        for (endpoint, business) in touched { try WebhookRows.schedule(endpoint, of: business, db) }
        return try touched.filter { off.contains($0.key) }.compactMap { try WebhookRows.endpoint($0, of: $1, db) }
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
                    WHERE id = ?1 AND business_id = ?11 AND state = 'waiting' RETURNING endpoint_id
                    """
            ),
            arguments: [
                settlement.id.rawValue, columns.state, columns.nextAt, columns.settledAt, end.isTry ? 1 : 0, end.status,
                end.problem, columns.answer, now.milliseconds, isLate ? Data(end.answer) : nil,
                settlement.business.rawValue,
            ]
        )
    }

    /// See `DeliveryStore`.
    public func giveUpForOff(limit: Int, without: Set<DeliveryID>, at now: Timestamp) async throws -> Int {
        let idle = """
            SELECT id, business_id, state, secret_sealed IS NULL AS is_silent, off_reason FROM webhook_endpoint
            WHERE next_at IS NOT NULL AND (state = 'off' OR ((secret_sealed IS NULL OR in_force = 0) AND next_at < ?1)) LIMIT 1
            """
        let taken = "[" + without.map { String($0.rawValue) }.joined(separator: ",") + "]"
        let oldest = now.advanced(by: .zero - Delivery.longestWithoutSecret).milliseconds
        let isThere = try await read { try Row.fetchOne($0, sql: idle, arguments: [oldest]) != nil }
        guard isThere else { return 0 }
        return try await write(changes: { _ in [] }) { db in
            guard let endpoint = try Row.fetchOne(db, sql: idle, arguments: [oldest]) else { return 0 }
            let isOff = (endpoint["state"] as String) == "off"
            let isSilent: Bool = endpoint["is_silent"]
            let why: String =
                isOff
                ? "the webhook was turned off: \(endpoint["off_reason"] ?? "")"
                : isSilent
                    ? "the webhook had no secret for too long" : "no pipeline has called the webhook for too long"
            try db.execute(
                sql: """
                    UPDATE delivery SET state = 'failed', next_at = NULL, settled_at = ?2, problem = ?3
                    WHERE id IN (SELECT id FROM delivery
                        WHERE endpoint_id = ?1 AND business_id = ?5 AND state = 'waiting' AND next_at < ?6
                            AND id NOT IN (SELECT value FROM json_each(?7)) LIMIT ?4)
                    """,
                arguments: [
                    endpoint["id"], now.milliseconds, why, limit, endpoint["business_id"], isOff ? Int64.max : oldest,
                    taken,
                ]
            )
            let count = db.changesCount
            try WebhookRows.schedule(endpoint["id"], of: BusinessID(rawValue: endpoint["business_id"]), db)
            return count
        }
    }

    /// See `DeliveryStore`.
    public func pruneDeliveries(limit: Int, at now: Timestamp) async throws -> Int {
        try await write(changes: { _ in [] }) { db in
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
