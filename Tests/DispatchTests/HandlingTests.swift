import GRDB
import Simulator
import Synchronization
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Handlers
@testable import Storage

extension DispatchTests {
    @Suite("People, buttons and handlers")
    struct HandlingTests {
        /// Answers when a test lets it.
        final class Gate: Handler {
            private let state = Mutex<(asked: Int, waiting: [CheckedContinuation<Void, Never>], isOpen: Bool)>(
                (0, [], false)
            )
            private let asked = AsyncStream<Void>.makeStream()

            func handle(_ context: PipelineContext) async throws(StepFailure) -> StepEffects {
                asked.continuation.yield()
                await withTaskCancellationHandler {
                    await withCheckedContinuation { continuation in
                        let isOpen = state.withLock { state in
                            state.asked += 1
                            if !state.isOpen { state.waiting.append(continuation) }
                            return state.isOpen
                        }
                        if isOpen { continuation.resume() }
                    }
                } onCancel: {
                    // A test that has failed shall end.
                    open()
                }
                var effects = StepEffects()
                effects.replies = [PipelineReply(.text(FormattedText("handled"), linkPreview: .none))]
                return effects
            }

            var count: Int { state.withLock(\.asked) }

            /// Returns when it was asked so many times more.
            func untilAsked(_ times: Int = 1) async {
                var left = times
                for await _ in asked.stream {
                    left -= 1
                    if left == 0 { return }
                }
            }

            func open() {
                let waiting = state.withLock { state in
                    state.isOpen = true
                    defer { state.waiting = [] }
                    return state.waiting
                }
                for continuation in waiting { continuation.resume() }
            }
        }

        @Test func `after a hand-off nothing is answered until it is released`() async throws {
            try await PipelineScene.with { scene in
                try await scene.use(
                    """
                    steps:
                      - when: {text: {equals: human}}
                        hand_off: true
                      - reply: hi
                    """
                )
                for text in ["a", "human", "b"] { try scene.say(text) }
                try await scene.settle()
                #expect(scene.seen() == ["hi"])
                let conversation = try await scene.conversation()
                #expect(conversation.handledBy == "people")
                var change = ConversationChange()
                change.handling = .pipeline
                try await scene.store.apply(change, to: conversation.id, of: scene.shop.business.id, at: scene.now)
                try scene.say("c")
                try await scene.settle()
                #expect(scene.seen() == ["hi", "hi"])
            }
        }

        @Test func `a hand-off for a time ends by itself`() async throws {
            try await PipelineScene.with { scene in
                try await scene.use(
                    """
                    steps:
                      - when: {text: {equals: human}}
                        hand_off: {release_after: 30m}
                      - reply: hi
                    """
                )
                try scene.say("human")
                try await scene.settle()
                #expect(try await scene.conversation().handledBy == "people")
                scene.clock.advance(by: .seconds(1799))
                try scene.say("a")
                try await scene.settle()
                #expect(scene.seen().isEmpty)
                scene.clock.advance(by: .seconds(2))
                try await scene.until { try await scene.conversation().handledBy == "pipeline" }
                try scene.say("b")
                try await scene.settle()
                #expect(scene.seen() == ["hi"])
            }
        }

        @Test func `what a handler said before people took over is dropped, and that is kept`() async throws {
            let gate = Gate()
            try await PipelineScene.with(handlers: SwiftHandlers(["gate": { _ in gate }])) { scene in
                try await scene.use("steps:\n  - swift: gate\n")
                try scene.say("a")
                await gate.untilAsked()
                var change = ConversationChange()
                change.handling = .people(.init())
                let id = try await scene.conversation().id
                try await scene.store.apply(change, to: id, of: scene.shop.business.id, at: scene.now)
                gate.open()
                try await scene.settle()
                #expect(scene.seen().isEmpty)
                let run = try #require(try await scene.runs().first)
                #expect(run.notes == ["1 step(s) did not run: people have taken over"])
            }
        }

        @Test func `a handler holds its own conversation alone, and is asked once for each message`() async throws {
            let gate = Gate()
            try await PipelineScene.with(handlers: SwiftHandlers(["gate": { _ in gate }])) { scene in
                try await scene.use(
                    "steps:\n  - when: {text: {equals: slow}}\n    swift: gate\n  - reply: \"{{message.text}}\"\n"
                )
                let boris = scene.telegram.addPerson(firstName: "Boris")
                try scene.say("slow")
                try scene.say("after")
                await gate.untilAsked()
                try scene.say("quick", from: boris)
                try await scene.until { scene.seen(boris) == ["quick"] }
                #expect(scene.seen().isEmpty)
                gate.open()
                try await scene.settle()
                #expect(scene.seen() == ["handled", "slow", "after"])
                #expect(gate.count == 1)
            }
        }

        @Test func `one business's slow handlers leave another's answers alone`() async throws {
            let gate = Gate()
            try await PipelineScene.with(handlers: SwiftHandlers(["gate": { _ in gate }])) { scene in
                let other = try await scene.addShop("huber")
                try await scene.use("steps:\n  - swift: gate\n")
                try await scene.use("steps:\n  - reply: quick\n", of: other)
                let limits = HandlerTurns.Limits()
                let people = (1...limits.ofStep + 10).map { scene.telegram.addPerson(firstName: "P\($0)") }
                for person in people { try scene.say("slow", from: person) }
                await gate.untilAsked(limits.ofStep)
                try scene.say("hello", to: other)
                try await scene.until { scene.seen(of: other) == ["quick"] }
                #expect(gate.count == limits.ofStep, "no more of one step run at once")
                gate.open()
                try await scene.settle()
                for person in people { #expect(scene.seen(person) == ["handled"]) }
            }
        }

        @Test func `a conversation with more open jobs than its business has in hand keeps no other waiting`()
            async throws
        {
            let gate = Gate()
            let handlers = SwiftHandlers(["gate": { _ in gate }])
            try await PipelineScene.with(handlers: handlers, dispatches: false) { scene in
                try await scene.use(
                    """
                    steps:
                      - when: {text: {equals: slow}}
                        swift: gate
                      - when: {text: {equals: hello}}
                        reply: quick
                      - label: seen
                    """
                )
                let boris = scene.telegram.addPerson(firstName: "Boris")
                let many = LanePlanner.Limits().heldOfBusiness + 200
                try scene.say("slow")
                for _ in 1..<many { try scene.say("more") }
                try scene.say("hello", from: boris)
                try await scene.telegram.drained()
                #expect(try await scene.count("raw_update", "state = 'open'") == many + 1)
                try await scene.dispatching {
                    await gate.untilAsked()
                    try await scene.until { scene.seen(boris) == ["quick"] }
                    #expect(try await scene.count("raw_update", "state = 'open'") == many)
                    gate.open()
                    try await scene.settle()
                }
                #expect(gate.count == 1)
                #expect(try await scene.count("pipeline_run", "result = 'ran'") == many + 1)
            }
        }

        @Test func `a job whose conversation has joined another waits for that one's turn, and is done there`()
            async throws
        {
            let gate = Gate()
            try await PipelineScene.with(handlers: SwiftHandlers(["gate": { _ in gate }])) { scene in
                try await scene.use(
                    "steps:\n  - when: {text: {equals: slow}}\n    swift: gate\n  - label: seen\n"
                )
                let boris = scene.telegram.addPerson(firstName: "Boris")
                try scene.say("hello", from: boris)
                try scene.say("slow")
                for _ in 1...3 { try scene.say("more") }
                await gate.untilAsked()
                try await scene.telegram.drained()
                let (old, new) = (try await scene.conversation().id, try await scene.conversation(boris).id)
                // As `ChatMigration` does with a supergroup that was written to before its group was known to be it.
                try await scene.store.write { db in
                    try db.execute(
                        sql: "UPDATE raw_update SET conversation_id = ?2 WHERE conversation_id = ?1",
                        arguments: [old.rawValue, new.rawValue]
                    )
                }
                gate.open()
                try await scene.settle()
                #expect(gate.count == 1, "what was said is kept")
                let runs = try await scene.runs()
                #expect(runs.count == 5 && runs.allSatisfy { $0.conversation == new })
            }
        }

        @Test func `a handler that fails is told, and the next steps run`() async throws {
            struct Broken: Handler {
                func handle(_ context: PipelineContext) async throws(StepFailure) -> StepEffects {
                    throw StepFailure("out of order")
                }
            }
            try await PipelineScene.with(handlers: SwiftHandlers(["broken": { _ in Broken() }])) { scene in
                try await scene.use("steps:\n  - swift: broken\n  - reply: hi\n")
                try scene.say("a")
                try await scene.settle()
                #expect(scene.seen() == ["hi"])
                #expect(try await scene.runs().first?.steps.map(\.why) == ["out of order", nil])
            }
        }

        @Test func `a pressed button is answered, with words or without`() async throws {
            try await PipelineScene.with { scene in
                try await scene.use(
                    """
                    steps:
                      - when: {command: start}
                        reply: {text: choose, buttons: [{text: A, callback: "a"}, {text: B, callback: "b"}]}
                      - when: {callback: a}
                        reply: {answer: Noted!, text: "you chose A"}
                    """
                )
                try scene.say("/start")
                try await scene.settle()
                let menu = try #require(
                    scene.telegram.messages(in: scene.shop.anna.id, of: scene.shop.simulated.id).last
                )
                for data in ["a", "b"] {
                    try scene.telegram.press(data, on: menu.messageID, by: scene.shop.anna, to: scene.shop.simulated.id)
                }
                try await scene.settle()
                #expect(scene.seen() == ["choose", "you chose A"])
                let answers = scene.telegram.answers(of: scene.shop.simulated.id)
                #expect(Set(answers.map { $0.parameters["text"] }) == ["Noted!", nil] && answers.count == 2)
            }
        }

        @Test func `a button whose handler takes too long gets an empty answer after 8 seconds, once`() async throws {
            let gate = Gate()
            try await PipelineScene.with(handlers: SwiftHandlers(["gate": { _ in gate }])) { scene in
                try await scene.use(
                    """
                    steps:
                      - when: {command: start}
                        reply: {text: choose, buttons: [{text: A, callback: "a"}]}
                      - when: {callback: a}
                        swift: gate
                      - when: {callback: a}
                        reply: {answer: Noted!}
                    """
                )
                try scene.say("/start")
                try await scene.settle()
                let menu = try #require(
                    scene.telegram.messages(in: scene.shop.anna.id, of: scene.shop.simulated.id).last
                )
                try scene.telegram.press("a", on: menu.messageID, by: scene.shop.anna, to: scene.shop.simulated.id)
                await gate.untilAsked()
                scene.clock.advance(by: .milliseconds(7999))
                #expect(scene.telegram.answers(of: scene.shop.simulated.id).isEmpty)
                scene.clock.advance(by: .milliseconds(1))
                try await scene.until { scene.telegram.answers(of: scene.shop.simulated.id).count == 1 }
                gate.open()
                try await scene.settle()
                #expect(scene.telegram.answers(of: scene.shop.simulated.id).map { $0.parameters["text"] } == [nil])
                #expect(scene.seen() == ["choose", "handled"])
            }
        }
    }
}
