import Testing

@testable import Gateway

@Suite("Pacing")
struct PacingTests {
    /// The planner behind a reference: `#expect` calls nothing that mutates.
    private final class Plan {
        private(set) var planner: PacingPlanner
        private var nextID: Int64 = 0

        init(_ limits: PacingLimits = PacingLimits()) { planner = PacingPlanner(limits: limits) }

        @discardableResult
        func offer(
            _ id: Int64? = nil,
            business: Int64 = 1,
            bot: Int64 = 1,
            chat: Int64 = 1,
            group: Bool = false,
            conversation: Int64? = nil,
            _ priority: PacingPlanner.Priority = .answer,
            messages: Int = 1,
            aside: Bool = false,
            now: Int64 = 0
        ) -> PacingPlanner.Offer {
            nextID = id ?? nextID + 1
            return planner.offer(
                .init(
                    id: OutboxID(rawValue: nextID),
                    business: BusinessID(rawValue: business),
                    bot: BotID(rawValue: bot),
                    chat: chat,
                    isGroup: group,
                    conversation: ConversationID(rawValue: conversation ?? bot * 100_000 + chat),
                    priority: priority,
                    messages: messages,
                    isAside: aside
                ),
                now: now
            )
        }

        func next(_ now: Int64) -> PacingPlanner.Decision { planner.next(now: now) }

        /// The ids that may be sent at once.
        func all(_ now: Int64, settling: Bool = false) -> [Int64] {
            var ids: [Int64] = []
            while case .send(let id) = planner.next(now: now) {
                ids.append(id.rawValue)
                if settling { planner.finished(id, .settled, now: now) }
            }
            return ids
        }

        func finish(_ id: Int64, _ ending: PacingPlanner.Ending = .settled, _ now: Int64) {
            planner.finished(OutboxID(rawValue: id), ending, now: now)
        }

        func change<Result>(_ change: (inout PacingPlanner) -> Result) -> Result { change(&planner) }
    }

    private static func send(_ id: Int64) -> PacingPlanner.Decision { .send(OutboxID(rawValue: id)) }

    @Test func `a chat takes a short burst and then one a second`() {
        let plan = Plan()
        for _ in 0..<4 { plan.offer() }
        #expect(plan.all(0, settling: true) == [1, 2, 3])
        #expect(plan.next(0) == .wait(until: 1000))
        #expect(plan.all(999) == [])
        #expect(plan.all(1000, settling: true) == [4])
        #expect(plan.next(1000) == .idle)
    }

    @Test func `a group takes twenty a minute and a bot thirty a second`() {
        var limits = PacingLimits()
        limits.heldPerConversation = 100
        let plan = Plan(limits)
        for _ in 0..<21 { plan.offer(group: true) }
        for second in 0..<18 as Range<Int64> { _ = plan.all(second * 1000, settling: true) }
        #expect(plan.planner.count == 1)
        #expect(plan.next(17_500) == .wait(until: 60_000))
        #expect(plan.all(60_000) == [21])

        let busy = Plan()
        for chat in 0..<40 as Range<Int64> { busy.offer(chat: chat) }
        #expect(busy.all(5).count == 30)
        #expect(busy.next(5) == .wait(until: 1005))
        #expect(busy.all(1005).count == 10)
    }

    @Test func `one row of a conversation is out at a time, and one tried again stays first`() {
        var limits = PacingLimits()
        limits.heldPerConversation = 5
        let plan = Plan(limits)
        plan.offer(5)
        plan.offer(7)
        plan.offer(6)
        #expect(plan.next(0) == Self.send(5))
        #expect(plan.next(0) == .idle)
        #expect(plan.offer(4) == .taken)
        plan.finish(5, .again(at: 300), 100)
        #expect(plan.next(100) == .wait(until: 300))
        #expect(plan.offer(3) == .taken)
        #expect(plan.next(300) == Self.send(5))
        plan.finish(5, .settled, 301)
        #expect(plan.all(301, settling: true) == [3])
        #expect(plan.all(10_000, settling: true) == [4, 6, 7])
    }

    @Test func `a row is taken in hand once`() {
        let plan = Plan()
        #expect(plan.offer(1) == .taken)
        #expect(plan.offer(1) == .known)
        #expect(plan.next(0) == Self.send(1))
        #expect(plan.offer(1) == .known)
        plan.finish(1, .settled, 1)
        plan.finish(1, .settled, 1)
        #expect(plan.planner.count == 0)
        #expect(plan.offer(1) == .taken)
    }

    @Test func `a 429 parks exactly its chat for exactly its time, and slows it for a while`() {
        var limits = PacingLimits()
        limits.heldPerConversation = 10
        let plan = Plan(limits)
        for _ in 0..<5 { plan.offer(chat: 1) }
        plan.offer(100, chat: 2)
        #expect(plan.next(0) == Self.send(1))
        plan.finish(1, .tooManyRequests(wait: 7000), 100)
        #expect(plan.all(100, settling: true) == [100])
        #expect(plan.next(100) == .wait(until: 7100))
        #expect(plan.all(7099) == [])
        // Then two seconds from one to the next, without a burst.
        #expect(plan.all(7100, settling: true) == [1])
        #expect(plan.next(7100) == .wait(until: 9100))
        #expect(plan.all(9100, settling: true) == [2])
        // After a minute without another refusal the usual pace is back.
        #expect(plan.all(60_100, settling: true) == [3, 4, 5])
    }

    @Test func `when several chats of a bot are refused at once the bot is parked, and no other`() {
        let plan = Plan()
        for chat in 1...5 as ClosedRange<Int64> { plan.offer(chat: chat) }
        plan.offer(50, business: 2, bot: 2)
        #expect(plan.all(0) == [1, 50, 2, 3, 4, 5])
        for id in 1...5 as ClosedRange<Int64> { plan.offer(10 + id, chat: 10 + id) }
        for id in 1...3 as ClosedRange<Int64> { plan.finish(id, .tooManyRequests(wait: 3000), 100) }
        plan.offer(60, business: 2, bot: 2, chat: 9, now: 100)
        #expect(plan.all(100) == [60])
        #expect(plan.next(3099) == .wait(until: 3100))
        #expect(Set(plan.all(3100)) == [1, 2, 3, 11, 12, 13, 14, 15])
        // Two refusals, or three too far apart, are their chats' own.
        let other = Plan()
        for chat in 1...4 as ClosedRange<Int64> { other.offer(chat: chat) }
        #expect(other.all(0).count == 4)
        for id in 1...3 as ClosedRange<Int64> { other.finish(id, .tooManyRequests(wait: 9000), id * 1500) }
        other.offer(10, chat: 10)
        #expect(other.all(4500) == [10])
    }

    @Test func `businesses take turns, an album costs as many as it has messages`() {
        let plan = Plan()
        for chat in 0..<6 as Range<Int64> { plan.offer(100 + chat, business: 1, bot: 1 + chat % 2, chat: chat) }
        for chat in 0..<3 as Range<Int64> { plan.offer(200 + chat, business: 2, bot: 3, chat: chat) }
        #expect(plan.all(0) == [100, 200, 101, 201, 102, 202, 103, 104, 105])
        let albums = Plan()
        for chat in 0..<3 as Range<Int64> { albums.offer(100 + chat, business: 1, bot: 1, chat: chat, messages: 4) }
        for chat in 0..<8 as Range<Int64> { albums.offer(200 + chat, business: 2, bot: 3, chat: chat) }
        #expect(albums.all(0) == [100, 200, 201, 202, 203, 101, 204, 205, 206, 207, 102])
    }

    @Test func `an album counts as its messages, an edit as none`() {
        let plan = Plan()
        plan.offer(messages: 10)
        plan.offer()
        plan.offer(3, conversation: 77, messages: 0)
        #expect(plan.next(0) == Self.send(1))
        #expect(plan.next(0) == Self.send(3))
        plan.finish(1, .settled, 0)
        #expect(plan.next(0) == .wait(until: 8000))
        let bot = Plan()
        for chat in 1...4 as ClosedRange<Int64> { bot.offer(chat: chat, messages: 8) }
        #expect(bot.all(0).count == 3)
        #expect(bot.next(0) == .wait(until: 1000))
    }

    @Test func `answers go before bulk, which has every fourth turn`() {
        let plan = Plan()
        for chat in 0..<4 as Range<Int64> { plan.offer(100 + chat, chat: chat, .bulk) }
        for chat in 10..<18 as Range<Int64> { plan.offer(200 + chat, chat: chat) }
        #expect(plan.all(0) == [210, 211, 212, 100, 213, 214, 215, 101, 216, 217, 102, 103])
    }

    @Test func `conversations of one chat share its pace in turn`() {
        let plan = Plan()
        for _ in 0..<3 { plan.offer(conversation: 1) }
        for _ in 0..<3 { plan.offer(conversation: 2) }
        #expect(plan.all(0, settling: true) == [1, 4, 2])
        #expect(plan.all(1000, settling: true) == [5])
        #expect(plan.all(2000, settling: true) == [3])
        #expect(plan.all(3000, settling: true) == [6])
    }

    @Test func `a bot has only so many calls out`() {
        var limits = PacingLimits()
        limits.inFlightPerBot = 2
        let plan = Plan(limits)
        for chat in 1...4 as ClosedRange<Int64> { plan.offer(chat: chat) }
        #expect(plan.all(0) == [1, 2])
        #expect(plan.next(0) == .idle)
        plan.finish(1, .settled, 5)
        #expect(plan.all(5) == [3])
    }

    @Test func `no business fills the slots, and whoever comes has one at once`() {
        var limits = PacingLimits()
        limits.inFlight = 64
        limits.inFlightPerBot = 16
        limits.held = 100_000
        let plan = Plan(limits)
        func flood(_ business: Int64) {
            for bot in 1...8 as ClosedRange<Int64> {
                for chat in 1...20 as ClosedRange<Int64> {
                    plan.offer(business: business, bot: business * 100 + bot, chat: chat)
                }
            }
        }
        // Nothing is answered: what is out stays out.
        flood(1)
        let first = plan.all(0)
        #expect(first.count == 32)
        #expect(plan.next(0) == .idle)
        // A second has half of what is left, and a third a part still, though the first two want more.
        flood(2)
        #expect(plan.all(0).count == 16)
        flood(3)
        #expect(plan.all(0).count == 8)
        for business in 4...6 as ClosedRange<Int64> {
            flood(business)
            #expect(plan.all(0).count >= 1)
        }
        // What ends goes to those who have least.
        let held = plan.planner.outCount
        for id in first { plan.finish(id, .settled, 0) }
        let next = plan.all(0)
        #expect(plan.planner.outCount > held - 32 && plan.planner.outCount <= 64)
        let ofFirst = next.count { (1...160).contains($0) }
        #expect(ofFirst < 16 && next.count > ofFirst)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `as many slots stay free as the greediest business has, whatever comes and goes`(seed: UInt64) {
        var random = PacingRandom(seed: seed)
        var limits = PacingLimits()
        limits.inFlight = 8 + random.below(60)
        limits.inFlightPerBot = 1 + random.below(20)
        limits.bot = .init(count: 10_000, span: 1)
        let plan = Plan(limits)
        var owner: [Int64: Int64] = [:]
        var out: [Int64: Set<Int64>] = [:]
        func count() -> Int { out.values.reduce(0) { $0 + $1.count } }
        for round in 1...400 as ClosedRange<Int64> {
            for number in 1...random.below(12) + 1 {
                let id = round * 100 + Int64(number)
                let business = Int64(random.below(random.below(2) == 0 ? 2 : 12))
                let bot = business * 10 + Int64(random.below(6))
                owner[id] = business
                plan.offer(id, business: business, bot: bot, chat: id, now: round)
            }
            while case .send(let sent) = plan.next(round) {
                guard let business = owner[sent.rawValue] else { continue }
                let (own, free) = (out[business]?.count ?? 0, limits.inFlight - count())
                #expect(own < free, "business \(business) takes one of \(free) and has \(own)")
                out[business, default: []].insert(sent.rawValue)
            }
            #expect(plan.planner.outCount == count())
            let ends = out.values.flatMap { $0 }.sorted().filter { _ in random.below(6) == 0 }
            for id in ends {
                plan.finish(id, .settled, round)
                out[owner[id] ?? 0]?.remove(id)
            }
        }
        // And nothing is held back for ever.
        for _ in 0..<10_000 where plan.planner.count > 0 {
            _ = plan.all(1000, settling: true)
            for id in out.values.flatMap({ $0 }) { plan.finish(id, .settled, 1000) }
            out = [:]
        }
        #expect(plan.planner.count == 0)
    }

    @Test func `a row aside waits for no conversation, pace, park or room of others, only for its own 429`() {
        var limits = PacingLimits()
        limits.heldPerBot = 3
        limits.bot = .init(count: 1, span: 1000)
        let plan = Plan(limits)
        for id in 1...3 as ClosedRange<Int64> { plan.offer(id, conversation: 7) }
        #expect(plan.offer(4, conversation: 7) == .full(.bot))
        // Its conversation has a row out, its chat and its bot are parked, the bot's pace and hand are full.
        #expect(plan.next(0) == Self.send(1))
        plan.change { $0.park(bot: BotID(rawValue: 1), until: 60_000, now: 0) }
        plan.change { $0.park(chat: 1, of: BotID(rawValue: 1), until: 60_000, now: 0) }
        #expect(plan.offer(10, conversation: 7, messages: 0, aside: true) == .taken)
        #expect(plan.offer(11, conversation: 7, messages: 0, aside: true) == .taken)
        #expect(plan.offer(10, conversation: 7, messages: 0, aside: true) == .known)
        #expect(plan.all(0) == [10, 11])
        plan.finish(10, .tooManyRequests(wait: 3000), 1)
        plan.finish(11, .settled, 1)
        plan.finish(1, .settled, 1)
        #expect(plan.all(3000) == [])
        #expect(plan.all(3001, settling: true) == [10])
        #expect(plan.all(60_000, settling: true) == [2])
        // More of them than a bot may have in hand wait in the database.
        for id in 100...163 as ClosedRange<Int64> {
            #expect(plan.offer(id, messages: 0, aside: true, now: 60_000) == .taken)
        }
        #expect(plan.offer(200, messages: 0, aside: true, now: 60_000) == .full(.bot))
        #expect(plan.change { $0.withdraw(bot: BotID(rawValue: 1)) }.count == 65)
        #expect(plan.offer(200, messages: 0, aside: true, now: 60_000) == .taken)
    }

    @Test func `how long a row was ready before it went is known while it is out`() {
        let plan = Plan()
        for id in 1...4 as ClosedRange<Int64> { plan.offer(id) }
        for id in 1...3 as ClosedRange<Int64> {
            #expect(plan.next(100) == Self.send(id))
            #expect(plan.planner.wait(of: OutboxID(rawValue: id)) == (id == 1 ? 100 : 0))
            plan.finish(id, .settled, 100)
        }
        // The chat takes the fourth a second after the first.
        #expect(plan.next(100) == .wait(until: 1100))
        #expect(plan.next(1100) == Self.send(4))
        #expect(plan.planner.wait(of: OutboxID(rawValue: 4)) == 1000)
        #expect(plan.planner.wait(of: OutboxID(rawValue: 1)) == nil)
    }

    @Test func `what is in hand is bounded, and room is left for all`() {
        var limits = PacingLimits()
        limits.held = 100
        limits.heldPerBusiness = 60
        limits.heldPerBot = 40
        let plan = Plan(limits)
        var taken = 0
        for row in 0..<100_000 as Range<Int64> where plan.offer(chat: row) == .taken { taken += 1 }
        #expect(taken == 40)
        #expect(plan.offer(chat: 1) == .full(.bot))
        for row in 0..<100 as Range<Int64> { plan.offer(bot: 2, chat: row) }
        #expect(plan.offer(bot: 2, chat: 1000) == .full(.business))
        #expect(plan.planner.count == 60)
        for business in 2..<50 as Range<Int64> {
            for row in 0..<100 as Range<Int64> { plan.offer(business: business, bot: 100 + business, chat: row) }
            #expect(plan.offer(business: business, bot: 100 + business, chat: 1000) != .taken)
        }
        // Those that came late have what each may hold at least.
        #expect(plan.planner.count <= 100 + 50 * limits.heldAtLeast)
        #expect(plan.change { $0.withdraw(bot: BotID(rawValue: 149)) }.count == limits.heldAtLeast)
        for _ in 0..<limits.heldPerConversation { plan.offer(business: 99, bot: 99, chat: 5) }
        #expect(plan.offer(business: 99, bot: 99, chat: 5) == .full(.conversation))
    }

    @Test func `capacity tells what may be loaded, and waiting chats make room`() {
        var limits = PacingLimits()
        limits.heldPerBot = 12
        let plan = Plan(limits)
        for chat in 1...3 as ClosedRange<Int64> {
            for _ in 0..<4 { plan.offer(chat: chat) }
        }
        #expect(plan.next(0) == Self.send(1))
        plan.finish(1, .tooManyRequests(wait: 60_000), 10)
        let (bot, business) = (BotID(rawValue: 1), BusinessID(rawValue: 1))
        let capacity = plan.change { $0.capacity(of: bot, business: business, now: 10) }
        #expect(capacity.rows == 0)
        #expect(capacity.waiting == [1: 60_010])
        #expect(capacity.full.count == 3)
        #expect(plan.change { $0.withdrawWaiting(bot: bot, until: 5000, now: 10) }.map(\.rawValue) == [1, 2, 3, 4])
        #expect(plan.change { $0.capacity(of: bot, business: business, now: 10) }.rows == 4)
        // The park is remembered when the chat's rows come back.
        #expect(plan.offer(1, chat: 1, now: 20) == .taken)
        #expect(plan.change { $0.withdraw(chat: 2, of: bot) }.count == 4)
        #expect(plan.change { $0.withdraw(chat: 3, of: bot) }.count == 4)
        #expect(plan.next(20) == .wait(until: 60_010))
    }

    @Test func `a bot's rows are given back, save those that are out`() {
        let plan = Plan()
        for chat in 1...3 as ClosedRange<Int64> {
            for _ in 0..<2 { plan.offer(chat: chat) }
        }
        #expect(plan.next(0) == Self.send(1))
        #expect(plan.change { $0.withdraw(bot: BotID(rawValue: 1)) }.map(\.rawValue) == [2, 3, 4, 5, 6])
        #expect(plan.next(0) == .idle)
        #expect(plan.planner.count == 1)
        plan.finish(1, .again(at: 50), 10)
        #expect(plan.next(10) == .wait(until: 50))
        #expect(plan.change { $0.withdraw(business: BusinessID(rawValue: 1)) }.map(\.rawValue) == [1])
        #expect(plan.next(100) == .idle)
        #expect(plan.offer(2, now: 100) == .taken)
        #expect(plan.next(100) == Self.send(2))
    }

    @Test func `a conversation that moves to another chat waits until its rows in hand are gone`() {
        let plan = Plan()
        plan.offer(1, chat: 1, conversation: 9)
        #expect(plan.offer(2, chat: -100, conversation: 9) == .full(.conversation))
        #expect(plan.all(0, settling: true) == [1])
        #expect(plan.offer(2, chat: -100, conversation: 9) == .taken)
        #expect(plan.all(0) == [2])
    }

    @Test func `a clock that goes back changes nothing`() {
        let plan = Plan()
        for _ in 0..<4 { plan.offer(now: 5000) }
        #expect(plan.all(5000, settling: true) == [1, 2, 3])
        #expect(plan.next(0) == .wait(until: 6000))
    }

    @Test func `memory follows what is in hand`() {
        var limits = PacingLimits()
        limits.botEvidence = .max
        let plan = Plan(limits)
        var now: Int64 = 0
        for round in 0..<3000 as Range<Int64> {
            plan.offer(business: round % 7, bot: round % 14, chat: round, group: round % 2 == 0, now: now)
            while case .send(let id) = plan.next(now) {
                plan.finish(id.rawValue, round % 50 == 0 ? .tooManyRequests(wait: 500) : .settled, now)
            }
            now += 40
            guard round % 50 == 0 else { continue }
            let held = plan.planner.footprint
            #expect(held.timers <= 64 + 5 * (held.conversations + held.chats + held.bots))
        }
        // In a minute, 1500 chats were written to; those that were refused are remembered longer.
        #expect(plan.planner.footprint.chats < 1700)
        _ = plan.all(now + 1000, settling: true)
        _ = plan.next(now + 1_000_000)
        #expect(plan.next(now + 2_000_000) == .idle)
        let nothing = PacingPlanner.Footprint(rows: 0, conversations: 0, chats: 0, bots: 0, businesses: 0, timers: 0)
        #expect(plan.planner.footprint == nothing)
    }

    @Test func `decisions are quick`() {
        let count: Int64 = 20_000
        let plan = Plan()
        var decided: Int64 = 0
        let took = ContinuousClock().measure {
            var now: Int64 = 0
            while decided < count {
                for index in 0..<1000 as Range<Int64> {
                    plan.offer(business: index % 200, bot: index % 400, chat: index % 5000, now: now)
                }
                decided += Int64(plan.all(now, settling: true).count)
                now += 1000
            }
        }
        // A figure for the reader; how fast a machine is, is no rule of the house.
        print("pacing: \(Int(Double(decided) / (took / .seconds(1)))) rows a second offered, decided and settled")
        #expect(decided >= count)
    }
}
