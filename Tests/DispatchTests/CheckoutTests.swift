import Simulator
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Handlers
@testable import Storage

extension DispatchTests {
    @Suite("Payments that wait for a yes")
    struct CheckoutTests {
        private static func answers(_ scene: PipelineScene) -> [[String: String]] {
            scene.telegram.answers(of: scene.shop.simulated.id).filter { $0.kind == "pre_checkout_query" }
                .map(\.parameters)
        }

        private static func pay(_ payload: String, _ scene: PipelineScene) throws {
            try scene.telegram.checkOut(
                payload: payload,
                amount: 1900,
                currency: "EUR",
                by: scene.shop.anna,
                to: scene.shop.simulated.id
            )
        }

        @Test func `a payment is agreed to or refused with a reason`() async throws {
            try await PipelineScene.with { scene in
                try await scene.use(
                    """
                    steps:
                      - when: {checkout: "sold-*"}
                        checkout: {refuse: "{{message.data}} is gone, {{customer.first_name}}"}
                        stop: true
                      - when: {kind: checkout}
                        checkout: accept
                      - when: {kind: checkout}
                        label: paying
                      - when: {kind: text}
                        reply: hi
                    """
                )
                try scene.say("hello")
                try await scene.settle()
                try Self.pay("rose-1", scene)
                try await scene.settle()
                try Self.pay("sold-out", scene)
                try await scene.settle()
                let answers = Self.answers(scene)
                #expect(answers.map { $0["error_message"] } == [nil, "sold-out is gone, Anna"])
                #expect(scene.seen() == ["hi"])
                #expect(try await scene.notes().labels == ["paying"])
            }
        }

        @Test func `a payment does not wait for what its customer wrote before, and expires`() async throws {
            let gate = HandlingTests.Gate()
            try await PipelineScene.with(handlers: SwiftHandlers(["gate": { _ in gate }])) { scene in
                try await scene.use(
                    """
                    steps:
                      - when: {kind: text}
                        swift: gate
                      - when: {checkout: "slow"}
                        swift: gate
                      - when: {kind: checkout}
                        checkout: accept
                    """
                )
                try scene.say("slow")
                await gate.untilAsked()
                try Self.pay("rose-1", scene)
                try await scene.until { Self.answers(scene).count == 1 }
                try Self.pay("slow", scene)
                await gate.untilAsked()
                scene.clock.advance(by: .milliseconds(10_001))
                gate.open()
                try await scene.settle()
                #expect(Self.answers(scene).count == 1)
                #expect(try await scene.runs().contains { $0.notes.first?.contains("expired") == true })
            }
        }
    }
}
