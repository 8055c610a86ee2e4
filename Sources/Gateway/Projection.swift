import Telegram

/// What an update means for the history.
///
/// One place, pure: which entry each kind of update makes. What a message can hold stands in `ContentKind`, what a service message says in
/// `ServiceKind`.
enum Projection {
    /// A field that an update cannot do without is not there, or is of another type.
    struct Lacking: Error {
        var what: String
    }

    /// What an update means; reads no clock: an entry of which Telegram tells no time gets that of the receipt.
    static func entry(of update: UpdateEnvelope, at now: Timestamp) -> IntakeRecord.Entry {
        guard let kind = update.kind, let payload = update.payload else { return .rawOnly(.unknownKind, detail: nil) }
        do throws(Lacking) {
            return try entry(kind, payload, at: now.milliseconds / 1000)
        } catch {
            return .rawOnly(.keptRaw, detail: "\(kind.rawValue): \(error.what)")
        }
    }

    private static func entry(
        _ kind: UpdateKind,
        _ payload: JSONView,
        at seconds: Int64
    ) throws(Lacking) -> IntakeRecord.Entry {
        switch kind {
        case .message, .channelPost: .message(try message(payload, in: "direct"))
        case .editedMessage, .editedChannelPost: .edit(edited(try message(payload, in: "direct")))
        case .businessMessage: .message(try businessMessage(payload))
        case .editedBusinessMessage: .edit(edited(try businessMessage(payload)))
        case .guestMessage: .message(try message(payload, in: "guest"))
        case .deletedBusinessMessages: .deletion(try deletion(payload))
        case .messageReaction, .messageReactionCount:
            .reaction(try reaction(payload, isCount: kind == .messageReactionCount))
        case .callbackQuery: try callback(payload, at: seconds)
        case .poll: .poll(try poll(payload))
        case .pollAnswer: .pollAnswer(try pollAnswer(payload))
        case .myChatMember, .chatMember, .chatJoinRequest: .message(try membership(payload, kind))
        case .chatBoost, .removedChatBoost: .message(try boost(payload, kind))
        case .businessConnection: .businessConnection(try connection(payload))
        case .managedBot: .managedBot(try managedBot(payload))
        case .inlineQuery, .chosenInlineResult, .shippingQuery, .preCheckoutQuery, .purchasedPaidMedia:
            .customerEvent(try event(payload, kind, at: seconds))
        }
    }

    // MARK: What all kinds read

    static func number(_ value: JSONView?, _ name: StaticString) throws(Lacking) -> Int64 {
        guard let number = value?.int64 else { throw Lacking(what: "no whole number as \(name)") }
        return number
    }

    static func text(_ value: JSONView?, _ name: StaticString) throws(Lacking) -> String {
        guard let text = value?.string else { throw Lacking(what: "no text as \(name)") }
        return whole(text)
    }

    static func connectionID(_ payload: JSONView) throws(Lacking) -> String {
        try text(payload["business_connection_id"], "business_connection_id")
    }

    /// The space of a connection's chats.
    static func businessSpace(_ connection: String) -> String { "business:\(connection)" }

    /// The text without U+0000, where readers of the database would cut it; the raw update has it.
    static func whole(_ text: String) -> String {
        text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text
    }

    static func personName(_ user: JSONView) -> String? {
        guard let first = user["first_name"]?.string else { return nil }
        guard let last = user["last_name"]?.string, !last.isEmpty else { return whole(first) }
        return whole("\(first) \(last)")
    }

    /// The name of a chat: a title, or the name of its person.
    static func title(_ chat: JSONView) -> String? { chat["title"]?.string.map(whole) ?? personName(chat) }

    /// A person whom the business knows; nil for a bot.
    static func profile(_ user: JSONView?) -> CustomerProfile? {
        guard let user, user["is_bot"]?.bool != true, let id = user["id"]?.int64 else { return nil }
        return CustomerProfile(
            telegramID: id,
            name: personName(user) ?? "",
            username: user["username"]?.string.map(whole),
            language: user["language_code"]?.string.map(whole)
        )
    }

    /// A user as the one who did something.
    static func person(_ user: JSONView) -> Message.Sender {
        .init(
            role: user["is_bot"]?.bool == true ? .bot : .customer,
            id: user["id"]?.int64,
            name: personName(user) ?? ""
        )
    }

    /// A user or a chat as the one who did something; nobody known if it is neither.
    static func speaker(_ user: JSONView?, orChat chat: JSONView?) -> Message.Sender {
        if let chat, chat.isObject { return .init(role: .unknown, id: chat["id"]?.int64, name: title(chat) ?? "") }
        if let user, user.isObject { return person(user) }
        return .init(role: .unknown, id: nil, name: "")
    }
}
