/// Which rows are a business's: what goes when it is erased, in the order in which it may go.
///
/// A new table with what businesses own gets a line here, in the scope that its rows hang on; a test reads the schema and fails until it has one.
/// Every condition must be served by an index.
enum Erasure {
    /// A table and which of its rows.
    typealias Line = (table: String, condition: String)

    /// Hang on a message; `?1` is a JSON array of messages' ids.
    ///
    /// What refers to another table stands before it.
    static let ofMessages: [Line] = [
        ("message", "id IN (SELECT value FROM json_each(?1))")
    ]

    /// Hang on a conversation whose messages are gone; `?1` is a JSON array of conversations' ids.
    static let ofConversations: [Line] = [
        ("conversation", "id IN (SELECT value FROM json_each(?1))")
    ]

    /// Hang on the business once its conversations are gone; `?1` is its id.
    ///
    /// Taken in steps: `rowid` must name a row.
    static let ofBusiness: [Line] = [
        ("raw_update", "bot_id IN (SELECT id FROM bot WHERE business_id = ?1)"),
        ("chat", "bot_id IN (SELECT id FROM bot WHERE business_id = ?1)"),
        ("customer", "business_id = ?1"),
        ("bot", "business_id = ?1"),
        ("business", "id = ?1"),
    ]

    /// Hold nothing of a business.
    static let ofNobody: Set<String> = ["setting", "key_check", "arrival", "registry_version", "grdb_migrations"]
}
