import Telegram

/// What became of one try to carry out a call, and so what is to be done with its row.
public enum SendOutcome: Hashable, Sendable {
    /// Telegram did it.
    case sent
    /// The message is already as it should be: as good as sent.
    case unchanged
    /// Nothing was done there, or doing it again does no harm: to be tried again.
    case retry(Retry)
    /// The group is a supergroup now: to be tried once more with this chat id, at once.
    case migrated(to: Int64)
    /// Nothing reaches this chat: the row has failed, and the conversation is marked.
    case blocked(Block, reason: String)
    /// The connection of a business account is gone or forbids it: the row has failed, and the connection is marked.
    case connectionLost(reason: String)
    /// Telegram does not know the token, or not any more: the bot stops if this token's version is still its current
    /// one, and the row stays open; with an older version it is tried again with the current one.
    case tokenRevoked(reason: String)
    /// It came too late to be of use, and nobody has to do anything about that: the row is settled.
    case expired(reason: String)
    /// It will never work: the row is dead, with the reason.
    case failed(Fault, reason: String)
    /// Written but not answered, so perhaps carried out: a second try may make a second message.
    case unknown(reason: String)
    /// Some messages of an album were sent and some were not; never tried again as a whole.
    case partial(Partial)

    /// What is waited for.
    public struct Retry: Hashable, Sendable {
        /// Why.
        public var cause: Cause
        /// How long Telegram asks to wait; nil leaves it to `delay(attempt:)`.
        public var after: Duration?
        /// In Telegram's words or ours.
        public var reason: String

        /// Makes a wait.
        public init(cause: Cause, after: Duration? = nil, reason: String) {
            self.cause = cause
            self.after = after
            self.reason = reason
        }

        /// Why a call is tried again.
        public enum Cause: String, CaseIterable, Sendable {
            /// 429: this chat or this bot is parked for that time.
            case tooManyRequests
            /// The request never left.
            case unreachable
            /// Telegram's server said that it restarts.
            case restarting
            /// Telegram could not fetch the file just then.
            case fileUnavailable
            /// It is not known whether it was done, but doing it twice does no harm.
            case repeatable
        }

        /// How long to wait before try number `attempt + 1`, the first try being 1; nil when it is given up.
        ///
        /// Without Telegram's own time it doubles from one second to a minute. A file is tried for about a minute, a call
        /// that is always left without an answer ten times; what is not the call's fault is never given up: how old an
        /// answer may get is decided elsewhere.
        public func delay(attempt: Int) -> Duration? {
            if let after { return after }
            let most: Int? =
                switch cause {
                case .tooManyRequests, .unreachable, .restarting: nil
                case .fileUnavailable: 6
                case .repeatable: 10
                }
            if let most, attempt >= most { return nil }
            return .seconds(min(60, 1 << min(max(0, attempt - 1), 6)))
        }
    }

    /// Why nothing reaches a chat.
    public enum Block: String, CaseIterable, Sendable {
        /// Until the customer takes it back, which `my_chat_member` tells.
        case blockedByUser
        /// For ever.
        case userDeactivated
        /// The customer never started the bot, or a business connection was left out.
        case cannotInitiate
        case kicked
        case notMember
        case groupDeleted
        case chatNotFound
        case noWriteAccess
    }

    /// Why a call can never work.
    public enum Fault: String, CaseIterable, Sendable {
        /// The caller's: the call is wrong.
        case invalid
        /// What it is about is gone: the message, the topic, the query's time.
        case gone
        /// Not allowed in this chat.
        case notAllowed
        /// Sent and deleted by Telegram at once.
        case deletedAtOnce
    }

    /// An album of which not all was sent.
    public struct Partial: Hashable, Sendable {
        /// How many messages were asked for.
        public var asked: Int
        /// How many Telegram says it sent; nil where it does not say, and then each may have been.
        public var sent: Int?
        /// The first message that failed, counted from 1 as Telegram does.
        public var failed: Int?
        /// Why, in Telegram's words.
        public var reason: String?

        /// Makes an account.
        public init(asked: Int, sent: Int? = nil, failed: Int? = nil, reason: String? = nil) {
            self.asked = asked
            self.sent = sent
            self.failed = failed
            self.reason = reason
        }
    }

    /// What has to be known of the call to judge its end.
    public struct Call: Hashable, Sendable {
        /// How many messages it makes: `BotCall.messageCount`.
        public var messageCount: Int
        /// Whether a second try does no harm: `BotCall.isRepeatable`.
        public var isRepeatable: Bool
        /// Whether its chat id was already rewritten after a migration.
        public var wasMigrated: Bool

        /// Makes a description of a call.
        public init(messageCount: Int, isRepeatable: Bool, wasMigrated: Bool = false) {
            self.messageCount = messageCount
            self.isRepeatable = isRepeatable
            self.wasMigrated = wasMigrated
        }

        /// Describes a call.
        public init(_ call: BotCall, wasMigrated: Bool = false) {
            self.init(
                messageCount: call.messageCount,
                isRepeatable: call.isRepeatable,
                wasMigrated: wasMigrated
            )
        }
    }
}

extension SendOutcome {
    /// Judges a success: an album that gives back fewer messages than it has is only partly sent.
    public init(result: JSONView, of call: Call) {
        guard call.messageCount > 1, let sent = result.elements?.reduce(0, { count, _ in count + 1 }),
            sent < call.messageCount
        else {
            self = .sent
            return
        }
        self = .partial(Partial(asked: call.messageCount, sent: sent))
    }

    /// Judges a failure.
    ///
    /// A description that is not known is judged by its status alone: 4xx is the caller's fault, 5xx is unknown.
    ///
    /// **Source:** tdlib/telegram-bot-api, `fail_query_with_error`, `check_chat_access`, `on_message_send_failed`, and tdlib's
    /// `process_send_message_fail_error`, for the texts.
    public init(_ error: BotAPIError, of call: Call) {
        switch error {
        case .unreachable(let why): self = .retry(Retry(cause: .unreachable, reason: why))
        case .noAnswer(let why): self = Self.unanswered(why, call)
        case .unreadable(let status): self = Self.unreadable(status, call)
        case .refused(let refusal): self = Self.refused(refusal, call)
        }
    }

    private static func unanswered(_ reason: String, _ call: Call) -> SendOutcome {
        call.isRepeatable ? .retry(Retry(cause: .repeatable, reason: reason)) : .unknown(reason: reason)
    }

    /// An answer of something in front of the Bot API.
    private static func unreadable(_ status: Int, _ call: Call) -> SendOutcome {
        let reason = BotAPIError.unreadable(status: status).description
        switch status {
        case 413: return .failed(.invalid, reason: reason)
        case 429: return .retry(Retry(cause: .tooManyRequests, reason: reason))
        // A page that leads elsewhere, or refuses: the call did not get through to Telegram.
        case 300..<500: return .retry(Retry(cause: .unreachable, reason: reason))
        default: return unanswered(reason, call)
        }
    }

    private static func refused(_ refusal: BotAPIError.Refusal, _ call: Call) -> SendOutcome {
        let reason = refusal.text
        if refusal.code == 429 || refusal.retryAfterSeconds != nil {
            let wait: Duration? = refusal.retryAfterSeconds.map { .seconds(max(0, $0)) }
            return .retry(Retry(cause: .tooManyRequests, after: wait, reason: reason))
        }
        if let chat = refusal.migrateToChatID {
            return call.wasMigrated ? .failed(.invalid, reason: reason) : .migrated(to: chat)
        }
        if BotAPIError.refused(refusal).tokenIsUnknown || refusal.code == 421 || reason.hasSuffix("Logged out") {
            return .tokenRevoked(reason: reason)
        }
        if refusal.code >= 500 {
            if reason.hasSuffix("restart") { return .retry(Retry(cause: .restarting, reason: reason)) }
            if reason.contains("sent message was immediately deleted") {
                return .failed(.deletedAtOnce, reason: reason)
            }
            return unanswered(reason, call)
        }
        if let item = failedItem(in: reason) {
            return .partial(Partial(asked: call.messageCount, failed: item, reason: reason))
        }
        return RefusalText.meaning(of: reason, call) ?? .failed(.invalid, reason: reason)
    }

    /// The number in `failed to send message #K with the error message "…"`.
    private static func failedItem(in reason: String) -> Int? {
        guard let match = reason.firstMatch(of: /failed to send message #([0-9]{1,3}) with the error message/) else {
            return nil
        }
        return Int(match.1)
    }
}
