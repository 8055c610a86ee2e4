import DequeModule
import Telegram

/// Which chat of a bot: its id, and the space in which the id means it.
///
/// The private chat of a customer with the bot and that with the owner of a business connection have the same id.
struct ChatKey: Hashable, Sendable {
    let id: Int64
    /// Empty for the bot's own chats, else the id of a business connection, or `guest`.
    let space: String

    init(_ id: Int64, space: String = "") {
        self.id = id
        self.space = space
    }

    /// Messages that guests wrote to the bot from chats it is not in.
    static let guestSpace = "guest"
}

/// One chat of one bot, with the last messages of it.
struct ChatState: Sendable {
    /// The `Chat` object.
    var json: JSON
    private var messages: [Int64: ChatMessage] = [:]
    private var order: Deque<Int64> = []
    /// When the next message may be sent, as the flood limit of the chat counts.
    var flood = FloodMeter()

    init(_ json: JSON) { self.json = json }

    /// The messages that are not deleted, oldest first.
    var all: [ChatMessage] { order.compactMap { messages[$0] } }

    subscript(_ messageID: Int64) -> ChatMessage? { messages[messageID] }

    /// Adds a message, or puts its new version in its place; beyond the limit the oldest is forgotten.
    mutating func keep(_ message: ChatMessage, limit: Int) {
        if messages.updateValue(message, forKey: message.messageID) == nil { order.append(message.messageID) }
        while messages.count > limit, let oldest = order.popFirst() { messages[oldest] = nil }
    }

    /// Takes a message away, as a deletion does; nil if it is not there.
    mutating func remove(_ messageID: Int64) -> ChatMessage? {
        guard let message = messages.removeValue(forKey: messageID) else { return nil }
        if let place = order.lastIndex(of: messageID) { order.remove(at: place) }
        return message
    }
}

/// One message of a chat, as the bot saw or sent it.
public struct ChatMessage: Hashable, Sendable {
    /// Its number in the chat.
    public let messageID: Int64
    /// When it was sent, Unix seconds.
    public let date: Int64
    /// Whether the bot sent it.
    public let isFromBot: Bool
    /// Its text, or the caption of its attachment.
    public let text: String?
    /// The whole `Message`.
    public let json: JSON
    /// The emoji with which the bot reacted to it.
    public internal(set) var reactions: [String] = []

    init?(_ json: JSON, isFromBot: Bool) {
        guard let messageID = json["message_id"]?.int64 else { return nil }
        self.messageID = messageID
        date = json["date"]?.int64 ?? 0
        self.isFromBot = isFromBot
        text = json["text"]?.string ?? json["caption"]?.string
        self.json = json
    }
}

extension Simulation {
    /// Makes the chat known to the bot.
    mutating func open(_ chat: JSON, space: String = "", of botID: Int64) -> ChatKey {
        let key = ChatKey(chat["id"]?.int64 ?? 0, space: space)
        if bots[botID]?.chats[key] == nil { bots[botID]?.chats[key] = ChatState(chat) }
        return key
    }

    /// Puts a message into the chat's history.
    mutating func keep(_ message: JSON, isFromBot: Bool, in key: ChatKey, of botID: Int64) {
        guard var entry = ChatMessage(message, isFromBot: isFromBot) else { return }
        entry.reactions = bots[botID]?.chats[key]?[entry.messageID]?.reactions ?? []
        let limit = historyLimit
        bots[botID]?.chats[key]?.keep(entry, limit: limit)
        noteNumber(entry.messageID, in: key, of: botID)
    }

    func message(_ id: Int64, in key: ChatKey, of botID: Int64) -> ChatMessage? { bots[botID]?.chats[key]?[id] }

    /// Counts a message in the row that its chat belongs to.
    ///
    /// **Source:** Bot API, `Message`, `message_id`: unique inside the chat; tdlib: one row for all private chats and basic groups of
    /// an account, and one for each supergroup and channel. A business connection shows the row of its owner's account.
    mutating func takeMessageID(in key: ChatKey, of botID: Int64) -> Int64 {
        let id = nextMessageID(in: key, of: botID)
        noteNumber(id, in: key, of: botID)
        return id
    }

    private func nextMessageID(in key: ChatKey, of botID: Int64) -> Int64 {
        if let owner = connections[key.space]?.owner.id { return ownerMessageIDs[owner] ?? 1 }
        if let group = groups[key.id], group.chat.numbersItsMessages { return group.nextMessageID }
        return bots[botID]?.nextMessageID ?? 1
    }

    private mutating func noteNumber(_ id: Int64, in key: ChatKey, of botID: Int64) {
        let next = max(nextMessageID(in: key, of: botID), id + 1)
        if let owner = connections[key.space]?.owner.id {
            ownerMessageIDs[owner] = next
        } else if groups[key.id]?.chat.numbersItsMessages == true {
            groups[key.id]?.nextMessageID = next
        } else {
            bots[botID]?.nextMessageID = next
        }
    }
}
