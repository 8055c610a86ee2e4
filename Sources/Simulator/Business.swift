import Telegram

/// A business account that lets a bot read and answer in its private chats.
///
/// **Source:** Bot API, type `BusinessConnection`.
public struct BusinessConnection: Hashable, Sendable {
    /// Its id.
    public let id: String
    /// Whose account it is.
    public let owner: Person
    /// The bot.
    public let botID: Int64
    /// When it was made, Unix seconds.
    public let date: Int64
    /// Whether it is in force.
    public internal(set) var isEnabled: Bool
    /// The rights of the bot, by the names of type `BusinessBotRights`, such as `can_reply`.
    public internal(set) var rights: Set<String>

    /// The rights that there are.
    ///
    /// **Source:** Bot API, type `BusinessBotRights`.
    public static let allRights: [String] = [
        "can_reply", "can_read_messages", "can_delete_sent_messages", "can_delete_all_messages", "can_edit_name",
        "can_edit_bio", "can_edit_profile_photo", "can_edit_username", "can_change_gift_settings",
        "can_view_gifts_and_stars", "can_convert_gifts_to_stars", "can_transfer_and_upgrade_gifts",
        "can_transfer_stars", "can_manage_stories",
    ]

    /// The `BusinessConnection`, with the older `can_reply` beside the rights.
    var json: JSON {
        var json: JSON = [
            "id": .string(id), "user": owner.user, "user_chat_id": .int(owner.id), "date": .int(date),
            "can_reply": .bool(rights.contains("can_reply")), "is_enabled": .bool(isEnabled),
        ]
        if isEnabled {
            json["rights"] = .object(Self.allRights.filter(rights.contains).map { JSON.Member($0, true) })
        }
        return json
    }
}

extension Simulation {
    /// Where a call for a business sends.
    ///
    /// **Source:** telegram-bot-api `check_business_connection_chat_id`; tdlib `BusinessConnectionManager`; the raw codes are those of
    /// Telegram's core, which alone checks rights and the 24 hours (Bot API, `BusinessBotRights`, `can_reply`).
    func businessDestination(
        _ connectionID: String,
        _ botID: Int64,
        _ parameters: Parameters
    ) throws(Reply) -> Destination {
        let connection = try connection(connectionID, of: botID)
        guard let chatID = Int64(parameters["chat_id"]) else {
            throw .refusal(400, "Chat identifier must be a valid Integer")
        }
        guard chatID > 0 else { throw .refusal(400, "Chat must be a private chat") }
        guard chatID != connection.owner.id else { throw .refusal(400, "Messages must not be sent to self") }
        guard connection.isEnabled, connection.rights.contains("can_reply") else {
            throw .refusal(400, "BUSINESS_CONNECTION_NOT_ALLOWED")
        }
        let key = ChatKey(chatID, space: connectionID)
        guard let chat = bots[botID]?.chats[key]?.json else {
            throw .refusal(400, people[chatID] == nil ? "Chat not found" : "BUSINESS_PEER_INVALID")
        }
        guard let last = bots[botID]?.lastIncoming[key], time.now() - last <= 86_400 else {
            throw .refusal(400, "BUSINESS_PEER_USAGE_MISSING")
        }
        let (replied, quote) = try replied(in: key, of: botID, parameters)
        return Destination(key: key, chat: chat, connection: connection, thread: nil, replied: replied, quote: quote)
    }

    func connection(_ id: String, of botID: Int64) throws(Reply) -> BusinessConnection {
        guard let connection = connections[id], connection.botID == botID else {
            throw .refusal(400, "Business connection not found")
        }
        return connection
    }

    /// Nil if the method is not of this family.
    mutating func businessMethod(
        _ method: String,
        _ botID: Int64,
        _ parameters: Parameters
    ) throws(Reply) -> Reply? {
        switch method {
        case "getbusinessconnection":
            .success(try connection(parameters["business_connection_id"], of: botID).json)
        case "readbusinessmessage": try readBusinessMessage(botID, parameters)
        case "deletebusinessmessages": try deleteBusinessMessages(botID, parameters)
        default: nil
        }
    }

    private func readBusinessMessage(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let connection = try connection(parameters["business_connection_id"], of: botID)
        guard let chatID = Int64(parameters["chat_id"]) else {
            throw .refusal(400, "Chat identifier must be a valid Integer")
        }
        guard connection.isEnabled, connection.rights.contains("can_read_messages") else {
            throw .refusal(400, "BUSINESS_CONNECTION_NOT_ALLOWED")
        }
        let key = ChatKey(chatID, space: connection.id)
        guard message(parameters.number("message_id"), in: key, of: botID) != nil else {
            throw .refusal(400, "MESSAGE_ID_INVALID")
        }
        return .success(true)
    }

    /// **Source:** Bot API, `deleteBusinessMessages`: up to 100 messages of one chat, which is not named: the account counts all its
    /// messages in one row.
    private mutating func deleteBusinessMessages(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let connection = try connection(parameters["business_connection_id"], of: botID)
        let ids = try Self.messageIDs(parameters)
        guard connection.isEnabled, connection.rights.contains("can_delete_sent_messages") else {
            throw .refusal(400, "BUSINESS_CONNECTION_NOT_ALLOWED")
        }
        let mayAll = connection.rights.contains("can_delete_all_messages")
        let keys = bots[botID]?.businessChats[connection.id] ?? []
        guard let key = keys.first(where: { message(ids[0], in: $0, of: botID) != nil }) else {
            throw .refusal(400, "MESSAGE_ID_INVALID")
        }
        for id in ids {
            guard let message = message(id, in: key, of: botID), mayAll || message.isFromBot else {
                throw .refusal(400, "MESSAGE_DELETE_FORBIDDEN")
            }
        }
        for id in ids { _ = bots[botID]?.chats[key]?.remove(id) }
        return .success(true)
    }
}
