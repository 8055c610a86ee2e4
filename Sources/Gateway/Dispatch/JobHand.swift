import DequeModule

/// What the dispatcher has in hand, and how far it has looked through each business's open jobs.
///
/// Pure. Jobs of one business come in the order of their numbers, whether they were told after their commit or read from the database. Two things
/// leave jobs in the database: a business with more than are taken in hand is behind, and is read on when it has room; a conversation with more than
/// its part is cut, and is read on for itself when half of its part is done, so that it never keeps its business's others out.
struct JobHand {
    /// A look into the database that is under way.
    struct Read: Sendable {
        fileprivate var number: Int
        /// What is looked for.
        var jobs: OpenJobs
    }

    /// What is to be read of a business, in turn.
    private enum Want {
        /// All that is behind `Reach.last`.
        case rest
        case conversation(ConversationID)
    }

    /// A conversation of which jobs were passed over.
    private struct Cut {
        /// Its jobs up to this number are in hand, or done.
        var after: Int64
        /// How many were passed over.
        var count: Int
        /// Whether its turn to be read has come, or it is being read.
        var isWanted = false
    }

    private struct Reach {
        /// Each job up to this number is done or in hand, or its conversation is cut.
        var last: Int64 = 0
        /// Whether the database has jobs behind that.
        var isBehind = false
        var reading: Read?
        /// Whether jobs came that belong to what is being read, and were not taken.
        var hasMissed = false
        /// Jobs that have ended while a conversation is being read: what is read may have them still.
        var ended: Set<Int64> = []
        var cut: [ConversationID: Cut] = [:]
        var wants: Deque<Want> = []
        /// Whether it stands in `behind`.
        var isInTurn = false
    }

    private(set) var planner: LanePlanner
    private var reaches: [BusinessID: Reach] = [:]
    /// Those that want to be read, in turn.
    private var behind: Deque<BusinessID> = []
    /// The numbers of all jobs in hand: each is there once, wherever it is found again.
    private var inHand: Set<Int64> = []
    /// Those that live for seconds and were taken before those in front of them.
    private var ahead: Set<Int64> = []
    private var reads = 0
    /// So many queries that live for seconds are taken before those in front of them.
    private static let mostAhead = 1024

    init(limits: LanePlanner.Limits = .init()) { planner = LanePlanner(limits: limits) }

    // MARK: Taking

    /// Takes a job of which its commit has told.
    ///
    /// - Returns: whether it is in hand; if not it is found again in the database.
    @discardableResult
    mutating func take(committed job: PipelineJob) -> Bool {
        // Nothing of a reach is held while it is changed: it would be copied.
        guard job.id > reaches[job.business]?.last ?? 0 else { return false }
        let isBehind = reaches[job.business]?.isBehind ?? false
        let isReadingRest = reaches[job.business]?.reading.map { $0.jobs.only == nil } ?? false
        // What is being read has its room already.
        let isFull = planner.room(for: job.business) <= reaches[job.business]?.reading?.jobs.limit ?? 0
        if job.lane.isBeside, isBehind || isReadingRest || isFull, ahead.count < Self.mostAhead {
            // It lives for seconds: behind a backlog it would be dead. The read finds it again.
            if !inHand.contains(job.id) {
                ahead.insert(job.id)
                add(job)
            }
            return true
        }
        if isReadingRest {
            reaches[job.business]?.hasMissed = true
            return false
        }
        guard !isBehind, !isFull else {
            fallBehind(job.business)
            return false
        }
        reaches[job.business, default: Reach()].last = job.id
        return admit(job)
    }

    /// Takes what a webhook has answered late as a new job of its conversation.
    mutating func take(late job: PipelineJob) { add(job) }

    private mutating func add(_ job: PipelineJob) {
        inHand.insert(job.id)
        planner.add(job)
    }

    /// Takes a job that is the next of its business, if its conversation has its part not in hand yet.
    private mutating func admit(_ job: PipelineJob) -> Bool {
        guard !inHand.contains(job.id) else { return true }
        if !job.lane.isBeside {
            let (business, conversation) = (job.business, job.conversation)
            if reaches[business]?.cut[conversation] != nil {
                reaches[business]?.cut[conversation]?.count += 1
                if reaches[business]?.reading?.jobs.only?.conversation == conversation {
                    reaches[business]?.hasMissed = true
                }
                return false
            }
            guard planner.room(in: job.lane, of: business) > 0 else {
                reaches[business]?.cut[conversation] = Cut(after: job.id - 1, count: 1)
                return false
            }
        }
        add(job)
        return true
    }

    /// The database has jobs of a business that are not in hand.
    mutating func fallBehind(_ business: BusinessID) {
        guard reaches[business]?.isBehind != true else { return }
        reaches[business, default: Reach()].isBehind = true
        want(.rest, of: business)
    }

    private mutating func want(_ what: Want, of business: BusinessID) {
        reaches[business]?.wants.append(what)
        offerTurn(business)
    }

    private mutating func offerTurn(_ business: BusinessID) {
        let isWaiting = reaches[business].map { !$0.isInTurn && $0.reading == nil && !$0.wants.isEmpty } ?? false
        guard isWaiting else { return }
        reaches[business]?.isInTurn = true
        behind.append(business)
    }

    // MARK: Reading

    /// What to read next; of each business there is one read at a time.
    mutating func request() -> Read? {
        for _ in 0..<behind.count {
            guard let business = behind.popFirst() else { return nil }
            reaches[business]?.isInTurn = false
            if let jobs = wanted(of: business) {
                reads += 1
                let read = Read(number: reads, jobs: jobs)
                reaches[business]?.reading = read
                reaches[business]?.hasMissed = false
                reaches[business]?.ended = []
                return read
            }
            offerTurn(business)
        }
        return nil
    }

    private mutating func wanted(of business: BusinessID) -> OpenJobs? {
        let room = planner.room(for: business)
        guard room > 0, let want = reaches[business]?.wants.first, let last = reaches[business]?.last else {
            return nil
        }
        var jobs = OpenJobs(business: business, after: last, limit: room)
        switch want {
        case .rest:
            // A read for one would be made for each job that is done.
            guard planner.isWorthReading(business) else { return nil }
            // Already now: what falls behind while this is read is wanted once more.
            reaches[business]?.isBehind = false
        case .conversation(let conversation):
            let lane = PipelineJob.Lane(conversation: conversation, isBeside: false)
            jobs.only = .init(conversation: conversation, through: last)
            jobs.after = reaches[business]?.cut[conversation]?.after ?? last
            // No more than there are: the search for one that is not there goes through the whole backlog.
            let left = reaches[business]?.cut[conversation]?.count ?? 0
            jobs.limit = max(1, min(room, planner.room(in: lane, of: business), left))
        }
        reaches[business]?.wants.removeFirst()
        return jobs
    }

    /// Takes what was read, in the order of the numbers.
    mutating func take(_ jobs: [PipelineJob], of read: Read) {
        let business = read.jobs.business
        guard reaches[business]?.reading?.number == read.number else { return }
        reaches[business]?.reading = nil
        if let conversation = read.jobs.only?.conversation {
            take(jobs, of: conversation, read)
        } else {
            for job in jobs { _ = admit(job) }
            if let last = jobs.last { reaches[business]?.last = last.id }
            if jobs.count >= read.jobs.limit || reaches[business]?.hasMissed == true { fallBehind(business) }
        }
        offerTurn(business)
    }

    private mutating func take(_ jobs: [PipelineJob], of conversation: ConversationID, _ read: Read) {
        let business = read.jobs.business
        guard let cut = reaches[business]?.cut[conversation] else { return }
        let ended = reaches[business]?.ended ?? []
        // What came from a conversation that has joined this one may be in hand already, and was not passed over.
        let new = jobs.filter { !inHand.contains($0.id) && !ended.contains($0.id) }
        for job in new { add(job) }
        let left = cut.count - new.count
        if left <= 0 {
            reaches[business]?.cut[conversation] = nil
        } else if jobs.count >= read.jobs.limit || reaches[business]?.hasMissed == true {
            reaches[business]?.cut[conversation] = Cut(after: jobs.last?.id ?? cut.after, count: left)
            wantIfDrained(PipelineJob.Lane(conversation: conversation, isBeside: false), of: business)
        } else {
            // Jobs that were passed over are not there: ended otherwise, or another conversation's now.
            reload(business)
        }
    }

    /// A read failed: it is wanted still.
    mutating func retry(_ read: Read) {
        let business = read.jobs.business
        guard reaches[business]?.reading?.number == read.number else { return }
        reaches[business]?.reading = nil
        if let conversation = read.jobs.only?.conversation {
            want(.conversation(conversation), of: business)
        } else {
            fallBehind(business)
        }
        offerTurn(business)
    }

    /// A job was to be decided, and its conversation has become another's: everything of its business that was not begun is found anew.
    mutating func regroup(_ job: PipelineJob) {
        finish(job)
        reload(job.business)
    }

    private mutating func reload(_ business: BusinessID) {
        // One that is still to come finds this too.
        let isToCome = reaches[business].map { $0.last == 0 && $0.isBehind } ?? false
        guard !isToCome else { return }
        inHand.subtract(planner.unload(business))
        let isInTurn = reaches[business]?.isInTurn ?? false
        reaches[business] = Reach()
        reaches[business]?.isInTurn = isInTurn
        fallBehind(business)
    }

    // MARK: Working

    mutating func next() -> PipelineJob? { planner.next() }
    mutating func setAside(_ job: PipelineJob, isAtHandler: Bool = false) {
        planner.setAside(job, isAtHandler: isAtHandler)
    }
    mutating func again(_ job: PipelineJob) { planner.again(job) }
    /// Its time has come, if it waits for that still.
    mutating func again(onTime job: PipelineJob) { planner.again(job, isOnTime: true) }
    /// Whether it is in hand.
    func has(_ job: PipelineJob) -> Bool { inHand.contains(job.id) }
    mutating func finish(_ job: PipelineJob) {
        inHand.remove(job.id)
        ahead.remove(job.id)
        if reaches[job.business]?.reading?.jobs.only != nil { reaches[job.business]?.ended.insert(job.id) }
        planner.finish(job)
        wantIfDrained(job.lane, of: job.business)
    }

    /// Has a cut conversation read on, when half of its part is done.
    private mutating func wantIfDrained(_ lane: PipelineJob.Lane, of business: BusinessID) {
        guard !lane.isBeside, let cut = reaches[business]?.cut[lane.conversation], !cut.isWanted,
            planner.held(in: lane, of: business) <= planner.room(in: lane, of: business)
        else { return }
        reaches[business]?.cut[lane.conversation]?.isWanted = true
        want(.conversation(lane.conversation), of: business)
    }
}
