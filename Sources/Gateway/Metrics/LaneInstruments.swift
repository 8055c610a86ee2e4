import Metrics

/// Counts and measures what pipelines do.
public struct LaneInstruments: Sendable {
    private let jobs: [PipelineRun.Result: Counter]
    private let wait: Timer
    private let deciding: Meter
    private let aside: Meter
    private let handlers: Meter

    init(_ factory: any MetricsFactory) {
        jobs = Dictionary(
            uniqueKeysWithValues: PipelineRun.Result.allCases.map {
                ($0, MetricDescription.laneJobs.counter(factory, $0.rawValue))
            }
        )
        wait = MetricDescription.laneWait.timer(factory)
        deciding = MetricDescription.lanesDeciding.meter(factory)
        aside = MetricDescription.lanesAside.meter(factory)
        handlers = MetricDescription.handlersRunning.meter(factory)
        record(deciding: 0, aside: 0, handlers: 0)
    }

    /// A job's outcome is committed, so long after its update came.
    public func decided(_ result: PipelineRun.Result, after milliseconds: Int64) {
        jobs[result]?.increment()
        wait.record(.milliseconds(milliseconds))
    }

    /// How much is being done.
    public func record(deciding: Int, aside: Int, handlers: Int) {
        self.deciding.set(deciding)
        self.aside.set(aside)
        self.handlers.set(handlers)
    }
}
