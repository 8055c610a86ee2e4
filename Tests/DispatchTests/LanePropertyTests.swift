import Simulator
import Synchronization
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Handlers
@testable import Storage

extension DispatchTests {
    @Suite("Lanes of the running dispatcher")
    struct LanePropertyTests {
        /// Takes as long as dice say, on the clock that the test drives, and remembers who asked it.
        final class Dawdler: Handler {
            private struct State {
                var dice: LanePlannerTests.Dice
                var clock: HandClock?
                var asked: [String] = []
                var under: Set<Int64> = []
                var overlaps = 0
            }

            private let state: Mutex<State>

            init(seed: UInt64) { state = Mutex(State(dice: .init(state: seed))) }

            func use(_ clock: HandClock) { state.withLock { $0.clock = clock } }

            /// The texts, in the order in which they were asked about.
            var asked: [String] { state.withLock(\.asked) }
            /// How often a conversation had two at once.
            var overlaps: Int { state.withLock(\.overlaps) }

            func handle(_ context: PipelineContext) async throws(StepFailure) -> StepEffects {
                let who = context.customer.telegramID
                let (clock, wait) = state.withLock { state in
                    state.asked.append(context.message.text ?? "")
                    if !state.under.insert(who).inserted { state.overlaps += 1 }
                    return (state.clock, Int.random(in: 0...8000, using: &state.dice))
                }
                // Cancelled at the end alone.
                try? await clock?.sleep(for: .milliseconds(wait))
                state.withLock { _ = $0.under.remove(who) }
                if wait % 5 == 0 { throw StepFailure("it could not") }
                var effects = StepEffects()
                effects.replies = [PipelineReply(.text(FormattedText(context.message.text ?? ""), linkPreview: .none))]
                return effects
            }
        }

        @Test(arguments: [1, 2, 3, 4])
        func
            `however long handlers take, each message is asked about once, one at a time and in order, and none starves`(
                seed: UInt64
            ) async throws
        {
            let dawdler = Dawdler(seed: seed)
            try await PipelineScene.with(handlers: SwiftHandlers(["dawdle": { _ in dawdler }])) { scene in
                dawdler.use(scene.clock)
                var dice = LanePlannerTests.Dice(state: seed &* 77)
                let shops = [scene.shop, try await scene.addShop("huber"), try await scene.addShop("bauer")]
                for shop in shops[..<2] {
                    try await scene.use("steps:\n  - swift: dawdle\n  - label: seen\n", of: shop)
                }
                // One business asks nobody: the others' handlers are nothing to it.
                try await scene.use("steps:\n  - reply: \"{{message.text}}\"\n", of: shops[2])
                let people = (1...15).map { scene.telegram.addPerson(firstName: "P\($0)") }
                var written: [Int64: [String]] = [:]
                for number in 1...120 {
                    let index = Int.random(in: 0..<12, using: &dice)
                    // The first writes more than the others.
                    let person = people[max(0, index - 3)]
                    let text = "\(person.id) \(number)"
                    written[person.id, default: []].append(text)
                    try scene.say(text, from: person, to: shops[Int(person.id) % 2])
                    if number % 10 == 0 {
                        let quick = people[12 + number / 10 % 3]
                        try scene.say("\(number)", from: quick, to: shops[2])
                        // Without a step of the clock.
                        try await scene.until { scene.seen(quick, of: shops[2]).last == "\(number)" }
                    }
                    if Bool.random(using: &dice) {
                        scene.clock.advance(by: .milliseconds(Int.random(in: 1...900, using: &dice)))
                    }
                }
                try await scene.telegram.drained()
                var steps = 0
                while try await scene.count("raw_update", "state = 'open'") > 0, !Task.isCancelled {
                    scene.clock.advance(by: .milliseconds(Int.random(in: 1...2000, using: &dice)))
                    steps += 1
                    await Task.yield()
                }
                #expect(dawdler.overlaps == 0)
                #expect(dawdler.asked.count == 120)
                for (person, texts) in written {
                    #expect(dawdler.asked.filter { $0.hasPrefix("\(person) ") } == texts)
                }
                #expect(try await scene.count("pipeline_run", "result = 'ran'") == 132)
            }
        }
    }
}
