import Metrics

/// What the server counts and measures while it works, room by room.
///
/// Every method is cheap (an atomic addition, or one uncontended lock for a histogram), may be called on any thread, and never blocks.
/// What is read only when somebody asks comes from a `MetricSource` instead.
public struct Instruments: Sendable {
    /// Of the listener that takes webhooks.
    public let webhooks: WebhookInstruments
    /// Of the one write path.
    public let writes: WriteInstruments
    /// Of what is sent.
    public let outbox: OutboxInstruments
    /// Of the pipelines at work.
    public let lanes: LaneInstruments
    /// Of the calls to Telegram that are refused as too many.
    public let telegram: TelegramInstruments

    /// Makes all instruments; what is counted by outcome stands at 0 at once.
    ///
    /// - Parameters:
    ///   - factory: what keeps the values.
    ///   - businesses: so many businesses are counted each for itself, the first that something comes for; 0 for none.
    public init(_ factory: any MetricsFactory, businesses limit: Int) {
        let businesses = BusinessInstruments(factory, limit: limit)
        telegram = TelegramInstruments(factory)
        webhooks = WebhookInstruments(factory, businesses)
        writes = WriteInstruments(factory, businesses)
        outbox = OutboxInstruments(factory, businesses, telegram)
        lanes = LaneInstruments(factory)
    }

    /// Keeps nothing: for commands, and for a server without a metrics listener.
    public static let none = Self(NOOPMetricsHandler.instance, businesses: 0)
}

/// Counts what Telegram refuses as too many calls.
public struct TelegramInstruments: Sendable {
    /// Who made a call.
    public enum Caller: String, CaseIterable, Sendable {
        /// The sender of the outbox.
        case outbox
        /// What keeps the bots' webhooks in order.
        case webhooks
    }

    private let ofOutbox: Counter
    private let ofWebhooks: Counter

    init(_ factory: any MetricsFactory) {
        ofOutbox = MetricDescription.telegram429.counter(factory, Caller.outbox.rawValue)
        ofWebhooks = MetricDescription.telegram429.counter(factory, Caller.webhooks.rawValue)
    }

    /// Telegram has answered 429.
    public func tooManyRequests(by caller: Caller) {
        switch caller {
        case .outbox: ofOutbox.increment()
        case .webhooks: ofWebhooks.increment()
        }
    }
}
