import Metrics
import Synchronization

/// Counts for each business, up to a number of them; what is over that counts as one, named `other`.
///
/// The first businesses that something comes for are the ones with series of their own, until the process ends: a counter that changed its
/// owner would tell nonsense.
final class BusinessInstruments: Sendable {
    private struct Series: Sendable {
        let updates: Counter
        let refused: Counter
        let sent: Counter

        init(_ factory: any MetricsFactory, _ business: String) {
            updates = MetricDescription.businessUpdates.counter(factory, business)
            refused = MetricDescription.businessRefused.counter(factory, business)
            sent = MetricDescription.businessSent.counter(factory, business)
        }
    }

    private let factory: any MetricsFactory
    private let limit: Int
    private let series = Mutex<[BusinessID: Series]>([:])
    private let other: Mutex<Series?> = Mutex(nil)

    init(_ factory: any MetricsFactory, limit: Int) {
        self.factory = factory
        self.limit = max(0, limit)
    }

    /// Whether any business is counted for itself.
    var isOn: Bool { limit > 0 }

    /// Updates of these businesses are new and on disk: one lock for all of them.
    func stored(_ businesses: [BusinessID]) {
        guard isOn else { return }
        series.withLock { series in
            for business in businesses { find(business, in: &series).updates.increment() }
        }
    }

    func refused(_ business: BusinessID) {
        guard isOn else { return }
        series.withLock { find(business, in: &$0) }.refused.increment()
    }

    func sent(_ business: BusinessID) {
        guard isOn else { return }
        series.withLock { find(business, in: &$0) }.sent.increment()
    }

    private func find(_ business: BusinessID, in series: inout [BusinessID: Series]) -> Series {
        if let known = series[business] { return known }
        guard series.count < limit else {
            return other.withLock { other in
                let made = other ?? Series(factory, "other")
                other = made
                return made
            }
        }
        let made = Series(factory, business.description)
        series[business] = made
        return made
    }
}
