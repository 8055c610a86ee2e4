import DequeModule

/// Says which job is next: one at a time in each conversation, in commit order, and in fair turns between businesses.
///
/// The discipline is round robin: each business that has a conversation ready gives one job a turn; within a business, conversations take turns in
/// the order in which they became ready. Pure: it reads no clock and no database, and holds what is in hand only.
struct LanePlanner {
    /// How much is done at once.
    struct Limits: Hashable, Sendable {
        /// Jobs that are being decided, of all businesses.
        var out = 256
        /// Jobs of one business that are being decided: so many may stand in one batch of the writer, and others wait for that.
        var outOfBusiness = 16
        /// A business with so many jobs at its handlers has as many begun as they take at once: hurrying with more would help nobody.
        var manyAtHandlers = HandlerTurns.Limits().ofBusiness
        /// Jobs of such a business that are being decided for the first time.
        ///
        /// **Source:** measured with `switchboard-load fair`.
        var newBesideMany = 1
        /// Jobs of such a business that are being decided, with those that come back from handlers.
        ///
        /// Handlers end together, and each time all would stand in one batch.
        var outBesideMany = 4
        /// Jobs of one business in hand; the rest of a backlog stays in the database.
        var heldOfBusiness = 1024
        /// Jobs of all businesses in hand; beyond that each takes `heldAtLeast` alone.
        var held = 65_536
        /// What any business may have in hand.
        var heldAtLeast = 16
        /// A conversation may have this part of what its business could have in hand besides.
        ///
        /// **Source:** dynamic thresholds (Choudhury and Hahne, 1998): with few long conversations each has much in hand, with many each has little,
        /// and some room is always left for the others.
        var partOfLane = 8
        /// What a conversation may have in hand at least, as a part of what its business may.
        var leastPartOfLane = 256
        /// A business's backlog is read when this part of what it may have in hand is free.
        var partOfRead = 32
    }

    private struct Lane {
        enum Activity: Equatable {
            case idle
            /// A job of it is being decided.
            case deciding
            /// A job of it waits for something outside, and is not counted as being decided.
            case aside(isAtHandler: Bool)
        }

        var waiting: Deque<PipelineJob> = []
        var activity = Activity.idle
        /// What is being decided, or aside.
        var begun: PipelineJob?
    }

    private struct Line {
        var lanes: [PipelineJob.Lane: Lane] = [:]
        /// Lanes that are idle and have a job that may begin.
        var ready: Deque<PipelineJob.Lane> = []
        /// Those whose job goes first: what it waited for is there, or it lives for seconds.
        var urgent: Deque<PipelineJob.Lane> = []
        /// Waiting, being decided, or aside.
        var held = 0
        var out = 0
        var atHandlers = 0
        var isInTurn = false
    }

    let limits: Limits
    private var lines: [BusinessID: Line] = [:]
    private var turns: Deque<BusinessID> = []
    /// Jobs in hand, of all businesses.
    private var heldCount = 0
    /// Jobs that are being decided.
    private(set) var outCount = 0
    /// Jobs that wait for something outside.
    private(set) var asideCount = 0

    init(limits: Limits = Limits()) { self.limits = limits }

    /// How many jobs of a business are in hand.
    func held(of business: BusinessID) -> Int { lines[business]?.held ?? 0 }

    /// How many jobs of a lane are in hand.
    func held(in lane: PipelineJob.Lane, of business: BusinessID) -> Int {
        lines[business]?.lanes[lane].map { $0.waiting.count + ($0.begun == nil ? 0 : 1) } ?? 0
    }

    /// How many more jobs of a business it takes.
    func room(for business: BusinessID) -> Int { max(0, most - held(of: business)) }

    /// Whether so many more jobs of a business are taken that a look into the database pays.
    func isWorthReading(_ business: BusinessID) -> Bool { room(for: business) >= max(1, most / limits.partOfRead) }

    /// How many more jobs of a lane it takes, of those of its business.
    func room(in lane: PipelineJob.Lane, of business: BusinessID) -> Int {
        let part = max(1, most / limits.leastPartOfLane, room(for: business) / limits.partOfLane)
        return max(0, part - held(in: lane, of: business))
    }

    private var most: Int {
        heldCount < limits.held ? limits.heldOfBusiness : min(limits.heldAtLeast, limits.heldOfBusiness)
    }

    /// Jobs that wait in hand, of all businesses.
    var waitingCount: Int { heldCount - outCount - asideCount }

    /// Takes a job, behind those of its conversation that came before.
    mutating func add(_ job: PipelineJob) {
        lines[job.business, default: Line()].held += 1
        heldCount += 1
        lines[job.business]?.lanes[job.lane, default: Lane()].waiting.append(job)
        if lines[job.business]?.lanes[job.lane]?.activity == .idle,
            lines[job.business]?.lanes[job.lane]?.waiting.count == 1
        {
            makeReady(job.lane, of: job.business)
        }
        if job.kind == .lateAnswer { letLateGoFirst(in: job.lane, of: job.business) }
        offerTurn(job.business)
    }

    /// The next job to be decided; nil if none is ready, or enough are being decided.
    mutating func next() -> PipelineJob? {
        while outCount < limits.out, let business = turns.popFirst() {
            lines[business]?.isInTurn = false
            // Since it was put there more of it may have begun: then it is put there again when some of that has ended.
            guard let lane = nextLane(of: business), let job = lines[business]?.lanes[lane]?.waiting.popFirst() else {
                if lines[business]?.held == 0 { lines[business] = nil }
                continue
            }
            lines[business]?.lanes[lane]?.activity = .deciding
            lines[business]?.lanes[lane]?.begun = job
            lines[business]?.out += 1
            outCount += 1
            offerTurn(business)
            return job
        }
        return nil
    }

    // No line is in hand while it is changed: its queues would be copied.

    private mutating func nextLane(of business: BusinessID) -> PipelineJob.Lane? {
        guard let room = room(of: business) else { return nil }
        if room.urgent > 0, let lane = lines[business]?.urgent.popFirst() { return lane }
        if room.new > 0 { return lines[business]?.ready.popFirst() }
        return nil
    }

    /// How many more jobs of a business may be decided, urgent ones and new ones.
    private func room(of business: BusinessID) -> (urgent: Int, new: Int)? {
        lines[business].map { line in
            if line.atHandlers < limits.manyAtHandlers {
                let room = limits.outOfBusiness - line.out
                return (room, room)
            }
            return (limits.outBesideMany - line.out, limits.newBesideMany - line.out)
        }
    }

    private mutating func makeReady(_ lane: PipelineJob.Lane, of business: BusinessID, isUrgent: Bool = false) {
        if isUrgent || lane.isBeside {
            lines[business]?.urgent.append(lane)
        } else {
            lines[business]?.ready.append(lane)
        }
    }

    /// A job that was being decided waits for something outside; its conversation waits with it, others of the business go on.
    ///
    /// - Parameter isAtHandler: whether a handler or a webhook is asked about it.
    mutating func setAside(_ job: PipelineJob, isAtHandler: Bool) {
        guard begun(job.lane, of: job.business)?.id == job.id,
            lines[job.business]?.lanes[job.lane]?.activity == .deciding
        else { return }
        lines[job.business]?.lanes[job.lane]?.activity = .aside(isAtHandler: isAtHandler)
        lines[job.business]?.out -= 1
        if isAtHandler { lines[job.business]?.atHandlers += 1 }
        outCount -= 1
        asideCount += 1
        letLateGoFirst(in: job.lane, of: job.business)
        offerTurn(job.business)
    }

    private func begun(_ lane: PipelineJob.Lane, of business: BusinessID) -> PipelineJob? {
        lines[business]?.lanes[lane]?.begun
    }

    /// Lets what a webhook has answered late go before a job of its conversation that waits for its time: that may wait for this very answer.
    private mutating func letLateGoFirst(in lane: PipelineJob.Lane, of business: BusinessID) {
        guard case .aside(isAtHandler: false)? = lines[business]?.lanes[lane]?.activity,
            let held = begun(lane, of: business), held.kind != .lateAnswer,
            let index = lines[business]?.lanes[lane]?.waiting.firstIndex(where: { $0.kind == .lateAnswer }),
            let late = lines[business]?.lanes[lane]?.waiting.remove(at: index), halt(held)
        else { return }
        lines[business]?.lanes[lane]?.waiting.prepend(held)
        lines[business]?.lanes[lane]?.waiting.prepend(late)
        makeReady(lane, of: business)
    }

    /// A job that waited for something outside is to be decided once more, before the others of its conversation.
    ///
    /// If what it waited for at a handler is there, before other conversations of its business too. Nothing happens if it is not aside any more.
    ///
    /// - Parameter isOnTime: whether a time has come: that is nothing to a job that has gone to a handler since.
    mutating func again(_ job: PipelineJob, isOnTime: Bool = false) {
        guard case .aside(let isUrgent)? = lines[job.business]?.lanes[job.lane]?.activity, !isOnTime || !isUrgent,
            halt(job)
        else { return }
        lines[job.business]?.lanes[job.lane]?.waiting.prepend(job)
        makeReady(job.lane, of: job.business, isUrgent: isUrgent)
        offerTurn(job.business)
    }

    /// A job is done: its conversation goes on.
    mutating func finish(_ job: PipelineJob) {
        if halt(job) {
            if lines[job.business]?.lanes[job.lane]?.waiting.isEmpty == true {
                lines[job.business]?.lanes[job.lane] = nil
            } else {
                makeReady(job.lane, of: job.business)
            }
        }
        guard lines[job.business] != nil else { return }
        heldCount -= 1
        lines[job.business]?.held -= 1
        if lines[job.business]?.held == 0 { lines[job.business] = nil }
        offerTurn(job.business)
    }

    /// Gives up the jobs of a business that were not begun, but for what webhooks have answered late and what lives for seconds.
    ///
    /// - Returns: those.
    mutating func unload(_ business: BusinessID) -> [Int64] {
        var unloaded: [Int64] = []
        for (lane, state) in lines[business]?.lanes ?? [:] {
            let kept = state.waiting.filter { lane.isBeside || $0.kind == .lateAnswer }
            unloaded += state.waiting.lazy.filter { !lane.isBeside && $0.kind != .lateAnswer }.map(\.id)
            if state.begun == nil, kept.isEmpty {
                lines[business]?.lanes[lane] = nil
            } else {
                lines[business]?.lanes[lane]?.waiting = kept
            }
        }
        let idle = lines[business]?.lanes.filter { $0.value.begun == nil }.map(\.key) ?? []
        lines[business]?.ready = Deque(idle.filter { !$0.isBeside })
        lines[business]?.urgent = Deque(idle.filter(\.isBeside))
        heldCount -= unloaded.count
        lines[business]?.held -= unloaded.count
        // One that stands in the turns is let go when its turn comes: it must not stand there twice.
        if lines[business]?.held == 0, lines[business]?.isInTurn == false { lines[business] = nil }
        return unloaded
    }

    /// A job is neither being decided nor aside any more; false if it was neither.
    private mutating func halt(_ job: PipelineJob) -> Bool {
        guard begun(job.lane, of: job.business)?.id == job.id else { return false }
        switch lines[job.business]?.lanes[job.lane]?.activity {
        case .deciding:
            lines[job.business]?.out -= 1
            outCount -= 1
        case .aside(let isAtHandler):
            if isAtHandler { lines[job.business]?.atHandlers -= 1 }
            asideCount -= 1
        case .idle, nil: return false
        }
        lines[job.business]?.lanes[job.lane]?.activity = .idle
        lines[job.business]?.lanes[job.lane]?.begun = nil
        return true
    }

    /// Puts a business at the end of the turns, if it has something to give and is not there.
    private mutating func offerTurn(_ business: BusinessID) {
        guard let room = room(of: business), lines[business]?.isInTurn == false else { return }
        let mayGive =
            (room.urgent > 0 && lines[business]?.urgent.isEmpty == false)
            || (room.new > 0 && lines[business]?.ready.isEmpty == false)
        guard mayGive else { return }
        lines[business]?.isInTurn = true
        turns.append(business)
    }
}
