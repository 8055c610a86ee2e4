/// What became of every message that a cast's customers wrote, counted on their side.
struct AnswerAccount: Sendable {
    /// The account's end.
    struct Verdict: Hashable, Sendable {
        /// Messages that the server acknowledged.
        var acknowledged = 0
        /// Of those, the ones that were answered.
        var answered = 0
        /// Acknowledged and never answered.
        var missing = 0
        /// Answers too many.
        var doubles = 0
        /// Answers that came after the answer to a later message of the same chat.
        var outOfOrder = 0
        /// Calls that answer nothing that was written.
        var strangers = 0
        /// Calls that were made for another bot's customer.
        var wrongBot = 0
        /// Calls that were refused, by status.
        var refusals: [Int32: Int] = [:]

        /// Every message answered once, in order, by the bot that it was written to.
        var isRight: Bool {
            missing == 0 && doubles == 0 && outOfOrder == 0 && strangers == 0 && wrongBot == 0
        }
    }

    private let cast: SendCast
    /// When each message's first answer was taken.
    private(set) var taken: [Int64: UInt64] = [:]
    private var latest: [Int: Int64] = [:]
    private var verdict = Verdict()

    init(_ cast: SendCast) { self.cast = cast }

    /// Notes a call.
    ///
    /// - Returns: whether it is the first answer to a message.
    mutating func note(_ record: CallRecord) -> Bool {
        guard record.isCarriedOut else {
            verdict.refusals[record.status, default: 0] += 1
            return false
        }
        guard let writer = cast.writer(ofUpdate: record.number) else {
            verdict.strangers += 1
            return false
        }
        if cast.botID(writer.bot) != record.bot { verdict.wrongBot += 1 }
        guard taken[record.number] == nil else {
            verdict.doubles += 1
            return false
        }
        taken[record.number] = record.time
        if latest[writer.chat, default: 0] > record.number { verdict.outOfOrder += 1 }
        latest[writer.chat] = max(latest[writer.chat, default: 0], record.number)
        return true
    }

    /// Judges, when all is done.
    ///
    /// - Parameter written: the times of the messages that were acknowledged and must be answered, by their numbers.
    func judged(_ written: [Int64: UpdateTimes]) -> Verdict {
        var verdict = self.verdict
        verdict.acknowledged = written.count
        verdict.answered = written.keys.count { taken[$0] != nil }
        verdict.missing = verdict.acknowledged - verdict.answered
        verdict.strangers += taken.keys.count { written[$0] == nil }
        return verdict
    }
}
