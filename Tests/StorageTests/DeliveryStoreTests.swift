import GRDB
import Telegram
import Testing

@testable import Gateway
@testable import Storage

@Suite("Webhooks and deliveries in the store", .timeLimit(.minutes(1)))
struct DeliveryStoreTests {
    private static let noon = DeliveryScene.noon
    private static func later(_ seconds: Int64) -> Timestamp { noon.advanced(by: .seconds(seconds)) }

    private static func failed(_ next: DeliveryEnd.Next, _ why: String = "it answered 500") -> DeliveryEnd {
        DeliveryEnd(next, isTry: true, status: 500, problem: why)
    }

    @Test func `a secret is made once, replaced with an overlap, and the old one signs until then`() async throws {
        try await DeliveryScene.with { scene in
            try await scene.store.noteWebhooks([DeliveryScene.call()], of: scene.business, at: Self.noon)
            let bare = try await scene.store.webhook("orders", of: scene.business)
            #expect(throws: GatewayError.noSigningSecret("orders")) {
                try bare.secrets(at: Self.noon, scene.fixture.sealer)
            }
            let (first, second) = (SigningSecret(), SigningSecret())
            try await scene.setSecret("orders", first)
            await #expect(throws: GatewayError.hasSigningSecret("orders")) { try await scene.setSecret("orders") }
            let rotated = try await scene.setSecret("orders", isNew: false, overlap: Self.later(60), second)
            #expect(try rotated.secrets(at: Self.later(59), scene.fixture.sealer) == .init(second, previous: first))
            #expect(try rotated.secrets(at: Self.later(60), scene.fixture.sealer) == .init(second))
            let cut = try await scene.setSecret("orders", isNew: false, SigningSecret())
            #expect(cut.previous == nil && cut.secret?.version == 3)
            let raw = try await scene.fixture.value(
                Int.self,
                "SELECT count(*) FROM webhook_endpoint WHERE instr(secret_sealed, 'whsec')"
            )
            #expect(raw == 0)
        }
    }

    @Test func `a webhook keeps secret and state when its URL changes, and is of one business`() async throws {
        try await DeliveryScene.with { scene in
            let webhook = try await scene.addWebhook()
            _ = try await scene.store.setState(.off("by hand"), of: "orders", business: scene.business)
            var call = DeliveryScene.call()
            call.url = "https://elsewhere.example/"
            try await scene.store.noteWebhooks([call], of: scene.business, at: Self.noon)
            let after = try await scene.store.webhook("orders", of: scene.business)
            #expect(after.id == webhook.id && after.url == call.url && after.state == .off("by hand"))
            #expect(after.secret?.version == 1)
            let other = try await DeliveryScene(scene.fixture, "bauer", telegramID: 7_000_002)
            #expect(try await other.store.webhooks(of: other.business).isEmpty)
            await #expect(throws: GatewayError.unknownWebhook("orders")) {
                try await other.store.webhook("orders", of: other.business)
            }
            let id = try await scene.keep(1)
            await #expect(throws: GatewayError.unknownDelivery(id.description)) { try await other.delivery(id) }
            await #expect(throws: GatewayError.unknownDelivery(id.description)) {
                try await other.store.drop([id], of: other.business, at: Self.noon)
            }
            await #expect(throws: GatewayError.unknownDelivery(id.description)) {
                try await other.store.replay([id], of: other.business, at: Self.noon)
            }
        }
    }

    @Test func `an event is kept once, with what became of its first try`() async throws {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            let long = [UInt8](repeating: 0x41, count: 30_000)
            let done = try await scene.keep(1, DeliveryEnd(.done, isTry: true, status: 200, answer: long))
            #expect(try await scene.store.keep(scene.draft(1), at: Self.noon) == nil)
            let kept = try await scene.delivery(done)
            #expect(kept.state == .done && kept.attempts == 1 && kept.answer.count == 20_000 && kept.status == 200)
            // The pipeline had this answer: it is not late.
            #expect(try await scene.store.lateAnswers(.init(limit: 10)).isEmpty)
            let waiting = try await scene.keep(2, Self.failed(.waiting(Self.later(5))))
            #expect(try await scene.delivery(waiting).nextAt == Self.later(5))
            #expect(
                try await scene.store.look(at: Self.noon) == DueLook(endpoints: [], nextAt: Self.later(5))
            )
            #expect(try await scene.store.look(at: Self.later(5)).endpoints.count == 1)
            #expect(try await scene.store.delivery("msg_maier_orders_2", of: scene.business).id == waiting)
        }
    }

    @Test func `what is due comes in order, without what is in flight, and of businesses that run`() async throws {
        try await DeliveryScene.with { scene in
            let webhook = try await scene.addWebhook()
            let second = try await scene.keep(1, Self.failed(.waiting(Self.later(2))))
            let first = try await scene.keep(2, Self.failed(.waiting(Self.later(1))))
            try await scene.keep(3, Self.failed(.waiting(Self.later(9))))
            let now = Self.later(3)
            let due = try await scene.store.due([scene.endpoint(webhook.id): 10], without: [], at: now)
            #expect(due.map(\.id) == [first, second])
            #expect(due.first?.event.id == "msg_maier_orders_2" && due.first?.attempts == 1)
            #expect(
                try await scene.store.due([scene.endpoint(webhook.id): 1], without: [first], at: now).map(\.id) == [
                    second
                ]
            )
            _ = try await scene.store.setState(.suspended, of: scene.business)
            #expect(try await scene.store.look(at: now) == DueLook(endpoints: [], nextAt: nil))
            _ = try await scene.store.setState(.active, of: scene.business)
            #expect(try await scene.store.look(at: now).endpoints.map(\.id) == [webhook.id])
        }
    }

    @Test func `an answer that comes late waits whole for the lane, and one to notify does not`() async throws {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            let body = Array(#"{"actions":[{"reply":"late"}]}"#.utf8) + [UInt8](repeating: 0x20, count: 25_000)
            let answering = try await scene.keep(1)
            let told = try await scene.keep(2, call: DeliveryScene.call(mode: .notify))
            let end = DeliveryEnd(.done, isTry: true, status: 200, answer: body)
            _ = try await scene.store.settle(
                [
                    .init(id: answering, of: scene.business, at: scene.url, end: end),
                    .init(id: told, of: scene.business, at: scene.url, end: end),
                ],
                at: Self.later(1)
            )
            let late = try await scene.store.lateAnswers(.init(limit: 10))
            #expect(late.map(\.id) == [answering] && late.first?.body == body)
            #expect(late.first?.conversation == scene.conversation && late.first?.step == "orders")
            // A row that is done is not settled again.
            _ = try await scene.store.settle(
                [.init(id: answering, of: scene.business, at: scene.url, end: Self.failed(.failed))],
                at: Self.later(2)
            )
            #expect(try await scene.delivery(answering).state == .done)
            let business = scene.business
            try await scene.store.write {
                try SQLiteStore.closeLateAnswer(answering, of: business, problem: "the answer was refused", $0)
            }
            #expect(try await scene.store.lateAnswers(.init(limit: 10)).isEmpty)
            #expect(try await scene.delivery(answering).problem == "the answer was refused")
        }
    }

    @Test func `410 turns the webhook off, and what waits for it is given up in steps`() async throws {
        try await DeliveryScene.with { scene in
            let webhook = try await scene.addWebhook()
            let gone = try await scene.keep(1)
            for number in 2...6 { try await scene.keep(number) }
            let off = try await scene.store.settle(
                [.init(id: gone, of: scene.business, at: scene.url, end: Self.failed(.gone, "410"))],
                at: Self.noon
            )
            #expect(off.turnedOff.map(\.id) == [webhook.id])
            #expect(try await scene.store.webhook("orders", of: scene.business).state == .off("410"))
            #expect(try await scene.store.look(at: Self.later(99)).endpoints.isEmpty)
            #expect(try await scene.store.giveUpForOff(limit: 3, without: [], at: Self.noon) == 3)
            #expect(try await scene.store.giveUpForOff(limit: 3, without: [], at: Self.noon) == 2)
            #expect(try await scene.store.giveUpForOff(limit: 3, without: [], at: Self.noon) == 0)
            let failed = try await scene.store.deliveries(of: scene.business, failedOnly: true, page: Page(limit: 50))
            #expect(failed.elements.count == 6)
            #expect(failed.elements.first?.problem == "the webhook was turned off: 410")
            await #expect(throws: GatewayError.webhookIsOff("orders")) {
                try await scene.store.replay([gone], of: scene.business, at: Self.noon)
            }
            _ = try await scene.store.setState(.on, of: "orders", business: scene.business)
            try await scene.store.replay([gone], of: scene.business, at: Self.later(10))
            let again = try await scene.delivery(gone)
            #expect(again.state == .waiting && again.attempts == 0 && again.event.id == "msg_maier_orders_1")
            #expect(try await scene.store.look(at: Self.later(10)).endpoints.count == 1)
        }
    }

    @Test func `only failures for 120 hours turn it off, one success begins anew`() async throws {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            let id = try await scene.keep(1, Self.failed(.waiting(Self.later(5))))
            func fail(at time: Timestamp) async throws -> [WebhookEndpoint] {
                try await scene.store.settle(
                    [.init(id: id, of: scene.business, at: scene.url, end: Self.failed(.waiting(time)))],
                    at: time
                ).turnedOff
            }
            #expect(try await fail(at: Self.later(119 * 3600)).isEmpty)
            let other = try await scene.keep(2)
            let done = DeliveryEnd(.done, isTry: true, status: 200)
            _ = try await scene.store.settle(
                [.init(id: other, of: scene.business, at: scene.url, end: done)],
                at: Self.later(119 * 3600)
            )
            #expect(try await scene.store.webhook("orders", of: scene.business).failingSince == nil)
            #expect(try await fail(at: Self.later(121 * 3600)).isEmpty)
            // A failure now and then, with days without any between them, is no long failure.
            #expect(try await fail(at: Self.later(300 * 3600)).isEmpty)
            for hour in stride(from: 320, through: 400, by: 20) {
                #expect(try await fail(at: Self.later(Int64(hour) * 3600)).isEmpty)
            }
            #expect(try await fail(at: Self.later(419 * 3600)).isEmpty)
            #expect(try await fail(at: Self.later(421 * 3600)).count == 1)
        }
    }

    @Test func `a webhook is another one for the breaker when it is turned on, moves or gets another secret`()
        async throws
    {
        try await DeliveryScene.with { scene in
            let first = try await scene.addWebhook()
            func renewal() async throws -> Int64 {
                try await scene.store.webhook("orders", of: scene.business).renewal
            }
            var call = DeliveryScene.call()
            try await scene.store.noteWebhooks([call], of: scene.business, at: Self.noon)
            #expect(try await renewal() == first.renewal)
            call.url = "https://elsewhere.example/hook"
            try await scene.store.noteWebhooks([call], of: scene.business, at: Self.noon)
            #expect(try await renewal() == first.renewal + 1)
            _ = try await scene.store.setState(.off("by hand"), of: "orders", business: scene.business)
            #expect(try await renewal() == first.renewal + 1)
            _ = try await scene.store.setState(.on, of: "orders", business: scene.business)
            try await scene.setSecret(isNew: false)
            #expect(try await renewal() == first.renewal + 3)
            try await scene.keep(1, call: call)
            #expect(try await scene.store.look(at: Self.noon).endpoints.map(\.renewal) == [first.renewal + 3])
        }
    }

    @Test
    func `what waits too long for a secret, or for a pipeline that calls the webhook, is given up with that reason`()
        async throws
    {
        try await DeliveryScene.with { scene in
            try await scene.store.noteWebhooks([DeliveryScene.call("silent")], of: scene.business, at: Self.noon)
            try await scene.addWebhook("idle")
            let ids = [
                try await scene.keep(1, call: DeliveryScene.call("silent")),
                try await scene.keep(2, call: DeliveryScene.call("idle")),
            ]
            let silent = [DeliveryScene.call("silent")]
            try await scene.store.usePipeline(nil, calling: silent, of: scene.business, at: Self.noon)
            let late = Self.later(120 * 3600 + 1)
            for _ in ids { #expect(try await scene.store.giveUpForOff(limit: 9, without: [], at: late) == 1) }
            #expect(try await scene.delivery(ids[0]).problem == "the webhook had no secret for too long")
            #expect(try await scene.delivery(ids[1]).problem == "no pipeline has called the webhook for too long")
        }
    }

    @Test func `metrics count the webhooks that the pipelines call by how they are, and what waits for a later try`()
        async throws
    {
        try await DeliveryScene.with { scene in
            for step in ["orders", "support", "other"] { try await scene.addWebhook(step) }
            try await scene.keep(1, Self.failed(.waiting(Self.later(5))))
            try await scene.keep(2, call: DeliveryScene.call("support"))
            _ = try await scene.store.setState(.off("by hand"), of: "other", business: scene.business)
            let samples = try await StoreTablesSource(scene.store).samples()
            func value(_ metric: MetricDescription, _ labels: [String] = []) -> Double? {
                samples.first { $0.metric.name == metric.name && $0.labels == labels }?.value
            }
            #expect(value(.deliveriesWaiting) == 2)
            for state in ["ok", "failing", "off"] { #expect(value(.handlerWebhooks, [state]) == 1, "\(state)") }
        }
    }

    @Test func `failed ones of a time are found and replayed, dropped ones stay dropped`() async throws {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            try await scene.addWebhook("support")
            for number in 0..<10 {
                let call = DeliveryScene.call(number % 2 == 0 ? "orders" : "support")
                try await scene.keep(number, Self.failed(.failed), call: call, at: Self.later(Int64(number)))
            }
            let some = try await scene.store.failedDeliveries(
                of: scene.business,
                step: "orders",
                from: Self.later(2),
                to: Self.later(8),
                onlyTold: true,
                after: nil,
                limit: 2
            )
            #expect(try await scene.delivery(try #require(some.first)).createdAt == Self.later(2))
            #expect(some.count == 2)
            try await scene.store.replay(some, of: scene.business, at: Self.later(60))
            try await scene.store.drop(some, of: scene.business, at: Self.later(61))
            #expect(try await scene.delivery(some[0]).state == .dropped)
            await #expect(throws: GatewayError.unknownDelivery(some[0].description)) {
                try await scene.store.drop(some, of: scene.business, at: Self.later(62))
            }
            #expect(try await scene.store.look(at: Self.later(99)) == DueLook(endpoints: [], nextAt: nil))
            // Of a webhook that is off none is replayed, and any may be dropped.
            _ = try await scene.store.setState(.off("by hand"), of: "support", business: scene.business)
            func failed(onlyTold: Bool) async throws -> Int {
                try await scene.store.failedDeliveries(
                    of: scene.business,
                    step: nil,
                    from: Self.noon,
                    to: Self.later(99),
                    onlyTold: onlyTold,
                    after: nil,
                    limit: 99
                ).count
            }
            #expect(try await failed(onlyTold: true) == 3)
            #expect(try await failed(onlyTold: false) == 8)
        }
    }

    @Test func `a webhook that the pipeline does not call any more is told nothing, until one calls it again`()
        async throws
    {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            try await scene.keep(1)
            func use(_ calls: [WebhookCall]) async throws {
                let text = "# \(calls.count)"
                _ = try await scene.store.setPipeline(text, calling: calls, of: scene.business, at: Self.noon)
            }
            try await use([])
            #expect(try await scene.store.look(at: Self.later(1)).endpoints.isEmpty)
            var moved = DeliveryScene.call()
            moved.url = "https://new.example/hook"
            try await use([moved])
            #expect(try await scene.store.look(at: Self.later(1)).endpoints.count == 1)
            #expect(try await scene.store.webhook("orders", of: scene.business).url == moved.url)
            try await scene.store.usePipeline(nil, calling: [], of: scene.business, at: Self.noon)
            #expect(try await scene.store.look(at: Self.later(1)).endpoints.isEmpty)
            #expect(try await scene.store.giveUpForOff(limit: 9, without: [], at: Self.later(119 * 3600)) == 0)
            #expect(try await scene.store.giveUpForOff(limit: 9, without: [], at: Self.later(121 * 3600)) == 1)
        }
    }

    @Test func `what the old address says does not judge the new one, and what is being told is not given up`()
        async throws
    {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            let (gone, told) = (try await scene.keep(1), try await scene.keep(2))
            var moved = DeliveryScene.call()
            moved.url = "https://new.example/hook"
            try await scene.store.noteWebhooks([moved], of: scene.business, at: Self.noon)
            func settle(at url: String) async throws {
                let end = Self.failed(.gone, "410")
                _ = try await scene.store.settle(
                    [.init(id: gone, of: scene.business, at: url, end: end)],
                    at: Self.noon
                )
            }
            try await settle(at: scene.url)
            #expect(try await scene.store.webhook("orders", of: scene.business).state == .on)
            _ = try await scene.store.setState(.off("by hand"), of: "orders", business: scene.business)
            #expect(try await scene.store.giveUpForOff(limit: 9, without: [told], at: Self.noon) == 0)
            let done = DeliveryEnd(.done, isTry: true, status: 200)
            let settlement = DeliverySettlement(id: told, of: scene.business, at: moved.url, end: done)
            _ = try await scene.store.settle([settlement], at: Self.noon)
            #expect(try await scene.delivery(told).state == .done)
        }
    }

    @Test func `what was taken and acted on does nothing when it is told again, what was refused may`() async throws {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            let answer = Array(#"{"actions":[{"reply":"again"}]}"#.utf8)
            let taken = try await scene.keep(1, DeliveryEnd(.done, isTry: true, status: 200, answer: answer))
            let refusal = DeliveryEnd(
                .done,
                isTry: true,
                status: 200,
                problem: "the answer was refused",
                answer: answer
            )
            let refused = try await scene.keep(2, refusal)
            try await scene.store.replay([taken, refused], of: scene.business, at: Self.noon)
            for id in [taken, refused] {
                let end = DeliveryEnd(.done, isTry: true, status: 200, answer: answer)
                let settlement = DeliverySettlement(id: id, of: scene.business, at: scene.url, end: end)
                _ = try await scene.store.settle([settlement], at: Self.noon)
            }
            #expect(try await scene.store.lateAnswers(.init(limit: 9)).map(\.id) == [refused])
        }
    }

    @Test func `a conversation is held until an ordered event is taken, or for its limit`() async throws {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            let call = DeliveryScene.call(hold: 60)
            let id = try await scene.keep(1, Self.failed(.waiting(Self.later(5))), call: call)
            func held(_ seconds: Int64) async throws -> Timestamp? {
                try await scene.store.pool.read {
                    try SQLiteStore.heldUntil(scene.conversation, of: scene.business, at: Self.later(seconds), $0)
                }
            }
            #expect(try await held(1) == Self.later(60))
            #expect(try await held(60) == nil)
            let done = DeliveryEnd(.done, isTry: true, status: 200)
            _ = try await scene.store.settle(
                [.init(id: id, of: scene.business, at: scene.url, end: done)],
                at: Self.later(6)
            )
            #expect(try await held(7) == nil)
        }
    }

    @Test func `what was taken goes after a week, what was not after a month, what waits never`() async throws {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            let waiting = try await scene.keep(1)
            let failed = try await scene.keep(2, Self.failed(.failed))
            let done = try await scene.keep(3, DeliveryEnd(.done, isTry: true, status: 200))
            let day: Int64 = 86_400
            #expect(try await scene.store.pruneDeliveries(limit: 10, at: Self.later(7 * day)) == 0)
            #expect(try await scene.store.pruneDeliveries(limit: 10, at: Self.later(7 * day + 1)) == 1)
            await #expect(throws: GatewayError.unknownDelivery(done.description)) { try await scene.delivery(done) }
            #expect(try await scene.store.pruneDeliveries(limit: 10, at: Self.later(30 * day + 1)) == 1)
            await #expect(throws: GatewayError.unknownDelivery(failed.description)) { try await scene.delivery(failed) }
            #expect(try await scene.delivery(waiting).state == .waiting)
        }
    }

    @Test func `webhooks and deliveries go with their business`() async throws {
        try await DeliveryScene.with { scene in
            try await scene.addWebhook()
            for number in 1...30 { try await scene.keep(number) }
            _ = try await scene.store.removeBot(scene.shop.bot.id, at: Self.noon)
            #expect(try await scene.store.beginErasure(of: scene.business, at: Self.noon))
            while try await !scene.store.eraseStep(of: scene.business, rows: 20).isDone {}
            #expect(try await scene.fixture.count("delivery") == 0)
            #expect(try await scene.fixture.count("webhook_endpoint") == 0)
        }
    }
}
