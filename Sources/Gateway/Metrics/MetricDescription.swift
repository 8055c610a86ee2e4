import Metrics

/// What a metric is called and what it counts: the contract with dashboards and alert rules.
///
/// **Source:** prometheus.io, "Metric and label naming": base units in the name, `_total` for what only rises.
public struct MetricDescription: Hashable, Sendable {
    /// How its values are to be read.
    public enum Kind: Hashable, Sendable {
        /// Only rises, from 0 at the start of the process.
        case counter
        /// Rises and falls.
        case gauge
        /// Counts values by size; the upper bounds in rising order, without the infinite one.
        case histogram(buckets: [Double])
    }

    /// The name.
    public let name: String
    /// How its values are to be read.
    public let kind: Kind
    /// What it counts, for people.
    public let help: String
    /// The names of its labels, in the order in which values are given.
    public let labels: [String]

    /// Describes a metric.
    public init(_ name: String, _ kind: Kind, _ help: String, labels: [String] = []) {
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
    }

    /// Pairs the values of the labels with their names.
    public func dimensions(_ values: [String]) -> [(String, String)] { Array(zip(labels, values)) }

    func counter(_ factory: any MetricsFactory, _ values: String...) -> Counter {
        Counter(label: name, dimensions: dimensions(values), factory: factory)
    }

    func timer(_ factory: any MetricsFactory) -> Timer { Timer(label: name, dimensions: [], factory: factory) }

    func recorder(_ factory: any MetricsFactory) -> Recorder {
        Recorder(label: name, dimensions: [], aggregate: true, factory: factory)
    }

    func meter(_ factory: any MetricsFactory) -> Meter { Meter(label: name, dimensions: [], factory: factory) }
}

/// A value that is read when somebody asks for the metrics, and not kept by an instrument.
public struct MetricSample: Sendable {
    /// Of which metric: a counter or a gauge.
    public let metric: MetricDescription
    /// The values of its labels, in the order of their names.
    public let labels: [String]
    /// The value.
    public let value: Double

    /// Makes a sample.
    public init(_ metric: MetricDescription, _ labels: [String], _ value: Double) {
        self.metric = metric
        self.labels = labels
        self.value = value
    }

    /// Makes a sample of a metric without labels.
    public init(_ metric: MetricDescription, _ value: Double) { self.init(metric, [], value) }
}

/// Gives values that are read when somebody asks for the metrics.
public protocol MetricSource: Sendable {
    /// What its failures are counted under: a constant word.
    var metricSourceName: String { get }
    /// The values now; each series once.
    func samples() async throws -> [MetricSample]
}

extension Duration {
    /// The nanoseconds in it, as instruments take them; what is over 292 years counts as that.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, isTooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return isTooLong ? .max : product + attoseconds / 1_000_000_000
    }
}

extension Timer {
    func record(_ duration: Duration) { recordNanoseconds(max(0, duration.wholeNanoseconds)) }
}
