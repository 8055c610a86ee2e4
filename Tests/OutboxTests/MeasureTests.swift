import Gateway
import HTTPSurface
import Simulator
import Telegram
import TestClock
import Testing

@testable import Storage

extension SendingTests {
    /// What the sender counts and measures.
    @Suite struct Measures {
        private static func value(_ name: String, _ metrics: PrometheusMetrics) -> Double? {
            metrics.text().split(separator: "\n")
                .first { $0.hasPrefix("\(name) ") || $0.hasPrefix("\(name){") }
                .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }
        }

        @Test func `what is queued, by whichever process, is counted, and how long pace held it back is measured`()
            async throws
        {
            try await OutboxScene.with { scene in
                let metrics = PrometheusMetrics()
                let other = try await SQLiteStore(scene.directory, .expectCurrent)
                try await scene.sending(instruments: Instruments(metrics, businesses: 1).outbox) {
                    try await scene.queue("zero")
                    try await scene.untilEmpty()
                    let before = Self.value("switchboard_outbox_queued_total", metrics) ?? -1
                    for text in ["one", "two", "three", "four"] {
                        _ = try await other.enqueue(
                            SendRequest(
                                business: scene.shop.business.id,
                                conversation: scene.shop.conversation,
                                content: .text(FormattedText(text))
                            ),
                            at: scene.now
                        )
                    }
                    await scene.store.poll()
                    try await scene.untilEmpty()
                    // The count may come a moment after the last row has gone.
                    while Self.value("switchboard_outbox_queued_total", metrics) != before + 4 {
                        try Task.checkCancellation()
                        await Task.yield()
                    }
                }
                try await other.close()
                #expect(scene.seen() == ["zero", "one", "two", "three", "four"])
                #expect(Self.value("switchboard_outbox_pacing_wait_seconds_count", metrics) == 5)
                // The chat takes three at once, and then one a second.
                let waited = try #require(Self.value("switchboard_outbox_pacing_wait_seconds_sum", metrics))
                #expect(waited >= 0.9 && waited < 4)
            }
        }

        @Test func `a call that comes too late is counted as expired`() async throws {
            try await OutboxScene.with { scene in
                let metrics = PrometheusMetrics()
                try await scene.queue(.chatAction(.typing))
                scene.clock.advance(by: .seconds(6))
                try await scene.sending(instruments: Instruments(metrics, businesses: 1).outbox) {
                    try await scene.untilEmpty()
                }
                #expect(Self.value("switchboard_outbox_settled_total{outcome=\"expired\"}", metrics) == 1)
            }
        }
    }
}
