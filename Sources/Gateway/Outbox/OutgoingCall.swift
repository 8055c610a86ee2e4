import Telegram

/// A call as a row of the outbox has it: without where it goes, which may change until it is made.
public struct OutgoingCall: Hashable, Sendable {
    /// The method's name.
    public let method: String
    /// The parameters but chat, connection and topic: a JSON object.
    public let parameters: String
    /// The messages that it makes, as the history shows them until Telegram has answered.
    public let drafts: [Draft]

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
    }

    /// Takes a call that is valid.
    public init(_ call: BotCall) {
        method = call.method
        var members: [JSON.Member] = []
        if case .object(let all) = call.parameters { members = all.filter { !Self.address.contains($0.name) } }
        parameters = JSON.object(members).text
        drafts = Self.drafts(call)
    }

    /// What says where a call goes.
    private static let address: Set<String> = [
        "chat_id", "business_connection_id", "message_thread_id", "direct_messages_topic_id",
    ]

    /// The chat's ids from here on down are those of channels' direct messages, whose topics have a parameter of their own.
    ///
    /// **Source:** tdlib `DialogId.h`, `ChannelId.h`.
    private static let directMessages: Int64 = -2_002_147_483_649

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
        case "answerCallbackQuery": return []
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

    private static func drafts(_ call: BotCall) -> [Draft] {
        switch call {
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
            replyTo: options.replyTo
        )
    }
}
