import Telegram

/// What is to be written of a row after a try.
public struct Settlement: Sendable {
    /// What became of it.
    public enum Outcome: Sendable {
        /// It is done: the messages as Telegram shows them, in order; fewer or none where the answer does not show them.
        case sent([IncomingMessage])
        /// It is done, and Telegram tells the message's number alone.
        case numbered(Int64)
        /// A message has changed: as Telegram shows it.
        case edited(IncomingMessage)
        /// It is done, and the history shows nothing of it.
        case done
        /// It came too late to be of use, and is forgotten.
        case expired
        /// It waits again; `isUnknown` if nobody knows what became of the try.
        case again(at: Timestamp, reason: String?, isUnknown: Bool)
        /// It waits again, for another chat: the conversation's.
        case migrated(to: Int64)
        /// It is not tried again by itself.
        case dead(DeadLetter.Cause, reason: String, Mark?, sent: [IncomingMessage])
    }

    /// What a failure says of more than its row.
    public enum Mark: Hashable, Sendable {
        /// Nothing reaches the conversation.
        case blocked
        /// The conversation's business connection is gone, or forbids it.
        case connectionLost
    }

    /// The row.
    public var id: OutboxID
    /// What became of it.
    public var outcome: Outcome

    /// The same without what Telegram shows, for messages that cannot be stored as it shows them.
    public var withoutContent: Settlement {
        switch outcome {
        case .sent, .numbered: Settlement(id, .sent([]))
        case .edited: Settlement(id, .done)
        case .dead(let cause, let reason, let mark, _): Settlement(id, .dead(cause, reason: reason, mark, sent: []))
        case .done, .expired, .again, .migrated: self
        }
    }

    /// Makes a settlement.
    public init(_ id: OutboxID, _ outcome: Outcome) {
        self.id = id
        self.outcome = outcome
    }
}

/// What a try has come to: what is written, what the planner is told, and what else is to be done.
struct Judgement {
    /// For the row.
    var settlement: Settlement
    /// For the planner, once that is written.
    var ending: Ending
    /// Whether Telegram does not know the bot's token.
    var tokenIsRevoked: String?
    /// For the metrics, once it is written; nil for a row whose call was not made.
    var tried: Tried?

    /// A try of a call, and what became of it.
    struct Tried {
        var outcome: SendOutcome
        var business: BusinessID
        var createdAt: Timestamp
    }

    /// As `PacingPlanner.Ending`, with times of the wall clock's kind: milliseconds from now.
    enum Ending: Hashable {
        case settled
        case again(after: Int64)
        case tooManyRequests(wait: Int64)
    }

    /// A try with an unknown end is repeated so much later.
    private static let unknownWait = Duration.seconds(1)

    /// Judges a try; without a result nobody knows what became of it.
    init(_ call: ClaimedCall, _ result: Result<JSONView, BotAPIError>, at now: Timestamp) {
        let outcome: SendOutcome
        var answer: JSONView?
        switch result {
        case .success(let view):
            answer = view
            outcome = SendOutcome(result: view, of: call.judged)
        case .failure(let error): outcome = SendOutcome(error, of: call.judged)
        }
        switch outcome {
        case .sent: self.init(call, Self.success(call, answer))
        case .unchanged: self.init(call, .done)
        case .expired: self.init(call, .expired)
        case .retry(let retry): self.init(call, retry, at: now)
        case .migrated(let chat): self.init(call, .migrated(to: chat))
        case .blocked(_, let reason): self.init(call, .dead(.blocked, reason: reason, .blocked, sent: []))
        case .connectionLost(let reason): self.init(call, .dead(.failed, reason: reason, .connectionLost, sent: []))
        case .tokenRevoked(let reason):
            self.init(call, .again(at: now, reason: reason, isUnknown: false))
            tokenIsRevoked = reason
        case .failed(_, let reason): self.init(call, .dead(.failed, reason: reason, nil, sent: []))
        case .unknown(let reason):
            guard call.retriesUnknown else {
                self.init(call, .dead(.unknown, reason: reason, nil, sent: []))
                break
            }
            let time = now.advanced(by: Self.unknownWait)
            self.init(call, .again(at: time, reason: reason, isUnknown: true), .again(after: 1000))
        case .partial(let partial):
            let sent = Self.messages(call, answer)
            self.init(call, .dead(.partial, reason: Self.words(partial), nil, sent: sent))
        }
        tried = Tried(outcome: outcome, business: call.business, createdAt: call.createdAt)
    }

    private init(_ call: ClaimedCall, _ outcome: Settlement.Outcome, _ ending: Ending = .settled) {
        settlement = Settlement(call.id, outcome)
        self.ending = ending
    }

    private init(_ call: ClaimedCall, _ retry: SendOutcome.Retry, at now: Timestamp) {
        guard let delay = retry.delay(attempt: call.attempts) else {
            self.init(call, .dead(.givenUp, reason: retry.reason, nil, sent: []))
            return
        }
        let (seconds, attoseconds) = delay.components
        let wait = min(seconds, 1 << 31) * 1000 + attoseconds / 1_000_000_000_000_000
        let time = Timestamp(milliseconds: now.milliseconds + wait)
        let ending: Ending = retry.cause == .tooManyRequests ? .tooManyRequests(wait: wait) : .again(after: wait)
        self.init(call, .again(at: time, reason: retry.reason, isUnknown: false), ending)
    }

    private static func success(_ call: ClaimedCall, _ answer: JSONView?) -> Settlement.Outcome {
        if call.method == "copyMessage", let number = answer?["message_id"]?.int64 { return .numbered(number) }
        if call.messages > 0 { return .sent(messages(call, answer)) }
        // An edit gives the message as it is now; other calls give true.
        guard call.method.hasPrefix("edit"), let answer, answer.isObject,
            let message = try? Projection.message(answer, in: call.space)
        else { return .done }
        return .edited(Projection.edited(message))
    }

    /// The messages in an answer; what cannot be read is left out from there on.
    private static func messages(_ call: ClaimedCall, _ answer: JSONView?) -> [IncomingMessage] {
        guard let answer else { return [] }
        let shown = answer.elements.map(Array.init) ?? [answer]
        var messages: [IncomingMessage] = []
        for view in shown.prefix(call.messages) {
            guard let message = try? Projection.message(view, in: call.space) else { break }
            messages.append(message)
        }
        return messages
    }

    private static func words(_ partial: SendOutcome.Partial) -> String {
        if let sent = partial.sent { return "only \(sent) of the album's \(partial.asked) messages were sent" }
        return partial.reason ?? "not all of the album's \(partial.asked) messages were sent"
    }
}

extension Judgement {
    /// A row that came too late to be of use.
    init(stale call: ClaimedCall) {
        settlement = Settlement(call.id, .expired)
        ending = .settled
        let outcome = SendOutcome.expired(reason: "it waited too long to be of use")
        tried = Tried(outcome: outcome, business: call.business, createdAt: call.createdAt)
    }

    /// A row that was claimed and not sent.
    init(unclaimed id: OutboxID, at now: Timestamp) {
        settlement = Settlement(id, .again(at: now, reason: nil, isUnknown: false))
        ending = .settled
    }
}
