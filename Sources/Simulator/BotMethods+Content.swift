import Telegram

/// Content that needs no file: places, contacts, dice, polls; and what is sent once more.
extension Simulation {
    private static func number(_ name: String, _ parameters: Parameters) throws(Reply) -> JSON {
        let text = parameters[name]
        guard !text.isEmpty else { throw .refusal(400, "\(name.prefix(1).uppercased() + name.dropFirst()) is empty") }
        return .double(Double(text.trimmed) ?? 0)
    }

    /// **Source:** telegram-bot-api `get_location`.
    static func location(_ parameters: Parameters) throws(Reply) -> [JSON.Member] {
        let latitude = try number("latitude", parameters)
        let longitude = try number("longitude", parameters)
        if case .double(let north) = latitude, abs(north) > 90 { throw .refusal(400, "Wrong location specified") }
        var place: JSON = ["latitude": latitude, "longitude": longitude]
        let period = parameters.number("live_period")
        if period != 0 { place["live_period"] = .int(period) }
        return [.init("location", place)]
    }

    /// **Source:** Bot API, `Message`, `venue`: `location` is set too.
    static func venue(_ parameters: Parameters) throws(Reply) -> [JSON.Member] {
        let place = try location(parameters)
        guard !parameters["title"].isEmpty else { throw .refusal(400, "Title is empty") }
        guard !parameters["address"].isEmpty else { throw .refusal(400, "Address is empty") }
        var venue: JSON = .object(place)
        venue["title"] = .string(parameters["title"])
        venue["address"] = .string(parameters["address"])
        return [.init("venue", venue)] + place
    }

    /// **Source:** telegram-bot-api `process_send_contact_query`.
    static func contact(_ parameters: Parameters) throws(Reply) -> [JSON.Member] {
        guard !parameters["phone_number"].isEmpty else { throw .refusal(400, "Phone number is empty") }
        guard !parameters["first_name"].isEmpty else { throw .refusal(400, "First name is empty") }
        var contact: JSON = [
            "phone_number": .string(parameters["phone_number"]), "first_name": .string(parameters["first_name"]),
        ]
        for name in ["last_name", "vcard"] where !parameters[name].isEmpty { contact[name] = .string(parameters[name]) }
        return [.init("contact", contact)]
    }

    /// How many sides a die has.
    ///
    /// **Source:** Bot API, type `Dice`.
    private static let sides: [String: Int64] = ["🎲": 6, "🎯": 6, "🎳": 6, "🏀": 5, "⚽": 5, "🎰": 64]

    mutating func sendDice(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let emoji = parameters["emoji"].isEmpty ? "🎲" : parameters["emoji"]
        let place = try destination(botID, parameters)
        guard let sides = Self.sides[emoji] else { throw .refusal(400, "EMOTICON_INVALID") }
        let value = Int64.random(in: 1...sides, using: &random)
        let content = [JSON.Member("dice", ["emoji": .string(emoji), "value": .int(value)])]
        return .success(try post(content, keyboard: try keyboard(parameters), to: place, from: botID))
    }

    // MARK: Polls

    /// **Source:** Bot API, `sendPoll`: a question of 1 to 300, 1 to 12 options.
    mutating func sendPoll(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let question = parameters["question"].trimmed
        guard let elements = parameters.json("options")?.elements else {
            throw .refusal(400, "Can't parse options JSON object")
        }
        let options = elements.compactMap { $0["text"]?.string ?? $0.string }.map(\.trimmed)
        let keyboard = try keyboard(parameters)
        let place = try destination(botID, parameters)
        guard !question.isEmpty else { throw .refusal(400, "Poll question can't be empty") }
        guard question.unicodeScalars.count <= 300 else {
            throw .refusal(400, "Poll question length must not exceed 300")
        }
        guard !options.isEmpty else { throw .refusal(400, "Poll must have at least one answer option") }
        guard options.count <= 12 else { throw .refusal(400, "Poll can't have more than 12 options") }
        guard !options.contains("") else { throw .refusal(400, "Poll option must be non-empty") }
        guard options.allSatisfy({ $0.unicodeScalars.count <= 100 }) else {
            throw .refusal(400, "Poll options length must not exceed 100")
        }
        try checkReachable(place, from: botID)
        let id = String(UInt64.random(in: 1 << 60...1 << 62, using: &random))
        var poll = Poll(
            id: id,
            question: question,
            options: options,
            isAnonymous: parameters["is_anonymous"].isEmpty || parameters.bool("is_anonymous"),
            allowsSeveral: parameters.bool("allows_multiple_answers"),
            botID: botID
        )
        let message = try post([.init("poll", poll.json)], keyboard: keyboard, to: place, from: botID)
        poll.place = place.key
        poll.messageID = message["message_id"]?.int64 ?? 0
        polls[id] = poll
        return .success(message)
    }

    mutating func stopPoll(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let (key, _) = try chat(parameters["chat_id"], of: botID, for: .edit)
        let message = message(parameters.number("message_id"), in: key, of: botID)
        guard let message else { throw .refusal(400, "Message with poll to stop not found") }
        guard let id = message.json["poll"]?["id"]?.string, var poll = polls[id], poll.botID == botID else {
            throw .refusal(400, "Message is not a poll")
        }
        guard !poll.isClosed else { throw .refusal(400, "Poll has already been closed") }
        poll.isClosed = true
        polls[id] = poll
        show(poll)
        return .success(poll.json)
    }

    /// Brings the message of a poll up to date.
    mutating func show(_ poll: Poll) {
        guard var json = message(poll.messageID, in: poll.place, of: poll.botID)?.json else { return }
        json["poll"] = poll.json
        keep(json, isFromBot: true, in: poll.place, of: poll.botID)
    }

    // MARK: Once more

    /// Sends a message once more, and answers with it, or with its number alone for a copy.
    mutating func forward(_ botID: Int64, _ parameters: Parameters, isCopy: Bool) throws(Reply) -> Reply {
        let id = parameters.number("message_id")
        guard id != 0 else { throw .refusal(400, "Message identifier is not specified") }
        let sent = try sendAgain(id, botID, parameters, isCopy: isCopy)
        return .success(isCopy ? Self.number(of: sent) : sent)
    }

    /// **Source:** Bot API, `forwardMessages`, `copyMessages`: 1 to 100 numbers, rising; what cannot be sent is left out.
    mutating func forwardSeveral(_ botID: Int64, _ parameters: Parameters, isCopy: Bool) throws(Reply) -> Reply {
        let ids = try Self.messageIDs(parameters)
        guard zip(ids, ids.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw .refusal(400, "Message identifiers must be in a strictly increasing order")
        }
        let (source, _) = try chat(parameters["from_chat_id"], of: botID, for: .read)
        let known = ids.filter { message($0, in: source, of: botID) != nil }
        guard !known.isEmpty else {
            throw .refusal(400, "There are no messages to forward")
        }
        var sent: [JSON] = []
        for id in known { sent.append(Self.number(of: try sendAgain(id, botID, parameters, isCopy: isCopy))) }
        return .success(.array(sent))
    }

    /// The `MessageId` of a message.
    private static func number(of message: JSON) -> JSON {
        .object([.init("message_id", message["message_id"] ?? .null)])
    }

    /// **Source:** Bot API, `forwardMessage`, `copyMessage`; telegram-bot-api `check_message` for the texts.
    private mutating func sendAgain(
        _ id: Int64,
        _ botID: Int64,
        _ parameters: Parameters,
        isCopy: Bool
    ) throws(Reply) -> JSON {
        let (source, _) = try chat(parameters["from_chat_id"], of: botID, for: .read)
        let word = isCopy ? "copy" : "forward"
        guard let original = message(id, in: source, of: botID) else {
            throw .refusal(400, "Message to \(word) not found")
        }
        guard case .object(let members) = original.json else { throw .refusal(400, "Message to \(word) not found") }
        var content = members.filter { !Self.frame.contains($0.name) }
        guard !content.isEmpty else { throw .refusal(400, "Message can't be \(isCopy ? "copied" : "forwarded")") }
        let place = try destination(botID, parameters)
        guard isCopy else {
            let origin = JSON.Member("forward_origin", Self.origin(of: original.json))
            content.removeAll { $0.name == "reply_markup" }
            return try post(content, to: place, from: botID, extra: [origin])
        }
        if !parameters["caption"].isEmpty {
            let caption = try Self.caption(parameters)
            content.removeAll { $0.name == "caption" || $0.name == "caption_entities" }
            content += caption.members(text: "caption", entities: "caption_entities")
        }
        content.removeAll { $0.name == "reply_markup" }
        return try post(content, keyboard: try keyboard(parameters), to: place, from: botID)
    }

    /// Members of a message that are not its content.
    private static let frame: Set<String> = [
        "message_id", "from", "sender_chat", "chat", "date", "edit_date", "reply_to_message", "quote",
        "message_thread_id", "is_topic_message", "business_connection_id", "sender_business_bot", "forward_origin",
        "media_group_id", "external_reply", "guest_query_id", "via_bot",
    ]

    /// Where a forwarded message comes from.
    ///
    /// **Source:** Bot API, type `MessageOrigin`.
    static func origin(of message: JSON) -> JSON {
        if let old = message["forward_origin"] { return old }
        let date = message["date"] ?? 0
        guard let chat = message["sender_chat"] else {
            return ["type": "user", "sender_user": message["from"] ?? [:], "date": date]
        }
        return ["type": "channel", "chat": chat, "message_id": message["message_id"] ?? 0, "date": date]
    }

    /// **Source:** telegram-bot-api `process_send_chat_action_query`.
    mutating func sendChatAction(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let action = parameters["action"].lowercased()
        guard !action.isEmpty else { throw .refusal(400, "Missing parameter \"action\"") }
        guard Self.actions.contains(action) else { throw .refusal(400, "Wrong parameter action in request") }
        let place = try destination(botID, parameters)
        try checkReachable(place, from: botID)
        return .success(true)
    }

    private static let actions: Set<String> = [
        "cancel", "typing", "record_video", "upload_video", "record_audio", "record_voice", "upload_audio",
        "upload_voice", "upload_photo", "upload_document", "choose_sticker", "pick_up_location", "find_location",
        "record_video_note", "upload_video_note",
    ]
}

/// A poll that a bot sent.
struct Poll: Sendable {
    let id: String
    let question: String
    let options: [String]
    let isAnonymous: Bool
    let allowsSeveral: Bool
    let botID: Int64
    var isClosed = false
    var place = ChatKey(0)
    var messageID: Int64 = 0
    /// Who chose which options.
    var votes: [Int64: [Int]] = [:]

    init(id: String, question: String, options: [String], isAnonymous: Bool, allowsSeveral: Bool, botID: Int64) {
        self.id = id
        self.question = question
        self.options = options
        self.isAnonymous = isAnonymous
        self.allowsSeveral = allowsSeveral
        self.botID = botID
    }

    /// The `Poll`.
    var json: JSON {
        var counts = [Int64](repeating: 0, count: options.count)
        for chosen in votes.values { for option in chosen { counts[option] += 1 } }
        return [
            "id": .string(id), "question": .string(question),
            "options": .array(
                options.indices.map { index in
                    [
                        "persistent_id": .string(String(index + 1)), "text": .string(options[index]),
                        "voter_count": .int(counts[index]),
                    ]
                }
            ),
            "total_voter_count": .int(Int64(votes.count)), "is_closed": .bool(isClosed),
            "is_anonymous": .bool(isAnonymous), "type": "regular",
            "allows_multiple_answers": .bool(allowsSeveral), "allows_revoting": true, "members_only": false,
        ]
    }
}
