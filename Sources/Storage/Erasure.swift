/// Which rows are a business's: what goes when it is erased, in the order in which it may go.
///
/// A new table with what businesses own gets a line here, in the scope that its rows hang on; a test reads the schema and fails until it has one.
/// Every condition must be served by an index.
enum Erasure {
    /// A table and which of its rows.
    typealias Line = (table: String, condition: String)

    /// The messages of a step: `?1` is a JSON array of pairs, of a conversation's id and a message's.
    private static let messages = "(SELECT value ->> 1 FROM json_each(?1))"

    /// What is noted about conversations and customers, and what was told about them: goes before them, in steps; `?1` is the business's id.
    static let ofNotes: [Line] = [
        ("label", "business_id = ?1"), ("attribute", "business_id = ?1"), ("delivery", "business_id = ?1"),
        ("pipeline_run", "business_id = ?1"),
    ]

    /// Hang on a message.
    static let ofMessages: [Line] = [
        ("history_tail", "message_id IN \(messages)"),
        ("history", "(conversation_id, message_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1))"),
        ("attachment", "message_id IN \(messages)"),
        ("message_version", "message_id IN \(messages)"),
        ("message", "id IN \(messages)"),
    ]

    /// Hang on a conversation whose messages are gone; `?1` is a JSON array of conversations' ids.
    static let ofConversations: [Line] = [
        ("outbox", "conversation_id IN (SELECT value FROM json_each(?1))"),
        ("dead_letter", "conversation_id IN (SELECT value FROM json_each(?1))"),
        ("conversation", "id IN (SELECT value FROM json_each(?1))"),
    ]

    private static let bots = "(SELECT id FROM bot WHERE business_id = ?1)"

    /// Hang on the business once its conversations are gone; `?1` is its id.
    ///
    /// Taken in steps: `rowid` must name a row.
    static let ofBusiness: [Line] = [
        // By the indexes that it has: a row has a number, a digest or a mark, or is in the index of those that have none.
        ("raw_update", "bot_id IN \(bots) AND update_id IS NOT NULL"),
        ("raw_update", "bot_id IN \(bots) AND digest IS NOT NULL"),
        ("raw_update", "business_id = ?1 AND mark IS NOT NULL"),
        ("raw_update", "business_id = ?1 AND update_id IS NULL AND digest IS NULL AND mark IS NULL"),
        ("customer_event", "business_id = ?1"),
        ("idempotency", "business_id = ?1"),
        ("reaction", "chat_id IN (SELECT id FROM chat WHERE bot_id IN \(bots))"),
        ("poll", "bot_id IN \(bots)"),
        ("poll_answer", "bot_id IN \(bots)"),
        ("business_connection", "bot_id IN \(bots)"),
        ("managed_bot", "bot_id IN \(bots)"),
        ("chat", "bot_id IN \(bots)"),
        ("customer", "business_id = ?1"),
        ("webhook_endpoint", "business_id = ?1"),
        ("active_pipeline", "business_id = ?1"),
        ("pipeline_version", "business_id = ?1"),
        ("bot", "business_id = ?1"),
        ("business", "id = ?1"),
    ]

    /// Hold nothing of a business, or ids alone, as the audit, which outlives what it is about.
    static let ofNobody: Set<String> = [
        "setting", "key_check", "arrival", "registry_version", "grdb_migrations", "audit",
    ]
}
