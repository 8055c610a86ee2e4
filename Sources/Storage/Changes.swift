/// What a write has changed that somebody waits to hear of.
///
/// A reader who is told looks at the database, and that costs as much as a small write: so it is told only what may concern it.
struct Changes: OptionSet {
    let rawValue: Int

    /// Bots, businesses, or what is told of them.
    static let registry = Changes(rawValue: 1)
    /// Rows of the outbox have come, or may be sent that might not before.
    static let outbox = Changes(rawValue: 2)
    /// Events for webhooks have come, or may be told that might not before.
    static let deliveries = Changes(rawValue: 4)
    /// Answers of webhooks have come whose jobs are done.
    static let lateAnswers = Changes(rawValue: 8)

    /// What another process may have changed, or a write that does not say.
    static let all: Changes = [.registry, .outbox, .deliveries, .lateAnswers]
}
