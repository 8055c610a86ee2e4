import Telegram

/// Messages that are no longer there.
///
/// **Source:** Bot API, type `BusinessMessagesDeleted`; of other chats Telegram tells no deletions.
public struct MessageDeletion: Sendable, Hashable {
    /// See `Conversation.space`.
    public var space: String
    /// Telegram's id of the chat.
    public var chatID: Int64
    /// The messages' numbers in the chat, in Telegram's order.
    public var messageIDs: [Int64]
}

/// Who now has which reactions on a message, or how many of each it has where nobody is named.
///
/// **Source:** Bot API, types `MessageReactionUpdated`, `MessageReactionCountUpdated`.
public struct ReactionChange: Sendable, Hashable {
    /// See `Conversation.space`.
    public var space: String
    /// Telegram's id of the chat.
    public var chatID: Int64
    /// The message's number in the chat.
    public var messageID: Int64
    /// When, Unix seconds.
    public var date: Int64
    /// Whose reactions these are; nil for the totals of a chat where reactions are anonymous.
    public var actor: Message.Sender?
    /// The actor as a person whom the business knows.
    public var customer: CustomerProfile?
    /// All that the actor has on the message now, or all totals: they replace what was there before, and may be none.
    public var reactions: [Reaction]

    /// Makes a change.
    public init(
        space: String,
        chatID: Int64,
        messageID: Int64,
        date: Int64,
        actor: Message.Sender?,
        customer: CustomerProfile?,
        reactions: [Reaction]
    ) {
        self.space = space
        self.chatID = chatID
        self.messageID = messageID
        self.date = date
        self.actor = actor
        self.customer = customer
        self.reactions = reactions
    }
}

/// One reaction.
///
/// **Source:** Bot API, types `ReactionType`, `ReactionCount`.
public struct Reaction: Sendable, Hashable {
    /// `emoji`, `custom_emoji`, `paid`, or what comes after Bot API 10.1.
    public var kind: String
    /// The emoji, or the id of the custom emoji; empty for others.
    public var value: String
    /// How many have it: 1 where it is somebody's own.
    public var count: Int64

    /// Makes a reaction.
    public init(kind: String, value: String, count: Int64 = 1) {
        self.kind = kind
        self.value = value
        self.count = count
    }
}

/// How a poll stands.
///
/// **Source:** Bot API, type `Poll`.
public struct PollState: Sendable, Hashable {
    /// Telegram's id of the poll, which its message has too.
    public var pollID: String
    /// The poll as Telegram wrote it: question, options, counts; a JSON object.
    public var json: String
    /// Whether no more votes are taken.
    public var isClosed: Bool
}

/// What somebody has voted in a poll that is not anonymous.
///
/// **Source:** Bot API, type `PollAnswer`.
public struct PollAnswer: Sendable, Hashable {
    /// Telegram's id of the poll, which its message has too.
    public var pollID: String
    /// Who voted: a person or a chat.
    public var voter: Message.Sender
    /// The voter as a person whom the business knows.
    public var customer: CustomerProfile?
    /// The options' places in the poll, from 0; none if the vote was taken back.
    public var optionIDs: [Int64]
    /// The options' lasting ids, in the same order.
    public var optionPersistentIDs: [String]
}

/// A connection between a bot and a business account, as it is now.
///
/// **Source:** Bot API, type `BusinessConnection`.
public struct BusinessConnectionState: Sendable, Hashable {
    /// Telegram's id of the connection.
    public var id: String
    /// Whose account it is.
    public var owner: CustomerProfile
    /// The private chat of the owner with the bot.
    public var userChatID: Int64
    /// Whether the bot may act for the account.
    public var isEnabled: Bool
    /// What it may do, as a JSON object of yes and no; nil if Telegram tells none.
    public var rights: String?
    /// When it was made, Unix seconds.
    public var date: Int64
}

/// A bot that this bot manages was made, or its token or its owner has changed: Telegram does not say which.
///
/// **Source:** Bot API, type `ManagedBotUpdated`.
public struct ManagedBotNotice: Sendable, Hashable {
    /// Whose bot it is.
    public var owner: CustomerProfile
    /// Telegram's id of the managed bot.
    public var botID: Int64
    /// Its username; empty if Telegram tells none.
    public var username: String
    /// Its name.
    public var name: String
}

/// What a customer did outside any conversation.
///
/// It is one of `inline_query`, `chosen_inline_result`, `shipping_query`, `pre_checkout_query`, `purchased_paid_media`, or a
/// `callback_query` from an inline message. **Source:** Bot API, the types of these fields of `Update`.
public struct CustomerEvent: Sendable, Hashable {
    /// The kind of update.
    public var kind: String
    /// Who did it.
    public var actor: Message.Sender
    /// The actor as a person whom the business knows; nil for a bot.
    public var customer: CustomerProfile?
    /// The words that they typed, or the data of the button.
    public var text: String?
    /// What else it says, as a JSON object, without the person.
    public var details: String
    /// When it came, Unix seconds: Telegram tells no time.
    public var date: Int64
}

extension CustomerEvent {
    /// A payment that waits for the bot to agree.
    ///
    /// **Source:** Bot API, `PreCheckoutQuery`: it is to be answered within ten seconds.
    public struct Checkout: Hashable, Sendable {
        /// Telegram's id of the query.
        public var id: String
        /// What the bot gave to the invoice.
        public var payload: String
    }

    /// The payment, if it is one.
    public var checkout: Checkout? {
        guard kind == UpdateKind.preCheckoutQuery.rawValue,
            let members = try? JSONDocument(Array(details.utf8)).root, let id = members["id"]?.string
        else { return nil }
        return Checkout(id: id, payload: members["invoice_payload"]?.string ?? "")
    }
}
