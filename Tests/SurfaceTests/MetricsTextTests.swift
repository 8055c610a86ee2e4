import Foundation
import Gateway
import Logging
import Metrics
import Synchronization
import Telegram
import Testing

@testable import HTTPSurface

extension SurfaceTests {
    @Suite("The text of the metrics", .timeLimit(.minutes(1)))
    struct MetricsTextTests {
        private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

        @Test func `what does not fit into the format is fitted or escaped`() throws {
            let metrics = PrometheusMetrics()
            Counter(label: "9 odd.näme", dimensions: [("le gacy", "a\"b\\c\nd")], factory: metrics).increment(by: 3)
            Gauge(label: "fraction", factory: metrics).record(0.000_012_5)
            Gauge(label: "endless", factory: metrics).record(-Double.infinity)
            Meter(label: "large", factory: metrics).set(Double(1 << 60))
            let text = metrics.text()
            let read = try Exposition(text)
            #expect(read.value("_9_odd_n_me_total", ["le_gacy": "a\\\"b\\\\c\\nd"]) == 3)
            #expect(read.value("fraction") == 0.000_012_5)
            #expect(read.value("endless") == -Double.infinity)
            #expect(read.value("large") == Double(1 << 60))
            #expect(text.split(separator: "\n").count == 8)
        }

        @Test func `a histogram counts what is at most its bound, and takes no value that is no number`() throws {
            let metrics = PrometheusMetrics()
            let recorder = Recorder(label: "switchboard_write_batch_size", factory: metrics)
            for value in [1.0, 2, 2.5, 256, 257, .nan, .infinity] { recorder.record(value) }
            let read = try Exposition(metrics.text())
            let counts = ["1": 1.0, "2": 2, "4": 3, "128": 3, "256": 4, "+Inf": 5]
            for (bound, count) in counts {
                #expect(read.value("switchboard_write_batch_size_bucket", ["le": bound]) == count, "\(bound)")
            }
            #expect(read.value("switchboard_write_batch_size_sum") == 518.5)
            #expect(read.value("switchboard_write_batch_size_count") == 5)
        }

        @Test func `a timer is shown in seconds`() throws {
            let metrics = PrometheusMetrics()
            let timer = Timer(label: "switchboard_commit_seconds", factory: metrics)
            timer.recordNanoseconds(4_000_000)
            timer.recordMilliseconds(20)
            let read = try Exposition(metrics.text())
            #expect(read.value("switchboard_commit_seconds_bucket", ["le": "0.005"]) == 1)
            #expect(read.value("switchboard_commit_seconds_bucket", ["le": "0.025"]) == 2)
            #expect(abs((read.value("switchboard_commit_seconds_sum") ?? 0) - 0.024) < 1e-9)
        }

        @Test func `the same name with the same labels is one series, and another kind of it is not shown`() throws {
            let metrics = PrometheusMetrics()
            Counter(label: "a_total", dimensions: [("x", "1"), ("y", "2")], factory: metrics).increment()
            Counter(label: "a_total", dimensions: [("y", "2"), ("x", "1")], factory: metrics).increment()
            Gauge(label: "a_total", factory: metrics).record(7)
            let read = try Exposition(metrics.text([MetricSample(.init("a_total", .counter, "Twice."), 9)]))
            #expect(read.values == [.init(name: "a_total", labels: ["x": "1", "y": "2"]): 2])
        }

        @Test func `a gauge is shown once it has a value, and nothing that is destroyed`() throws {
            let metrics = PrometheusMetrics()
            let gauge = Gauge(label: "unset", factory: metrics)
            #expect(metrics.text().isEmpty)
            gauge.record(0)
            #expect(try Exposition(metrics.text()).value("unset") == 0)
            gauge.destroy()
            #expect(metrics.text().isEmpty)
        }

        @Test func `many threads count nothing twice and lose nothing`() async throws {
            let metrics = PrometheusMetrics()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let counter = Counter(label: "a_total", factory: metrics)
                        let recorder = Recorder(label: "b", factory: metrics)
                        let meter = Meter(label: "c", factory: metrics)
                        for _ in 0..<1000 {
                            counter.increment()
                            recorder.record(1)
                            meter.increment()
                        }
                    }
                }
            }
            let read = try Exposition(metrics.text())
            #expect(read.value("a_total") == 8000)
            #expect(read.value("b_count") == 8000)
            #expect(read.value("c") == 8000)
        }

        @Test func `only so many businesses have series of their own, and the others are one`() throws {
            let metrics = PrometheusMetrics()
            let instruments = Instruments(metrics, businesses: 2)
            for round in 1...3 {
                var report = WriteInstruments.Report()
                report.owners = (1...5).map { BusinessID(rawValue: Int64($0)) }
                report.stored = 5
                instruments.writes.record(report)
                instruments.webhooks.notStored(of: BusinessID(rawValue: Int64(round)))
            }
            let read = try Exposition(metrics.text())
            let counts = ["biz_1": 3.0, "biz_2": 3, "other": 9]
            for (business, count) in counts {
                #expect(read.value("switchboard_business_updates_total", ["business": business]) == count)
            }
            #expect(read.value("switchboard_business_refused_total", ["business": "other"]) == 1)
            #expect(read.values.keys.count { $0.name == "switchboard_business_updates_total" } == 3)
            let none = PrometheusMetrics()
            Instruments(none, businesses: 0).webhooks.notStored(of: BusinessID(rawValue: 1))
            #expect(try Exposition(none.text()).names.filter { $0.contains("business") } == [])
        }

        @Test func `every end of a call has its series, and a 429 is counted as Telegram's too`() throws {
            let metrics = PrometheusMetrics()
            let outbox = Instruments(metrics, businesses: 1).outbox
            let flood = SendOutcome.Retry(cause: .tooManyRequests, after: .seconds(3), reason: "Too Many Requests")
            let outcomes: [(SendOutcome, String)] = [
                (.sent, "sent"), (.unchanged, "unchanged"), (.retry(flood), "retry"), (.migrated(to: -100), "migrated"),
                (.blocked(.kicked, reason: ""), "blocked"), (.connectionLost(reason: ""), "connection_lost"),
                (.tokenRevoked(reason: ""), "token_revoked"), (.failed(.gone, reason: ""), "failed"),
                (.expired(reason: ""), "expired"), (.unknown(reason: ""), "unknown"),
                (.partial(.init(asked: 2)), "partial"),
            ]
            let before = try Exposition(metrics.text())
            for (outcome, label) in outcomes {
                #expect(before.value("switchboard_outbox_settled_total", ["outcome": label]) == 0)
                outbox.settled(outcome, of: BusinessID(rawValue: 1), age: .seconds(2))
            }
            outbox.queued(7)
            outbox.paced(.milliseconds(40))
            outbox.began()
            outbox.began()
            outbox.ended(after: .milliseconds(90))
            let read = try Exposition(metrics.text())
            for (_, label) in outcomes {
                #expect(read.value("switchboard_outbox_settled_total", ["outcome": label]) == 1, "\(label)")
            }
            #expect(before.value("switchboard_telegram_429_total", ["caller": "outbox"]) == 0)
            #expect(read.value("switchboard_telegram_429_total", ["caller": "outbox"]) == 1)
            #expect(read.value("switchboard_telegram_429_total", ["caller": "webhooks"]) == 0)
            #expect(read.value("switchboard_outbox_delivery_seconds_count") == 2)
            #expect(read.value("switchboard_business_sent_total", ["business": "biz_1"]) == 2)
            #expect(read.value("switchboard_outbox_queued_total") == 7)
            #expect(read.value("switchboard_outbox_pacing_wait_seconds_bucket", ["le": "0.05"]) == 1)
            #expect(read.value("switchboard_outbox_in_flight") == 1)
            #expect(read.value("switchboard_outbox_call_seconds_count") == 1)
        }

        @Test func `the metrics keep to the conventions`() throws {
            let metrics = MetricDescription.all
            #expect(Set(metrics.map(\.name)).count == metrics.count)
            for metric in metrics {
                let name = metric.name
                #expect(name.wholeMatch(of: /(switchboard|process)_[a-z0-9_]+/) != nil, "\(name)")
                #expect(name.hasSuffix("_total") == (metric.kind == .counter), "\(name)")
                #expect(name.firstMatch(of: /_(ms|milliseconds|kb|mb|percent)(_|$)/) == nil, "\(name)")
                #expect(metric.help.hasSuffix("."), "\(name)")
                #expect(Set(metric.labels).count == metric.labels.count, "\(name)")
                if case .histogram(let buckets) = metric.kind { #expect(buckets == Set(buckets).sorted(), "\(name)") }
            }
        }

        /// Fails, never ends, or gives one sample, by what it is told; counts how often it was asked.
        private final class Source: MetricSource {
            enum Way { case works, fails, hangs }
            struct Broken: Error {}

            let metricSourceName: String
            let metric: MetricDescription
            let way: Mutex<Way>
            let asked = Atomic<Int>(0)

            init(_ name: String, _ way: Way) {
                metricSourceName = name
                metric = MetricDescription("test_\(name)", .gauge, "A test's.")
                self.way = Mutex(way)
            }

            func samples() async throws -> [MetricSample] {
                asked.wrappingAdd(1, ordering: .relaxed)
                switch way.withLock({ $0 }) {
                case .works: break
                case .fails: throw Broken()
                case .hangs:
                    for await _ in AsyncStream<Void>.makeStream().stream {}
                    throw CancellationError()
                }
                return [MetricSample(metric, 5)]
            }
        }

        @Test func `a source that fails or hangs is left out and counted, and the rest is shown`() async throws {
            let metrics = PrometheusMetrics()
            let (good, bad, slow) = (Source("good", .works), Source("bad", .works), Source("slow", .works))
            let page = MetricsPage(
                metrics,
                sources: [good, bad, slow],
                freshness: .zero,
                patience: .milliseconds(20),
                logger: Self.quiet
            )
            let before = try Exposition(await page.text())
            #expect(before.value("test_bad") == 5)
            #expect(before.value("test_slow") == 5)
            bad.way.withLock { $0 = .fails }
            slow.way.withLock { $0 = .hangs }
            _ = await page.text()
            let read = try Exposition(await page.text())
            #expect(read.value("test_good") == 5)
            #expect(read.value("test_bad") == nil)
            #expect(read.value("test_slow") == nil)
            let failures = "switchboard_metrics_source_failures_total"
            #expect(read.value(failures, ["source": "good"]) == 0)
            // A text is written after its own readings: those of this one are in it.
            #expect(read.value(failures, ["source": "bad"]) == 2)
            #expect(read.value(failures, ["source": "slow"]) == 2)
            bad.way.withLock { $0 = .works }
            #expect(try Exposition(await page.text()).value("test_bad") == 5)
        }

        @Test func `who goes away while a source is asked takes nothing from the next`() async throws {
            let metrics = PrometheusMetrics()
            let source = Source("slow", .hangs)
            let page = MetricsPage(
                metrics,
                sources: [source],
                freshness: .seconds(3600),
                patience: .seconds(3600),
                logger: Self.quiet
            )
            let first = Task { await page.text() }
            while source.asked.load(ordering: .relaxed) == 0 { await Task.yield() }
            // Meanwhile another one is not held up, and does not ask too.
            #expect(try Exposition(await page.text()).value("test_slow") == nil)
            first.cancel()
            _ = await first.value
            source.way.withLock { $0 = .works }
            let read = try Exposition(await page.text())
            #expect(read.value("test_slow") == 5)
            #expect(read.value("switchboard_metrics_source_failures_total", ["source": "slow"]) == 0)
            #expect(source.asked.load(ordering: .relaxed) == 2)
        }

        @Test func `sources are asked once in a while, however many look`() async throws {
            let source = Source("good", .works)
            let page = MetricsPage(
                PrometheusMetrics(),
                sources: [source],
                freshness: .seconds(3600),
                logger: Self.quiet
            )
            for _ in 0..<20 { #expect(try Exposition(await page.text()).value("test_good") == 5) }
            #expect(source.asked.load(ordering: .relaxed) == 1)
        }
    }
}
