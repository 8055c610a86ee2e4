import Telegram

/// What people do in their private chats with bots and in groups.
extension SimulatedTelegram {
    /// Lets a person write a text to a bot in their private chat.
    ///
    /// - Returns: the number of the update; nil if the bot did not ask for messages, or too many wait.
    @discardableResult
    public func say(_ text: String, from person: Person, to botID: Int64) throws(SimulatorError) -> Int64? {
        try write(Self.text(text), from: person, group: nil, .init(), to: botID)
    }

    /// Lets a person write a text in a group, for one bot that is in it.
    ///
    /// A bot that was never in the group is a member from then on.
    ///
    /// - Returns: nil also if the bot has left or was removed, or the group has become a supergroup.
    @discardableResult
    public func sayInGroup(
        _ text: String,
        from person: Person,
        in group: GroupChat,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try write(Self.text(text), from: person, group: group, .init(), to: botID)
    }

    /// Lets a person send anything in their private chat, or in a group.
    ///
    /// - Parameter content: the members of the `Message` that make its content or its service, such as
    ///   `["photo": [["file_id": "…", "file_unique_id": "…", "width": 90, "height": 90]], "caption": "look"]`.
    @discardableResult
    public func send(
        _ content: JSON,
        from person: Person,
        in group: GroupChat? = nil,
        context: MessageContext = .init(),
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        guard case .object(let members)? = content.whole else { throw .badPayload }
        return try write(members, from: person, group: group, context, to: botID)
    }

    func write(
        _ content: [JSON.Member],
        from person: Person,
        group: GroupChat?,
        _ context: MessageContext,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            guard try state.isReached(botID, in: group) else { return nil }
            // An app lets nobody write to a bot that they block: they unblock it first.
            if group == nil { _ = try state.setBlocked(false, botID, by: person, &effects) }
            return try state.write(
                content,
                from: person,
                in: group?.chat ?? person.chat,
                context,
                to: botID,
                &effects
            )
        }
    }

    /// Lets a person edit the text of a message of theirs in their private chat, or in a group.
    @discardableResult
    public func edit(
        _ messageID: Int64,
        to text: String,
        by person: Person,
        in group: GroupChat? = nil,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try edit(messageID, content: .object(Self.text(text)), by: person, in: group, to: botID)
    }

    /// Lets a person change the content of a message of theirs: the given members take the place of those of the same name, and a text
    /// or caption without entities has none.
    @discardableResult
    public func edit(
        _ messageID: Int64,
        content: JSON,
        by person: Person,
        in group: GroupChat? = nil,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        guard case .object(let members)? = content.whole else { throw .badPayload }
        return try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            let key = ChatKey(group?.id ?? person.id)
            let message = try state.edited(messageID, members, in: key, of: botID)
            return try state.enqueue("edited_message", message, lane: nil, to: botID, &effects)
        }
    }

    /// Lets a person press a button with callback data under a message of the bot.
    @discardableResult
    public func press(
        _ data: String,
        on messageID: Int64,
        by person: Person,
        in group: GroupChat? = nil,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            let key = ChatKey(group?.id ?? person.id)
            guard let message = state.message(messageID, in: key, of: botID), message.isFromBot else {
                throw .unknownMessage(messageID)
            }
            let query: JSON = [
                "id": .string(state.openQuery("callback_query", for: botID)),
                "from": person.user,
                "message": message.json,
                "chat_instance": .string(String(key.id &* 7_919)),
                "data": .string(data),
            ]
            return try state.enqueue("callback_query", query, lane: nil, to: botID, &effects)
        }
    }

    /// How the bot answered queries, the last ones; oldest first.
    public func answers(of botID: Int64) -> [QueryAnswer] {
        read { state in state.bots[botID].map { Array($0.answers) } ?? [] }
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
                let key = state.open(chat, of: botID)
                state.keep(payload, isFromBot: false, in: key, of: botID)
            }
            if kind.hasSuffix("_query"), let id = payload["id"]?.string {
                _ = state.openQuery(kind, id: id, for: botID)
            }
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

    /// The messages of a chat that are not deleted, both ways, oldest first; at most as many as are kept.
    ///
    /// - Parameters:
    ///   - chatID: a person's id for their private chat, or a group's.
    ///   - connection: the business connection whose chat with that person is meant; the bot's own chat if absent.
    ///   - botID: the bot whose view it is.
    public func messages(
        in chatID: Int64,
        connection: BusinessConnection? = nil,
        of botID: Int64
    ) -> [ChatMessage] {
        read { state in state.bots[botID]?.chats[ChatKey(chatID, space: connection?.id ?? "")]?.all ?? [] }
    }

    static func text(_ text: String) -> [JSON.Member] {
        FormattedText.written(text).members(text: "text", entities: "entities")
    }
}

extension Simulation {
    func requireKnown(_ person: Person, _ botID: Int64) throws(SimulatorError) {
        _ = try bot(botID)
        guard people[person.id] != nil else { throw .unknownPerson(person.id) }
    }

    /// Whether what is said in the group reaches the bot; a bot that was never there joins.
    mutating func isReached(_ botID: Int64, in group: GroupChat?) throws(SimulatorError) -> Bool {
        guard let group else { return true }
        let state = try self.group(group.id)
        guard state.migratedTo == nil else { return false }
        guard let membership = state.members[botID] else {
            groups[group.id]?.members[botID] = .member
            return true
        }
        return membership.isIn
    }

    /// A person's message: into the chat's history, and as an update to the bot.
    mutating func write(
        _ content: [JSON.Member],
        as kind: String = "message",
        from person: Person?,
        in chat: JSON,
        space: String = "",
        _ context: MessageContext = .init(),
        extra: [JSON.Member] = [],
        to botID: Int64,
        _ effects: inout Effects
    ) throws(SimulatorError) -> Int64? {
        let key = open(chat, space: space, of: botID)
        var members: [JSON.Member] = [.init("message_id", .int(takeMessageID(in: key, of: botID)))]
        members.append(person.map { .init("from", $0.user) } ?? .init("sender_chat", chat))
        members += extra
        members.append(.init("chat", chat))
        members.append(.init("date", .int(time.now())))
        members += try self.members(of: context, in: key, botID)
        let message = JSON.object(members + content)
        keep(message, isFromBot: false, in: key, of: botID)
        return try enqueue(kind, message, lane: nil, to: botID, &effects)
    }

    private func members(
        of context: MessageContext,
        in key: ChatKey,
        _ botID: Int64
    ) throws(SimulatorError) -> [JSON.Member] {
        var members: [JSON.Member] = []
        if let topic = context.topic {
            members.append(.init("message_thread_id", .int(topic)))
            members.append(.init("is_topic_message", true))
        }
        if let from = context.forwardedFrom {
            let origin: JSON = ["type": "user", "sender_user": from.user, "date": .int(time.now())]
            members.append(.init("forward_origin", origin))
            // Members that older clients read. Source: telegram-bot-api `JsonMessage::store`.
            members.append(.init("forward_from", from.user))
            members.append(.init("forward_date", .int(time.now())))
        }
        if let id = context.replyTo {
            guard var replied = message(id, in: key, of: botID)?.json else { throw .unknownMessage(id) }
            replied["reply_to_message"] = nil
            members.append(.init("reply_to_message", replied))
            if let quote = context.quote {
                members.append(.init("quote", ["text": .string(quote), "position": 0, "is_manual": true]))
            }
        }
        if let album = context.albumID { members.append(.init("media_group_id", .string(album))) }
        return members
    }

    /// The new version of a person's message, which takes the place of the old one.
    mutating func edited(
        _ messageID: Int64,
        _ content: [JSON.Member],
        in key: ChatKey,
        of botID: Int64
    ) throws(SimulatorError) -> JSON {
        guard let message = message(messageID, in: key, of: botID), !message.isFromBot,
            case .object(let old) = message.json
        else { throw .unknownMessage(messageID) }
        var replaced = Set(content.map(\.name))
        replaced.insert("edit_date")
        if replaced.contains("text") { replaced.insert("entities") }
        if replaced.contains("caption") { replaced.insert("caption_entities") }
        var members = old.filter { !replaced.contains($0.name) }
        let place = members.firstIndex { $0.name == "date" }.map { $0 + 1 } ?? members.count
        members.insert(.init("edit_date", .int(time.now())), at: place)
        let new = JSON.object(members + content)
        keep(new, isFromBot: false, in: key, of: botID)
        return new
    }
}
