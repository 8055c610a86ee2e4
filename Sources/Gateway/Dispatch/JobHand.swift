import DequeModule

/// What the dispatcher has in hand, and how far it has looked through each business's open jobs.
///
/// Pure. Jobs of one business come in the order of their numbers, whether they were told after their commit or read from the database; a business with
/// more open jobs than are taken in hand is behind, and is read again when it has room.
struct JobHand {
    private struct Reach {
        /// No job up to this number is to be taken any more.
        var last: Int64 = 0
        /// Whether the database has jobs that were not taken.
        var isBehind = false
        var isReading = false
        /// Whether jobs came while a read was under way.
        var hasMissed = false
    }

    private(set) var planner: LanePlanner
    private var reaches: [BusinessID: Reach] = [:]
    /// Those that are behind and not being read, in turn.
    private var behind: Deque<BusinessID> = []
    /// Jobs that were taken before those in front of them: they do not wait.
    private var beside: Set<Int64> = []
    /// So many of those are in hand at once.
    private static let mostBeside = 1024

    init(limits: LanePlanner.Limits = .init()) { planner = LanePlanner(limits: limits) }

    /// Takes a job of which its commit has told.
    ///
    /// - Returns: whether it is in hand; if not it is found again in the database.
    @discardableResult
    mutating func take(committed job: PipelineJob) -> Bool {
        let reach = reaches[job.business] ?? Reach()
        guard job.id > reach.last else { return false }
        let isFull = reach.isBehind || reach.isReading || planner.room(for: job.business) == 0
        if job.lane.isBeside, isFull, beside.count < Self.mostBeside {
            // It lives for seconds: behind a backlog it would be dead. The read finds it again.
            beside.insert(job.id)
            planner.add(job)
            return true
        }
        if reach.isReading {
            reaches[job.business]?.hasMissed = true
            return false
        }
        guard !reach.isBehind, planner.room(for: job.business) > 0 else {
            fallBehind(job.business)
            return false
        }
        reaches[job.business, default: Reach()].last = job.id
        planner.add(job)
        return true
    }

    /// The database has jobs of a business that are not in hand.
    mutating func fallBehind(_ business: BusinessID) {
        reaches[business, default: Reach()].isBehind = true
        if reaches[business]?.isReading == false, !behind.contains(business) { behind.append(business) }
    }

    /// What to read next: jobs behind a number, at most so many.
    mutating func request() -> (business: BusinessID, after: Int64, limit: Int)? {
        // A read for a few more would be made for each job that is done.
        for _ in 0..<behind.count {
            guard let business = behind.popFirst() else { return nil }
            let room = planner.room(for: business)
            if room > 0, room >= planner.held(of: business) { return request(business, room) }
            behind.append(business)
        }
        return nil
    }

    private mutating func request(_ business: BusinessID, _ room: Int) -> (BusinessID, after: Int64, limit: Int) {
        reaches[business]?.isReading = true
        reaches[business]?.hasMissed = false
        return (business, reaches[business]?.last ?? 0, room)
    }

    /// Takes what was read.
    mutating func take(read jobs: [PipelineJob], of business: BusinessID, limit: Int) {
        guard let reach = reaches[business], reach.isReading else { return }
        for job in jobs where !beside.contains(job.id) { planner.add(job) }
        let isBehind = jobs.count >= limit || reach.hasMissed
        reaches[business] = Reach(last: max(reach.last, jobs.last?.id ?? 0), isBehind: isBehind)
        if isBehind { behind.append(business) }
    }

    /// A read failed: it is wanted still.
    mutating func retry(_ business: BusinessID) {
        reaches[business]?.isReading = false
        fallBehind(business)
    }

    mutating func next() -> PipelineJob? { planner.next() }
    mutating func setAside(_ job: PipelineJob, isAtHandler: Bool = false) {
        planner.setAside(job, isAtHandler: isAtHandler)
    }
    mutating func again(_ job: PipelineJob) { planner.again(job) }
    mutating func finish(_ job: PipelineJob) {
        beside.remove(job.id)
        planner.finish(job)
    }
}
