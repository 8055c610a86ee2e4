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

/// What BotFather lets a bot do, as `getMe` tells.
public enum BotAbility: String, CaseIterable, Hashable, Sendable {
    case business = "can_connect_to_business"
    case managesBots = "can_manage_bots"
    case inlineQueries = "supports_inline_queries"
    case guestQueries = "supports_guest_queries"
    case joinRequestQueries = "supports_join_request_queries"
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

/// How a message stands among others: what it answers, its topic, where it was forwarded from.
public struct MessageContext: Hashable, Sendable {
    /// The message of the same chat that it answers.
    public var replyTo: Int64?
    /// The part of that message that is quoted.
    public var quote: String?
    /// The topic of a forum, by its thread.
    public var topic: Int64?
    /// The person whose message was forwarded.
    public var forwardedFrom: Person?
    /// The album that it belongs to.
    public var albumID: String?

    /// Makes a context; without arguments the message stands alone.
    public init(
        replyTo: Int64? = nil,
        quote: String? = nil,
        topic: Int64? = nil,
        forwardedFrom: Person? = nil,
        albumID: String? = nil
    ) {
        self.replyTo = replyTo
        self.quote = quote
        self.topic = topic
        self.forwardedFrom = forwardedFrom
        self.albumID = albumID
    }
}

/// What became of the updates of a bot, or of all bots, so far.
public struct DeliveryCounts: Hashable, Sendable {
    /// Updates answered with 200 to 299, or confirmed through `getUpdates`, each once.
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
    /// No group has that id.
    case unknownGroup(Int64)
    /// Nobody wrote that message in that chat.
    case unknownMessage(Int64)
    /// No poll, or no option of it, is so.
    case unknownPoll(String)
    /// No business connection has that id.
    case unknownConnection(String)
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
    /// The bot may not do that.
    case unable(bot: Int64, BotAbility)
    /// The group is of another kind.
    case wrongKind(Int64, wanted: String)
    /// The server has stopped, or never began.
    case notRunning

    /// What was wrong, and the mend.
    public var description: String {
        switch self {
        case .unknownBot(let bot): "there is no bot \(bot): add it first, or give its id or username"
        case .unknownPerson(let id): "there is no person \(id): add them first"
        case .unknownGroup(let id): "there is no group \(id): add it first"
        case .unknownMessage(let id): "there is no message \(id) in that chat"
        case .unknownPoll(let id): "there is no poll \(id), or no such option of it"
        case .unknownConnection(let id): "there is no business connection \(id): connect the bot first"
        case .unknownUpdate(let id):
            "update \(id) is unknown: only the last 1000 acknowledged ones can be delivered again"
        case .taken(let what): "\(what) is taken: choose another"
        case .badBotID(let id): "\(id) is no id of a bot: take one from 1 to 18014398509481983"
        case .foreignToken(let id): "the number before the token's colon is not \(id)"
        case .badPayload: "the payload of an update is a JSON object"
        case .unable(let bot, let ability): "bot \(bot) is not allowed \(ability.rawValue): allow it first"
        case .wrongKind(let id, let wanted): "group \(id) is no \(wanted)"
        case .notRunning: "the simulator does not run"
        }
    }
}
