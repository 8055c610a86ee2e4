/// What became of every message of a part of the run, counted on the customers' side.
struct SendAccount: Sendable {
    private struct Entry {
        /// How often the customer got it.
        var deliveries: Int32 = 0
        /// How often it was delivered and the server was not told.
        var answersLost: Int32 = 0
        /// In how many kills its row was marked as being sent.
        var kills: Int32 = 0
    }

    /// The account's end.
    struct Verdict: Hashable, Sendable {
        /// Messages that were put into the outbox.
        var asked = 0
        /// Messages that came at least once.
        var delivered = 0
        /// Messages that came never, and of which nothing tells: neither a waiting row nor a dead letter.
        var lost = 0
        /// Messages that came never and lie as dead letters, since nobody knew.
        var kept = 0
        /// Messages that wait still.
        var waiting = 0
        /// Messages that came more than once, counted once for each time too many.
        var doubles = 0
        /// Doubles without a lost answer, and not in the middle of a call at a kill.
        var unexplained = 0
        /// Answers that were withheld after the message was delivered.
        var answersLost = 0
        /// Calls that were cut before they were carried out.
        var cutBefore = 0
        /// Rows that were marked as being sent at the kills, all together.
        var sendingAtKills = 0
        /// Refusals by status.
        var refusals: [Int32: Int] = [:]
        /// Calls whose text is none of this part's.
        var strangers = 0

        /// Nothing lost, nothing left, no double without its reason.
        var isRight: Bool { lost == 0 && waiting == 0 && unexplained == 0 && strangers == 0 }
    }

    let numbers: Range<Int64>
    private var entries: [Entry]
    private var verdict = Verdict()

    init(_ numbers: Range<Int64>) {
        self.numbers = numbers
        entries = Array(repeating: Entry(), count: numbers.count)
        verdict.asked = numbers.count
    }

    /// Messages that have come at least once.
    private(set) var delivered = 0
    /// Calls that were carried out, doubles included.
    private(set) var deliveries = 0

    /// Refusals by status.
    var refusals: [Int32: Int] { verdict.refusals }

    /// Notes a call.
    mutating func note(_ record: CallRecord) {
        guard numbers.contains(record.number) else { return verdict.strangers += 1 }
        let index = Int(record.number - numbers.lowerBound)
        guard record.isCarriedOut else {
            if record.status == 0 { verdict.cutBefore += 1 } else { verdict.refusals[record.status, default: 0] += 1 }
            return
        }
        deliveries += 1
        if entries[index].deliveries == 0 { delivered += 1 }
        entries[index].deliveries += 1
        if !record.isAnswered {
            entries[index].answersLost += 1
            verdict.answersLost += 1
        }
    }

    /// Notes which messages were marked as being sent when the server was killed.
    mutating func killed(sending: [Int64]) {
        verdict.sendingAtKills += sending.count
        for number in sending where numbers.contains(number) {
            entries[Int(number - numbers.lowerBound)].kills += 1
        }
    }

    /// Judges, when the server has ended.
    ///
    /// - Parameters:
    ///   - waiting: the messages that are in the outbox still.
    ///   - dead: those that lie as dead letters.
    func judged(waiting: [Int64], dead: [Int64]) -> Verdict {
        var verdict = self.verdict
        verdict.delivered = delivered
        verdict.waiting = waiting.count { numbers.contains($0) }
        let known = Set(waiting).union(dead)
        let dead = Set(dead)
        for (number, entry) in zip(numbers, entries) {
            if entry.deliveries == 0 {
                if dead.contains(number) { verdict.kept += 1 } else if !known.contains(number) { verdict.lost += 1 }
            } else {
                let tooMany = entry.deliveries - 1
                verdict.doubles += Int(tooMany)
                verdict.unexplained += Int(max(0, tooMany - entry.answersLost - entry.kills))
            }
        }
        return verdict
    }
}
