import Telegram

/// What people do with groups, their topics, and channels.
extension SimulatedTelegram {
    /// Lets a person change what a bot is in a group or channel: add, promote, remove it.
    ///
    /// The bot learns of it as `my_chat_member`, and as a service message where it comes into a group.
    ///
    /// - Returns: the number of that update.
    @discardableResult
    public func setMembership(
        _ membership: Membership,
        ofBot botID: Int64,
        in group: GroupChat,
        by person: Person
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            let old = try state.group(group.id).members[botID] ?? .left
            let user = try state.bot(botID).bot.user
            state.groups[group.id]?.members[botID] = membership
            _ = state.open(group.chat, of: botID)
            let changed = state.membershipChange(of: user, from: old, to: membership, in: group.chat, by: person)
            let update = try state.enqueue("my_chat_member", changed, lane: nil, to: botID, &effects)
            if group.kind != .channel, !old.isIn, membership.isIn {
                let content = Self.joined(user)
                _ = try state.write(content, from: person, in: group.chat, to: botID, &effects)
            }
            return update
        }
    }

    /// Lets a person come into a group or go; a bot that is its administrator learns of it as `chat_member` too, if it asked.
    ///
    /// - Returns: the number of the service message's update.
    @discardableResult
    public func setMembership(
        _ membership: Membership,
        of person: Person,
        in group: GroupChat,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            let old = try state.group(group.id).members[person.id] ?? .left
            state.groups[group.id]?.members[person.id] = membership
            guard try state.isReached(botID, in: group) else { return nil }
            _ = state.open(group.chat, of: botID)
            if state.groups[group.id]?.members[botID] == .administrator {
                let changed = state.membershipChange(
                    of: person.user,
                    from: old,
                    to: membership,
                    in: group.chat,
                    by: person
                )
                _ = try state.enqueue("chat_member", changed, lane: nil, to: botID, &effects)
            }
            guard group.kind != .channel, old.isIn != membership.isIn else { return nil }
            let content = membership.isIn ? Self.joined(person.user) : Self.left(person.user)
            return try state.write(content, from: person, in: group.chat, to: botID, &effects)
        }
    }

    /// Members that telegram-bot-api writes beside those of the Bot API stand here too, as in `JsonMessage::store`.
    private static func joined(_ user: JSON) -> [JSON.Member] {
        [
            .init("new_chat_participant", user), .init("new_chat_member", user),
            .init("new_chat_members", .array([user])),
        ]
    }

    private static func left(_ user: JSON) -> [JSON.Member] {
        [.init("left_chat_participant", user), .init("left_chat_member", user)]
    }

    /// Lets a person open a topic in a forum.
    ///
    /// - Returns: its thread, which is the number of the message that says so.
    @discardableResult
    public func openTopic(
        _ name: String,
        by person: Person,
        in group: GroupChat,
        to botID: Int64
    ) throws(SimulatorError) -> Int64 {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            let forum = try state.group(group.id)
            guard forum.chat.isForum else { throw .wrongKind(group.id, wanted: "forum") }
            let thread = forum.nextMessageID
            state.groups[group.id]?.topics[thread] = name
            guard try state.isReached(botID, in: group) else { return thread }
            let topic: JSON = ["name": .string(name), "icon_color": 7_322_096]
            _ = try state.write(
                [.init("forum_topic_created", topic)],
                from: person,
                in: group.chat,
                .init(topic: thread),
                to: botID,
                &effects
            )
            return thread
        }
    }

    /// Turns a basic group into a supergroup: its messages are counted anew, and sending to the old id fails and names the new one.
    ///
    /// **Source:** Bot API, `Message`, `migrate_to_chat_id`, `migrate_from_chat_id`; type `ResponseParameters`.
    @discardableResult
    public func migrate(_ group: GroupChat, by person: Person) throws(SimulatorError) -> GroupChat {
        try change { (state, effects) throws(SimulatorError) in
            let old = try state.group(group.id)
            guard old.chat.kind == .group, old.migratedTo == nil else {
                throw .wrongKind(group.id, wanted: "basic group")
            }
            let new = state.addGroup(old.chat.title, .supergroup, isForum: false, nil)
            state.groups[new.id]?.members = old.members
            for (botID, membership) in old.members.sorted(by: { $0.key < $1.key })
            where membership.isIn && state.bots[botID] != nil {
                let farewell = [JSON.Member("migrate_to_chat_id", .int(new.id))]
                _ = try state.write(farewell, from: person, in: old.chat.chat, to: botID, &effects)
                let welcome = [JSON.Member("migrate_from_chat_id", .int(group.id))]
                _ = try state.write(welcome, from: person, in: new.chat, to: botID, &effects)
            }
            state.groups[group.id]?.migratedTo = new.id
            return new
        }
    }

    /// Posts in a channel, for all bots that are its administrators.
    ///
    /// - Returns: the numbers of the updates, by bot.
    @discardableResult
    public func postInChannel(_ content: JSON, in channel: GroupChat) throws(SimulatorError) -> [Int64: Int64] {
        guard case .object(let members)? = content.whole else { throw .badPayload }
        return try change { (state, effects) throws(SimulatorError) in
            let known = try state.group(channel.id)
            guard known.chat.kind == .channel else { throw .wrongKind(channel.id, wanted: "channel") }
            var updates: [Int64: Int64] = [:]
            let first = known.nextMessageID
            for (botID, membership) in known.members where membership == .administrator && state.bots[botID] != nil {
                // One post, whoever reads it.
                state.groups[channel.id]?.nextMessageID = first
                let update = try state.write(
                    members,
                    as: "channel_post",
                    from: nil,
                    in: channel.chat,
                    to: botID,
                    &effects
                )
                if let update { updates[botID] = update }
            }
            return updates
        }
    }

    /// Edits a post of a channel, for one bot.
    @discardableResult
    public func editPost(
        _ messageID: Int64,
        content: JSON,
        in channel: GroupChat,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        guard case .object(let members)? = content.whole else { throw .badPayload }
        return try change { (state, effects) throws(SimulatorError) in
            _ = try state.bot(botID)
            let post = try state.edited(messageID, members, in: ChatKey(channel.id), of: botID)
            return try state.enqueue("edited_channel_post", post, lane: nil, to: botID, &effects)
        }
    }

    /// Lets a person ask to be let into a group; only an administrator learns of it.
    ///
    /// - Returns: the number of the update; nil if the bot is no administrator.
    @discardableResult
    public func requestToJoin(
        _ group: GroupChat,
        by person: Person,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            guard try state.group(group.id).members[botID] == .administrator else { return nil }
            state.groups[group.id]?.joinRequests.insert(person.id)
            // Source: Bot API, `ChatJoinRequest`, `user_chat_id`: the bot may write to the person.
            _ = state.open(person.chat, of: botID)
            var request: JSON = [
                "chat": group.chat, "from": person.user, "user_chat_id": .int(person.id),
                "date": .int(state.time.now()),
            ]
            if try state.bot(botID).abilities.contains(.joinRequestQueries) {
                request["query_id"] = .string(state.openQuery("chat_join_request", for: botID))
            }
            return try state.enqueue("chat_join_request", request, lane: nil, to: botID, &effects)
        }
    }

    /// Lets a person boost a group or channel, or take the boost back; only an administrator learns of it.
    ///
    /// **Source:** Bot API, types `ChatBoostUpdated`, `ChatBoostRemoved`.
    @discardableResult
    public func boost(
        _ group: GroupChat,
        id: String,
        by person: Person,
        isRemoved: Bool = false,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            guard try state.group(group.id).members[botID] == .administrator else { return nil }
            let source: JSON = ["source": "premium", "user": person.user]
            let now = state.time.now()
            guard !isRemoved else {
                let removed: JSON = [
                    "chat": group.chat, "boost_id": .string(id), "remove_date": .int(now), "source": source,
                ]
                return try state.enqueue("removed_chat_boost", removed, lane: nil, to: botID, &effects)
            }
            let boost: JSON = [
                "boost_id": .string(id), "add_date": .int(now), "expiration_date": .int(now + 30 * 86_400),
                "source": source,
            ]
            let added: JSON = ["chat": group.chat, "boost": boost]
            return try state.enqueue("chat_boost", added, lane: nil, to: botID, &effects)
        }
    }
}

extension Simulation {
    /// The `ChatMemberUpdated` of a change.
    func membershipChange(
        of user: JSON,
        from old: Membership,
        to new: Membership,
        in chat: JSON,
        by person: Person
    ) -> JSON {
        [
            "chat": chat, "from": person.user, "date": .int(time.now()), "old_chat_member": old.json(of: user),
            "new_chat_member": new.json(of: user),
        ]
    }
}
