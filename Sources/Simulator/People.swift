import Telegram

/// A bot of the simulated Telegram.
public struct SimulatedBot: Hashable, Sendable {
    /// Its user id, which stays when the token is replaced.
    public let id: Int64
    /// What people see; `setMyName` changes it.
    public internal(set) var name: String
    /// Without `@`.
    public let username: String
    /// Prints as `bot<id>:***`.
    public internal(set) var token: BotToken

    /// The bot as a `User` in messages.
    var user: JSON {
        ["id": .int(id), "is_bot": true, "first_name": .string(name), "username": .string(username)]
    }
}

/// Somebody who writes to bots.
public struct Person: Hashable, Sendable {
    /// Their user id, which is the id of their private chat too.
    public let id: Int64
    /// Their first name.
    public let firstName: String
    /// Their last name.
    public let lastName: String?
    /// Without `@`.
    public let username: String?
    /// The language of their app, such as `de`.
    public let languageCode: String?

    /// The person as a `User`.
    var user: JSON {
        var json: JSON = ["id": .int(id), "is_bot": false, "first_name": .string(firstName)]
        json["last_name"] = lastName.map { .string($0) }
        json["username"] = username.map { .string($0) }
        json["language_code"] = languageCode.map { .string($0) }
        return json
    }

    /// The private chat with the person.
    var chat: JSON {
        var json: JSON = ["id": .int(id), "first_name": .string(firstName)]
        json["last_name"] = lastName.map { .string($0) }
        json["username"] = username.map { .string($0) }
        json["type"] = "private"
        return json
    }
}

/// A group that people and bots are in.
public struct GroupChat: Hashable, Sendable {
    /// Negative; a supergroup's begins with -100.
    public let id: Int64
    /// Its title.
    public let title: String
    /// Whether it is a supergroup, as nearly all are.
    public let isSupergroup: Bool

    var chat: JSON {
        if isSupergroup { return ["id": .int(id), "title": .string(title), "type": "supergroup"] }
        return [
            "id": .int(id), "title": .string(title), "type": "group", "all_members_are_administrators": false,
        ]
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

    init?(_ json: JSON, isFromBot: Bool) {
        guard let messageID = json["message_id"]?.int64 else { return nil }
        self.messageID = messageID
        date = json["date"]?.int64 ?? 0
        self.isFromBot = isFromBot
        text = json["text"]?.string ?? json["caption"]?.string
        self.json = json
    }
}

/// How deliveries to a bot misbehave, by the seed of the simulation.
public struct DeliveryFaults: Hashable, Sendable {
    /// How probably an acknowledged update is posted once more, as if the answer had been lost.
    public var duplicateProbability: Double
    /// How probably the connection is cut once the request is written, before the answer is read; the update is retried.
    public var cutProbability: Double

    /// Makes faults; without arguments none.
    public init(duplicateProbability: Double = 0, cutProbability: Double = 0) {
        self.duplicateProbability = duplicateProbability
        self.cutProbability = cutProbability
    }
}

/// What became of the updates of a bot, or of all bots, so far.
public struct DeliveryCounts: Hashable, Sendable {
    /// Updates answered with 200 to 299, each once.
    public var delivered = 0
    /// Further deliveries of updates that were acknowledged before.
    public var repeated = 0
    /// Posts that failed.
    public var failed = 0
    /// Posts of an update that had failed before.
    public var retried = 0
    /// Updates thrown away: expired, or by `drop_pending_updates`.
    public var dropped = 0
    /// Updates that wait, those in flight included: `pending_update_count`.
    public var pending = 0
    /// Posts that have no answer yet.
    public var inFlight = 0
    /// Failed updates that wait for their next try.
    public var waiting = 0

    /// Answers that came after the webhook was changed; they acknowledge nothing.
    public var stale = 0

    /// No updates yet.
    public init() {}
}

/// Why the simulation cannot do what was asked.
public enum SimulatorError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No bot has that id or username.
    case unknownBot(String)
    /// No person has that id.
    case unknownPerson(Int64)
    /// Nobody wrote that message in that chat.
    case unknownMessage(Int64)
    /// The update is not known, or was acknowledged too long ago.
    case unknownUpdate(Int64)
    /// Something has to be unique and is somebody's already.
    case taken(String)
    /// No token can be made for that id.
    case badBotID(Int64)
    /// The token's id is not the bot's.
    case foreignToken(Int64)
    /// The payload of an update is no JSON object.
    case badPayload
    /// The server has stopped, or never began.
    case notRunning

    /// What was wrong, and the mend.
    public var description: String {
        switch self {
        case .unknownBot(let bot): "there is no bot \(bot): add it first, or give its id or username"
        case .unknownPerson(let id): "there is no person \(id): add them first"
        case .unknownMessage(let id): "there is no message \(id) in that chat"
        case .unknownUpdate(let id):
            "update \(id) is unknown: only the last 1000 acknowledged ones can be delivered again"
        case .taken(let what): "\(what) is taken: choose another"
        case .badBotID(let id): "\(id) is no id of a bot: take one from 1 to 18014398509481983"
        case .foreignToken(let id): "the number before the token's colon is not \(id)"
        case .badPayload: "the payload of an update is a JSON object"
        case .notRunning: "the simulator does not run"
        }
    }
}
