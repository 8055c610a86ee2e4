import Telegram

/// Names a call that is not tried again by itself.
public struct DeadLetterID: Identifier {
    /// The number of the row.
    public let rawValue: Int64
    /// `dead_`.
    public static let prefix = "dead_"
    /// Wraps the number of a row.
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// A call that was not made, or of which nobody knows whether it was made, with a copy of what it was.
public struct DeadLetter: Hashable, Sendable {
    /// Why it lies here.
    public enum Cause: String, CaseIterable, Sendable {
        /// Telegram refused it, and would again.
        case failed
        /// Nothing reaches the conversation.
        case blocked
        /// It was written and not answered: perhaps it was made.
        case unknown
        /// An album of which a part was sent.
        case partial
        /// It was tried so often that it was given up.
        case givenUp = "given_up"
    }

    /// The id.
    public var id: DeadLetterID
    /// Whose it is.
    public var business: BusinessID
    /// The bot.
    public var bot: BotID
    /// The conversation.
    public var conversation: ConversationID
    /// The first message that it would make; nil for edits and the like.
    public var firstMessage: MessageID?
    /// How many it would make.
    public var messages: Int
    /// The method's name.
    public var method: String
    /// The call's parameters: a JSON object that holds texts of the business.
    public var parameters: String
    /// Why it lies here.
    public var cause: Cause
    /// In Telegram's words or ours.
    public var reason: String
    /// How often it was tried.
    public var attempts: Int
    /// When it was asked for.
    public var createdAt: Timestamp
    /// When it was given up.
    public var diedAt: Timestamp

    /// Makes one from its row.
    public init(
        id: DeadLetterID,
        business: BusinessID,
        bot: BotID,
        conversation: ConversationID,
        firstMessage: MessageID?,
        messages: Int,
        method: String,
        parameters: String,
        cause: Cause,
        reason: String,
        attempts: Int,
        createdAt: Timestamp,
        diedAt: Timestamp
    ) {
        self.id = id
        self.business = business
        self.bot = bot
        self.conversation = conversation
        self.firstMessage = firstMessage
        self.messages = messages
        self.method = method
        self.parameters = parameters
        self.cause = cause
        self.reason = reason
        self.attempts = attempts
        self.createdAt = createdAt
        self.diedAt = diedAt
    }

    /// The shape of `/v1` and `--json`.
    ///
    /// - Parameter isWhole: with the call's parameters, which hold the text.
    public func json(isWhole: Bool = false) -> JSON {
        var shape: JSON = [
            "id": .string(id.description), "business_id": .string(business.description),
            "bot_id": .string(bot.description), "conversation_id": .string(conversation.description),
            "message_id": .optional(firstMessage?.description), "messages": .int(Int64(messages)),
            "method": .string(method), "cause": .string(cause.rawValue), "reason": .string(reason),
            "attempts": .int(Int64(attempts)), "created_at": .string(createdAt.rfc3339),
            "died_at": .string(diedAt.rfc3339),
        ]
        if isWhole { shape["parameters"] = Message.onOneLine(parameters.utf8) }
        return shape
    }
}

/// Calls that are not tried again by themselves.
public protocol DeadLetters: Sendable {
    /// The latest first; of all businesses for nil.
    func deadLetters(of business: BusinessID?, page: Page) async throws -> Slice<DeadLetter>
    /// Throws `GatewayError.unknownDeadLetter`.
    func deadLetter(_ id: DeadLetterID) async throws -> DeadLetter
    /// Puts calls back into the outbox, at the end of their conversations; all of them or none.
    ///
    /// Throws `GatewayError.unknownDeadLetter`, `.partlySent` for an album of which a part was sent, `.cannotWrite` for a bot that is removed.
    func replay(_ ids: [DeadLetterID], at now: Timestamp) async throws -> [OutboxID]
    /// Forgets calls; all of them or none. Throws `GatewayError.unknownDeadLetter`.
    func drop(_ ids: [DeadLetterID]) async throws
}
