import GRDB
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Simulator
import Synchronization
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Handlers
@testable import Storage

extension DispatchTests {
    @Suite("Webhooks in the lanes")
    struct WebhookLaneTests {
        /// A business's program: answers as a test says, in order, the last for ever; nil waits until it is let go.
        final class Program: Sendable {
            struct Event: Sendable {
                var id: String
                var text: String
            }

            struct Reply: Sendable {
                var status = 200
                var body = ""
            }

            private let state: Mutex<(replies: [Reply?], events: [Event], waiting: [CheckedContinuation<Void, Never>])>
            private let heard = AsyncStream<Void>.makeStream()

            init(_ replies: [Reply?]) { state = Mutex((replies, [], [])) }

            var events: [Event] { state.withLock(\.events) }

            func untilHeard(_ times: Int = 1) async {
                var left = times
                for await _ in heard.stream {
                    left -= 1
                    if left == 0 { return }
                }
            }

            func letGo() {
                let waiting = state.withLock { state in
                    state.replies.removeAll { $0 == nil }
                    defer { state.waiting = [] }
                    return state.waiting
                }
                for continuation in waiting { continuation.resume() }
            }

            fileprivate func answer(_ id: String, _ body: [UInt8]) async -> Reply {
                let text = (try? JSONDocument(body).root)?["data"]?["message"]?["text"]?.string ?? ""
                let next = state.withLock { state -> Reply?? in
                    state.events.append(Event(id: id, text: text))
                    if state.replies.count > 1 { return .some(state.replies.removeFirst()) }
                    return state.replies.first
                }
                heard.continuation.yield()
                guard case .some(nil) = next else { return (next ?? nil) ?? Reply() }
                await withCheckedContinuation { continuation in state.withLock { $0.waiting.append(continuation) } }
                return state.withLock { state -> Reply? in
                    if state.replies.count > 1 { return state.replies.removeFirst() }
                    return state.replies.first.flatMap { $0 }
                } ?? Reply()
            }

            /// Runs it on loopback while the body runs.
            func serving<Value: Sendable>(_ body: (String) async throws -> Value) async throws -> Value {
                let (ports, port) = AsyncStream<Int>.makeStream()
                let application = Application(
                    responder: CallbackResponder<BasicRequestContext> { [self] request, _ in
                        let bytes = Array(buffer: try await request.body.collect(upTo: 1 << 20))
                        let reply = await answer(
                            HTTPField.Name("webhook-id").flatMap { request.headers[$0] } ?? "",
                            bytes
                        )
                        return Response(
                            status: .init(code: reply.status),
                            body: .init(byteBuffer: ByteBuffer(string: reply.body))
                        )
                    },
                    configuration: .init(address: .hostname("127.0.0.1", port: 0)),
                    onServerRunning: { port.yield($0.localAddress?.port ?? 0) },
                    logger: PipelineScene.silent
                )
                let services = ServiceGroup(services: [application], logger: PipelineScene.silent)
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await services.run() }
                    let listening = try #require(await ports.first { _ in true })
                    let value: Value
                    do {
                        value = try await body("http://127.0.0.1:\(listening)/hook")
                    } catch {
                        letGo()
                        await services.triggerGracefulShutdown()
                        throw error
                    }
                    letGo()
                    await services.triggerGracefulShutdown()
                    try await group.waitForAll()
                    return value
                }
            }
        }

        /// Runs with a program that the pipeline's step `orders` calls.
        static func with(
            _ replies: [Program.Reply?],
            more: String = "",
            options: String = "",
            edits: String = "never",
            before: String = "",
            _ body: @escaping @Sendable (PipelineScene, Program) async throws -> Void
        ) async throws {
            let program = Program(replies)
            try await program.serving { url in
                try await PipelineScene.with { scene in
                    let file = """
                        steps:
                        \(before)
                          - name: orders
                            when: {kind: [text, button]}
                            edits: \(edits)
                            webhook: {url: "\(url)"\(options)}
                        \(more)
                        """
                    let pipeline = try PipelineFile().pipeline(file)
                    let business = scene.shop.business.id
                    try await scene.store.noteWebhooks(pipeline.webhooks, of: business, at: scene.now)
                    let sealer = scene.sealer
                    _ = try await scene.store.setSecret(of: "orders", business: business, isNew: true, overlap: nil) {
                        try sealer.seal(SigningSecret(), for: $0, version: $1)
                    }
                    try await scene.use(file)
                    try await body(scene, program)
                }
            }
        }

        private static func deliveries(_ scene: PipelineScene) async throws -> [Delivery] {
            try await scene.store.deliveries(of: scene.shop.business.id, failedOnly: false, page: Page()).elements
        }

        private static let hello = Program.Reply(
            body: #"{"actions":[{"reply":{"text":"from the program"}},{"label":"vip"}]}"#
        )

        @Test func `what a program answers is done, and the steps after it see it`() async throws {
            try await Self.with([Self.hello], more: "  - when: {label: vip}\n    reply: after\n") { scene, program in
                try scene.say("order")
                try await scene.settle()
                #expect(scene.seen() == ["from the program", "after"])
                #expect(program.events.map(\.text) == ["order"])
                let delivery = try #require(try await Self.deliveries(scene).first)
                #expect(delivery.state == .done && delivery.attempts == 1 && delivery.event.id == program.events[0].id)
            }
        }

        @Test func `a program that fails is passed over, told again with the same id, and acts late`() async throws {
            try await Self.with([.init(status: 500), Self.hello], more: "  - reply: after\n") { scene, program in
                try scene.say("order")
                try await scene.settle()
                #expect(scene.seen() == ["after"])
                #expect(try await Self.deliveries(scene).first?.state == .waiting)
                await scene.clock.untilSomebodySleeps()
                scene.clock.advance(by: .seconds(7))
                try await scene.until { scene.seen().count == 2 }
                #expect(scene.seen() == ["after", "from the program"])
                #expect(program.events.map(\.id) == [program.events[0].id, program.events[0].id])
                #expect(try await scene.notes().labels == ["vip"])
                let notes = try #require(try await scene.runs().first?.notes)
                #expect(notes == ["orders answered late: 1 answer(s)"])
                #expect(try await scene.store.lateAnswers(.init(limit: 8)).isEmpty)
            }
        }

        @Test func `what is answered late waits for the conversation's turn`() async throws {
            let second = Program.Reply(body: #"{"actions":[{"reply":"second"}]}"#)
            try await Self.with([.init(status: 500), nil, Self.hello, second]) { scene, program in
                try scene.say("one")
                try await scene.settle()
                try scene.say("two")
                await program.untilHeard(2)
                await Self.untilTold(scene, program, 3)
                try await scene.until {
                    try await scene.store.lateAnswers(.init(limit: 8)).count == 1
                }
                #expect(scene.seen().isEmpty)
                program.letGo()
                try await scene.until { scene.seen().count == 2 }
                #expect(scene.seen() == ["second", "from the program"])
            }
        }

        /// Lets the time of the next try come.
        private static func untilTold(
            _ scene: PipelineScene,
            _ program: Program,
            _ times: Int,
            by step: Duration = .seconds(7)
        ) async {
            while program.events.count < times, !Task.isCancelled {
                await scene.clock.untilSomebodySleeps()
                scene.clock.advance(by: step)
                await Task.yield()
            }
        }

        @Test func `what is said late about a pressed button, or an edit, is done too`() async throws {
            let edit = Program.Reply(body: #"{"actions":[{"edit":{"text":"sold"}},{"label":"buyer"}]}"#)
            let more = "  - when: {command: start}\n    reply: {text: buy?, buttons: [{text: A, callback: a}]}\n"
            let replies: [Program.Reply?] = [.init(), .init(status: 500), edit, .init(status: 500), Self.hello]
            try await Self.with(replies, more: more, edits: "also") { scene, program in
                let (bot, anna) = (scene.shop.simulated.id, scene.shop.anna)
                try scene.say("/start")
                try await scene.settle()
                let menu = try #require(scene.telegram.messages(in: anna.id, of: bot).last)
                try scene.telegram.press("a", on: menu.messageID, by: anna, to: bot)
                try await scene.settle()
                await Self.untilTold(scene, program, 3)
                try await scene.until { scene.seen() == ["sold"] }
                #expect(try await scene.notes().labels == ["buyer"])
                let first = try #require(scene.telegram.messages(in: anna.id, of: bot).first { !$0.isFromBot })
                try scene.telegram.edit(first.messageID, to: "/begin", by: anna, to: bot)
                try await scene.settle()
                await Self.untilTold(scene, program, 5)
                try await scene.until { scene.seen() == ["sold", "from the program"] }
            }
        }

        @Test func `a pipeline that is set while a try fails has the event told once, and answered once`() async throws
        {
            try await Self.with([nil, .init(status: 500), Self.hello]) { scene, program in
                try scene.say("order")
                await program.untilHeard()
                let business = scene.shop.business.id
                let text = try #require(try await scene.store.activePipeline(of: business)?.text)
                try await scene.use(text + "\n# mended\n")
                program.letGo()
                try await scene.settle()
                #expect(scene.seen() == ["from the program"])
                #expect(Set(program.events.map(\.id)).count == 1 && program.events.count == 2)
                #expect(try await Self.deliveries(scene).map(\.state) == [.done])
            }
        }

        @Test
        func `a business that is suspended while its messages wait for a program's turn has nobody called any more`()
            async throws
        {
            try await Self.with([nil]) { scene, program in
                let most = HandlerTurns.Limits().ofStep
                for number in 1...most + 4 {
                    try scene.say("\(number)", from: scene.telegram.addPerson(firstName: "P"))
                }
                await program.untilHeard(most)
                try await scene.telegram.drained()
                _ = try await scene.store.setState(.suspended, of: scene.shop.business.id)
                scene.clock.advance(by: .seconds(2))
                program.letGo()
                try await scene.until { try await scene.count("raw_update", "state = 'open'") == 0 }
                #expect(program.events.count == most)
                #expect(scene.seen().isEmpty)
            }
        }

        @Test func `late answers count for the brake, and what it holds back is told`() async throws {
            let replies = (1...30).map { "{\"reply\":\"\($0)\"}" }.joined(separator: ",")
            let chatty = Program.Reply(body: "{\"actions\":[\(replies)]}")
            let failing = Program.Reply(status: 500)
            try await Self.with([failing, failing, chatty]) { scene, program in
                for text in ["one", "two"] {
                    try scene.say(text)
                    try await scene.settle()
                }
                await Self.untilTold(scene, program, 4)
                try await scene.until { try await Self.deliveries(scene).allSatisfy { $0.state == .done } }
                try await scene.until { try await scene.store.lateAnswers(.init(limit: 8)).isEmpty }
                try await scene.settle()
                #expect(scene.seen().count == AnswerBrake.most)
                let problems = try await Self.deliveries(scene).compactMap(\.problem)
                #expect(problems == [AnswerBrake.note(60 - AnswerBrake.most)])
            }
        }

        @Test func `what comes late when no pipeline is in force any more is not done`() async throws {
            try await Self.with([.init(status: 500), Self.hello]) { scene, program in
                try scene.say("order")
                try await scene.settle()
                // Told already, as where the answer comes while the pipeline is taken away.
                let business = scene.shop.business.id
                let call = WebhookCall(step: "orders", url: try await scene.store.webhook("orders", of: business).url)
                try await scene.store.usePipeline(nil, calling: [call], of: business, at: scene.now)
                await Self.untilTold(scene, program, 2)
                try await scene.until {
                    try await Self.deliveries(scene).first?.problem?.contains("no pipeline is in force") == true
                }
                #expect(scene.seen().isEmpty)
            }
        }

        @Test func `an answer that comes late after people have taken over does nothing, and says so`() async throws {
            try await Self.with([.init(status: 503), Self.hello], more: "  - hand_off: true\n") { scene, _ in
                try scene.say("order")
                try await scene.settle()
                await scene.clock.untilSomebodySleeps()
                scene.clock.advance(by: .seconds(7))
                try await scene.until { try await Self.deliveries(scene).first?.problem?.contains("people") == true }
                #expect(scene.seen().isEmpty)
                #expect(try await scene.notes().labels.isEmpty)
            }
        }

        @Test func `an ordered webhook holds its conversation until it was told, and no other`() async throws {
            let replies: [Program.Reply?] = [.init(status: 500), .init(), Self.hello]
            let order = ", ordered: true"
            try await Self.with(replies, more: "  - reply: \"{{message.text}}\"\n", options: order) { scene, program in
                try scene.say("one")
                try await scene.until { scene.seen() == ["one"] }
                try scene.say("two")
                let boris = scene.telegram.addPerson(firstName: "Boris")
                try scene.say("hey", from: boris)
                try await scene.until { scene.seen(boris) == ["hey"] }
                try await scene.telegram.drained()
                #expect(scene.seen() == ["one"])
                // The first is told again, and then the second for the first time.
                while program.events.count < 4 {
                    await scene.clock.untilSomebodySleeps()
                    scene.clock.advance(by: .milliseconds(100))
                    await Task.yield()
                }
                try await scene.settle()
                #expect(program.events.map(\.text) == ["one", "hey", "one", "two"])
            }
        }

        @Test func `a held conversation waits for what is answered late to be done, and so do its buttons`()
            async throws
        {
            let menu = "  - when: {command: start}\n    reply: {text: buy?, buttons: [{text: A, callback: a}]}\n"
            let more =
                menu + "  - when: {label: vip}\n    reply: for vips\n  - when: {callback: a}\n    reply: too early\n"
            let replies: [Program.Reply?] = [.init(), .init(status: 500), Self.hello, .init()]
            try await Self.with(replies, more: more, options: ", ordered: true") { scene, program in
                let (bot, anna) = (scene.shop.simulated.id, scene.shop.anna)
                try scene.say("/start")
                try await scene.settle()
                let menu = try #require(scene.telegram.messages(in: anna.id, of: bot).last)
                try scene.say("order")
                try await scene.until { program.events.count == 2 }
                try await scene.until { try await Self.deliveries(scene).first?.state == .waiting }
                try scene.telegram.press("a", on: menu.messageID, by: anna, to: bot)
                try await scene.telegram.drained()
                #expect(scene.seen() == ["buy?"])
                while scene.seen().count < 4, !Task.isCancelled {
                    await scene.clock.untilSomebodySleeps()
                    scene.clock.advance(by: .milliseconds(200))
                    await Task.yield()
                }
                #expect(scene.seen() == ["buy?", "from the program", "for vips", "too early"])
            }
        }

        @Test func `an event is what its step saw, the first contact and earlier steps' labels with it`() async throws {
            for mode in ["answer", "notify"] {
                try await Self.with([.init()], options: ", mode: \(mode)", before: "  - label: seen\n") {
                    scene,
                    program in
                    try scene.say("order")
                    await Self.untilTold(scene, program, 1, by: .milliseconds(10))
                    try await scene.until { try await Self.deliveries(scene).first?.state == .done }
                    let delivery = try #require(try await Self.deliveries(scene).first)
                    let data = try #require(try JSONDocument(delivery.event.body).root["data"])
                    #expect(data["conversation"]?["first_contact"]?.bool == true, "\(mode)")
                    #expect(data["conversation"]?["labels"]?.elements?.compactMap(\.string) == ["seen"], "\(mode)")
                    #expect(program.events.count == 1)
                }
            }
        }

        @Test func `with notify the conversation goes on, and the program is told at once`() async throws {
            try await Self.with([Self.hello], more: "  - reply: on\n", options: ", mode: notify") { scene, program in
                try scene.say("order")
                try await scene.settle()
                #expect(scene.seen() == ["on"])
                // Long before it would look by itself: it is told since somebody said that there is something.
                await Self.untilTold(scene, program, 1, by: .milliseconds(1))
                #expect(scene.clock.now.offset < DeliveryLimits.housekeeping / 2)
                try await scene.until { try await Self.deliveries(scene).first?.state == .done }
                #expect(try await scene.notes().labels.isEmpty)
            }
        }

        @Test func `what a program says before people take over is dropped, and its event is kept`() async throws {
            try await Self.with([nil, Self.hello]) { scene, program in
                try scene.say("order")
                await program.untilHeard()
                var change = ConversationChange()
                change.handling = .people(.init())
                let id = try await scene.conversation().id
                try await scene.store.apply(change, to: id, of: scene.shop.business.id, at: scene.now)
                program.letGo()
                try await scene.settle()
                #expect(scene.seen().isEmpty)
                #expect(try await Self.deliveries(scene).map(\.state) == [.done])
            }
        }

        @Test func `a program may change the message whose button was pressed`() async throws {
            let edit = #"{"actions":[{"edit":{"text":"sold"}},{"answer_callback":{"text":"Thanks"}}]}"#
            let more = "  - when: {command: start}\n    reply: {text: buy?, buttons: [{text: A, callback: a}]}\n"
            try await Self.with([.init(), .init(body: edit)], more: more) { scene, _ in
                try scene.say("/start")
                try await scene.settle()
                let bot = scene.shop.simulated.id
                let menu = try #require(scene.telegram.messages(in: scene.shop.anna.id, of: bot).last)
                try scene.telegram.press("a", on: menu.messageID, by: scene.shop.anna, to: bot)
                try await scene.settle()
                #expect(scene.seen() == ["sold"])
                #expect(scene.telegram.answers(of: bot).map { $0.parameters["text"] } == ["Thanks"])
            }
        }

        @Test func `one business's program that hangs leaves another's answers alone`() async throws {
            try await Self.with([nil]) { scene, program in
                let other = try await scene.addShop("huber")
                try await scene.use("steps:\n  - reply: quick\n", of: other)
                for number in 1...20 { try scene.say("\(number)", from: scene.telegram.addPerson(firstName: "P")) }
                await program.untilHeard(HandlerTurns.Limits().ofStep)
                try scene.say("hello", to: other)
                try await scene.until { scene.seen(of: other) == ["quick"] }
                program.letGo()
                try await scene.settle()
            }
        }
    }
}
