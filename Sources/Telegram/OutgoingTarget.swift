/// A chat as a call names it.
public enum ChatName: Hashable, Sendable {
    case id(Int64)
    /// `@name` of a public supergroup, channel or bot.
    case username(String)

    var json: JSON {
        switch self {
        case .id(let id): .int(id)
        case .username(let name): .string(name)
        }
    }

    func validate() throws(InvalidCall) {
        switch self {
        case .id(let id):
            guard id != 0, id.magnitude < UInt64(MessageLimits.chatID) else {
                throw InvalidCall("chat_id", "no id of a chat", "give the chat's id as Telegram sends it")
            }
        case .username(let name):
            let rest = name.utf8.dropFirst()
            guard name.hasPrefix("@"), (4...32).contains(rest.count),
                rest.allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF) || $0 == 0x5F })
            else { throw InvalidCall("chat_id", "no username", "give @ and 4 to 32 of A-Z, a-z, 0-9 and _") }
        }
    }
}

/// Where a message goes.
public struct MessageTarget: Hashable, Sendable {
    /// The chat.
    public var chat: ChatName
    /// The business connection on whose behalf it is sent.
    public var businessConnectionID: String?
    /// The topic of a forum.
    public var threadID: Int64?
    /// The topic of a channel's direct messages.
    public var directMessagesTopicID: Int64?

    /// Makes a target.
    public init(
        _ chat: ChatName,
        businessConnectionID: String? = nil,
        threadID: Int64? = nil,
        directMessagesTopicID: Int64? = nil
    ) {
        self.chat = chat
        self.businessConnectionID = businessConnectionID
        self.threadID = threadID
        self.directMessagesTopicID = directMessagesTopicID
    }

    var members: [JSON.Member] {
        var members = [JSON.Member("chat_id", chat.json)]
        if let businessConnectionID {
            members.append(.init("business_connection_id", .string(businessConnectionID)))
        }
        if let threadID { members.append(.init("message_thread_id", .int(threadID))) }
        if let directMessagesTopicID { members.append(.init("direct_messages_topic_id", .int(directMessagesTopicID))) }
        return members
    }

    func validate() throws(InvalidCall) {
        try chat.validate()
        if let threadID, threadID <= 1 {
            // The topic "General" is meant by no thread at all, and refused as thread 1.
            throw InvalidCall("message_thread_id", "no topic's id", "leave it out for the topic General")
        }
        if let directMessagesTopicID, directMessagesTopicID <= 0 {
            throw InvalidCall("direct_messages_topic_id", "no topic's id", "give the topic's positive id")
        }
        guard let businessConnectionID else { return }
        guard !businessConnectionID.isEmpty else {
            throw InvalidCall("business_connection_id", "empty", "leave it out, or give the connection's id")
        }
        guard case .id(let id) = chat, id > 0 else {
            throw InvalidCall("chat_id", "no private chat's id", "with a business connection, give the customer's id")
        }
        guard threadID == nil, directMessagesTopicID == nil else {
            throw InvalidCall("message_thread_id", "not taken with a business connection", "leave the topic out")
        }
    }
}

/// A message that was sent before.
public enum SentMessage: Hashable, Sendable {
    case inChat(ChatName, messageID: Int64, businessConnectionID: String? = nil)
    /// Sent by way of the bot's inline mode.
    case inline(id: String)

    var members: [JSON.Member] {
        switch self {
        case .inline(let id): return [.init("inline_message_id", .string(id))]
        case .inChat(let chat, let messageID, let connection):
            let target = MessageTarget(chat, businessConnectionID: connection)
            return target.members + [.init("message_id", .int(messageID))]
        }
    }

    func validate() throws(InvalidCall) {
        switch self {
        case .inline(let id):
            guard !id.isEmpty else { throw InvalidCall("inline_message_id", "empty", "give the inline message's id") }
        case .inChat(let chat, let messageID, let connection):
            try MessageTarget(chat, businessConnectionID: connection).validate()
            try Self.validate(messageID, "message_id")
        }
    }

    static func validate(_ messageID: Int64, _ field: String) throws(InvalidCall) {
        guard messageID > 0, messageID <= Int64(Int32.max) else {
            throw InvalidCall(field, "no message's id", "give the positive id that the message has in its chat")
        }
    }
}

/// What may go with any message.
public struct SendOptions: Hashable, Sendable {
    /// The message of the same chat that is answered.
    public var replyTo: Int64?
    /// Without a sound.
    public var silent: Bool
    /// Not to be forwarded or saved.
    public var protected: Bool
    /// An effect shown with it, in private chats.
    public var effectID: String?
    /// Buttons.
    public var markup: ReplyMarkup?

    /// Makes options.
    public init(
        replyTo: Int64? = nil,
        silent: Bool = false,
        protected: Bool = false,
        effectID: String? = nil,
        markup: ReplyMarkup? = nil
    ) {
        self.replyTo = replyTo
        self.silent = silent
        self.protected = protected
        self.effectID = effectID
        self.markup = markup
    }

    var members: [JSON.Member] {
        var members: [JSON.Member] = []
        if let replyTo {
            // A message that is gone by now does not stop the answer.
            let reply = JSON.object([
                .init("message_id", .int(replyTo)), .init("allow_sending_without_reply", true),
            ])
            members.append(.init("reply_parameters", reply))
        }
        if silent { members.append(.init("disable_notification", true)) }
        if protected { members.append(.init("protect_content", true)) }
        if let effectID { members.append(.init("message_effect_id", .string(effectID))) }
        if let markup { members.append(.init("reply_markup", markup.json)) }
        return members
    }

    func validate() throws(InvalidCall) {
        if let replyTo { try SentMessage.validate(replyTo, "reply_parameters.message_id") }
        if let effectID, Int64(effectID) == nil {
            throw InvalidCall("message_effect_id", "not a number", "give the effect's id")
        }
        try markup?.validate()
    }
}
