import Metrics

/// Counts and measures what is sent.
public struct OutboxInstruments: Sendable {
    /// What became of a try, as the label says it.
    private enum Outcome: String, CaseIterable {
        case sent, unchanged, retry, migrated, blocked, expired, failed, unknown, partial
        case connectionLost = "connection_lost"
        case tokenRevoked = "token_revoked"
    }

    private let queued: Counter
    private let settled: [Outcome: Counter]
    private let pacingWait: Timer
    private let call: Timer
    private let delivery: Timer
    private let inFlight: Meter
    private let businesses: BusinessInstruments
    private let telegram: TelegramInstruments

    init(_ factory: any MetricsFactory, _ businesses: BusinessInstruments, _ telegram: TelegramInstruments) {
        queued = MetricDescription.outboxQueued.counter(factory)
        settled = Dictionary(
            uniqueKeysWithValues: Outcome.allCases.map {
                ($0, MetricDescription.outboxSettled.counter(factory, $0.rawValue))
            }
        )
        pacingWait = MetricDescription.outboxPacingWait.timer(factory)
        call = MetricDescription.outboxCall.timer(factory)
        delivery = MetricDescription.outboxDelivery.timer(factory)
        inFlight = MetricDescription.outboxInFlight.meter(factory)
        inFlight.set(0)
        self.businesses = businesses
        self.telegram = telegram
    }

    /// So many calls were put into the outbox, committed, by whichever process.
    public func queued(_ calls: Int = 1) { queued.increment(by: calls) }

    /// A call goes out that was the next of its conversation for so long, held back by pace and turns; zero counts too.
    public func paced(_ wait: Duration) { pacingWait.record(wait) }

    /// A call is written; `ended` follows, whatever becomes of it.
    public func began() { inFlight.increment() }

    /// The call has ended, with an answer or without.
    public func ended(after duration: Duration) {
        inFlight.decrement()
        call.record(duration)
    }

    /// A try is over and what became of it is committed; a 429 counts as one of Telegram's too.
    ///
    /// - Parameters:
    ///   - business: whose call it was.
    ///   - age: how long ago the call was put into the outbox; measured for those that Telegram has carried out.
    public func settled(_ outcome: SendOutcome, of business: BusinessID, age: Duration) {
        let label: Outcome =
            switch outcome {
            case .sent: .sent
            case .unchanged: .unchanged
            case .retry: .retry
            case .migrated: .migrated
            case .blocked: .blocked
            case .connectionLost: .connectionLost
            case .tokenRevoked: .tokenRevoked
            case .expired: .expired
            case .failed: .failed
            case .unknown: .unknown
            case .partial: .partial
            }
        settled[label]?.increment()
        switch outcome {
        case .sent, .unchanged:
            delivery.record(age)
            businesses.sent(business)
        case .retry(let retry) where retry.cause == .tooManyRequests: telegram.tooManyRequests(by: .outbox)
        default: break
        }
    }
}
