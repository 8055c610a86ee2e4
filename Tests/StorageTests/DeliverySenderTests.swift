import GRDB
import Logging
import Synchronization
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Storage

@Suite("The sender of deliveries", .timeLimit(.minutes(2)))
struct DeliverySenderTests {
    private static let noon = DeliveryScene.noon

    private static let ok = Result<WebhookResponse, WebhookFault>.success(WebhookResponse(status: 200))

    /// Runs the sender beside the body, then ends it and waits for what is in flight.
    private static func sending(
        _ scene: DeliveryScene,
        _ caller: ScriptedCaller,
        on clock: some Clock<Duration> = ContinuousClock(),
        now: @escaping @Sendable () -> Timestamp = { noon },
        _ body: () async throws -> Void
    ) async throws {
        let sender = DeliverySender(
            store: scene.store,
            caller: caller,
            sealer: scene.fixture.sealer,
            gate: WebhookGate(),
            clock: clock,
            now: now,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sender.run() }
            do { try await body() } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private static func untilCancelled() async {
        let (never, continuation) = AsyncStream.makeStream(of: Void.self)
        for await _ in never {}
        continuation.finish()
    }

    private static func until(_ scene: DeliveryScene, _ states: [DeliveryID: Delivery.State]) async throws {
        for (id, state) in states {
            while try await scene.delivery(id).state != state { await Task.yield() }
        }
    }

    @Test func `what is due is told, with its own id, and settled`() async throws {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            let early = try await scene.keep(1)
            let caller = ScriptedCaller { _, _ in Self.ok }
            try await Self.sending(scene, caller) {
                // One that comes while it runs is found too.
                let late = try await scene.keep(2)
                try await Self.until(scene, [early: .done, late: .done])
            }
            #expect(Set(caller.calls.map(\.id)) == ["msg_maier_orders_1", "msg_maier_orders_2"])
            #expect(caller.calls.count == 2)
        }
    }

    @Test func `what fails is tried at its times with the same id, ten times, and stays as failed`() async throws {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            let id = try await scene.keep(1)
            let clock = Mutex(Self.noon)
            let caller = ScriptedCaller { _, _ in .success(WebhookResponse(status: 500, body: Array("broken".utf8))) }
            try await Self.sending(scene, caller, now: { clock.withLock { $0 } }) {
                for tries in 1...10 {
                    while try await scene.delivery(id).attempts < tries { await Task.yield() }
                    guard let next = try await scene.delivery(id).nextAt else { break }
                    clock.withLock { $0 = max(next, $0.advanced(by: .seconds(601))) }
                    // A change of the database wakes the sender, which would sleep by the real clock else.
                    try await scene.store.noteWebhooks([DeliveryScene.call()], of: scene.business, at: Self.noon)
                }
            }
            let end = try await scene.delivery(id)
            #expect(end.state == .failed && end.attempts == 10 && end.status == 500)
            #expect(end.answer == Array("broken".utf8) && end.problem?.contains("500") == true)
            #expect(caller.calls.map(\.id) == Array(repeating: "msg_maier_orders_1", count: 10))
        }
    }

    @Test func `a dead webhook with 50,000 due events costs a few trials, and the others do not wait`() async throws {
        try await DeliveryScene.with { scene in
            let dead = try await scene.addWebhook("dead")
            let other = try await DeliveryScene(scene.fixture, "bauer", telegramID: 7_000_002)
            try await other.addWebhook("alive")
            try await scene.fixture.execute(
                """
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
                INSERT INTO delivery (business_id, endpoint_id, event_id, kind, body, mode, timeout_seconds, state, next_at, created_at)
                SELECT \(scene.business.rawValue), \(dead.id.rawValue), 'msg_' || i, 'message.received', x'7B7D', 'notify', 10,
                    'waiting', \(Self.noon.milliseconds - 1000), \(Self.noon.milliseconds) FROM n;
                UPDATE webhook_endpoint SET next_at = \(Self.noon.milliseconds - 1000) WHERE id = \(dead.id.rawValue)
                """
            )
            let caller = ScriptedCaller { host, _ in
                host == "dead" ? .failure(.unreachable("connection refused")) : Self.ok
            }
            try await Self.sending(scene, caller) {
                var ids: [DeliveryID: Delivery.State] = [:]
                for number in 1...100 {
                    ids[try await other.keep(number, call: DeliveryScene.call("alive"))] = .done
                }
                try await Self.until(other, ids)
            }
            #expect(caller.calls.count { $0.host == "alive" } == 100)
            // Ten failures in a row, and the few that were under way beside.
            #expect(caller.calls.count { $0.host == "dead" } <= 10 + WebhookGate.retries)
            let waiting = try await scene.fixture.value(
                Int.self,
                "SELECT count(*) FROM delivery WHERE state = 'waiting' AND attempts = 0"
            )
            #expect((waiting ?? 0) >= 50_000 - 10 - WebhookGate.retries)
        }
    }

    @Test func `at most four calls of a webhook are open at once`() async throws {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            var ids: [DeliveryID: Delivery.State] = [:]
            for number in 1...20 { ids[try await scene.keep(number)] = .done }
            let open = Mutex((now: 0, most: 0))
            let caller = ScriptedCaller { _, _ in
                open.withLock {
                    $0.now += 1
                    $0.most = max($0.most, $0.now)
                }
                for _ in 0..<50 { await Task.yield() }
                open.withLock { $0.now -= 1 }
                return Self.ok
            }
            try await Self.sending(scene, caller) { try await Self.until(scene, ids) }
            #expect(open.withLock { $0.most } <= WebhookGate.retries)
            #expect(caller.calls.count == 20)
        }
    }

    @Test func `what becomes due while an earlier event of the webhook is still being told is told beside it`()
        async throws
    {
        try await DeliveryScene.with { scene in
            let webhook = try await scene.addWebhook()
            let ids = [
                try await scene.keep(1),
                try await scene.keep(2, DeliveryEnd(.waiting(Self.noon.advanced(by: .seconds(5))), isTry: true)),
            ]
            let later = Self.noon.advanced(by: .seconds(5))
            #expect(try await scene.store.nextDelivery(of: [scene.endpoint(webhook.id)], after: Self.noon) == later)
            #expect(try await scene.store.nextDelivery(of: [scene.endpoint(webhook.id)], after: later) == nil)
            let strange = DueEndpoint(id: webhook.id, business: BusinessID(rawValue: 99))
            #expect(try await scene.store.nextDelivery(of: [strange], after: Self.noon) == nil)
            let (told, tell) = AsyncStream<String>.makeStream()
            let (gate, open) = AsyncStream<Void>.makeStream()
            let caller = ScriptedCaller { _, id in
                tell.yield(id)
                if id.hasSuffix("_1") { for await _ in gate {} }
                return Self.ok
            }
            let clock = HandClock()
            try await Self.sending(scene, caller, on: clock, now: { Self.noon.advanced(by: clock.now.offset) }) {
                var heard = told.makeAsyncIterator()
                #expect(await heard.next() == "msg_maier_orders_1")
                await clock.untilSomebodySleeps()
                clock.advance(by: .seconds(6))
                #expect(await heard.next() == "msg_maier_orders_2")
                #expect(try await scene.delivery(ids[0]).state == .waiting)
                open.finish()
                try await Self.until(scene, [ids[0]: .done, ids[1]: .done])
            }
        }
    }

    @Test func `a sender that is cut off leaves the row as it was, and the next one tells it with the same id`()
        async throws
    {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            let id = try await scene.keep(1)
            let (called, isCalled) = AsyncStream.makeStream(of: Void.self)
            let hanging = ScriptedCaller { _, _ in
                isCalled.yield()
                // Ends with its task: nobody writes into it.
                let (never, end) = AsyncStream.makeStream(of: Never.self)
                for await _ in never {}
                end.finish()
                return .failure(.interrupted)
            }
            try await Self.sending(scene, hanging) {
                for await _ in called { break }
            }
            let cut = try await scene.delivery(id)
            #expect(cut.state == .waiting && cut.attempts == 0)
            let caller = ScriptedCaller { _, _ in Self.ok }
            try await Self.sending(scene, caller) { try await Self.until(scene, [id: .done]) }
            #expect(hanging.calls.map(\.id) == caller.calls.map(\.id))
        }
    }

    @Test func `an event of a webhook without a secret waits for it, and is told as soon as there is one`() async throws
    {
        try await DeliveryScene.with { scene in
            let id = try await scene.keep(1)
            let other = DeliveryScene.call("stats")
            try await scene.addWebhook("stats")
            let told = try await scene.keep(2, call: other)
            let caller = ScriptedCaller { _, _ in Self.ok }
            try await Self.sending(scene, caller) {
                try await Self.until(scene, [told: .done])
                #expect(try await scene.delivery(id).state == .waiting)
                #expect(caller.calls.map(\.host) == ["stats"])
                try await scene.setSecret()
                try await Self.until(scene, [id: .done])
            }
            #expect(caller.calls.map(\.host) == ["stats", "orders"])
        }
    }

    @Test func `a business with many webhooks leaves a look's calls to the others`() async throws {
        try await DeliveryScene.with { scene in
            let other = try await DeliveryScene(scene.fixture, "vesna", telegramID: 7_000_002)
            // Older, and so many that four of each would be all the calls there may be.
            for number in 0..<(DeliveryLimits.calls / WebhookGate.retries) {
                let step = "many\(number)"
                try await scene.addWebhook(step)
                for event in 0..<WebhookGate.retries { try await scene.keep(event, call: DeliveryScene.call(step)) }
            }
            try await other.addWebhook()
            let id = try await other.keep(1)
            let hanging = ScriptedCaller { host, _ in
                if host.hasPrefix("many") { await Self.untilCancelled() }
                return Self.ok
            }
            try await Self.sending(scene, hanging) { try await Self.until(other, [id: .done]) }
            #expect(hanging.calls.count { $0.host.hasPrefix("many") } == WebhookGate.retriesOfBusiness)
        }
    }

    @Test func `an end that the database does not take fails alone, with the reason, and is not told again`()
        async throws
    {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            let (bad, good) = (try await scene.keep(1), try await scene.keep(2))
            try await scene.store.write { db in
                try db.execute(
                    sql: """
                        CREATE TRIGGER refuses BEFORE UPDATE ON delivery WHEN NEW.id = \(bad.rawValue) AND NEW.answer IS NOT NULL
                        BEGIN SELECT RAISE(ABORT, 'no'); END
                        """
                )
            }
            let caller = ScriptedCaller { _, _ in .success(WebhookResponse(status: 200, body: Array("{}".utf8))) }
            try await Self.sending(scene, caller) { try await Self.until(scene, [bad: .failed, good: .done]) }
            #expect(try await scene.delivery(bad).problem?.hasPrefix("what became of it could not be stored") == true)
            #expect(caller.calls.count == 2)
        }
    }
}
