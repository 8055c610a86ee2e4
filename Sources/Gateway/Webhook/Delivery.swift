import Telegram

/// An event that a webhook is told, with what became of it.
public struct Delivery: Hashable, Sendable {
    /// What becomes of it.
    public enum State: String, CaseIterable, Sendable {
        /// It is tried (again) at a time.
        case waiting
        /// The handler took it.
        case done
        /// It is not tried any more.
        case failed
        /// Somebody gave it up.
        case dropped
    }

    /// The id.
    public var id: DeliveryID
    /// Whose it is.
    public var business: BusinessID
    /// The step that calls.
    public var step: String
    /// What is told.
    public var event: WebhookEvent
    /// Whether the answer counts.
    public var mode: WebhookCall.Mode
    /// Of which conversation.
    public var conversation: ConversationID?
    /// About which message.
    public var message: MessageID?
    /// What becomes of it.
    public var state: State
    /// How often it was tried.
    public var attempts: Int
    /// When it is tried again.
    public var nextAt: Timestamp?
    /// The status of the last answer.
    public var status: Int?
    /// Why the last try failed, or why what it answered was refused.
    public var problem: String?
    /// The beginning of the last answer.
    public var answer: [UInt8]
    /// When it happened.
    public var createdAt: Timestamp
    /// When it was tried last.
    public var triedAt: Timestamp?

    /// How long what was taken stays to be seen and replayed, and what was not.
    public static let keptDone = Duration.seconds(7 * 86_400)
    /// See `keptDone`.
    public static let keptFailed = Duration.seconds(30 * 86_400)

    /// An event waits no longer for its webhook's first secret.
    ///
    /// **Source:** ours: as long as a webhook may fail.
    public static let longestWithoutSecret = WebhookEndpoint.longestFailure

    /// Makes one from its row.
    public init(
        id: DeliveryID,
        business: BusinessID,
        step: String,
        event: WebhookEvent,
        mode: WebhookCall.Mode,
        conversation: ConversationID?,
        message: MessageID?,
        state: State,
        attempts: Int,
        nextAt: Timestamp?,
        status: Int?,
        problem: String?,
        answer: [UInt8],
        createdAt: Timestamp,
        triedAt: Timestamp?
    ) {
        self.id = id
        self.business = business
        self.step = step
        self.event = event
        self.mode = mode
        self.conversation = conversation
        self.message = message
        self.state = state
        self.attempts = attempts
        self.nextAt = nextAt
        self.status = status
        self.problem = problem
        self.answer = answer
        self.createdAt = createdAt
        self.triedAt = triedAt
    }

    /// The shape of `--json`.
    ///
    /// - Parameter isWhole: with what is told and what was answered.
    public func json(isWhole: Bool = false) -> JSON {
        var shape: JSON = [
            "id": .string(id.description), "event_id": .string(event.id), "type": .string(event.kind.rawValue),
            "step": .string(step), "mode": .string(mode.rawValue),
            "conversation_id": .optional(conversation?.description), "message_id": .optional(message?.description),
            "state": .string(state.rawValue), "attempts": .int(Int64(attempts)),
            "next_at": .optional(nextAt?.rfc3339), "status": .optional(status.map(Int64.init)),
            "problem": .optional(problem), "created_at": .string(createdAt.rfc3339),
            "tried_at": .optional(triedAt?.rfc3339),
        ]
        if isWhole {
            shape["body"] = .raw(event.body)
            shape["answer"] = .string(String(decoding: answer, as: UTF8.self))
        }
        return shape
    }
}

/// What one try, the first one or another, leaves of an event.
public struct DeliveryEnd: Hashable, Sendable {
    /// How it goes on.
    public enum Next: Hashable, Sendable {
        /// The handler took it.
        case done
        /// It is tried then.
        case waiting(Timestamp)
        /// Not at all.
        case failed
        /// The handler wants nothing any more: its webhook is turned off.
        case gone
    }

    /// How it goes on.
    public var next: Next
    /// Whether the handler was called: what was not is no try.
    public var isTry: Bool
    /// The status of the answer.
    public var status: Int?
    /// Why it failed, or why the answer was refused.
    public var problem: String?
    /// The answer; what is kept of it is cut to `WebhookLimits.kept`.
    public var answer: [UInt8]

    /// Makes an end.
    public init(_ next: Next, isTry: Bool, status: Int? = nil, problem: String? = nil, answer: [UInt8] = []) {
        self.next = next
        self.isTry = isTry
        self.status = status
        self.problem = problem
        self.answer = answer
    }

    /// The end of a try.
    public init(_ verdict: WebhookVerdict, _ result: Result<WebhookResponse, WebhookFault>, at now: Timestamp) {
        let response = try? result.get()
        let (next, problem): (Next, String?) =
            switch verdict {
            case .delivered: (.done, nil)
            case .again(let wait, let why): (.waiting(now.advanced(by: wait)), why)
            case .exhausted(let why): (.failed, why)
            case .gone: (.gone, Self.gone)
            case .interrupted: (.waiting(now), nil)
            }
        self.init(
            next,
            isTry: verdict != .interrupted,
            status: response?.status,
            problem: problem,
            // Only what a handler took may be acted on: of the rest the beginning is shown.
            answer: next == .done ? response?.body ?? [] : Array((response?.body ?? []).prefix(WebhookLimits.kept))
        )
    }

    static let gone = "it answered 410: the handler wants no more events"
}

/// An event to be kept, with what became of its first try.
public struct DeliveryDraft: Sendable {
    /// Whose it is.
    public var business: BusinessID
    /// What is called.
    public var call: WebhookCall
    /// What is told.
    public var event: WebhookEvent
    /// Of which conversation.
    public var conversation: ConversationID
    /// About which message.
    public var message: MessageID?
    /// What became of the first try; `waiting` and no try where there was none.
    public var end: DeliveryEnd

    /// Makes a draft.
    public init(
        business: BusinessID,
        call: WebhookCall,
        event: WebhookEvent,
        conversation: ConversationID,
        message: MessageID?,
        end: DeliveryEnd
    ) {
        self.business = business
        self.call = call
        self.event = event
        self.conversation = conversation
        self.message = message
        self.end = end
    }
}
