import Telegram

/// An update as it is to be stored, with what it means.
public struct IntakeRecord: Sendable {
    /// What an update brings.
    public enum Entry: Sendable {
        /// A new message, or another new entry of a conversation.
        case message(IncomingMessage)
        /// A message as it is now: a new version if it differs; the message itself if it is not there yet.
        case edit(IncomingMessage)
        /// Messages that are no longer there.
        case deletion(MessageDeletion)
        /// Who now has which reactions on a message.
        case reaction(ReactionChange)
        /// How a poll stands.
        case poll(PollState)
        /// What somebody has voted.
        case pollAnswer(PollAnswer)
        /// An account that a bot may act for, as it is now.
        case businessConnection(BusinessConnectionState)
        /// A bot that this bot manages was made, or its token or owner has changed.
        case managedBot(ManagedBotNotice)
        /// What a customer did outside any conversation.
        case customerEvent(CustomerEvent)
        /// Nothing that the history shows: the body is kept and marked.
        case rawOnly(UpdateMark, detail: String?)
    }

    /// Whose it is.
    public var businessID: BusinessID
    /// The bot that received it.
    public var botID: BotID
    /// When it came.
    public var receivedAt: Timestamp
    /// The body as it came.
    public var body: [UInt8]
    /// Telegram's number; nil if the body cannot be read.
    public var updateID: Int64?
    /// The kind as written; empty if the body cannot be read.
    public var kind: String
    /// Chat and message that it names: with the kind they tell a repeated update from another one with the same number.
    public var chatID: Int64?
    /// See `chatID`.
    public var messageID: Int64?
    /// What it brings.
    public var entry: Entry
    /// Whether a pipeline is to look at it: then its row is an open job.
    public var opensJob = false
}

extension IntakeRecord.Entry {
    /// Whether a pipeline may be started by it; who wrote in a business chat is not known here.
    var mayStartPipeline: Bool {
        switch self {
        case .message(let message), .edit(let message): message.mayStartPipeline
        case .customerEvent(let event): event.checkout != nil
        default: false
        }
    }
}

/// A message as it arrives, with what is known of its chat and its sender.
///
/// Texts hold no U+0000, and the JSON texts in it hold it escaped at the most.
public struct IncomingMessage: Sendable {
    /// See `Conversation.space`.
    public var space: String
    /// Telegram's id of the chat.
    public var chatID: Int64
    /// Telegram's id of the topic; 0 for none.
    public var threadID: Int64
    /// `private`, `group`, `supergroup` or `channel`.
    public var chatKind: String
    /// The title of a group, or the name of the person.
    public var chatTitle: String
    /// Telegram's number of the message in its chat; nil for entries that have none: a button pressed, a membership, a request to join, a boost.
    public var messageID: Int64?
    /// When it was sent, Unix seconds; the time of receipt where Telegram tells none.
    public var date: Int64
    /// Who wrote it.
    ///
    /// In a business chat a person's role is `unknown`: see `role(whereOwnerIs:)`.
    public var sender: Message.Sender
    /// The sender as a person whom the business knows; nil for bots, channels and anonymous administrators.
    ///
    /// In a business chat: the person that the owner talks with, whoever of the two wrote.
    public var customer: CustomerProfile?
    /// What it is: the name of its content's field, `service` (then `extra` has `service`, the name), or `unknown`.
    public var kind: String
    /// The text or caption; of a pressed button its data.
    public var text: String?
    /// What else is kept of it, as a JSON object; nil for nothing.
    public var extra: String?
    /// The number of the message that it answers; of a pressed button, the message that the button is on.
    public var replyTo: Int64?
    /// What the messages of one album share.
    public var albumID: String?
    /// When it was edited last, Unix seconds.
    public var editedAt: Int64?
    /// Its files, in their order.
    public var attachments: [Attachment] = []
    /// What it says about the bot's place in the chat.
    public var membership: MembershipChange?
    /// The supergroup that this group has become.
    public var migratedTo: Int64?
    /// The group that this supergroup was.
    public var migratedFrom: Int64?
    /// The poll in it.
    public var pollID: String?
    /// The connection that a business chat belongs to.
    public var businessConnectionID: String?

    /// Who wrote a message of a business chat, once the owner of its connection is known.
    ///
    /// The customer is the chat's peer. Outside business chats, and where the role is known already: that role. **Source:** Bot API,
    /// `Message.business_connection_id`, `BusinessConnection.user`.
    public func role(whereOwnerIs owner: Int64) -> Message.Sender.Role {
        guard sender.role == .unknown, businessConnectionID != nil, let speaker = sender.id else { return sender.role }
        if speaker == owner { return .owner }
        return chatKind == "private" && speaker == chatID ? .customer : .unknown
    }
}

extension IncomingMessage {
    fileprivate var mayStartPipeline: Bool {
        switch sender.role {
        case .customer: break
        case .unknown where businessConnectionID != nil: break
        // An anonymous administrator, who may answer in a chat of the staff.
        case .unknown where chatKind != "private" && replyTo != nil: break
        default: return false
        }
        if kind == "service" { return queryID != nil }
        return ContentKind.byName[kind] != nil
    }
}

/// What an update says about the bot's place in a chat, as it is from now on.
public enum MembershipChange: String, Hashable, Sendable, CaseIterable {
    /// The person of a private chat has blocked the bot, or deleted the chat.
    case blocked
    /// The person of a private chat takes the bot's messages again.
    case unblocked
    /// The bot is in the group or channel.
    case joined
    /// The bot is no longer in the group or channel.
    case left
}

/// A person as Telegram describes them with each message.
public struct CustomerProfile: Hashable, Sendable {
    /// Telegram's id of the user.
    public var telegramID: Int64
    /// First and last name.
    public var name: String
    /// The username without `@`.
    public var username: String?
    /// The language of their app, an IETF tag.
    public var language: String?
    /// Whether `language` is known to be this, or none.
    ///
    /// A chat does not tell its person's language: then the language known before stays.
    public var tellsLanguage: Bool

    /// Makes a profile.
    public init(
        telegramID: Int64,
        name: String,
        username: String?,
        language: String?,
        tellsLanguage: Bool = true
    ) {
        self.telegramID = telegramID
        self.name = name
        self.username = username
        self.language = language
        self.tellsLanguage = tellsLanguage
    }
}
