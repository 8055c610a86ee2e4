import Telegram

/// The messages between a bot and one chat, or one topic of it.
public struct Conversation: Hashable, Sendable {
    /// The id.
    public var id: ConversationID
    /// The bot that takes part.
    public var botID: BotID
    /// What keeps apart chats that share an id: `direct`, `business:<connection>` or `guest`.
    public var space: String
    /// Telegram's id of the chat.
    public var chatID: Int64
    /// Telegram's id of the topic; nil for none.
    public var threadID: Int64?
    /// `private`, `group`, `supergroup` or `channel`.
    public var kind: String
    /// The title of a group, or the name of the person.
    public var title: String
    /// The person of a private chat.
    public var customerID: CustomerID?
    /// `open`, `pending` or `closed`.
    public var status: String
    /// `pipeline` or `people`.
    public var handledBy: String
    /// Who takes care of it; nil for nobody.
    public var assignee: String?
    /// Its labels, sorted.
    public var labels: [String] = []
    /// Whether the customer has blocked the bot.
    public var blocked: Bool
    /// When the last message came.
    public var lastMessageAt: Timestamp?
    /// The message that arrived last.
    public var lastMessage: Message?

    /// Makes a conversation from its row.
    public init(
        id: ConversationID,
        botID: BotID,
        space: String,
        chatID: Int64,
        threadID: Int64?,
        kind: String,
        title: String,
        customerID: CustomerID?,
        status: String,
        handledBy: String,
        blocked: Bool,
        lastMessageAt: Timestamp?,
        lastMessage: Message?
    ) {
        self.id = id
        self.botID = botID
        self.space = space
        self.chatID = chatID
        self.threadID = threadID
        self.kind = kind
        self.title = title
        self.customerID = customerID
        self.status = status
        self.handledBy = handledBy
        self.blocked = blocked
        self.lastMessageAt = lastMessageAt
        self.lastMessage = lastMessage
    }

    /// The shape of `/v1` and `--json`.
    public var json: JSON {
        [
            "id": .string(id.description), "bot_id": .string(botID.description), "space": .string(space),
            "chat_id": .int(chatID), "thread_id": .optional(threadID), "kind": .string(kind), "title": .string(title),
            "customer_id": .optional(customerID?.description), "status": .string(status),
            "handled_by": .string(handledBy), "assignee": .optional(assignee),
            "labels": .array(labels.map { .string($0) }), "blocked": .bool(blocked),
            "last_message_at": .optional(lastMessageAt?.rfc3339), "last_message": lastMessage?.json ?? nil,
        ]
    }
}

/// A raw update that was kept but not (wholly) understood.
public struct KeptUpdate: Hashable, Sendable {
    /// The id.
    public var id: KeptUpdateID
    /// The bot that received it.
    public var botID: BotID
    /// Telegram's number of it, where it could be read.
    public var updateID: Int64?
    /// Its kind as written; empty where it could not be read.
    public var kind: String
    /// Why it is listed.
    public var mark: UpdateMark
    /// More about the reason, without text of a customer.
    public var detail: String?
    /// When it arrived.
    public var receivedAt: Timestamp
    /// How long the body is.
    public var bytes: Int

    /// Makes an entry from its row.
    public init(
        id: KeptUpdateID,
        botID: BotID,
        updateID: Int64?,
        kind: String,
        mark: UpdateMark,
        detail: String?,
        receivedAt: Timestamp,
        bytes: Int
    ) {
        self.id = id
        self.botID = botID
        self.updateID = updateID
        self.kind = kind
        self.mark = mark
        self.detail = detail
        self.receivedAt = receivedAt
        self.bytes = bytes
    }

    /// The shape of `--json`.
    public var json: JSON {
        [
            "id": .string(id.description), "bot_id": .string(botID.description), "update_id": .optional(updateID),
            "kind": .optional(kind.isEmpty ? nil : kind), "mark": .string(mark.rawValue), "detail": .optional(detail),
            "received_at": .string(receivedAt.rfc3339), "bytes": .int(Int64(bytes)),
        ]
    }
}

/// Why an update was kept raw, or kept twice.
public enum UpdateMark: String, Sendable, CaseIterable {
    /// No JSON object with an update_id.
    case unreadable
    /// A kind of update that this version does not know.
    case unknownKind = "unknown_kind"
    /// A known kind of update or content that this version keeps whole but does not show in the history.
    case keptRaw = "kept_raw"
    /// Its number was taken by an update with another kind, chat or message: both are kept.
    case conflict
    /// It was understood, but could not be stored as what it is.
    case failed

    /// The reason in words.
    public var words: String {
        switch self {
        case .unreadable: "not an update that can be read"
        case .unknownKind: "a kind that this version does not know"
        case .keptRaw: "kept raw: this version does not show it in the history"
        case .conflict: "another update had the same number"
        case .failed: "could not be stored as a message"
        }
    }
}
