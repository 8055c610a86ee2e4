import Gateway
import Metrics
import Synchronization

/// Keeps the values of instruments, and writes them in Prometheus' text format.
///
/// A name that is in `MetricDescription.all` has its help text and its buckets from there; any other is taken as it comes, with what does
/// not fit into a name replaced. The same name with the same labels is the same series. A gauge is shown once it has a value.
public final class PrometheusMetrics: MetricsFactory {
    /// One line, or one group of lines of a histogram.
    private enum Series {
        case counter(CounterSeries)
        case gauge(GaugeSeries)
        case histogram(HistogramSeries)
    }

    private struct Family {
        let kind: MetricDescription.Kind
        let help: String?
        /// By its labels as they are written.
        var series: [String: Series] = [:]
    }

    private static let described = Dictionary(uniqueKeysWithValues: MetricDescription.all.map { ($0.name, $0) })
    private static let usualBuckets: [Double] = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    private let families = Mutex<[String: Family]>([:])

    /// Makes an empty set.
    public init() {}

    // MARK: The factory

    /// See `MetricsFactory`.
    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let made = CounterSeries()
        guard case .counter(let kept) = series(label, dimensions, .counter, else: .counter(made)) else { return made }
        return kept
    }

    /// See `MetricsFactory`.
    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    /// An aggregating recorder is a histogram; another one is a gauge of the last value.
    public func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        aggregate ? histogram(label, dimensions) : gauge(label, dimensions)
    }

    /// A timer is a histogram of seconds.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions)
    }

    /// See `MetricsFactory`.
    public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    /// See `MetricsFactory`.
    public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    /// See `MetricsFactory`.
    public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    /// See `MetricsFactory`.
    public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeSeries {
        let made = GaugeSeries()
        guard case .gauge(let kept) = series(label, dimensions, .gauge, else: .gauge(made)) else { return made }
        return kept
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramSeries {
        var buckets = Self.usualBuckets
        if case .histogram(let described) = Self.described[label]?.kind { buckets = described }
        let made = HistogramSeries(buckets: buckets)
        let kept = series(label, dimensions, .histogram(buckets: buckets), else: .histogram(made))
        guard case .histogram(let kept) = kept else { return made }
        return kept
    }

    /// The series of that name and these labels, made if it is not there.
    ///
    /// A name that is taken by another kind cannot be shown twice: what is made then counts for itself, unseen.
    private func series(
        _ label: String,
        _ dimensions: [(String, String)],
        _ kind: MetricDescription.Kind,
        else made: Series
    ) -> Series {
        let name = PrometheusText.name(label, isCounter: kind == .counter)
        let labels = PrometheusText.labels(dimensions)
        return families.withLock { families in
            var family = families[name] ?? Family(kind: kind, help: Self.described[label]?.help)
            guard family.kind == kind else { return made }
            let kept = family.series[labels] ?? made
            family.series[labels] = kept
            families[name] = family
            return kept
        }
    }

    private func remove(_ handler: AnyObject) {
        families.withLock { families in
            for (name, family) in families {
                let left = family.series.filter { _, series in
                    switch series {
                    case .counter(let kept): kept !== handler
                    case .gauge(let kept): kept !== handler
                    case .histogram(let kept): kept !== handler
                    }
                }
                if left.count < family.series.count { families[name]?.series = left }
                if left.isEmpty { families[name] = nil }
            }
        }
    }

    // MARK: The text

    /// Everything that is kept, and the samples, in the text format, by name.
    ///
    /// A sample of a name that an instrument has is left out: a name stands once.
    public func text(_ samples: [MetricSample] = []) -> String {
        let families = self.families.withLock { $0 }
        var blocks: [(name: String, text: String)] = families.compactMap { name, family in
            let lines = family.series.sorted { $0.key < $1.key }.flatMap { labels, series in
                switch series {
                case .counter(let counter): [PrometheusText.line(name, labels, Double(counter.value))]
                case .gauge(let gauge): gauge.value.map { [PrometheusText.line(name, labels, $0)] } ?? []
                case .histogram(let histogram): histogram.lines(name, labels)
                }
            }
            return lines.isEmpty ? nil : (name, PrometheusText.block(name, family.kind, family.help, lines))
        }
        let byName = Dictionary(grouping: samples.filter { families[$0.metric.name] == nil }, by: \.metric)
        for (metric, samples) in byName {
            let lines = samples.map { sample in
                let labels = PrometheusText.labels(metric.dimensions(sample.labels))
                return PrometheusText.line(metric.name, labels, sample.value)
            }
            blocks.append((metric.name, PrometheusText.block(metric.name, metric.kind, metric.help, lines.sorted())))
        }
        return blocks.sorted { $0.name < $1.name }.map(\.text).joined()
    }
}

/// Rises.
private final class CounterSeries: CounterHandler {
    private let count = Atomic<Int64>(0)

    var value: Int64 { count.load(ordering: .relaxed) }

    func increment(by amount: Int64) { count.wrappingAdd(amount, ordering: .relaxed) }

    func reset() { count.store(0, ordering: .relaxed) }
}

/// Holds the last value.
private final class GaugeSeries: RecorderHandler, MeterHandler {
    private let last = Mutex<Double?>(nil)

    var value: Double? { last.withLock { $0 } }

    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { last.withLock { $0 = value } }
    func increment(by amount: Double) { last.withLock { $0 = ($0 ?? 0) + amount } }
    func decrement(by amount: Double) { increment(by: -amount) }
}

/// Counts values by size.
private final class HistogramSeries: RecorderHandler, TimerHandler {
    private struct Counts {
        /// Of each bucket alone; the last is that without an upper bound.
        var buckets: [Int64]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let counts: Mutex<Counts>

    init(buckets bounds: [Double]) {
        self.bounds = bounds
        counts = Mutex(Counts(buckets: Array(repeating: 0, count: bounds.count + 1)))
    }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        // What is no number belongs into no bucket, and would make the sum none for ever.
        guard value.isFinite else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        counts.withLock { counts in
            counts.buckets[bucket] += 1
            counts.sum += value
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func lines(_ name: String, _ labels: String) -> [String] {
        let counts = counts.withLock { $0 }
        let prefix = labels.isEmpty ? "" : labels + ","
        var count: Int64 = 0
        var lines: [String] = []
        for (bound, inBucket) in zip(bounds + [.infinity], counts.buckets) {
            count += inBucket
            let le = "le=\"\(PrometheusText.number(bound))\""
            lines.append(PrometheusText.line(name + "_bucket", prefix + le, Double(count)))
        }
        lines.append(PrometheusText.line(name + "_sum", labels, counts.sum))
        lines.append(PrometheusText.line(name + "_count", labels, Double(count)))
        return lines
    }
}
