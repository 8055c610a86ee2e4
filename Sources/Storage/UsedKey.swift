import Foundation
import GRDB
import Gateway

/// A caller's key for a request, so that asking again with it gives the same answer and sends nothing.
struct UsedKey {
    private let key: String
    private let fingerprint: Data
    private let business: BusinessID

    /// So many keys that are too old go with each new one.
    private static let forgottenAtOnce = 16

    init(_ key: String, _ fingerprint: [UInt8], of business: BusinessID) {
        self.key = key
        self.fingerprint = Data(fingerprint)
        self.business = business
    }

    /// What was answered when the key was used first; nil if it was not, or too long ago.
    ///
    /// - Throws: `GatewayError.keyUsedOtherwise`.
    func repetition(at now: Timestamp, _ db: Database) throws -> QueuedCalls? {
        let row = try Row.fetchOne(
            db,
            sql: "SELECT * FROM idempotency WHERE business_id = ?1 AND key = ?2 AND created_at > ?3",
            arguments: [business.rawValue, key, Self.oldest(now)]
        )
        guard let row else { return nil }
        guard (row["digest"] as Data) == fingerprint else { throw GatewayError.keyUsedOtherwise }
        let (outbox, count): (Int64, Int64) = (row["first_outbox_id"], row["calls"])
        let (message, messages): (Int64?, Int64) = (row["first_message_id"], row["messages"])
        return QueuedCalls(
            calls: (outbox..<outbox + count).map(OutboxID.init(rawValue:)),
            messages: message.map { ($0..<$0 + messages).map(MessageID.init(rawValue:)) } ?? [],
            isRepeat: true
        )
    }

    /// Keeps what is answered now.
    func remember(_ queued: QueuedCalls, at now: Timestamp, _ db: Database) throws {
        try db.execute(
            sql: """
                DELETE FROM idempotency WHERE rowid IN
                    (SELECT rowid FROM idempotency WHERE created_at <= ?1 ORDER BY created_at LIMIT ?2)
                """,
            arguments: [Self.oldest(now), Self.forgottenAtOnce]
        )
        // The same key may be there still, if more are too old than go at once.
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO idempotency (business_id, key, digest, first_outbox_id, calls, first_message_id, messages, created_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                """,
            arguments: [
                business.rawValue, key, fingerprint, queued.calls.first?.rawValue ?? 0, queued.calls.count,
                queued.messages.first?.rawValue, queued.messages.count, now.milliseconds,
            ]
        )
    }

    private static func oldest(_ now: Timestamp) -> Int64 {
        now.milliseconds - Int64(SendRequest.keyLifetime / .milliseconds(1))
    }
}
