import Telegram

/// What a customer did outside any conversation, as it is kept.
public struct CustomerEventEntry: Hashable, Sendable {
    /// The id of the update that told it.
    public var id: KeptUpdateID
    /// The bot that received it.
    public var botID: BotID
    /// Who did it; nil for a bot.
    public var customerID: CustomerID?
    /// See `CustomerEvent.kind`.
    public var kind: String
    /// The words that they typed, or the data of the button.
    public var text: String?
    /// What else it says, as a JSON object.
    public var details: String
    /// When it arrived.
    public var receivedAt: Timestamp

    /// Makes an entry from its row.
    public init(
        id: KeptUpdateID,
        botID: BotID,
        customerID: CustomerID?,
        kind: String,
        text: String?,
        details: String,
        receivedAt: Timestamp
    ) {
        self.id = id
        self.botID = botID
        self.customerID = customerID
        self.kind = kind
        self.text = text
        self.details = details
        self.receivedAt = receivedAt
    }

    /// The shape of `/v1` and `--json`.
    public var json: JSON {
        [
            "id": .string(id.description), "bot_id": .string(botID.description),
            "customer_id": .optional(customerID?.description), "kind": .string(kind), "text": .optional(text),
            "details": Message.onOneLine(details.utf8), "received_at": .string(receivedAt.rfc3339),
        ]
    }
}

/// A person of Telegram who owns something.
public struct AccountOwner: Hashable, Sendable {
    /// Telegram's id of the user.
    public var id: Int64
    /// The name as it was told last.
    public var name: String

    /// Makes an owner.
    public init(id: Int64, name: String) {
        self.id = id
        self.name = name
    }

    /// The shape of `/v1` and `--json`.
    public var json: JSON { ["id": .int(id), "name": .string(name)] }
}

/// An account that a bot may act for, as it is kept.
///
/// **Source:** Bot API, type `BusinessConnection`.
public struct BusinessConnection: Hashable, Sendable {
    /// What is known of it.
    public enum State: String, Sendable {
        /// A message has named it; Telegram is still asked for it.
        case wanted
        /// Telegram has told of it.
        case known
        /// Telegram does not know it any more.
        case gone
    }

    /// Telegram's id of the connection.
    public var id: String
    /// The bot that may act.
    public var botID: BotID
    /// What is known of it.
    public var state: State
    /// Whose account it is; nil until it is known.
    public var owner: AccountOwner?
    /// The private chat of the owner with the bot.
    public var userChatID: Int64?
    /// Whether the bot may act for the account.
    public var isEnabled: Bool
    /// What it may do, as a JSON object of yes and no.
    public var rights: String?
    /// When it was made.
    public var connectedAt: Timestamp?
    /// When this was learnt.
    public var updatedAt: Timestamp

    /// Makes a connection from its row.
    public init(
        id: String,
        botID: BotID,
        state: State,
        owner: AccountOwner?,
        userChatID: Int64?,
        isEnabled: Bool,
        rights: String?,
        connectedAt: Timestamp?,
        updatedAt: Timestamp
    ) {
        self.id = id
        self.botID = botID
        self.state = state
        self.owner = owner
        self.userChatID = userChatID
        self.isEnabled = isEnabled
        self.rights = rights
        self.connectedAt = connectedAt
        self.updatedAt = updatedAt
    }

    /// The shape of `/v1` and `--json`.
    public var json: JSON {
        [
            "id": .string(id), "bot_id": .string(botID.description), "state": .string(state.rawValue),
            "owner": owner?.json ?? nil, "user_chat_id": .optional(userChatID), "is_enabled": .bool(isEnabled),
            "rights": rights.map { Message.onOneLine($0.utf8) } ?? nil,
            "connected_at": .optional(connectedAt?.rfc3339), "updated_at": .string(updatedAt.rfc3339),
        ]
    }
}

/// A bot that one of ours manages, as it is kept.
///
/// **Source:** Bot API, type `ManagedBotUpdated`.
public struct ManagedBot: Hashable, Sendable {
    /// Telegram's id of it.
    public var telegramID: Int64
    /// Our bot that manages it.
    public var botID: BotID
    /// Whose it is.
    public var owner: AccountOwner
    /// Its username; empty if Telegram told none.
    public var username: String
    /// Its name.
    public var name: String
    /// When Telegram last told of it.
    public var toldAt: Timestamp

    /// Makes a managed bot from its row.
    public init(
        telegramID: Int64,
        botID: BotID,
        owner: AccountOwner,
        username: String,
        name: String,
        toldAt: Timestamp
    ) {
        self.telegramID = telegramID
        self.botID = botID
        self.owner = owner
        self.username = username
        self.name = name
        self.toldAt = toldAt
    }

    /// The shape of `/v1` and `--json`.
    public var json: JSON {
        [
            "telegram_id": .int(telegramID), "bot_id": .string(botID.description), "owner": owner.json,
            "username": .optional(username.isEmpty ? nil : username), "name": .string(name),
            "told_at": .string(toldAt.rfc3339),
        ]
    }
}
