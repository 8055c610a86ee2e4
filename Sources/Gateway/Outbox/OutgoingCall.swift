import Telegram

/// A call as a row of the outbox has it: without where it goes, which may change until it is made.
public struct OutgoingCall: Hashable, Sendable {
    /// The method's name.
    public let method: String
    /// The parameters but chat, connection and topic: a JSON object.
    public let parameters: String
    /// The messages that it makes, as the history shows them until Telegram has answered.
    public let drafts: [Draft]
    /// Whether it names messages of its chat by Telegram's numbers: to answer, edit, delete or react to them.
    public let namesMessages: Bool

    /// A message that is to be sent.
    public struct Draft: Hashable, Sendable {
        /// See `Message.kind`.
        public var kind: String
        /// The text or caption.
        public var text: String?
        /// See `Message.extra`.
        public var extra: String?
        /// Telegram's number of the message that it answers.
        public var replyTo: Int64?
        /// The message that it sends on.
        public var source: MessageID?
    }

    /// Takes a call that is valid.
    ///
    /// - Parameter original: the message that a forward or copy sends on.
    public init(_ call: BotCall, sendingOn original: SendRequest.Original? = nil) {
        method = call.method
        var members: [JSON.Member] = []
        if case .object(let all) = call.parameters { members = all.filter { !Self.address.contains($0.name) } }
        parameters = JSON.object(members).text
        drafts = Self.drafts(call, original)
        switch call {
        case .sendText(_, _, _, let options), .sendMedia(_, _, let options), .sendAlbum(_, _, let options),
            .sendLocation(_, _, _, _, let options), .copy(_, _, _, let options):
            namesMessages = options.replyTo != nil
        case .editText, .editCaption, .editKeyboard, .delete, .react: namesMessages = true
        case .forward, .chatAction, .answerCallback, .answerCheckout: namesMessages = false
        }
    }

    /// What says where a call goes.
    private static let address: Set<String> = [
        "chat_id", "business_connection_id", "message_thread_id", "direct_messages_topic_id",
    ]

    /// The chat's ids from here on down are those of channels' direct messages, whose topics have a parameter of their own.
    ///
    /// **Source:** tdlib `DialogId.h`, `ChannelId.h`.
    private static let directMessages: Int64 = -2_002_147_483_649

    /// Whether the id is that of a group which is no supergroup: only those become another chat.
    ///
    /// **Source:** tdlib `DialogId.h`.
    public static func isGroup(_ chatID: Int64) -> Bool { (-999_999_999_999 ... -1).contains(chatID) }

    /// Where the messages of a conversation go; nil where none can be sent.
    ///
    /// - Parameters:
    ///   - space: see `Conversation.space`.
    ///   - thread: Telegram's id of the topic; 0 for none.
    public static func target(space: String, chatID: Int64, thread: Int64) -> MessageTarget? {
        var target = MessageTarget(.id(chatID))
        if space.hasPrefix("business:") {
            target.businessConnectionID = String(space.dropFirst("business:".count))
            return target
        }
        guard space == "direct" else { return nil }
        if chatID <= directMessages {
            target.directMessagesTopicID = thread > 0 ? thread : nil
        } else {
            // The topic "General" has the number 1 and is meant by none.
            target.threadID = thread > 1 ? thread : nil
        }
        return target
    }

    /// The body of a call that goes there.
    public static func body(method: String, parameters: String, to target: MessageTarget) -> JSON {
        let here = address(method, target, isInline: parameters.contains("\"inline_message_id\":"))
        guard !here.isEmpty else { return .raw(Array(parameters.utf8)) }
        var bytes = JSON.object(here).encoded()
        let rest = parameters.utf8.dropFirst()
        guard rest.first != UInt8(ascii: "}") else { return .raw(bytes) }
        bytes[bytes.count - 1] = UInt8(ascii: ",")
        bytes.append(contentsOf: rest)
        return .raw(bytes)
    }

    /// The members that name the place, as the method takes them.
    private static func address(_ method: String, _ target: MessageTarget, isInline: Bool) -> [JSON.Member] {
        var probe = target
        switch method {
        case "answerCallbackQuery", "answerPreCheckoutQuery": return []
        case "deleteBusinessMessages":
            return target.businessConnectionID.map { [.init("business_connection_id", .string($0))] } ?? []
        case "deleteMessage", "deleteMessages", "setMessageReaction": probe = MessageTarget(target.chat)
        case _ where method.hasPrefix("editMessage"):
            if isInline { return [] }
            probe = MessageTarget(target.chat, businessConnectionID: target.businessConnectionID)
        default: break
        }
        guard case .object(let all) = BotCall.chatAction(probe, .typing).parameters else { return [] }
        return all.filter { address.contains($0.name) }
    }

    private static func drafts(_ call: BotCall, _ original: SendRequest.Original?) -> [Draft] {
        switch call {
        case .forward(_, _, _, let options), .copy(_, _, _, let options):
            let draft = Draft(
                kind: original?.kind ?? "unknown",
                text: original?.text,
                extra: original?.extra.flatMap { content(ofExtra: $0) },
                replyTo: options.replyTo,
                source: original?.id
            )
            return [draft]
        case .sendText(_, let text, _, let options):
            return [draft("text", text, "entities", options)]
        case .sendMedia(_, let media, let options):
            return [draft(media.kind.rawValue, media.caption, "caption_entities", options)]
        case .sendAlbum(_, let items, let options):
            return items.map { draft($0.kind.rawValue, $0.caption, "caption_entities", options) }
        case .sendLocation(_, let latitude, let longitude, _, let options):
            let place: JSON = ["latitude": .double(latitude), "longitude": .double(longitude)]
            return [draft("location", nil, "entities", options, [.init("location", place)])]
        default: return []
        }
    }

    /// What is kept of a message beside its text that goes on with it: not what it answered, where it came from or which buttons it had.
    private static func content(ofExtra extra: String) -> String? {
        guard let root = try? JSONDocument(Array(extra.utf8)).root, case .object(let members) = JSON(root) else {
            return nil
        }
        let left = members.filter { !ofItsPlace.contains($0.name) }
        return left.isEmpty ? nil : JSON.object(left).text
    }

    private static let ofItsPlace: Set<String> = [
        "forward_origin", "quote", "external_reply", "reply_to_story", "via_bot", "reply_markup",
        "is_automatic_forward",
    ]

    private static func draft(
        _ kind: String,
        _ text: FormattedText?,
        _ entities: String,
        _ options: SendOptions,
        _ more: [JSON.Member] = []
    ) -> Draft {
        var extra = more
        if let text, !text.entities.isEmpty { extra.append(.init(entities, text.entitiesJSON)) }
        // No text that a database or a reader would cut.
        let shown = text?.text.replacing("\0", with: "\u{FFFD}")
        return Draft(
            kind: kind,
            text: shown,
            extra: extra.isEmpty ? nil : JSON.object(extra).text,
            replyTo: options.replyTo,
            source: nil
        )
    }
}
