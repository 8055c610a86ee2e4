import Telegram

/// What the kinds of update mean that are no messages.
///
/// **Source:** Bot API, the types of the fields of `Update`.
extension Projection {
    static func deletion(_ payload: JSONView) throws(Lacking) -> MessageDeletion {
        guard let elements = payload["message_ids"]?.elements else { throw Lacking(what: "no list as message_ids") }
        return MessageDeletion(
            space: businessSpace(try connectionID(payload)),
            chatID: try number(payload["chat"]?["id"], "chat.id"),
            messageIDs: elements.compactMap(\.int64)
        )
    }

    static func reaction(_ payload: JSONView, isCount: Bool) throws(Lacking) -> ReactionChange {
        let list = isCount ? payload["reactions"] : payload["new_reaction"]
        guard let elements = list?.elements else {
            throw Lacking(what: isCount ? "no list as reactions" : "no list as new_reaction")
        }
        let user = payload["user"]
        let chat = payload["actor_chat"]
        if !isCount {
            guard user?["id"]?.int64 ?? chat?["id"]?.int64 != nil else {
                throw Lacking(what: "no whole number as user.id or actor_chat.id")
            }
        }
        return ReactionChange(
            space: "direct",
            chatID: try number(payload["chat"]?["id"], "chat.id"),
            messageID: try number(payload["message_id"], "message_id"),
            date: try number(payload["date"], "date"),
            actor: isCount ? nil : speaker(user, orChat: chat),
            customer: isCount || chat != nil ? nil : profile(user),
            reactions: elements.compactMap { isCount ? total($0) : reaction($0, count: 1) }
        )
    }

    private static func reaction(_ type: JSONView?, count: Int64) -> Reaction? {
        guard let type, let kind = type["type"]?.string else { return nil }
        let value = type["emoji"]?.string ?? type["custom_emoji_id"]?.string ?? ""
        return Reaction(kind: whole(kind), value: whole(value), count: count)
    }

    private static func total(_ element: JSONView) -> Reaction? {
        reaction(element["type"], count: max(0, element["total_count"]?.int64 ?? 0))
    }

    /// A pressed button: an entry of its message's conversation, or of none where the message was sent by way of another chat.
    static func callback(_ payload: JSONView, at seconds: Int64) throws(Lacking) -> IntakeRecord.Entry {
        guard let message = payload["message"], message.isObject else {
            return .customerEvent(try event(payload, .callbackQuery, at: seconds))
        }
        let connection = message["business_connection_id"]?.string.map(whole)
        var entry = try entry(
            payload,
            service: UpdateKind.callbackQuery.rawValue,
            in: connection.map(businessSpace) ?? "direct",
            chat: message["chat"],
            "message.chat.id",
            actor: payload["from"],
            at: seconds,
            without: ["from", "message", "data"]
        )
        if message["is_topic_message"]?.bool == true { entry.threadID = message["message_thread_id"]?.int64 ?? 0 }
        if let topic = message["direct_messages_topic"]?["topic_id"]?.int64 { entry.threadID = topic }
        entry.text = payload["data"]?.string.map(whole)
        entry.replyTo = message["message_id"]?.int64
        entry.businessConnectionID = connection
        if connection != nil, entry.sender.role == .customer { entry.sender.role = .unknown }
        return .message(entry)
    }

    static func membership(_ payload: JSONView, _ kind: UpdateKind) throws(Lacking) -> IncomingMessage {
        var change: MembershipChange?
        if kind == .myChatMember {
            // What stays a member changes its rights only: still a fact, for an update that came earlier may be lost.
            let isMember = Telling.isMember(payload["new_chat_member"])
            let isPrivate = (payload["chat"]?["type"]?.string ?? "private") == "private"
            guard payload["new_chat_member"]?["status"]?.isString == true else {
                throw Lacking(what: "no text as new_chat_member.status")
            }
            change = isPrivate ? (isMember ? .unblocked : .blocked) : (isMember ? .joined : .left)
        }
        var entry = try entry(
            payload,
            service: kind.rawValue,
            in: "direct",
            chat: payload["chat"],
            "chat.id",
            actor: payload["from"],
            at: try number(payload["date"], "date"),
            without: ["chat", "from", "date"],
            membership: change
        )
        entry.membership = change
        return entry
    }

    static func boost(_ payload: JSONView, _ kind: UpdateKind) throws(Lacking) -> IncomingMessage {
        let isRemoved = kind == .removedChatBoost
        let details = isRemoved ? payload : payload["boost"]
        guard let details, details.isObject else { throw Lacking(what: "no object as boost") }
        return try entry(
            details,
            service: kind.rawValue,
            in: "direct",
            chat: payload["chat"],
            "chat.id",
            actor: details["source"]?["user"],
            at: isRemoved
                ? try number(details["remove_date"], "remove_date") : try number(details["add_date"], "boost.add_date"),
            without: ["chat"]
        )
    }

    /// An entry of a conversation that is no message of Telegram's.
    private static func entry(
        _ details: JSONView,
        service: String,
        in space: String,
        chat: JSONView?,
        _ chatIDName: StaticString,
        actor: JSONView?,
        at seconds: Int64,
        without left: Set<String>,
        membership: MembershipChange? = nil
    ) throws(Lacking) -> IncomingMessage {
        let chatID = try number(chat?["id"], chatIDName)
        var sender = speaker(actor, orChat: nil)
        if sender.id == nil { sender.role = .system }
        var extra = ExtraWriter()
        extra.add("service", text: service)
        extra.add(service, details, without: left)
        if let membership { extra.add("membership", text: membership.rawValue) }
        return IncomingMessage(
            space: space,
            chatID: chatID,
            threadID: 0,
            chatKind: chat?["type"]?.string.map(whole) ?? "private",
            chatTitle: chat.flatMap(title) ?? sender.name,
            messageID: nil,
            date: seconds,
            sender: sender,
            customer: profile(actor),
            kind: "service",
            text: nil,
            extra: extra.finish(),
            replyTo: nil
        )
    }

    static func poll(_ payload: JSONView) throws(Lacking) -> PollState {
        PollState(
            pollID: try text(payload["id"], "id"),
            json: payload.rawText,
            isClosed: payload["is_closed"]?.bool ?? false
        )
    }

    static func pollAnswer(_ payload: JSONView) throws(Lacking) -> PollAnswer {
        guard let options = payload["option_ids"]?.elements else { throw Lacking(what: "no list as option_ids") }
        let user = payload["user"]
        let chat = payload["voter_chat"]
        let voter = speaker(user, orChat: chat)
        guard voter.id != nil else { throw Lacking(what: "no whole number as user.id or voter_chat.id") }
        return PollAnswer(
            pollID: try text(payload["poll_id"], "poll_id"),
            voter: voter,
            customer: chat == nil ? profile(user) : nil,
            optionIDs: options.compactMap(\.int64),
            optionPersistentIDs: payload["option_persistent_ids"]?.elements?.compactMap { $0.string.map(whole) } ?? []
        )
    }

    static func connection(_ payload: JSONView) throws(Lacking) -> BusinessConnectionState {
        guard let isEnabled = payload["is_enabled"]?.bool else { throw Lacking(what: "no yes or no as is_enabled") }
        return BusinessConnectionState(
            id: try text(payload["id"], "id"),
            owner: try owner(payload["user"]),
            userChatID: try number(payload["user_chat_id"], "user_chat_id"),
            isEnabled: isEnabled,
            rights: payload["rights"].flatMap { $0.isObject ? $0.rawText : nil },
            date: try number(payload["date"], "date")
        )
    }

    static func managedBot(_ payload: JSONView) throws(Lacking) -> ManagedBotNotice {
        let bot = payload["bot"]
        return ManagedBotNotice(
            owner: try owner(payload["user"]),
            botID: try number(bot?["id"], "bot.id"),
            username: bot?["username"]?.string.map(whole) ?? "",
            name: bot.flatMap(personName) ?? ""
        )
    }

    private static func owner(_ user: JSONView?) throws(Lacking) -> CustomerProfile {
        _ = try number(user?["id"], "user.id")
        guard let owner = profile(user) else { throw Lacking(what: "a bot as user") }
        return owner
    }

    static func event(_ payload: JSONView, _ kind: UpdateKind, at seconds: Int64) throws(Lacking) -> CustomerEvent {
        let from = payload["from"]
        _ = try number(from?["id"], "from.id")
        let word = kind == .callbackQuery ? "data" : "query"
        return CustomerEvent(
            kind: kind.rawValue,
            actor: speaker(from, orChat: nil),
            customer: profile(from),
            text: payload[named: word]?.string.map(whole),
            details: ExtraWriter.object(ExtraWriter.members(of: payload, without: ["from", word])),
            date: seconds
        )
    }
}
