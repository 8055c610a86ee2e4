import Telegram

/// What a step of the kind `webhook` wants to be called.
public struct WebhookCall: Hashable, Sendable {
    /// What becomes of the answer.
    public enum Mode: String, CaseIterable, Sendable {
        /// The pipeline waits for it and does what it says.
        case answer
        /// It is told and not listened to; the pipeline goes on at once.
        case notify
    }

    /// The name of the step: the webhook's name within the business.
    public var step: String
    /// Where it is, as the pipeline says.
    public var url: String
    /// What becomes of the answer.
    public var mode: Mode
    /// Head and body of the answer must be there within so many seconds.
    public var timeoutSeconds: Int64
    /// The conversation waits until the handler has taken the event, for so many seconds at the most; nil lets it go on after the first try.
    public var holdSeconds: Int64?

    /// How long a conversation is held by itself, and at the most.
    public static let hold: Int64 = 600
    /// See `hold`.
    public static let longestHold: Int64 = 86_400

    /// Makes a call.
    public init(
        step: String,
        url: String,
        mode: Mode = .answer,
        timeoutSeconds: Int64 = WebhookLimits.timeout,
        holdSeconds: Int64? = nil
    ) {
        self.step = step
        self.url = url
        self.mode = mode
        self.timeoutSeconds = timeoutSeconds
        self.holdSeconds = holdSeconds
    }
}

/// A change of a message that the bot sent before, as a handler asks for it.
public struct MessageEdit: Hashable, Sendable {
    /// Which message.
    public enum Target: Hashable, Sendable {
        /// The one whose button was pressed: Telegram's number of it.
        case pressed(Int64)
        /// One of the same conversation.
        case message(MessageID)
    }

    /// What it becomes.
    public enum Content: Hashable, Sendable {
        /// Its text, and the buttons below it.
        case text(FormattedText, linkPreview: BotCall.LinkPreview, InlineKeyboard?)
        /// The buttons alone; none takes them away.
        case keyboard(InlineKeyboard?)
    }

    /// Which message.
    public var target: Target
    /// What it becomes.
    public var content: Content

    /// Makes an edit.
    public init(_ target: Target, _ content: Content) {
        self.target = target
        self.content = content
    }

    /// The shape of `--json`.
    public var json: JSON {
        var shape: JSON =
            switch target {
            case .pressed(let number): ["telegram_message_id": .int(number)]
            case .message(let id): ["message_id": .string(id.description)]
            }
        if case .text(let text, _, _) = content { shape["text"] = .string(text.text) }
        return shape
    }
}

/// Reads what a handler answered.
public protocol WebhookAnswerReading: Sendable {
    /// What the actions of an answer do, in their order: all of them, or none with the reason.
    ///
    /// An empty body, and one of blanks, has no actions.
    ///
    /// - Throws: `StepFailure` in words for the business; nothing of the answer is done then.
    func effects(of body: [UInt8], _ context: PipelineContext) throws(StepFailure) -> [StepEffects]
}
