import Telegram

/// A change of a business, a bot, a pipeline or a webhook, as it is kept for good.
///
/// It holds ids and counts, and nothing that anybody wrote or is called.
public struct AuditEntry: Hashable, Sendable {
    /// Its place: entries are never taken away.
    public var id: Int64
    /// Whose it is; the business may be erased since.
    public var business: BusinessID?
    /// When.
    public var at: Timestamp
    /// What was done, such as `bot.rotated` or `webhook.off`.
    public var action: String
    /// To what: an id, or the number of a version.
    public var subject: String
    /// More, such as the version of a token.
    public var detail: String?

    /// Makes an entry from its row.
    public init(
        id: Int64,
        business: BusinessID?,
        at: Timestamp,
        action: String,
        subject: String,
        detail: String?
    ) {
        self.id = id
        self.business = business
        self.at = at
        self.action = action
        self.subject = subject
        self.detail = detail
    }

    /// The shape of `/v1` and `--json`.
    public var json: JSON {
        [
            "business_id": .optional(business?.description), "at": .string(at.rfc3339), "action": .string(action),
            "subject": .string(subject), "detail": .optional(detail),
        ]
    }
}

/// Keeps what was changed: the store writes an entry with each change by itself, in the same transaction.
public protocol AuditTrail: Sendable {
    /// Entries of one business, or of all, the latest first; those of erased businesses are there too.
    func audit(of business: BusinessID?, page: Page) async throws -> Slice<AuditEntry>
}
