import Telegram

/// Where a message of a bot goes, checked.
struct Destination: Sendable {
    let key: ChatKey
    /// The `Chat`.
    let chat: JSON
    /// The connection whose owner's name it is sent in.
    let connection: BusinessConnection?
    /// The topic.
    let thread: Int64?
    /// The message that it answers, and the part of it that is quoted.
    let replied: JSON?
    let quote: JSON?
}

/// What a bot wants to do in a chat.
enum ChatAccess: Sendable {
    case read, edit, write
}

extension Simulation {
    /// The chat that a parameter names, if the bot may do that there.
    ///
    /// **Source:** telegram-bot-api `check_chat`, `check_chat_access`.
    func chat(
        _ text: String,
        of botID: Int64,
        for access: ChatAccess
    ) throws(Reply) -> (key: ChatKey, chat: JSON) {
        guard !text.isEmpty else { throw .refusal(400, "Chat_id is empty") }
        let id: Int64?
        if text.hasPrefix("@") { id = groupIDs[text.dropFirst().lowercased()] } else { id = Int64(text) }
        guard let id, let chat = bots[botID]?.chats[ChatKey(id)]?.json else {
            throw .refusal(400, "Chat not found")
        }
        if let group = groups[id] { try Self.check(group, botID, access) }
        if deactivated.contains(id), access != .read { throw .refusal(403, "Forbidden: user is deactivated") }
        return (ChatKey(id), chat)
    }

    private static func check(_ group: GroupState, _ botID: Int64, _ access: ChatAccess) throws(Reply) {
        let kind = group.chat.kind
        if let successor = group.migratedTo, access == .write {
            throw .migrated(to: successor)
        }
        guard access != .read, group.migratedTo == nil else { return }
        switch group.members[botID] ?? .left {
        case .kicked: throw .refusal(403, "Forbidden: bot was kicked from the \(kind.rawValue) chat")
        case .left: throw .refusal(403, "Forbidden: bot is not a member of the \(kind.rawValue) chat")
        case .member where kind == .channel:
            throw .refusal(400, "Not enough rights to send text messages to the chat")
        case .member, .administrator: break
        }
    }

    /// Where a call sends, with what it answers; refuses as the server does, in its order.
    func destination(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Destination {
        let connectionID = parameters["business_connection_id"]
        guard connectionID.isEmpty else { return try businessDestination(connectionID, botID, parameters) }
        let (key, chat) = try chat(parameters["chat_id"], of: botID, for: .write)
        let thread = parameters.number("message_thread_id")
        if thread != 0 {
            guard let group = groups[key.id], group.chat.isForum, group.topics[thread] != nil else {
                throw .refusal(400, "Message thread not found")
            }
        }
        let (replied, quote) = try replied(in: key, of: botID, parameters)
        return Destination(
            key: key,
            chat: chat,
            connection: nil,
            thread: thread == 0 ? nil : thread,
            replied: replied,
            quote: quote
        )
    }

    /// The message that a call answers.
    ///
    /// **Source:** Bot API, `ReplyParameters`; the older `reply_to_message_id` does too.
    func replied(
        in key: ChatKey,
        of botID: Int64,
        _ parameters: Parameters
    ) throws(Reply) -> (message: JSON?, quote: JSON?) {
        let reply = parameters.json("reply_parameters")
        let id = reply?["message_id"]?.int64 ?? parameters.number("reply_to_message_id")
        let isOptional =
            reply?["allow_sending_without_reply"]?.bool ?? parameters.bool("allow_sending_without_reply")
        guard id != 0 else { return (nil, nil) }
        var place = key
        if let other = reply?["chat_id"]?.int64 ?? reply?["chat_id"]?.string.flatMap({ Int64($0) }) {
            place = ChatKey(other, space: key.space)
        }
        guard var message = message(id, in: place, of: botID)?.json else {
            if isOptional { return (nil, nil) }
            throw .refusal(400, "Message to be replied not found")
        }
        // A reply is shown one deep. Source: Bot API, `Message`, `reply_to_message`.
        message["reply_to_message"] = nil
        guard let quote = reply?["quote"]?.string, !quote.isEmpty else { return (message, nil) }
        let whole = message["text"]?.string ?? message["caption"]?.string ?? ""
        guard let range = whole.firstRange(of: quote) else { throw .refusal(400, "QUOTE_TEXT_INVALID") }
        let place16 = whole.utf16.distance(from: whole.startIndex, to: range.lowerBound)
        return (message, ["text": .string(quote), "position": .int(Int64(place16)), "is_manual": true])
    }

    /// Sends a message: gives it its number and its date, and keeps it in the chat.
    mutating func post(
        _ content: [JSON.Member],
        keyboard: JSON? = nil,
        to place: Destination,
        from botID: Int64,
        extra: [JSON.Member] = []
    ) throws(Reply) -> JSON {
        try checkReachable(place, from: botID)
        try checkFlood(place.key, of: botID)
        return write(content, keyboard: keyboard, to: place, from: botID, extra: extra)
    }

    /// Whether the person on the other side takes messages of the bot.
    func checkReachable(_ place: Destination, from botID: Int64) throws(Reply) {
        if place.connection == nil, bots[botID]?.blockedBy.contains(place.key.id) == true {
            throw .refusal(403, "Forbidden: bot was blocked by the user")
        }
    }

    /// `post` after its checks.
    mutating func write(
        _ content: [JSON.Member],
        keyboard: JSON?,
        to place: Destination,
        from botID: Int64,
        extra: [JSON.Member] = []
    ) -> JSON {
        var members: [JSON.Member] = [
            .init("message_id", .int(takeMessageID(in: place.key, of: botID)))
        ]
        let bot = bots[botID]?.bot.user ?? [:]
        if let connection = place.connection {
            // Source: Bot API, `Message`, `sender_business_bot`: the bot wrote it on behalf of the account.
            members.append(.init("from", connection.owner.user))
            members.append(.init("sender_business_bot", bot))
            members.append(.init("business_connection_id", .string(connection.id)))
        } else if place.chat["type"] == "channel" {
            members.append(.init("sender_chat", place.chat))
        } else {
            members.append(.init("from", bot))
        }
        members.append(.init("chat", place.chat))
        members.append(.init("date", .int(time.now())))
        if let thread = place.thread {
            members.append(.init("message_thread_id", .int(thread)))
            members.append(.init("is_topic_message", true))
        }
        if let replied = place.replied { members.append(.init("reply_to_message", replied)) }
        if let quote = place.quote { members.append(.init("quote", quote)) }
        members += extra + content
        if let keyboard { members.append(.init("reply_markup", keyboard)) }
        let message = JSON.object(members)
        keep(message, isFromBot: true, in: place.key, of: botID)
        bots[botID]?.sent += 1
        return message
    }

    /// The inline keyboard that the message will show; other keyboards are taken and not shown.
    ///
    /// **Source:** telegram-bot-api `get_reply_markup`; callback data is 1 to 64 bytes (Bot API, `InlineKeyboardButton`).
    func keyboard(_ parameters: Parameters) throws(Reply) -> JSON? {
        let text = parameters["reply_markup"]
        guard !text.isEmpty else { return nil }
        guard let markup = (try? JSONDocument(Array(text.utf8)))?.root else {
            throw .refusal(400, "Can't parse reply keyboard markup JSON object")
        }
        guard markup.isObject else { throw .refusal(400, "Object expected as reply markup") }
        guard let rows = markup["inline_keyboard"]?.elements else { return nil }
        for button in rows.compactMap({ $0.elements }).joined() {
            if let data = button["callback_data"]?.string, !(1...64).contains(data.utf8.count) {
                throw .refusal(400, "BUTTON_DATA_INVALID")
            }
        }
        return JSON(markup)
    }
}
