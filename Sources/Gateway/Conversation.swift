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
            "handled_by": .string(handledBy), "labels": [], "blocked": .bool(blocked),
            "last_message_at": .optional(lastMessageAt?.rfc3339), "last_message": lastMessage?.json ?? nil,
        ]
    }
}

/// One entry of a conversation.
public struct Message: Hashable, Sendable {
    /// Which way it went.
    public enum Direction: String, Sendable {
        case incoming = "in"
        case outgoing = "out"
    }

    /// Who wrote it.
    public struct Sender: Hashable, Sendable {
        /// On whose behalf.
        public enum Role: String, Sendable {
            case customer, owner, bot, agent, system, unknown
        }

        /// On whose behalf.
        public var role: Role
        /// Telegram's id of the user, or of the chat that spoke.
        public var id: Int64?
        /// The name as it was then.
        public var name: String

        /// Makes a sender.
        public init(role: Role, id: Int64?, name: String) {
            self.role = role
            self.id = id
            self.name = name
        }
    }

    /// The id: its place in the order of arrival.
    public var id: MessageID
    /// Where it belongs.
    public var conversationID: ConversationID
    /// Which way it went.
    public var direction: Direction
    /// Who wrote it.
    public var sender: Sender
    /// What it is: `text`, `photo`, …
    /// .
    public var kind: String
    /// The text or caption.
    public var text: String?
    /// What else is kept of it, as a JSON object: `entities`.
    public var extra: String?
    /// Telegram's number of it in its chat; nil until sent.
    public var telegramMessageID: Int64?
    /// Telegram's number of the message that it answers.
    public var replyTo: Int64?
    /// When Telegram says it was sent.
    public var sentAt: Timestamp?
    /// When it arrived here.
    public var receivedAt: Timestamp
    /// `received`, `queued`, `sending`, `sent`, `failed` or `unknown`.
    public var state: String
    /// The raw update as it came, where it was asked for and is still kept.
    public var raw: [UInt8]?

    /// Makes a message from its row.
    public init(
        id: MessageID,
        conversationID: ConversationID,
        direction: Direction,
        sender: Sender,
        kind: String,
        text: String?,
        extra: String?,
        telegramMessageID: Int64?,
        replyTo: Int64?,
        sentAt: Timestamp?,
        receivedAt: Timestamp,
        state: String,
        raw: [UInt8]? = nil
    ) {
        self.id = id
        self.conversationID = conversationID
        self.direction = direction
        self.sender = sender
        self.kind = kind
        self.text = text
        self.extra = extra
        self.telegramMessageID = telegramMessageID
        self.replyTo = replyTo
        self.sentAt = sentAt
        self.receivedAt = receivedAt
        self.state = state
        self.raw = raw
    }

    /// The shape of `/v1` and `--json`.
    public var json: JSON {
        let details = extra.flatMap { try? JSONDocument(Array($0.utf8)).root }
        var shape: JSON = [
            "id": .string(id.description), "conversation_id": .string(conversationID.description),
            "direction": .string(direction.rawValue),
            "sender": [
                "role": .string(sender.role.rawValue), "id": .optional(sender.id), "name": .string(sender.name),
            ],
            "kind": .string(kind), "text": .optional(text),
            "entities": details?["entities"].map { Self.onOneLine($0.rawBytes) } ?? [],
            "telegram_message_id": .optional(telegramMessageID), "reply_to": .optional(replyTo), "album_id": nil,
            "attachments": [], "reactions": [], "sent_at": .optional(sentAt?.rfc3339),
            "received_at": .string(receivedAt.rfc3339), "edited_at": nil, "deleted_at": nil, "versions": [],
            "state": .string(state), "error": nil,
        ]
        if let raw { shape["raw"] = Self.onOneLine(raw) }
        return shape
    }

    /// A JSON text without its line ends: Telegram puts one after `update_id`, and a value is printed on one line.
    ///
    /// Inside a string none can stand, and between values none is needed.
    private static func onOneLine(_ text: some Sequence<UInt8>) -> JSON {
        .raw(text.filter { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") })
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
