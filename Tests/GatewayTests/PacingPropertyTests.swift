import Gateway
import Testing

@Suite("Pacing, by properties")
struct PacingPropertyTests {
    /// Small limits, so that each of them bites; no learning, which the plain rules do not know.
    private static func limits(_ random: inout PacingRandom) -> PacingLimits {
        var limits = PacingLimits()
        limits.bot = .init(count: 3 + random.below(8), span: 1000)
        limits.group = .init(count: 3 + random.below(6), span: 10_000)
        limits.chatBurst = 1 + random.below(3)
        limits.inFlightPerBot = 1 + random.below(8)
        limits.inFlight = 2 + random.below(12)
        limits.held = 60
        limits.heldPerBusiness = 40
        limits.heldPerBot = 30
        limits.slowings = 0
        limits.botEvidence = .max
        return limits
    }

    private static func arrivals(_ random: inout PacingRandom, rows: Int) -> [(at: Int64, row: PacingPlanner.Row)] {
        let times = (0..<rows).map { _ in Int64(random.below(40_000)) }.sorted()
        return (1...rows).map { number in
            let business = random.below(4)
            let bot = business * 2 + random.below(2)
            let chat = random.below(6)
            let conversation = (bot * 10 + chat) * 2 + random.below(2)
            return (
                times[number - 1],
                PacingPlanner.Row(
                    id: OutboxID(rawValue: Int64(number)),
                    business: BusinessID(rawValue: Int64(business + 1)),
                    bot: BotID(rawValue: Int64(bot + 1)),
                    chat: Int64(chat),
                    isGroup: chat % 2 == 0,
                    conversation: ConversationID(rawValue: Int64(conversation + 1)),
                    priority: random.below(3) == 0 ? .bulk : .answer
                )
            )
        }
    }

    /// One try in six has to be made again, one in six is refused.
    private static func end(_ seed: UInt64) -> (PacingPlanner.Row, Int) -> (milliseconds: Int64, PacingPlanner.Ending) {
        { row, tries in
            var random = PacingRandom(seed: seed &* 1_000_003 &+ UInt64(row.id.rawValue) &* 31 &+ UInt64(tries))
            let milliseconds = Int64(1 + random.below(900))
            switch random.below(6) {
            case 0: return (milliseconds, .again(at: Int64(random.below(60_000))))
            case 1: return (milliseconds, .tooManyRequests(wait: Int64(random.below(5000))))
            default: return (milliseconds, .settled)
            }
        }
    }

    @Test(arguments: 1...25 as ClosedRange<UInt64>)
    func `it is never above a limit, never idle while something may go, in order, and ends`(seed: UInt64) {
        var random = PacingRandom(seed: seed)
        let limits = Self.limits(&random)
        let arrivals = Self.arrivals(&random, rows: 300)
        var harness = PacingHarness(limits: limits, arrivals: arrivals)
        harness.end = Self.end(seed)
        harness.run()
        #expect(harness.problems.prefix(5) == [])
        #expect(harness.settled.count == arrivals.count)
        #expect(harness.planner.count == 0)
        #expect(harness.mostHeld <= limits.held + 4 * limits.heldAtLeast)
        Self.expectPace(harness.log, limits)
    }

    private static func expectPace(_ log: [PacingHarness.Sent], _ limits: PacingLimits) {
        for ofBot in Dictionary(grouping: log, by: \.row.bot).values {
            expect(ofBot.map(\.at), atMost: limits.bot)
            for ofChat in Dictionary(grouping: ofBot, by: \.row.chat).values {
                let times = ofChat.map(\.at)
                if ofChat[0].row.isGroup { expect(times, atMost: limits.group) }
                for first in times.indices {
                    for last in first..<times.count {
                        let most = Int64(limits.chatBurst) + (times[last] - times[first]) / limits.chatInterval
                        #expect(Int64(last - first + 1) <= most)
                    }
                }
            }
        }
    }

    /// No span of the window's length, wherever it begins, holds more.
    private static func expect(_ times: [Int64], atMost window: PacingLimits.Window) {
        for index in times.indices.dropFirst(window.count) {
            #expect(times[index] - times[index - window.count] >= window.span)
        }
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `what is refused to one bot changes nothing for the others`(seed: UInt64) {
        var random = PacingRandom(seed: seed)
        var limits = PacingLimits()
        limits.chatBurst = 1 + random.below(3)
        let arrivals = Self.arrivals(&random, rows: 300)
        let unlucky = BotID(rawValue: 1)
        func times(refusing: Bool) -> [String] {
            var harness = PacingHarness(limits: limits, arrivals: arrivals)
            harness.isChecked = false
            harness.end = { row, tries in
                refusing && row.bot == unlucky && tries < 3
                    ? (20, .tooManyRequests(wait: 7000)) : (Int64(20 + row.id.rawValue % 50), .settled)
            }
            harness.run()
            #expect(harness.problems == [])
            #expect(harness.settled.count == arrivals.count)
            return harness.log.filter { $0.row.bot != unlucky }.map { "\($0.at) \($0.row.id)" }.sorted()
        }
        #expect(times(refusing: true) == times(refusing: false))
    }

    @Test func `nobody starves beside a flood`() throws {
        var arrivals: [(at: Int64, row: PacingPlanner.Row)] = []
        func add(_ at: Int64, business: Int64, chat: Int64, priority: PacingPlanner.Priority) {
            let id = Int64(arrivals.count + 1)
            arrivals.append(
                (
                    at,
                    PacingPlanner.Row(
                        id: OutboxID(rawValue: id),
                        business: BusinessID(rawValue: business),
                        bot: BotID(rawValue: business),
                        chat: chat,
                        isGroup: false,
                        conversation: ConversationID(rawValue: business * 10_000 + chat),
                        priority: priority
                    )
                )
            )
        }
        // A flood of answers in one business, from its first moment; bulk in it, and one message of another.
        for index in 0..<1500 { add(0, business: 1, chat: Int64(index % 500), priority: .answer) }
        for index in 0..<30 { add(0, business: 1, chat: Int64(1000 + index), priority: .bulk) }
        for index in 0..<20 { add(Int64(index) * 500, business: 2, chat: 1, priority: .answer) }
        var limits = PacingLimits()
        limits.heldPerBot = 5000
        limits.heldPerBusiness = 5000
        var harness = PacingHarness(limits: limits, arrivals: arrivals)
        harness.isChecked = false
        harness.run()
        #expect(harness.settled.count == arrivals.count)
        // Every fourth turn of the flooded bot is the bulk's: 30 of them are over after 120 of its messages, in four seconds.
        let bulk = harness.log.filter { $0.row.priority == .bulk }
        #expect(try #require(bulk.last).at <= 4100)
        // The other business waits for its own chat's pace only.
        for sent in harness.log where sent.row.business.rawValue == 2 {
            let place = sent.row.id.rawValue - 1531
            #expect(sent.at <= max(place * 500, (place - 2) * 1000))
        }
        // The flooded bot is never idle: all its pace is used.
        #expect(try #require(harness.log.last { $0.row.business.rawValue == 1 }).at == 1529 / 30 * 1000)
    }
}
