import Gateway
import Logging
import Metrics

/// The text of `/metrics`: what the instruments hold, and what is read now.
///
/// What is read is read at most once in a while, however many ask. A source that fails or takes too long is left out, logged and counted;
/// the rest is shown all the same: metrics are asked for above all when something is slow.
actor MetricsPage {
    private struct Reading {
        var samples: [MetricSample] = []
        /// When they were read; nil if they never were.
        var at: ContinuousClock.Instant?
        /// Since when they are being read anew; nil if they are not.
        var runningSince: ContinuousClock.Instant?
    }

    private struct TookTooLong: Error, CustomStringConvertible {
        var description: String { "it took too long" }
    }

    private let metrics: PrometheusMetrics
    private let sources: [any MetricSource]
    private let freshness: Duration
    private let patience: Duration
    private let logger: Logger
    private let failures: [Counter]
    private var readings: [Int: Reading] = [:]

    /// Makes a page.
    ///
    /// - Parameters:
    ///   - freshness: how old a reading may be.
    ///   - patience: how long a source may take; Prometheus itself waits 10 s by default.
    init(
        _ metrics: PrometheusMetrics,
        sources: [any MetricSource],
        freshness: Duration = .seconds(2),
        patience: Duration = .seconds(3),
        logger: Logger
    ) {
        self.metrics = metrics
        self.sources = sources
        self.freshness = freshness
        self.patience = patience
        self.logger = logger
        failures = sources.map { source in
            let metric = MetricDescription.sourceFailures
            return Counter(
                label: metric.name,
                dimensions: metric.dimensions([source.metricSourceName]),
                factory: metrics
            )
        }
    }

    /// The text, with readings that are fresh.
    func text() async -> String {
        await withTaskGroup(of: Void.self) { group in
            for index in sources.indices { group.addTask { await self.refresh(index) } }
        }
        return metrics.text(sources.indices.flatMap { shown($0) })
    }

    /// What a source gave last, unless it has been asked anew for longer than it may take: a read that the system holds cannot be ended.
    private func shown(_ index: Int) -> [MetricSample] {
        let reading = readings[index] ?? Reading()
        if let since = reading.runningSince, ContinuousClock.now - since > patience { return [] }
        return reading.samples
    }

    private func refresh(_ index: Int) async {
        var reading = readings[index] ?? Reading()
        if reading.runningSince != nil { return }
        if let at = reading.at, ContinuousClock.now - at < freshness { return }
        reading.runningSince = .now
        readings[index] = reading
        var samples: [MetricSample] = []
        do {
            samples = try await read(sources[index])
        } catch  where Task.isCancelled {
            // Whoever asked has gone away: that says nothing of the source, and the next one asks again.
            readings[index]?.runningSince = nil
            return
        } catch {
            failures[index].increment()
            logger.warning(
                "metrics not read",
                metadata: ["source": "\(sources[index].metricSourceName)", LogKeys.errorKind: "\(error)"]
            )
        }
        // An old value would look like a fresh one: what cannot be read is not there.
        readings[index] = Reading(samples: samples, at: .now)
    }

    private func read(_ source: any MetricSource) async throws -> [MetricSample] {
        try await withThrowingTaskGroup(of: [MetricSample].self) { group in
            group.addTask { try await source.samples() }
            group.addTask { [patience] in
                try await Task.sleep(for: patience)
                throw TookTooLong()
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }
}
