import Metrics

/// Counts and measures the one write path: one report for each transaction.
public struct WriteInstruments: Sendable {
    /// What one transaction came to.
    public struct Report: Sendable {
        /// How it ended.
        public enum Result: String, CaseIterable, Sendable {
            case committed
            /// Committed at the second try, each record alone.
            case oneByOne = "one_by_one"
            /// Nothing of it is written.
            case failed
        }

        /// How it ended.
        public var result = Result.failed
        /// How many writes it took up, updates and others; 0 for one that the writer began by itself.
        public var size = 0
        /// How long the oldest of them had waited.
        public var waited: Duration?
        /// From BEGIN to the end of COMMIT, of the try that was committed.
        public var transaction = Duration.zero
        /// The COMMIT alone.
        public var flush = Duration.zero

        /// Updates that are new and on disk.
        public var stored = 0
        /// Updates that were on disk already.
        public var duplicates = 0
        /// Updates on disk whose number was taken by another.
        public var conflicts = 0
        /// Updates that are not on disk.
        public var failed = 0
        /// Bytes of the bodies of all these.
        public var bytes = 0
        /// The marks with which some of them were stored.
        public var marks: [UpdateMark] = []
        /// Whose the stored ones are; only where `WriteInstruments.countsBusinesses` asks for it.
        public var owners: [BusinessID] = []

        /// Makes a report of a transaction that has not ended.
        public init() {}
    }

    private let stored: Counter
    private let duplicates: Counter
    private let conflicts: Counter
    private let failed: Counter
    private let bytes: Counter
    private let marked: [UpdateMark: Counter]
    private let batches: [Report.Result: Counter]
    private let batchSize: Recorder
    private let wait: Timer
    private let commit: Timer
    private let flush: Timer
    private let businesses: BusinessInstruments

    init(_ factory: any MetricsFactory, _ businesses: BusinessInstruments) {
        stored = MetricDescription.intakeUpdates.counter(factory, "stored")
        duplicates = MetricDescription.intakeUpdates.counter(factory, "duplicate")
        conflicts = MetricDescription.intakeUpdates.counter(factory, "conflict")
        failed = MetricDescription.intakeUpdates.counter(factory, "failed")
        bytes = MetricDescription.intakeBytes.counter(factory)
        marked = Dictionary(
            uniqueKeysWithValues: UpdateMark.allCases.map {
                ($0, MetricDescription.intakeMarked.counter(factory, $0.rawValue))
            }
        )
        batches = Dictionary(
            uniqueKeysWithValues: Report.Result.allCases.map {
                ($0, MetricDescription.writeBatches.counter(factory, $0.rawValue))
            }
        )
        batchSize = MetricDescription.writeBatchSize.recorder(factory)
        wait = MetricDescription.writeWait.timer(factory)
        commit = MetricDescription.commit.timer(factory)
        flush = MetricDescription.flush.timer(factory)
        self.businesses = businesses
    }

    /// Whether reports are to say whose the updates are.
    public var countsBusinesses: Bool { businesses.isOn }

    /// A transaction is over: adds each number once, whatever the number of updates.
    public func record(_ report: Report) {
        batches[report.result]?.increment()
        if report.size > 0 { batchSize.record(report.size) }
        if let waited = report.waited { wait.record(waited) }
        if report.result != .failed {
            commit.record(report.transaction)
            flush.record(report.flush)
        }
        if report.stored > 0 { stored.increment(by: report.stored) }
        if report.duplicates > 0 { duplicates.increment(by: report.duplicates) }
        if report.conflicts > 0 { conflicts.increment(by: report.conflicts) }
        if report.failed > 0 { failed.increment(by: report.failed) }
        if report.bytes > 0 { bytes.increment(by: report.bytes) }
        for mark in report.marks { marked[mark]?.increment() }
        if !report.owners.isEmpty { businesses.stored(report.owners) }
    }
}
