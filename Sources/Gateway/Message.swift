import Telegram

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
    /// What it is: `text`, `photo` or another content's name, `service` (then `extra` has `service`, its name), or `unknown`.
    public var kind: String
    /// The text or caption.
    public var text: String?
    /// What else is kept of it, as a JSON object: entities, quote, forward, buttons, service details and more.
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
    /// Why it failed, or why nobody knows whether it was sent; nil if all is well.
    public var error: String?
    /// What the messages of one album share.
    public var albumID: String?
    /// Its files, in their order.
    public var attachments: [Attachment] = []
    /// Who has which reactions on it, as it is now.
    public var reactions: [MessageReaction] = []
    /// When it was edited last; nil if never.
    public var editedAt: Timestamp?
    /// When it was deleted, as far as Telegram tells; its content stays.
    public var deletedAt: Timestamp?
    /// What it was before its edits, the oldest first; empty in lists of conversations.
    public var versions: [MessageVersion] = []
    /// The poll in it as it stands now, with the votes that are not anonymous; nil for a message without one.
    public var poll: MessagePoll?
    /// The raw update as it came, where it was asked for and is still kept.
    public var raw: [UInt8]?
    /// What the pipeline did with it, where the raw update was asked for and that is still kept.
    public var run: PipelineRun?

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
        error: String? = nil,
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
        self.error = error
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
            "telegram_message_id": .optional(telegramMessageID), "reply_to": .optional(replyTo),
            "album_id": .optional(albumID),
            "attachments": .array(attachments.map(\.json)), "reactions": .array(reactions.map(\.json)),
            "sent_at": .optional(sentAt?.rfc3339),
            "received_at": .string(receivedAt.rfc3339), "edited_at": .optional(editedAt?.rfc3339),
            "deleted_at": .optional(deletedAt?.rfc3339), "versions": .array(versions.map(\.json)),
            "state": .string(state), "error": .optional(error),
        ]
        if kind == "service" { shape["service"] = .optional(details?["service"]?.string) }
        if let poll { shape["poll"] = poll.json }
        if let raw { shape["raw"] = Self.onOneLine(raw) }
        if let run { shape["pipeline"] = run.json }
        return shape
    }

    /// A JSON text without its line ends: Telegram puts one after `update_id`, and a value is printed on one line.
    ///
    /// Inside a string none can stand, and between values none is needed.
    static func onOneLine(_ text: some Sequence<UInt8>) -> JSON {
        .raw(text.filter { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") })
    }
}
