import Foundation
import GRDB
import Gateway

extension SQLiteStore: DeliveryRecord {
    private static let shown = "SELECT d.*, e.step FROM delivery d JOIN webhook_endpoint e ON e.id = d.endpoint_id"

    /// See `DeliveryRecord`.
    public func deliveries(of business: BusinessID, failedOnly: Bool, page: Page) async throws -> Slice<Delivery> {
        let (comparison, key, order) =
            switch page.position {
            case .newest: ("<", Int64.max, "DESC")
            case .before(let key): ("<", key, "DESC")
            case .after(let key): (">", key, "ASC")
            }
        let failed = failedOnly ? "AND d.state = 'failed'" : ""
        return try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    \(Self.shown) WHERE d.business_id = ?1 \(failed) AND d.id \(comparison) ?2 ORDER BY d.id \(order) LIMIT ?3
                    """,
                arguments: [business.rawValue, key, page.limit + 1]
            )
            let some = rows.prefix(page.limit)
            return Slice(
                elements: try some.map(WebhookRows.delivery),
                next: rows.count > page.limit ? some.last?["id"] : nil
            )
        }
    }

    /// See `DeliveryRecord`.
    public func delivery(_ reference: String, of business: BusinessID) async throws -> Delivery {
        try await read { db in
            let (column, value): (String, any DatabaseValueConvertible) =
                DeliveryID(reference).map { ("id", $0.rawValue) } ?? ("event_id", reference)
            let row = try Row.fetchOne(
                db,
                sql: "\(Self.shown) WHERE d.business_id = ?1 AND d.\(column) = ?2",
                arguments: [business.rawValue, value]
            )
            guard let row else { throw GatewayError.unknownDelivery(reference) }
            return try WebhookRows.delivery(row)
        }
    }

    /// See `DeliveryRecord`.
    public func replay(_ ids: [DeliveryID], of business: BusinessID, at now: Timestamp) async throws {
        try await write(for: business) { db in
            var endpoints: Set<Int64> = []
            for id in ids {
                let row = try Row.fetchOne(
                    db,
                    sql: """
                        SELECT e.id, e.step, e.state FROM delivery d JOIN webhook_endpoint e ON e.id = d.endpoint_id
                        WHERE d.business_id = ?1 AND d.id = ?2
                        """,
                    arguments: [business.rawValue, id.rawValue]
                )
                guard let row else { throw GatewayError.unknownDelivery(id.description) }
                guard (row["state"] as String) == "on" else { throw GatewayError.webhookIsOff(row["step"]) }
                // Nothing is held any more for what is replayed.
                try db.execute(
                    sql: """
                        UPDATE delivery SET state = 'waiting', next_at = ?3, attempts = 0, settled_at = NULL, hold_until = NULL,
                            -- What was taken, and not refused, was acted on: a second time the answer does nothing.
                            mode = iif(state = 'done' AND problem IS NULL, 'notify', mode), problem = NULL
                        WHERE business_id = ?1 AND id = ?2
                        """,
                    arguments: [business.rawValue, id.rawValue, now.milliseconds]
                )
                endpoints.insert(row["id"])
            }
            for endpoint in endpoints { try WebhookRows.schedule(endpoint, of: business, db) }
        }
    }

    /// See `DeliveryRecord`.
    public func drop(_ ids: [DeliveryID], of business: BusinessID, at now: Timestamp) async throws {
        try await write(for: business) { db in
            for id in ids {
                let endpoint = try Int64.fetchOne(
                    db,
                    sql: """
                        UPDATE delivery SET state = 'dropped', next_at = NULL, settled_at = ?3
                        WHERE business_id = ?1 AND id = ?2 AND state IN ('waiting', 'failed') RETURNING endpoint_id
                        """,
                    arguments: [business.rawValue, id.rawValue, now.milliseconds]
                )
                guard let endpoint else { throw GatewayError.unknownDelivery(id.description) }
                try WebhookRows.schedule(endpoint, of: business, db)
            }
        }
    }

    /// See `DeliveryRecord`.
    public func failedDeliveries(
        of business: BusinessID,
        step: String?,
        from start: Timestamp,
        to end: Timestamp,
        onlyTold: Bool,
        after: DeliveryID?,
        limit: Int
    ) async throws -> [DeliveryID] {
        try await read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT d.id FROM delivery d JOIN webhook_endpoint e ON e.id = d.endpoint_id
                    WHERE d.business_id = ?1 AND d.state = 'failed' AND (e.state = 'on' OR NOT ?7) AND d.id > ?2 AND d.created_at >= ?3 AND d.created_at < ?4
                        AND (?5 IS NULL OR e.step = ?5)
                    ORDER BY d.id LIMIT ?6
                    """,
                arguments: [
                    business.rawValue, after?.rawValue ?? 0, start.milliseconds, end.milliseconds, step, limit,
                    onlyTold,
                ]
            ).map(DeliveryID.init(rawValue:))
        }
    }
}

extension SQLiteStore {
    /// See `JobStore`.
    public func lateAnswers(_ look: LateLook) async throws -> [LateAnswer] {
        func list(_ ids: [Int64]) -> String { "[" + ids.map { String($0) }.joined(separator: ",") + "]" }
        let known = list(look.known.map(\.rawValue))
        let businesses = list(look.businesses.map(\.rawValue))
        let conversations = list(look.conversations.map(\.rawValue))
        return try await read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT d.id, d.business_id, e.step, d.conversation_id, d.message_id, d.late_answer
                        FROM delivery d INDEXED BY delivery_late JOIN webhook_endpoint e
                            ON e.id = d.endpoint_id AND e.business_id = d.business_id
                        WHERE d.late_answer IS NOT NULL AND d.conversation_id IS NOT NULL
                            AND d.id NOT IN (SELECT value FROM json_each(?1))
                            AND d.business_id NOT IN (SELECT value FROM json_each(?2))
                            AND d.conversation_id NOT IN (SELECT value FROM json_each(?3))
                        ORDER BY d.id LIMIT ?4
                        """
                ),
                arguments: [known, businesses, conversations, look.limit]
            ).map { row in
                LateAnswer(
                    id: DeliveryID(rawValue: row[0]),
                    business: BusinessID(rawValue: row[1]),
                    step: row[2],
                    conversation: ConversationID(rawValue: row[3]),
                    message: (row[4] as Int64?).map(MessageID.init(rawValue:)),
                    body: Array(row[5] as Data)
                )
            }
        }
    }

    /// Notes that an answer's actions are done, or why they were refused, in the transaction that does them.
    static func closeLateAnswer(
        _ id: DeliveryID,
        of business: BusinessID,
        problem: String?,
        _ db: Database
    ) throws {
        try db.execute(
            sql: "UPDATE delivery SET late_answer = NULL, problem = ?3 WHERE business_id = ?1 AND id = ?2",
            arguments: [business.rawValue, id.rawValue, problem]
        )
    }

    /// Whether a conversation waits for an event of a step with `ordered`, or for what one has answered late to be done.
    static func isHeld(
        _ conversation: ConversationID,
        of business: BusinessID,
        at now: Timestamp,
        _ db: Database
    ) throws -> Bool {
        if try heldUntil(conversation, of: business, at: now, db) != nil { return true }
        let statement = try db.cachedStatement(
            sql: """
                SELECT 1 FROM delivery INDEXED BY delivery_unacted
                WHERE conversation_id = ?1 AND business_id = ?2 AND late_answer IS NOT NULL AND hold_until IS NOT NULL LIMIT 1
                """
        )
        return try Bool.fetchOne(statement, arguments: [conversation.rawValue, business.rawValue]) != nil
    }

    /// Whether a conversation waits for an event of a step with `ordered`, and until when at the most.
    static func heldUntil(
        _ conversation: ConversationID,
        of business: BusinessID,
        at now: Timestamp,
        _ db: Database
    ) throws -> Timestamp? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT max(hold_until) FROM delivery
                WHERE conversation_id = ?1 AND business_id = ?2 AND state = 'waiting' AND hold_until > ?3
                """
        )
        return try Int64.fetchOne(
            statement,
            arguments: [conversation.rawValue, business.rawValue, now.milliseconds]
        ).map(Timestamp.init(milliseconds:))
    }
}

extension SQLiteStore {
    /// Keeps an event with what became of its first try, in the transaction that ends its job.
    ///
    /// An event that is kept already, by its id, stays as it is. A handler that answered 410 turns its webhook off.
    ///
    /// - Returns: the row; nil for an event that was kept already.
    @discardableResult
    static func keep(_ draft: DeliveryDraft, at now: Timestamp, _ db: Database) throws -> DeliveryID? {
        let endpoint = try WebhookRows.note(draft.call, draft.business, isInForce: false, now, db)
        let columns = DeliveryColumns(draft.end, now)
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO delivery (business_id, endpoint_id, conversation_id, message_id, event_id, kind, body, mode,
                    timeout_seconds, hold_until, state, attempts, next_at, status, problem, answer, created_at, tried_at, settled_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
                ON CONFLICT (event_id) DO NOTHING RETURNING id
                """
        )
        let hold = draft.call.holdSeconds.map { now.advanced(by: .seconds($0)).milliseconds }
        let id = try Int64.fetchOne(
            statement,
            arguments: [
                draft.business.rawValue, endpoint, draft.conversation.rawValue, draft.message?.rawValue, draft.event.id,
                draft.event.kind.rawValue, Data(draft.event.body), draft.call.mode.rawValue, draft.call.timeoutSeconds,
                columns.state == "waiting" ? hold : nil, columns.state, draft.end.isTry ? 1 : 0, columns.nextAt,
                draft.end.status, draft.end.problem, columns.answer, now.milliseconds,
                draft.end.isTry ? now.milliseconds : nil, columns.settledAt,
            ]
        )
        guard let id else { return nil }
        _ = try WebhookRows.judge(endpoint, of: draft.business, at: draft.call.url, draft.end, now, db)
        if columns.nextAt != nil { try WebhookRows.schedule(endpoint, of: draft.business, db) }
        return DeliveryID(rawValue: id)
    }

    /// Keeps an event in a transaction of its own; see `keep(_:at:_:)`.
    public func keep(_ draft: DeliveryDraft, at now: Timestamp) async throws -> DeliveryID? {
        try await write(for: draft.business, changes: { _ in .deliveries }) { try Self.keep(draft, at: now, $0) }
    }
}

/// The columns that an end of a try decides.
struct DeliveryColumns {
    let state: String
    let nextAt: Int64?
    let settledAt: Int64?
    /// The beginning of the answer.
    let answer: Data?

    init(_ end: DeliveryEnd, _ now: Timestamp) {
        switch end.next {
        case .done: (state, nextAt, settledAt) = ("done", nil, now.milliseconds)
        case .waiting(let time): (state, nextAt, settledAt) = ("waiting", time.milliseconds, nil)
        case .failed, .gone: (state, nextAt, settledAt) = ("failed", nil, now.milliseconds)
        }
        answer = end.answer.isEmpty ? nil : Data(end.answer.prefix(WebhookLimits.kept))
    }
}
