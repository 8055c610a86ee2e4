/// The keys of log metadata, each declared once.
///
/// Values are ids, counts and kinds: never a token, a secret or a text.
public enum LogKeys {
    /// An id of a business.
    public static let businessID = "business.id"
    /// An id of a bot.
    public static let botID = "bot.id"
    /// Telegram's number of an update.
    public static let updateID = "update.id"
    /// What kind of error happened, in words without secrets.
    public static let errorKind = "error.kind"
    /// How many bots.
    public static let bots = "bots"
    /// The id of a request, as its answer tells it.
    public static let requestID = "request.id"
    /// A duration in milliseconds.
    public static let durationMS = "duration_ms"
    /// The template of a route, never a path.
    public static let route = "http.route"
    /// The method of a request.
    public static let method = "http.method"
    /// The status of an answer.
    public static let status = "http.status"
    /// The address that is listened on.
    public static let address = "address"
    /// The port that is listened on.
    public static let port = "port"
    /// What is known of a bot's standing at Telegram.
    public static let health = "bot.health"
    /// An id of a webhook.
    public static let webhookID = "webhook.id"
    /// An event of a webhook.
    public static let deliveryID = "delivery.id"
    /// A row of the outbox.
    public static let outboxID = "outbox.id"
    /// How many times.
    public static let count = "count"
}
