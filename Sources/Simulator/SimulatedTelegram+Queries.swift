import Telegram

/// What people do with a bot beside writing: blocking, reacting, voting, asking inline, paying.
extension SimulatedTelegram {
    /// Lets a person block a bot; it learns of it, and sending to them is a 403 from then on.
    ///
    /// **Source:** Bot API, `my_chat_member`: in private chats sent only when the bot is blocked or unblocked.
    @discardableResult
    public func block(_ botID: Int64, by person: Person) throws(SimulatorError) -> Int64? {
        try setBlocked(true, botID, by: person)
    }

    /// Lets a person unblock a bot.
    @discardableResult
    public func unblock(_ botID: Int64, by person: Person) throws(SimulatorError) -> Int64? {
        try setBlocked(false, botID, by: person)
    }

    private func setBlocked(_ isBlocked: Bool, _ botID: Int64, by person: Person) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.setBlocked(isBlocked, botID, by: person, &effects)
        }
    }

    /// Deletes a person's account: nobody learns of it, and sending to them is a 403.
    public func deactivate(_ person: Person) { change { state, _ in _ = state.deactivated.insert(person.id) } }

    /// Lets a person react to a message with emoji, instead of those before; none takes the reaction away.
    ///
    /// In groups a bot learns of it only as an administrator, in private chats always (which is inferred), and everywhere only if it
    /// asked for `message_reaction`.
    ///
    /// **Source:** Bot API, type `Update`, `message_reaction`.
    @discardableResult
    public func react(
        _ emoji: [String],
        to messageID: Int64,
        by person: Person,
        in group: GroupChat? = nil,
        bot botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            let key = ChatKey(group?.id ?? person.id)
            guard state.message(messageID, in: key, of: botID) != nil else { throw .unknownMessage(messageID) }
            let place = ReactionPlace(key: key, messageID: messageID, userID: person.id)
            let old = state.bots[botID]?.reactions[place] ?? []
            state.bots[botID]?.reactions[place] = emoji.isEmpty ? nil : emoji
            if let group, try state.group(group.id).members[botID] != .administrator { return nil }
            let reaction: JSON = [
                "chat": group?.chat ?? person.chat, "message_id": .int(messageID), "user": person.user,
                "date": .int(state.time.now()), "old_reaction": Self.reactions(old),
                "new_reaction": Self.reactions(emoji),
            ]
            return try state.enqueue("message_reaction", reaction, lane: nil, to: botID, &effects)
        }
    }

    /// Tells a bot how many anonymous reactions a post of a channel has.
    @discardableResult
    public func countReactions(
        _ counts: [String: Int64],
        to messageID: Int64,
        in channel: GroupChat,
        bot botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            _ = try state.bot(botID)
            guard try state.group(channel.id).members[botID] == .administrator else { return nil }
            let reactions = counts.sorted { $0.key < $1.key }.map { emoji, count -> JSON in
                ["type": ["type": "emoji", "emoji": .string(emoji)], "total_count": .int(count)]
            }
            let update: JSON = [
                "chat": channel.chat, "message_id": .int(messageID), "date": .int(state.time.now()),
                "reactions": .array(reactions),
            ]
            return try state.enqueue("message_reaction_count", update, lane: nil, to: botID, &effects)
        }
    }

    private static func reactions(_ emoji: [String]) -> JSON {
        .array(emoji.map { ["type": "emoji", "emoji": .string($0)] })
    }

    /// Lets a person vote in a poll that the bot sent; no options take the vote back.
    ///
    /// The bot gets the poll's new state, and who voted unless the poll is anonymous.
    public func vote(
        _ options: [Int],
        inPoll pollID: String,
        by person: Person
    ) throws(SimulatorError) {
        try change { (state, effects) throws(SimulatorError) in
            guard var poll = state.polls[pollID], !poll.isClosed, options.allSatisfy(poll.options.indices.contains)
            else {
                throw .unknownPoll(pollID)
            }
            try state.requireKnown(person, poll.botID)
            poll.votes[person.id] = options.isEmpty ? nil : options
            state.polls[pollID] = poll
            state.show(poll)
            if !poll.isAnonymous {
                let answer: JSON = [
                    "poll_id": .string(pollID), "user": person.user,
                    "option_ids": .array(options.map { .int(Int64($0)) }),
                    "option_persistent_ids": .array(options.map { .string(String($0 + 1)) }),
                ]
                _ = try state.enqueue("poll_answer", answer, lane: nil, to: poll.botID, &effects)
            }
            _ = try state.enqueue("poll", poll.json, lane: nil, to: poll.botID, &effects)
        }
    }

    // MARK: Queries

    /// Lets a person type after the bot's name in any chat.
    @discardableResult
    public func ask(
        inline text: String,
        by person: Person,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try query("inline_query", by: person, to: botID, needs: .inlineQueries) { id in
            [
                "id": .string(id), "from": person.user, "chat_type": "sender", "query": .string(text), "offset": "",
            ]
        }
    }

    /// Lets a person choose a result of the bot.
    @discardableResult
    public func choose(
        _ resultID: String,
        ofInline text: String,
        by person: Person,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        let chosen: JSON = ["from": person.user, "query": .string(text), "result_id": .string(resultID)]
        return try post(update: "chosen_inline_result", payload: chosen, to: botID)
    }

    /// Lets a person pay an invoice: the bot has ten seconds to agree.
    @discardableResult
    public func checkOut(
        payload: String,
        amount: Int64,
        currency: String,
        by person: Person,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try query("pre_checkout_query", by: person, to: botID) { id in
            [
                "id": .string(id), "from": person.user, "currency": .string(currency), "total_amount": .int(amount),
                "invoice_payload": .string(payload),
            ]
        }
    }

    /// Lets a person ask what delivery to an address costs.
    ///
    /// - Parameter address: a `ShippingAddress`.
    @discardableResult
    public func ship(
        payload: String,
        address: JSON,
        by person: Person,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try query("shipping_query", by: person, to: botID) { id in
            [
                "id": .string(id), "from": person.user, "invoice_payload": .string(payload),
                "shipping_address": address,
            ]
        }
    }

    /// Lets a person call the bot in a group that it is not in.
    ///
    /// **Source:** Bot API, `Message`, `guest_query_id`: it is answered once, with `answerGuestQuery`.
    @discardableResult
    public func sayAsGuest(
        _ text: String,
        from person: Person,
        in group: GroupChat,
        to botID: Int64
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            try state.require(.guestQueries, of: botID)
            let id = state.openQuery("guest_message", for: botID)
            return try state.write(
                Self.text(text),
                as: "guest_message",
                from: person,
                in: group.chat,
                space: ChatKey.guestSpace,
                extra: [.init("guest_query_id", .string(id))],
                to: botID,
                &effects
            )
        }
    }

    private func query(
        _ kind: String,
        by person: Person,
        to botID: Int64,
        needs ability: BotAbility? = nil,
        _ payload: (_ id: String) -> JSON
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(person, botID)
            if let ability { try state.require(ability, of: botID) }
            let id = state.openQuery(kind, for: botID)
            return try state.enqueue(kind, payload(id), lane: nil, to: botID, &effects)
        }
    }
}

/// Whose reaction to which message.
struct ReactionPlace: Hashable, Sendable {
    let key: ChatKey
    let messageID: Int64
    let userID: Int64
}

extension SimulatedTelegram {
    /// Lets a bot do something that BotFather allows, or no longer.
    public func allow(
        _ ability: BotAbility,
        ofBot botID: Int64,
        isAllowed: Bool = true
    ) throws(SimulatorError) {
        try change { (state, _) throws(SimulatorError) in
            _ = try state.bot(botID)
            if isAllowed {
                state.bots[botID]?.abilities.insert(ability)
            } else {
                state.bots[botID]?.abilities.remove(ability)
            }
        }
    }
}

extension Simulation {
    mutating func setBlocked(
        _ isBlocked: Bool,
        _ botID: Int64,
        by person: Person,
        _ effects: inout Effects
    ) throws(SimulatorError) -> Int64? {
        try requireKnown(person, botID)
        let wasBlocked = try bot(botID).blockedBy.contains(person.id)
        guard wasBlocked != isBlocked else { return nil }
        _ = open(person.chat, of: botID)
        if isBlocked { bots[botID]?.blockedBy.insert(person.id) } else { bots[botID]?.blockedBy.remove(person.id) }
        let changed = membershipChange(
            of: try bot(botID).bot.user,
            from: wasBlocked ? .kicked : .member,
            to: isBlocked ? .kicked : .member,
            in: person.chat,
            by: person
        )
        return try enqueue("my_chat_member", changed, lane: nil, to: botID, &effects)
    }

    func require(_ ability: BotAbility, of botID: Int64) throws(SimulatorError) {
        guard try bot(botID).abilities.contains(ability) else { throw .unable(bot: botID, ability) }
    }
}
