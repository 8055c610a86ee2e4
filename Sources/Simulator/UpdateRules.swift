import Telegram

/// What Telegram decides about an update when it is made: whether the bot gets it, its queue, its life.
enum UpdateRules {
    /// A longer payload is never queued.
    ///
    /// **Source:** tdlib `TQueue.cpp`, `MAX_*`.
    static let maximumPayloadBytes = 524_288
    /// No bot has more updates waiting.
    ///
    /// **Source:** tdlib `TQueue.cpp`, `MAX_*`.
    static let maximumQueued = 100_000
    /// No bot has more bytes waiting.
    ///
    /// **Source:** tdlib `TQueue.cpp`, `MAX_*`.
    static let maximumQueuedBytes = 128 << 20
    /// The number of a bot's first update.
    ///
    /// **Source:** tdlib `TQueue.cpp`, `push`.
    static let firstUpdateIDs: ClosedRange<Int64> = 2_000_001...1_000_000_000
    /// Beyond this number the queue is emptied and a new row begins.
    static let maximumUpdateID: Int64 = 2_000_000_000

    /// After so long without an update the next number is random.
    static let idleSeconds: Int64 = 7 * 86_400

    private static let day: Int64 = 86_400

    /// The kinds that a bot gets that asked for none.
    ///
    /// **Source:** Bot API, `setWebhook`, `allowed_updates`.
    static let defaultKinds = Set(UpdateKind.allowedUpdates)
        .subtracting(["chat_member", "message_reaction", "message_reaction_count"])

    /// Whether a bot with that list gets the kind; a kind that Bot API 10.1 does not know is always let through.
    static func isAllowed(_ kind: String, by allowed: Set<String>?) -> Bool {
        UpdateKind(rawValue: kind) == nil || (allowed ?? defaultKinds).contains(kind)
    }

    /// The queue of an update: a chat or a user, with the kind's tag from the 33rd bit on.
    ///
    /// **Source:** tdlib/telegram-bot-api `Client.cpp`, callers of `add_update_impl`.
    static func lane(of kind: String, _ payload: JSON) -> Int64 {
        let chat = payload["chat"]?["id"]?.int64
        let from = payload["from"]?["id"]?.int64
        let user = payload["user"]?["id"]?.int64
        func tagged(_ id: Int64?, _ tag: Int64) -> Int64 { (id ?? 0) + tag << 33 }
        return switch UpdateKind(rawValue: kind) {
        case .inlineQuery: tagged(from, 1)
        case .chosenInlineResult: tagged(from, 2)
        case .callbackQuery: tagged(from, 3)
        case .shippingQuery, .preCheckoutQuery: tagged(from, 4)
        case .myChatMember: tagged(chat, 5)
        case .chatMember: tagged(payload["new_chat_member"]?["user"]?["id"]?.int64 ?? from, 6)
        case .chatJoinRequest: tagged(from, 6)
        case .chatBoost, .removedChatBoost: tagged(chat, 7)
        case .messageReaction: tagged(chat, 8)
        case .messageReactionCount: tagged(chat, 9)
        case .businessConnection: tagged(user, 10)
        case .businessMessage, .editedBusinessMessage, .deletedBusinessMessages: tagged(chat, 11)
        case .guestMessage: tagged(chat, 12)
        case .purchasedPaidMedia: tagged(from, 12)
        case .managedBot: tagged(user, 13)
        case .poll: number(payload["id"])
        case .pollAnswer: number(payload["poll_id"])
        default: chat ?? from ?? 0
        }
    }

    private static func number(_ id: JSON?) -> Int64 { id?.int64 ?? id?.string.flatMap { Int64($0) } ?? 0 }

    /// The date after which the update is thrown away.
    ///
    /// **Source:** tdlib/telegram-bot-api `Client.cpp`: a message lives a day from its own date, a query seconds from now.
    static func expiry(of kind: String, _ payload: JSON, now: Int64) -> Int64 {
        /// A day after a date, which may be any number in a payload that a test has made up.
        func aDay(after date: Int64?) -> Int64 { min(date ?? now, .max - day) + day }
        return switch UpdateKind(rawValue: kind) {
        case .message, .editedMessage, .channelPost, .editedChannelPost, .businessMessage, .editedBusinessMessage,
            .guestMessage:
            aDay(after: payload["edit_date"]?.int64 ?? payload["date"]?.int64)
        case .chatMember, .myChatMember, .chatJoinRequest, .messageReaction, .messageReactionCount:
            aDay(after: payload["date"]?.int64)
        case .chatBoost: aDay(after: payload["boost"]?["add_date"]?.int64)
        case .removedChatBoost: aDay(after: payload["remove_date"]?.int64)
        case .callbackQuery, .shippingQuery, .preCheckoutQuery: now + 150
        case .chosenInlineResult: now + 600
        case .inlineQuery: now + 30
        default: now + day
        }
    }
}

extension JSON {
    var int64: Int64? {
        guard case .int(let value) = self else { return nil }
        return value
    }

    var string: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }
}
