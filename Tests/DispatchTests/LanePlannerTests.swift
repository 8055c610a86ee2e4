import Testing

@testable import Gateway

@Suite("Lanes")
struct LanePlannerTests {
    /// The same numbers for the same seed: SplitMix64.
    struct Dice: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    static func job(_ id: Int64, business: Int64, conversation: Int64) -> PipelineJob {
        PipelineJob(
            id: id,
            business: BusinessID(rawValue: business),
            conversation: ConversationID(rawValue: business * 1000 + conversation),
            receivedAt: Timestamp(milliseconds: 0),
            kind: .message
        )
    }

    @Test(arguments: 0..<60)
    func `whatever happens, each job runs once, one at a time and in order in its conversation, within the bounds`(
        seed: UInt64
    ) {
        var dice = Dice(state: seed)
        var limits = LanePlanner.Limits(out: 7, outOfBusiness: 3, heldOfBusiness: 1000)
        (limits.manyAtHandlers, limits.newBesideMany, limits.outBesideMany) = (3, 1, 2)
        var planner = LanePlanner(limits: limits)
        var next: Int64 = 1
        var added: [ConversationID: [Int64]] = [:]
        var done: [ConversationID: [Int64]] = [:]
        var out: [PipelineJob] = []
        var aside: [PipelineJob] = []
        var atHandlers: Set<Int64> = []
        var back: Set<Int64> = []
        for step in 0..<3000 {
            let isEnding = step > 2000
            switch Int.random(in: isEnding ? 1..<6 : 0..<6, using: &dice) {
            case 0:
                let job = Self.job(
                    next,
                    business: .random(in: 1...4, using: &dice),
                    conversation: .random(in: 1...5, using: &dice)
                )
                next += 1
                planner.add(job)
                added[job.conversation, default: []].append(job.id)
            case 1, 2:
                while let job = planner.next() {
                    #expect(!(out + aside).contains { $0.conversation == job.conversation }, "one at a time")
                    let others = out.count { $0.business == job.business }
                    let waiting = aside.count { $0.business == job.business && atHandlers.contains($0.id) }
                    if waiting >= limits.manyAtHandlers {
                        #expect(others < (back.contains(job.id) ? limits.outBesideMany : limits.newBesideMany))
                    }
                    back.remove(job.id)
                    out.append(job)
                }
                for business in Set(out.map(\.business)) {
                    #expect(out.count { $0.business == business } <= limits.outOfBusiness)
                }
                #expect(out.count <= limits.out && planner.outCount == out.count)
            case 3:
                guard let index = out.indices.randomElement(using: &dice) else { continue }
                let job = out.remove(at: index)
                let isAtHandler = Bool.random(using: &dice)
                planner.setAside(job, isAtHandler: isAtHandler)
                if isAtHandler { atHandlers.insert(job.id) }
                aside.append(job)
            case 4:
                guard let index = aside.indices.randomElement(using: &dice) else { continue }
                let job = aside.remove(at: index)
                planner.again(job)
                if atHandlers.remove(job.id) != nil { back.insert(job.id) }
            default:
                guard let index = out.indices.randomElement(using: &dice) else { continue }
                let job = out.remove(at: index)
                planner.finish(job)
                done[job.conversation, default: []].append(job.id)
            }
            #expect(planner.asideCount == aside.count)
        }
        // What is left is done to the end: nothing is stuck.
        for job in aside { planner.again(job) }
        while true {
            while let job = planner.next() { out.append(job) }
            guard let job = out.popLast() else { break }
            planner.finish(job)
            done[job.conversation, default: []].append(job.id)
        }
        #expect(done == added)
        #expect(planner.outCount == 0 && planner.waitingCount == 0)
        for business in 1...4 { #expect(planner.held(of: BusinessID(rawValue: Int64(business))) == 0) }
    }

    @Test func `a business with thousands of jobs gives the others every turn but its own`() {
        var planner = LanePlanner(limits: .init(out: 1, outOfBusiness: 1, heldOfBusiness: 10_000))
        for id in 1...5000 { planner.add(Self.job(Int64(id), business: 1, conversation: Int64(id % 500))) }
        for business in 2...10 {
            for id in 1...20 {
                planner.add(Self.job(Int64(10_000 + business * 100 + id), business: Int64(business), conversation: 1))
            }
        }
        var seen: [Int64] = []
        for _ in 0..<200 {
            guard let job = planner.next() else { break }
            seen.append(job.business.rawValue)
            planner.finish(job)
        }
        for start in stride(from: 0, to: 200, by: 10) { #expect(Set(seen[start..<start + 10]).count == 10) }
    }

    @Test func `a conversation that waits for something outside holds neither its business nor its slots`() {
        var planner = LanePlanner(limits: .init(out: 2, outOfBusiness: 2, heldOfBusiness: 100))
        for id in 1...50 { planner.add(Self.job(Int64(id), business: 1, conversation: Int64(id))) }
        for id in 1...50 {
            guard let job = planner.next() else { break }
            #expect(job.id == Int64(id))
            planner.setAside(job, isAtHandler: false)
        }
        #expect(planner.asideCount == 50 && planner.outCount == 0 && planner.next() == nil)
    }

    @Test
    func `of a business with as many at handlers as these take, few are decided at a time, and first what comes back`()
    {
        var limits = LanePlanner.Limits()
        (limits.outOfBusiness, limits.manyAtHandlers, limits.newBesideMany, limits.outBesideMany) = (8, 2, 1, 2)
        var planner = LanePlanner(limits: limits)
        let jobs = (1...10).map { Self.job(Int64($0), business: 1, conversation: Int64($0)) }
        for job in jobs { planner.add(job) }
        for _ in 1...3 { if let job = planner.next() { planner.setAside(job, isAtHandler: true) } }
        #expect(planner.next()?.id == 4 && planner.next() == nil, "one beside those that wait")
        planner.add(Self.job(11, business: 2, conversation: 1))
        #expect(planner.next()?.id == 11, "others have their turn")
        planner.again(jobs[1])
        #expect(planner.next()?.id == 2, "what was waited for is there, and there are many still")
        planner.setAside(jobs[3], isAtHandler: true)
        planner.again(jobs[0])
        planner.again(jobs[2])
        planner.finish(jobs[1])
        #expect(planner.next()?.id == 1 && planner.next()?.id == 3, "in the order in which they came back")
    }

    @Test
    func `a payment goes before hundreds of jobs that wait or come back, and what waits for its time holds nobody up`()
    {
        var planner = LanePlanner()
        let many = planner.limits.manyAtHandlers
        let jobs = (1...500).map { Self.job(Int64($0), business: 1, conversation: Int64($0)) }
        for job in jobs { planner.add(job) }
        for _ in 0..<many { if let job = planner.next() { planner.setAside(job, isAtHandler: true) } }
        var payment = Self.job(501, business: 1, conversation: 400)
        payment.kind = .checkout
        planner.add(payment)
        #expect(planner.next()?.id == 501)
        planner.finish(payment)
        // Held by an ordered webhook, and looked at again and again: the new ones go first all the same.
        var held = LanePlanner()
        for job in jobs { held.add(job) }
        for _ in 0..<100 { if let job = held.next() { held.setAside(job, isAtHandler: false) } }
        for job in jobs[..<100] { held.again(job) }
        #expect((0..<held.limits.outOfBusiness).compactMap { _ in held.next()?.id } == Array(101...116))
    }

    private static func late(_ delivery: Int64, conversation: Int64) -> PipelineJob {
        var job = job(-delivery, business: 1, conversation: conversation)
        job.kind = .lateAnswer
        return job
    }

    @Test func `a late answer is a new job of its conversation, and goes before one that waits for its time`() {
        var planner = LanePlanner()
        let jobs = (1...3).map { Self.job(Int64($0), business: 1, conversation: 1) }
        let answers = [Self.late(7, conversation: 1), Self.late(8, conversation: 1)]
        for job in jobs[..<2] { planner.add(job) }
        #expect(planner.next() == jobs[0])
        planner.add(answers[0])
        planner.setAside(jobs[0], isAtHandler: true)
        #expect(planner.next() == nil, "a handler is asked: its answer comes first")
        planner.again(jobs[0])
        #expect(planner.next() == jobs[0])
        // Held: perhaps until this very answer is acted on.
        planner.setAside(jobs[0], isAtHandler: false)
        #expect(planner.next() == answers[0] && planner.next() == nil)
        planner.again(jobs[0], isOnTime: true)
        #expect(planner.next() == nil, "its timer means nothing any more")
        planner.finish(answers[0])
        #expect(planner.next() == jobs[0])
        planner.setAside(jobs[0], isAtHandler: true)
        planner.again(jobs[0], isOnTime: true)
        #expect(planner.next() == nil, "nor when it has gone to a handler since")
        planner.again(jobs[0])
        #expect(planner.next() == jobs[0])
        planner.setAside(jobs[0], isAtHandler: false)
        planner.add(jobs[2])
        #expect(planner.next() == nil)
        planner.add(answers[1])
        #expect(planner.next() == answers[1])
        // One that cannot be acted on now waits itself, and nothing passes it.
        planner.setAside(answers[1], isAtHandler: false)
        #expect(planner.next() == nil)
        planner.again(answers[1])
        #expect(planner.next() == answers[1])
        planner.finish(answers[1])
        for job in jobs {
            #expect(planner.next() == job)
            planner.finish(job)
        }
        #expect(planner.next() == nil && planner.waitingCount == 0 && planner.asideCount == 0)
    }

    @Test func `what is found anew leaves late answers where they are`() {
        var hand = JobHand()
        let jobs = (1...4).map { Self.job(Int64($0), business: 1, conversation: 1) }
        for job in jobs { hand.take(committed: job) }
        hand.take(late: Self.late(7, conversation: 1))
        hand.take(late: Self.late(8, conversation: 2))
        #expect(Set([hand.next(), hand.next()].map { $0?.id }) == [1, -8])
        hand.regroup(jobs[0])
        #expect(hand.planner.held(of: BusinessID(rawValue: 1)) == 2)
        #expect(hand.next()?.id == -7)
        hand.finish(Self.late(7, conversation: 1))
        hand.finish(Self.late(8, conversation: 2))
        #expect(hand.next() == nil && hand.planner.held(of: BusinessID(rawValue: 1)) == 0)
    }

    // MARK: The hand

    /// A business's open jobs in a database, and a hand that takes them; decisions are made when dice say so.
    private struct Desk {
        var hand: JobHand
        var dice: Dice
        var stored: [PipelineJob] = []
        var told = 0
        var out: [PipelineJob] = []
        var done: [PipelineJob] = []
        /// With what the database had when it was read.
        var reading: (read: JobHand.Read, found: [PipelineJob])?
        /// Conversations whose step does not end.
        var stuck: Set<ConversationID> = []

        mutating func commit(conversation: Int64) {
            stored.append(LanePlannerTests.job(Int64(stored.count + 1), business: 1, conversation: conversation))
        }

        /// Commits are told in order, and perhaps late.
        mutating func tell(all: Bool = false) {
            while told < stored.count, all || Bool.random(using: &dice) {
                hand.take(committed: stored[told])
                told += 1
            }
        }

        mutating func read() {
            guard reading == nil, let read = hand.request() else { return }
            let ended = Set(done.map(\.id))
            let (after, limit, only) = (read.jobs.after, read.jobs.limit, read.jobs.only)
            let found = stored.filter { job in
                guard job.id > after, !ended.contains(job.id) else { return false }
                return only.map { job.conversation == $0.conversation && job.id <= $0.through } ?? true
            }
            reading = (read, Array(found.prefix(limit)))
        }

        mutating func takeRead(failing: Bool = false) {
            guard let (read, found) = reading else { return }
            reading = nil
            if failing { hand.retry(read) } else { hand.take(found, of: read) }
        }

        mutating func begin() {
            while let job = hand.next() {
                out.append(job)
                if stuck.contains(job.conversation) { hand.setAside(job, isAtHandler: true) }
            }
        }

        mutating func end() {
            guard let job = out.filter({ !stuck.contains($0.conversation) }).randomElement(using: &dice) else { return }
            if let index = out.firstIndex(of: job) { out.remove(at: index) }
            // The transaction finds out both.
            let isDone = done.contains { $0.id == job.id }
            guard isDone || stored[Int(job.id) - 1].conversation == job.conversation else { return hand.regroup(job) }
            hand.finish(job)
            if !isDone { done.append(job) }
        }

        /// Some of what may happen.
        mutating func anything() {
            switch Int.random(in: 1..<6, using: &dice) {
            case 1: tell()
            case 2: read()
            case 3: takeRead(failing: Int.random(in: 0..<4, using: &dice) == 0)
            default:
                begin()
                end()
            }
        }

        /// Whether each job was done, once.
        var isDone: Bool { done.map(\.id).sorted() == stored.map(\.id) }

        /// Whether no job is out twice.
        var isEachOnce: Bool { Set(out.map(\.id)).count == out.count }

        /// All that can be done without anything new.
        mutating func goOn(_ rounds: Int) {
            for _ in 0..<rounds {
                tell(all: true)
                read()
                takeRead()
                begin()
                end()
            }
        }
    }

    @Test(arguments: 0..<80)
    func `jobs told after their commit and jobs read from the database come in one order, each once`(seed: UInt64) {
        var limits = LanePlanner.Limits(out: 4, outOfBusiness: 4, heldOfBusiness: 8)
        // Conversations are cut at one job, or at some.
        limits.partOfLane = Int(seed % 3) + 1
        var desk = Desk(hand: JobHand(limits: limits), dice: Dice(state: seed))
        for step in 0..<4000 {
            // One conversation writes more than the others.
            if step < 2500, Int.random(in: 0..<6, using: &desk.dice) == 0 {
                desk.commit(conversation: max(1, .random(in: -4...4, using: &desk.dice)))
            } else {
                desk.anything()
            }
            #expect(desk.hand.planner.held(of: BusinessID(rawValue: 1)) <= 8)
            #expect(Set(desk.out.map(\.conversation)).count == desk.out.count, "one at a time")
        }
        desk.goOn(2000)
        let isDone = desk.isDone
        #expect(isDone)
        for conversation in Set(desk.stored.map(\.conversation)) {
            let order = desk.done.filter { $0.conversation == conversation }.map(\.id)
            let isInOrder = order == order.sorted()
            #expect(isInOrder)
        }
    }

    @Test(arguments: 0..<80)
    func `conversations that become one lose nothing and do nothing twice`(
        seed: UInt64
    ) {
        var limits = LanePlanner.Limits(out: 3, outOfBusiness: 3, heldOfBusiness: 16)
        limits.partOfLane = Int(seed % 4) + 1
        var desk = Desk(hand: JobHand(limits: limits), dice: Dice(state: seed))
        var joined: [Int64: Int64] = [:]
        for step in 0..<4000 {
            if step < 2500, Int.random(in: 0..<6, using: &desk.dice) == 0 {
                let conversation = Int64.random(in: 1...6, using: &desk.dice)
                desk.commit(conversation: joined[conversation] ?? conversation)
            } else if step % 500 == 499, step < 2500 {
                // 6 joins 5, 5 joins 4 and so on.
                let old = Int64(7 - (step + 1) / 500)
                for conversation in old...6 { joined[conversation] = old - 1 }
                let ended = Set(desk.done.map(\.id))
                let key = Self.job(0, business: 1, conversation: old).conversation
                for index in desk.stored.indices
                where desk.stored[index].conversation == key && !ended.contains(desk.stored[index].id) {
                    desk.stored[index].conversation = Self.job(0, business: 1, conversation: old - 1).conversation
                }
            } else {
                desk.anything()
            }
            #expect(desk.isEachOnce)
        }
        desk.goOn(3000)
        let isDone = desk.isDone
        #expect(isDone)
    }

    @Test(arguments: [1, 100, 240])
    func `conversations with thousands of open jobs whose steps do not end keep no other of their business waiting`(
        many: Int64
    ) {
        var desk = Desk(hand: JobHand(), dice: Dice(state: 7))
        desk.stuck = Set((1...many).map { Self.job(0, business: 1, conversation: $0).conversation })
        for _ in 1...(6000 / many) { for conversation in 1...many { desk.commit(conversation: conversation) } }
        // After a crash: everything is read.
        desk.told = desk.stored.count
        desk.hand.fallBehind(BusinessID(rawValue: 1))
        for conversation in Int64(301)...600 { desk.commit(conversation: conversation) }
        desk.goOn(200)
        for conversation in Int64(601)...900 { desk.commit(conversation: conversation) }
        desk.goOn(600)
        #expect(desk.done.count == 600 && !desk.done.contains { desk.stuck.contains($0.conversation) })
        // And they lose nothing when their steps end.
        desk.stuck = []
        desk.goOn(desk.stored.count)
        let isDone = desk.isDone
        #expect(isDone)
        for conversation in 1...many {
            let lane = Self.job(0, business: 1, conversation: conversation).conversation
            let order = desk.done.filter { $0.conversation == lane }.map(\.id)
            let isInOrder = order == order.sorted()
            #expect(isInOrder)
        }
    }

    @Test func `a payment is not cut with its conversation, and is in hand once`() {
        var desk = Desk(hand: JobHand(limits: .init(heldOfBusiness: 16)), dice: Dice(state: 1))
        for _ in 1...40 { desk.commit(conversation: 1) }
        desk.tell(all: true)
        desk.commit(conversation: 1)
        desk.stored[40].kind = .checkout
        desk.tell(all: true)
        desk.begin()
        #expect(Set(desk.out.map(\.id)) == [1, 41])
        desk.goOn(200)
        #expect(desk.done.map(\.id).sorted() == Array(1...41))
        #expect(desk.done.filter { $0.kind == .message }.map(\.id) == Array(1...40))
    }
}
