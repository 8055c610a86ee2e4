import DequeModule
import Telegram

extension SimulatedTelegram {
    /// Lets a person write a text to a bot in their private chat.
    ///
    /// - Returns: the number of the update; nil if the bot did not ask for messages, or too many wait.
    @discardableResult
    public func say(_ text: String, from person: Person, to botID: Int64) throws(SimulatorError) -> Int64? {
        try send(Self.content(text), from: person, chat: person.chat, to: botID)
    }

    /// Lets a person write a text in a group, for one bot that is in it.
    @discardableResult
    public func sayInGroup(
        _ text: String,
        from person: Person,
        in group: GroupChat,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try send(Self.content(text), from: person, chat: group.chat, to: botID)
    }

    /// Lets a person send anything in their private chat, or in a group.
    ///
    /// - Parameter content: the members of the `Message` that make its content, such as
    ///   `["photo": [["file_id": "…", "file_unique_id": "…", "width": 90, "height": 90]], "caption": "look"]`.
    @discardableResult
    public func send(
        _ content: JSON,
        from person: Person,
        in group: GroupChat? = nil,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        guard case .object(let members)? = content.whole else { throw .badPayload }
        return try send(members, from: person, chat: group?.chat ?? person.chat, to: botID)
    }

    private func send(
        _ content: [JSON.Member],
        from person: Person,
        chat: JSON,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            let chatID = state.open(chat, of: botID)
            let message = JSON.object(
                [
                    .init("message_id", .int(state.bots[botID]?.chats[chatID]?.takeMessageID() ?? 0)),
                    .init("from", person.user),
                    .init("chat", chat),
                    .init("date", .int(state.time.now())),
                ] + content
            )
            state.keep(message, isFromBot: false, in: chatID, of: botID)
            return try state.enqueue("message", message, lane: nil, to: botID, &effects)
        }
    }

    /// Lets a person edit the text of a message of theirs in their private chat.
    @discardableResult
    public func edit(
        _ messageID: Int64,
        to text: String,
        by person: Person,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            guard let chat = state.bots[botID]?.chats[person.id],
                let index = chat.messages.firstIndex(where: { $0.messageID == messageID && !$0.isFromBot }),
                case .object(let old) = chat.messages[index].json
            else { throw .unknownMessage(messageID) }
            let kept = old.filter { !["text", "entities", "edit_date"].contains($0.name) }
            var members = kept
            let place = kept.firstIndex { $0.name == "date" }.map { $0 + 1 } ?? kept.count
            members.insert(.init("edit_date", .int(state.time.now())), at: place)
            let message = JSON.object(members + Self.content(text))
            if let entry = ChatMessage(message, isFromBot: false) {
                state.bots[botID]?.chats[person.id]?.messages[index] = entry
            }
            return try state.enqueue("edited_message", message, lane: nil, to: botID, &effects)
        }
    }

    /// Lets a person press a button with callback data under a message of the bot in their private chat.
    @discardableResult
    public func press(
        _ data: String,
        on messageID: Int64,
        by person: Person,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            guard let chat = state.bots[botID]?.chats[person.id],
                let message = chat.messages.first(where: { $0.messageID == messageID && $0.isFromBot })
            else { throw .unknownMessage(messageID) }
            let id = String(UInt64.random(in: 1 << 60...1 << 62, using: &state.random))
            state.bots[botID]?.openQueries.insert(id)
            let query: JSON = [
                "id": .string(id),
                "from": person.user,
                "message": message.json,
                "chat_instance": .string(String(person.id &* 7_919)),
                "data": .string(data),
            ]
            return try state.enqueue("callback_query", query, lane: nil, to: botID, &effects)
        }
    }

    /// Queues an update of any kind, known or not.
    ///
    /// A payload with `chat` and `message_id` under a message's kind also stands in the chat's messages afterwards.
    ///
    /// - Parameters:
    ///   - kind: the key in the update, such as `my_chat_member`.
    ///   - payload: what stands under it.
    ///   - queue: the queue it is delivered in; the one that Telegram takes for the kind if absent.
    ///   - botID: the bot that gets it.
    @discardableResult
    public func post(
        update kind: String,
        payload: JSON,
        queue: Int64? = nil,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        guard let payload = payload.whole, case .object = payload else { throw .badPayload }
        return try change { (state, effects) throws(SimulatorError) in
            _ = try state.bot(botID)
            if kind == "message" || kind == "channel_post", let chat = payload["chat"], chat["id"]?.int64 != nil {
                let chatID = state.open(chat, of: botID)
                state.keep(payload, isFromBot: false, in: chatID, of: botID)
            }
            if kind == "callback_query", let id = payload["id"]?.string { state.bots[botID]?.openQueries.insert(id) }
            return try state.enqueue(kind, payload, lane: queue, to: botID, &effects)
        }
    }

    /// Delivers an acknowledged update once more, with the same number and body, at the end of its queue.
    ///
    /// - Throws: `SimulatorError.unknownUpdate` unless it is among the last 1000 that were acknowledged.
    public func deliverAgain(_ updateID: Int64, to botID: Int64) throws(SimulatorError) {
        try change { (state, effects) throws(SimulatorError) in
            guard let old = try state.bot(botID).remembered.last(where: { $0.id == updateID }) else {
                throw .unknownUpdate(updateID)
            }
            var update = old
            update.isRepeat = true
            update.failures = 0
            update.delaySeconds = 1
            state.bots[botID]?.queue.append(update)
            state.count(botID) { $0.pending += 1 }
            state.claim(botID, &effects)
        }
    }

    /// The messages of a chat, both ways, oldest first; at most the last 1000.
    ///
    /// - Parameters:
    ///   - chatID: a person's id for their private chat, or a group's.
    ///   - botID: the bot whose view it is.
    public func messages(in chatID: Int64, of botID: Int64) -> [ChatMessage] {
        read { state in Array(state.bots[botID]?.chats[chatID]?.messages ?? []) }
    }

    private static func content(_ text: String) -> [JSON.Member] {
        let entities = BotCommands.entities(in: text)
        return [.init("text", .string(text))] + (entities.isEmpty ? [] : [.init("entities", .array(entities))])
    }
}

extension Simulation {
    func requireKnown(_ person: Person, _ botID: Int64) throws(SimulatorError) {
        _ = try bot(botID)
        guard people[person.id] != nil else { throw .unknownPerson(person.id) }
    }

    /// Makes the chat known to the bot, and gives its id.
    mutating func open(_ chat: JSON, of botID: Int64) -> Int64 {
        let id = chat["id"]?.int64 ?? 0
        if bots[botID]?.chats[id] == nil { bots[botID]?.chats[id] = ChatState(chat) }
        return id
    }

    /// Puts a message into the chat's history.
    mutating func keep(_ message: JSON, isFromBot: Bool, in chatID: Int64, of botID: Int64) {
        guard let entry = ChatMessage(message, isFromBot: isFromBot) else { return }
        bots[botID]?.chats[chatID]?.add(entry)
    }
}
