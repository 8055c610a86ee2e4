import Handlers
import Simulator
import Synchronization
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Storage

extension DispatchTests {
    @Suite("From message to answer")
    struct RunningTests {
        @Test func `a message is answered, and what was done is kept`() async throws {
            try await PipelineScene.with { scene in
                try await scene.use(
                    """
                    steps:
                      - name: greeting
                        when: {text: {contains: hello}}
                        reply: "Hello {{customer.first_name}}!"
                      - label: seen
                      - name: never
                        when: {label: nobody}
                        reply: no
                    """
                )
                try scene.say("hello there")
                try await scene.settle()
                #expect(scene.seen() == ["Hello Anna!"])
                #expect(try await scene.notes().labels == ["seen"])
                let run = try #require(try await scene.runs().first)
                #expect(run.result == .ran && run.answers == 1 && run.pipeline == 1)
                #expect(run.steps.map(\.step) == [1, 2] && run.steps[0].name == "greeting")
                let history = try await scene.store.messages(
                    of: try await scene.conversation().id,
                    business: scene.shop.business.id,
                    page: Page(),
                    raw: true
                )
                #expect(history.elements.map { $0.run?.answers } == [nil, 1])
            }
        }

        @Test func `without a pipeline nothing is answered, and no job is made`() async throws {
            try await PipelineScene.with { scene in
                try scene.say("hello")
                try await scene.settle()
                #expect(scene.seen().isEmpty)
                #expect(try await scene.runs().isEmpty)
            }
        }

        @Test func `another version, or none, is in force for the next message`() async throws {
            try await PipelineScene.with { scene in
                try await scene.use("steps:\n  - reply: one\n")
                try scene.say("a")
                try await scene.settle()
                try await scene.use("steps:\n  - reply: two\n")
                try scene.say("b")
                try await scene.settle()
                try await scene.store.usePipeline(nil, calling: [], of: scene.shop.business.id, at: scene.now)
                try await scene.registry.refresh(from: scene.store)
                try scene.say("c")
                try await scene.settle()
                #expect(scene.seen() == ["one", "two"])
            }
        }

        @Test func `a conversation's messages are answered in their order, though many conversations run at once`()
            async throws
        {
            try await PipelineScene.with { scene in
                try await scene.use("steps:\n  - reply: \"{{message.text}}\"\n")
                let people = (1...6).map { scene.telegram.addPerson(firstName: "P\($0)") }
                for number in 1...20 {
                    for person in people { try scene.say("\(number)", from: person) }
                }
                try await scene.settle()
                for person in people { #expect(scene.seen(person) == (1...20).map(String.init)) }
            }
        }

        @Test func `labels, attributes and the first contact are those of the moment of the decision`() async throws {
            try await PipelineScene.with { scene in
                try await scene.use(
                    """
                    steps:
                      - when: {first_contact: true}
                        reply: welcome
                      - when: {attribute: {step: two}}
                        reply: "you said {{attributes.last}}"
                      - set: {step: two, last: "{{message.text}}"}
                    """
                )
                for text in ["a", "b", "c"] { try scene.say(text) }
                try await scene.settle()
                #expect(scene.seen() == ["welcome", "you said a", "you said b"])
            }
        }

        @Test func `businesses are apart: each runs its own pipeline`() async throws {
            try await PipelineScene.with { scene in
                let other = try await scene.addShop("huber")
                try await scene.use("steps:\n  - reply: from maier\n")
                try await scene.use("steps:\n  - reply: from huber\n", of: other)
                try scene.say("hello")
                try scene.say("hello", to: other)
                try await scene.settle()
                #expect(scene.seen() == ["from maier"])
                #expect(scene.seen(of: other) == ["from huber"])
            }
        }

        @Test func `what bots write starts nothing`() async throws {
            try await PipelineScene.with { scene in
                try await scene.use("steps:\n  - reply: hi\n")
                let bot: JSON = ["id": 99, "is_bot": true, "first_name": "Robot"]
                let chat: JSON = ["id": .int(-100_500), "type": "supergroup", "title": "Club"]
                try scene.telegram.post(
                    update: "message",
                    payload: ["message_id": 5, "from": bot, "chat": chat, "date": 1_795_435_200, "text": "hi"],
                    to: scene.shop.simulated.id
                )
                try await scene.settle()
                #expect(try await scene.count("outbox") == 0)
                #expect(try await scene.runs().isEmpty)
            }
        }

        @Test func `a paused bot and a suspended business run nothing, and say so`() async throws {
            try await PipelineScene.with { scene in
                try await scene.use("steps:\n  - reply: hi\n")
                _ = try await scene.store.setPaused(true, of: scene.shop.bot.id)
                // Taken in by a server that has not heard of it: the decision finds it.
                try scene.say("one")
                try await scene.settle()
                #expect(try await scene.runs().first?.notes == ["the bot is paused"])
                _ = try await scene.store.setPaused(false, of: scene.shop.bot.id)
                _ = try await scene.store.setState(.suspended, of: scene.shop.business.id)
                try scene.say("two")
                try await scene.settle()
                #expect(try await scene.runs().first?.notes == ["the business is suspended"])
                #expect(scene.seen().isEmpty)
            }
        }

        @Test(arguments: [
            ("answer_within: 10m\n", 601, false), ("answer_within: 10m\n", 599, true), ("", 3601, false),
            ("", 3599, true), ("answer_within: always\n", 80_000, true),
        ])
        func `what was written too long ago gets no answer, unless the business wants it; the rest is done`(
            head: String,
            age: Int64,
            isAnswered: Bool
        ) async throws {
            try await PipelineScene.with { scene in
                try await scene.use(head + "steps:\n  - reply: hi\n  - label: late\n")
                let date = PipelineScene.noon.milliseconds / 1000 - age
                try scene.post("old", at: date)
                try await scene.settle()
                let run = try #require(try await scene.runs().first)
                #expect(run.answers == (isAnswered ? 1 : 0) && run.notes.isEmpty == isAnswered)
                #expect(scene.seen() == (isAnswered ? ["hi"] : []))
                #expect(try await scene.notes().labels == ["late"])
            }
        }

        @Test func `what an earlier server left open is done first, in order`() async throws {
            try await PipelineScene.with(dispatches: false) { scene in
                try await scene.use("steps:\n  - reply: \"{{message.text}}\"\n")
                // Taken in while no dispatcher runs: as after a crash, the rows are open.
                for number in 1...5 { try scene.say("\(number)") }
                try await scene.telegram.drained()
                #expect(try await scene.count("raw_update", "state = 'open'") == 5)
                try await scene.dispatching {
                    try scene.say("6")
                    try await scene.settle()
                }
                #expect(scene.seen() == (1...6).map(String.init))
            }
        }

        /// Tells what was left open only when a test lets it.
        private struct SlowStart: JobStore {
            let store: SQLiteStore
            let gate: AsyncStream<Void>

            func businessesWithJobs() async throws -> [BusinessID] {
                for await _ in gate { break }
                return try await store.businessesWithJobs()
            }

            func committedJobs() -> AsyncStream<[PipelineJob]> { store.committedJobs() }

            func openJobs(_ jobs: OpenJobs) async throws -> [PipelineJob] { try await store.openJobs(jobs) }

            func consider(
                _ job: PipelineJob,
                at now: Timestamp,
                _ decide: @escaping @Sendable (JobFacts) throws -> JobDecision
            ) async throws -> JobDecision? { try await store.consider(job, at: now, decide) }

            func decide(
                _ job: PipelineJob,
                at now: Timestamp,
                _ decide: @escaping @Sendable (JobFacts) throws -> JobDecision,
                then: @escaping @Sendable (Result<JobDecision?, any Error>) -> Void
            ) { store.decide(job, at: now, decide, then: then) }

            func answerQueries(_ jobs: [PipelineJob], at now: Timestamp) async throws {
                try await store.answerQueries(jobs, at: now)
            }

            func giveUp(
                _ job: PipelineJob,
                reason: String,
                told: [DeliveryDraft],
                at now: Timestamp
            ) async throws { try await store.giveUp(job, reason: reason, told: told, at: now) }

            func releaseDue(at now: Timestamp, limit: Int) async throws -> (count: Int, next: Timestamp?) {
                try await store.releaseDue(at: now, limit: limit)
            }

            func lateAnswerChanges() -> AsyncStream<Void> { store.lateAnswerChanges() }

            func lateAnswers(_ look: LateLook) async throws -> [LateAnswer] { try await store.lateAnswers(look) }

            func act(
                on answer: LateAnswer,
                at now: Timestamp,
                _ decide: @escaping @Sendable (LateFacts) throws(StepFailure) -> JobDecision
            ) async throws -> JobDecision? { try await store.act(on: answer, at: now, decide) }

            func activePipeline(of business: BusinessID) async throws -> PipelineVersion? {
                try await store.activePipeline(of: business)
            }
        }

        @Test func `what comes before it is known what was left open waits for that`() async throws {
            try await PipelineScene.with(dispatches: false) { scene in
                try await scene.use("steps:\n  - reply: \"{{message.text}}\"\n")
                try scene.say("1")
                try await scene.telegram.drained()
                let (gate, open) = AsyncStream<Void>.makeStream()
                try await scene.dispatching(with: SlowStart(store: scene.store, gate: gate)) {
                    try scene.say("2")
                    try await scene.telegram.drained()
                    open.yield()
                    try await scene.settle()
                }
                #expect(scene.seen() == ["1", "2"])
            }
        }

        /// Counts how often each pipeline is read.
        private final class CountingReader: PipelineReading {
            private let reader = PipelineFile()
            private let seen = Mutex<[String]>([])

            var texts: [String] { seen.withLock { $0 } }

            func pipeline(_ text: String) throws(PipelineProblems) -> Pipeline {
                seen.withLock { $0.append(text) }
                return try reader.pipeline(text)
            }
        }

        @Test(arguments: [(1, 6), (2, 6), (3, 3)])
        func `so many pipelines are kept read, and every business runs its own all the same`(
            kept: Int,
            reads: Int
        ) async throws {
            try await PipelineScene.with(dispatches: false) { scene in
                let reader = CountingReader()
                let shops = [scene.shop, try await scene.addShop("huber"), try await scene.addShop("bauer")]
                for shop in shops { try await scene.use("steps:\n  - reply: \(shop.business.slug.text)\n", of: shop) }
                try await scene.dispatching(reading: reader, pipelinesKept: kept) {
                    // One after the other: what is in hand keeps its pipeline.
                    for _ in 1...2 {
                        for shop in shops {
                            try scene.say("hello", from: shop.anna, to: shop)
                            try await scene.settle()
                        }
                    }
                }
                for shop in shops {
                    let slug = shop.business.slug.text
                    #expect(scene.seen(shop.anna, of: shop) == [slug, slug])
                }
                #expect(reader.texts.count == reads)
            }
        }

        @Test func `two programs that answer each other are stopped`() async throws {
            try await PipelineScene.with { scene in
                try await scene.use("steps:\n  - reply: and you?\n")
                let most = AnswerBrake.most
                for number in 0..<most + 3 { try scene.say("\(number)") }
                try await scene.settle()
                #expect(scene.seen().count == most)
                #expect(try await scene.runs().prefix(3).allSatisfy { $0.answers == 0 && $0.notes.count == 1 })
                scene.clock.advance(by: .milliseconds(AnswerBrake.window))
                try scene.say("a minute later")
                try await scene.settle()
                #expect(scene.seen().count == most + 1)
            }
        }

        @Test func `a pipeline that this program cannot read answers nothing, and says so`() async throws {
            try await PipelineScene.with { scene in
                _ = try await scene.store.setPipeline(
                    "steps:\n  - dance: true\n",
                    calling: [],
                    of: scene.shop.business.id,
                    at: scene.now
                )
                try await scene.registry.refresh(from: scene.store)
                try scene.say("hello")
                try await scene.settle()
                let run = try #require(try await scene.runs().first)
                #expect(run.result == .failed && run.notes.first?.contains("pipeline check") == true)
                #expect(scene.seen().isEmpty)
            }
        }
    }
}
