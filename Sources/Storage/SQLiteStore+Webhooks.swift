import Foundation
import GRDB
import Gateway
import Telegram

extension SQLiteStore: WebhookDirectory {
    /// See `WebhookDirectory`.
    public func webhooks(of business: BusinessID) async throws -> [WebhookEndpoint] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM webhook_endpoint WHERE business_id = ?1 ORDER BY step",
                arguments: [business.rawValue]
            ).map { WebhookRows.endpoint($0) }
        }
    }

    /// See `WebhookDirectory`.
    public func webhook(_ step: String, of business: BusinessID) async throws -> WebhookEndpoint {
        try await read { try Self.webhook(step, business, $0) }
    }

    private static func webhook(_ step: String, _ business: BusinessID, _ db: Database) throws -> WebhookEndpoint {
        let sql = "SELECT * FROM webhook_endpoint WHERE business_id = ?1 AND step = ?2"
        let row = try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [business.rawValue, step])
        guard let row else { throw GatewayError.unknownWebhook(step) }
        return WebhookRows.endpoint(row)
    }

    /// See `WebhookDirectory`.
    public func noteWebhooks(_ calls: [WebhookCall], of business: BusinessID, at now: Timestamp) async throws {
        try await write(for: business) { db in
            try Self.refuseRemoved(business, db)
            for call in calls { _ = try WebhookRows.note(call, business, now, db) }
        }
    }

    /// See `WebhookDirectory`.
    public func setSecret(
        of step: String,
        business: BusinessID,
        isNew: Bool,
        overlap: Timestamp?,
        sealing: @escaping @Sendable (WebhookEndpointID, Int64) throws -> Sealed
    ) async throws -> WebhookEndpoint {
        try await write(for: business) { db in
            let present = try Self.webhook(step, business, db)
            guard !isNew || present.secret == nil else { throw GatewayError.hasSigningSecret(step) }
            let version = (present.secret?.version ?? 0) + 1
            let sealed = try sealing(present.id, version)
            let kept = overlap == nil ? nil : present.secret
            try db.execute(
                sql: """
                    UPDATE webhook_endpoint SET secret_sealed = ?3, secret_key_id = ?4, secret_version = ?5, previous_sealed = ?6,
                        previous_key_id = ?7, previous_version = ?8, previous_until = ?9, renewal = renewal + 1
                    WHERE business_id = ?1 AND id = ?2
                    """,
                arguments: [
                    business.rawValue, present.id.rawValue, Data(sealed.bytes), sealed.keyID, version,
                    kept.map { Data($0.bytes) }, kept?.keyID, kept?.version,
                    kept == nil ? nil : overlap?.milliseconds,
                ]
            )
            return try Self.webhook(step, business, db)
        }
    }

    /// See `WebhookDirectory`.
    public func setState(
        _ state: WebhookEndpoint.State,
        of step: String,
        business: BusinessID
    ) async throws -> WebhookEndpoint {
        try await write(for: business) { db in
            let present = try Self.webhook(step, business, db)
            try WebhookRows.turn(present.id.rawValue, of: business, state, db)
            return try Self.webhook(step, business, db)
        }
    }
}

/// Writes and reads rows of webhooks and of their events, within an open transaction.
enum WebhookRows {
    /// A webhook by its number; nil for one that is not the business's.
    static func endpoint(_ id: Int64, of business: BusinessID, _ db: Database) throws -> WebhookEndpoint? {
        let statement = try db.cachedStatement(sql: "SELECT * FROM webhook_endpoint WHERE id = ?1 AND business_id = ?2")
        return try Row.fetchOne(statement, arguments: [id, business.rawValue]).map { endpoint($0) }
    }

    static func endpoint(_ row: Row) -> WebhookEndpoint {
        let off: String? = row["off_reason"]
        let secret = (row["secret_sealed"] as Data?).map {
            Sealed(bytes: Array($0), keyID: row["secret_key_id"], version: row["secret_version"])
        }
        let previous = (row["previous_sealed"] as Data?).map {
            (
                secret: Sealed(bytes: Array($0), keyID: row["previous_key_id"], version: row["previous_version"]),
                until: Timestamp(milliseconds: row["previous_until"])
            )
        }
        return WebhookEndpoint(
            id: WebhookEndpointID(rawValue: row["id"]),
            business: BusinessID(rawValue: row["business_id"]),
            step: row["step"],
            url: row["url"],
            state: (row["state"] as String) == "on" ? .on : .off(off ?? ""),
            secret: secret,
            previous: previous,
            failingSince: (row["failing_since"] as Int64?).map(Timestamp.init(milliseconds:)),
            isInForce: row["in_force"],
            renewal: row["renewal"]
        )
    }

    static func delivery(_ row: Row) throws -> Delivery {
        guard let state = Delivery.State(rawValue: row["state"]), let mode = WebhookCall.Mode(rawValue: row["mode"])
        else { throw StoreError.damaged("state or mode of a delivery") }
        return Delivery(
            id: DeliveryID(rawValue: row["id"]),
            business: BusinessID(rawValue: row["business_id"]),
            step: row["step"],
            event: try event(row),
            mode: mode,
            conversation: (row["conversation_id"] as Int64?).map(ConversationID.init(rawValue:)),
            message: (row["message_id"] as Int64?).map(MessageID.init(rawValue:)),
            state: state,
            attempts: row["attempts"],
            nextAt: (row["next_at"] as Int64?).map(Timestamp.init(milliseconds:)),
            status: row["status"],
            problem: row["problem"],
            answer: (row["answer"] as Data?).map { Array($0) } ?? [],
            createdAt: Timestamp(milliseconds: row["created_at"]),
            triedAt: (row["tried_at"] as Int64?).map(Timestamp.init(milliseconds:))
        )
    }

    static func event(_ row: Row) throws -> WebhookEvent {
        guard let kind = WebhookEvent.Kind(rawValue: row["kind"]) else {
            throw StoreError.damaged("kind of a delivery")
        }
        return WebhookEvent(id: row["event_id"], kind: kind, body: Array(row["body"] as Data))
    }

    /// Notes where a step leads; the id of its webhook.
    ///
    /// - Parameter isInForce: whether that is what the pipeline says now; what a job of an earlier one says changes nothing.
    static func note(
        _ call: WebhookCall,
        _ business: BusinessID,
        isInForce: Bool = true,
        _ now: Timestamp,
        _ db: Database
    ) throws -> Int64 {
        let change =
            isInForce
            ? """
            url = excluded.url, failing_since = iif(url = excluded.url, failing_since, NULL),
            renewal = renewal + (url <> excluded.url)
            """ : "step = step"
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO webhook_endpoint (business_id, step, url, created_at) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (business_id, step) DO UPDATE SET \(change)
                RETURNING id
                """
        )
        let id = try Int64.fetchOne(
            statement,
            arguments: [business.rawValue, call.step, call.url, now.milliseconds]
        )
        guard let id else { throw StoreError.failed("a webhook got no id") }
        return id
    }

    /// Makes these the webhooks that a business's pipeline calls; the others are told nothing until one calls them again.
    static func putInForce(_ calls: [WebhookCall], _ business: BusinessID, _ now: Timestamp, _ db: Database) throws {
        for call in calls { _ = try note(call, business, now, db) }
        let steps = JSON.array(calls.map { .string($0.step) }).text
        try db.cachedStatement(
            sql: """
                UPDATE webhook_endpoint SET in_force = step IN (SELECT value FROM json_each(?2)) WHERE business_id = ?1
                """
        ).execute(arguments: [business.rawValue, steps])
    }

    /// Turns a webhook on, with its failures forgotten, or off.
    static func turn(
        _ endpoint: Int64,
        of business: BusinessID,
        _ state: WebhookEndpoint.State,
        _ db: Database
    ) throws {
        switch state {
        case .on:
            try db.execute(
                sql: """
                    UPDATE webhook_endpoint SET state = 'on', off_reason = NULL, failing_since = NULL, renewal = renewal + 1
                    WHERE id = ?1 AND business_id = ?2
                    """,
                arguments: [endpoint, business.rawValue]
            )
        case .off(let why):
            try db.execute(
                sql: "UPDATE webhook_endpoint SET state = 'off', off_reason = ?2 WHERE id = ?1 AND business_id = ?3",
                arguments: [endpoint, why, business.rawValue]
            )
        }
    }

    /// Says of a webhook when the first of its events is due.
    static func schedule(_ endpoint: Int64, of business: BusinessID, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                UPDATE webhook_endpoint SET next_at =
                    (SELECT next_at FROM delivery
                        WHERE endpoint_id = ?1 AND business_id = ?2 AND state = 'waiting' ORDER BY next_at, id LIMIT 1)
                WHERE id = ?1 AND business_id = ?2
                """
        ).execute(arguments: [endpoint, business.rawValue])
    }

    /// Notes on a webhook how a try went; one that went to where it was before says nothing about where it is now.
    ///
    /// - Parameter url: where the try went.
    /// - Returns: whether it is turned off by that.
    static func judge(
        _ endpoint: Int64,
        of business: BusinessID,
        at url: String,
        _ end: DeliveryEnd,
        _ now: Timestamp,
        _ db: Database
    ) throws -> Bool {
        guard end.isTry else { return false }
        if end.next == .done {
            try db.cachedStatement(
                sql: """
                    UPDATE webhook_endpoint SET failing_since = NULL
                    WHERE id = ?1 AND business_id = ?2 AND url = ?3 AND failing_since IS NOT NULL
                    """
            ).execute(arguments: [endpoint, business.rawValue, url])
            return false
        }
        if end.next == .gone { return try turnOff(endpoint, of: business, at: url, end.problem ?? "", db) }
        let statement = try db.cachedStatement(
            sql: """
                UPDATE webhook_endpoint SET
                    failing_since = iif(failed_at > ?3, coalesce(failing_since, ?2), ?2), failed_at = ?2
                WHERE id = ?1 AND business_id = ?4 AND url = ?5 RETURNING failing_since
                """
        )
        // A day without a failure, though nothing was told, ends a span of failures.
        let quiet = now.advanced(by: .seconds(-86_400))
        let since = try Int64.fetchOne(
            statement,
            arguments: [endpoint, now.milliseconds, quiet.milliseconds, business.rawValue, url]
        )
        guard let since else { return false }
        let start = Timestamp(milliseconds: since)
        guard start.advanced(by: WebhookEndpoint.longestFailure) <= now else { return false }
        let why = "every try has failed since \(start.rfc3339); the last: \(end.problem ?? "")"
        return try turnOff(endpoint, of: business, at: url, why, db)
    }

    private static func turnOff(
        _ endpoint: Int64,
        of business: BusinessID,
        at url: String,
        _ why: String,
        _ db: Database
    ) throws -> Bool {
        guard let present = try self.endpoint(endpoint, of: business, db), present.state == .on, present.url == url
        else {
            return false
        }
        try turn(endpoint, of: business, .off(why), db)
        return true
    }
}
