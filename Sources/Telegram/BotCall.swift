/// A call of the Bot API that the gateway makes for a business.
///
/// `validate()` tells what Telegram would refuse; `parameters` are the call's body. `parse_mode` is never sent: a text
/// goes with its entities, so that what was checked is what is read.
public enum BotCall: Hashable, Sendable {
    case sendText(MessageTarget, FormattedText, linkPreview: LinkPreview = .first, SendOptions = SendOptions())
    case sendMedia(MessageTarget, OutgoingMedia, SendOptions = SendOptions())
    /// Two to ten media shown together; no buttons.
    case sendAlbum(MessageTarget, [OutgoingMedia], SendOptions = SendOptions())
    /// Degrees, and metres of accuracy.
    case sendLocation(
        MessageTarget,
        latitude: Double,
        longitude: Double,
        accuracy: Double? = nil,
        SendOptions = SendOptions()
    )
    /// Sends a message on from a chat that the same bot is in, with its origin; no buttons go with it, and no reply.
    case forward(MessageTarget, from: ChatName, messageID: Int64, SendOptions = SendOptions())
    /// Sends its content anew, without the origin.
    case copy(MessageTarget, from: ChatName, messageID: Int64, SendOptions = SendOptions())
    /// Without a keyboard, the message loses the one it has.
    case editText(SentMessage, FormattedText, linkPreview: LinkPreview = .first, InlineKeyboard? = nil)
    case editCaption(SentMessage, FormattedText?, InlineKeyboard? = nil)
    case editKeyboard(SentMessage, InlineKeyboard?)
    /// One to a hundred messages of one chat.
    case delete(MessageTarget, messageIDs: [Int64])
    case chatAction(MessageTarget, ChatAction)
    /// Nil takes the bot's reaction away.
    case react(ChatName, messageID: Int64, Reaction?)
    case answerCallback(id: String, CallbackAnswer = CallbackAnswer())
    /// Agrees to a payment, or tells the customer why not.
    case answerCheckout(id: String, refusal: String? = nil)

    /// Which link of a text is shown below it.
    public enum LinkPreview: Hashable, Sendable {
        /// The first one in the text, as Telegram does by itself.
        case first
        case none
        case of(url: String)
    }

    /// What the customer is shown the bot to be doing, for at most five seconds.
    public enum ChatAction: String, CaseIterable, Sendable {
        case typing
        case uploadPhoto = "upload_photo"
        case recordVideo = "record_video"
        case uploadVideo = "upload_video"
        case recordVoice = "record_voice"
        case uploadVoice = "upload_voice"
        case uploadDocument = "upload_document"
        case chooseSticker = "choose_sticker"
        case findLocation = "find_location"
        case recordVideoNote = "record_video_note"
        case uploadVideoNote = "upload_video_note"
    }

    /// What a bot may put on a message.
    public enum Reaction: Hashable, Sendable {
        case emoji(String)
        case customEmoji(id: String)
    }

    /// What is shown to who pressed a button.
    public struct CallbackAnswer: Hashable, Sendable {
        /// Nil ends the button's waiting without a word.
        public var text: String?
        /// In a window to be closed, not at the top of the chat.
        public var alert: Bool
        /// Opened by the customer's app.
        public var url: String?
        /// How long the app may keep the answer.
        public var cacheSeconds: Int?

        /// Makes an answer.
        public init(text: String? = nil, alert: Bool = false, url: String? = nil, cacheSeconds: Int? = nil) {
            self.text = text
            self.alert = alert
            self.url = url
            self.cacheSeconds = cacheSeconds
        }
    }

    /// The method's name.
    public var method: String {
        switch self {
        case .sendText: "sendMessage"
        case .sendMedia(_, let media, _): media.kind.method
        case .sendAlbum: "sendMediaGroup"
        case .sendLocation: "sendLocation"
        case .forward: "forwardMessage"
        case .copy: "copyMessage"
        case .editText: "editMessageText"
        case .editCaption: "editMessageCaption"
        case .editKeyboard: "editMessageReplyMarkup"
        case .delete(let target, let ids):
            target.businessConnectionID != nil
                ? "deleteBusinessMessages" : ids.count == 1 ? "deleteMessage" : "deleteMessages"
        case .chatAction: "sendChatAction"
        case .react: "setMessageReaction"
        case .answerCallback: "answerCallbackQuery"
        case .answerCheckout: "answerPreCheckoutQuery"
        }
    }

    /// How many messages appear in the chat when it succeeds: what counts against Telegram's pace.
    public var messageCount: Int {
        switch self {
        case .sendText, .sendMedia, .sendLocation, .forward, .copy: 1
        case .sendAlbum(_, let items, _): items.count
        default: 0
        }
    }

    /// Whether a second try after an unknown end does no harm: it makes no second message.
    public var isRepeatable: Bool { messageCount == 0 }

    /// The parameters, in the Bot API's names.
    public var parameters: JSON {
        switch self {
        case .sendText(let target, let text, let preview, let options):
            return .object(target.members + Self.textMembers(text, preview) + options.members)
        case .sendMedia(let target, let media, let options):
            return .object(target.members + media.members + options.members)
        case .sendAlbum(let target, let items, let options):
            return .object(target.members + [.init("media", .array(items.map(\.item)))] + options.members)
        case .sendLocation(let target, let latitude, let longitude, let accuracy, let options):
            var members =
                target.members + [.init("latitude", .double(latitude)), .init("longitude", .double(longitude))]
            if let accuracy { members.append(.init("horizontal_accuracy", .double(accuracy))) }
            return .object(members + options.members)
        case .forward(let target, let source, let id, let options), .copy(let target, let source, let id, let options):
            let named: [JSON.Member] = [.init("from_chat_id", source.json), .init("message_id", .int(id))]
            return .object(target.members + named + options.members)
        case .editText(let message, let text, let preview, let keyboard):
            return .object(message.members + Self.textMembers(text, preview) + Self.keyboardMembers(keyboard))
        case .editCaption(let message, let caption, let keyboard):
            return .object(message.members + Self.captionMembers(caption) + Self.keyboardMembers(keyboard))
        case .editKeyboard(let message, let keyboard):
            return .object(message.members + Self.keyboardMembers(keyboard))
        case .delete(let target, let ids): return Self.deletion(target, ids)
        case .chatAction(let target, let action):
            return .object(target.members + [.init("action", .string(action.rawValue))])
        case .react(let chat, let messageID, let reaction):
            return .object([
                .init("chat_id", chat.json), .init("message_id", .int(messageID)),
                .init("reaction", .array(reaction.map { [$0.json] } ?? [])),
            ])
        case .answerCallback(let id, let answer):
            return .object([.init("callback_query_id", .string(id))] + answer.members)
        case .answerCheckout(let id, let refusal):
            let said: [JSON.Member] = refusal.map { [.init("error_message", .string($0))] } ?? []
            return .object(
                [.init("pre_checkout_query_id", .string(id)), .init("ok", .bool(refusal == nil))] + said
            )
        }
    }

    private static func textMembers(_ text: FormattedText, _ preview: LinkPreview) -> [JSON.Member] {
        var members = [JSON.Member("text", .string(text.text))]
        if !text.entities.isEmpty { members.append(.init("entities", text.entitiesJSON)) }
        switch preview {
        case .first: break
        case .none: members.append(.init("link_preview_options", .object([.init("is_disabled", true)])))
        case .of(let url): members.append(.init("link_preview_options", .object([.init("url", .string(url))])))
        }
        return members
    }

    static func captionMembers(_ caption: FormattedText?) -> [JSON.Member] {
        guard let caption else { return [] }
        var members = [JSON.Member("caption", .string(caption.text))]
        if !caption.entities.isEmpty { members.append(.init("caption_entities", caption.entitiesJSON)) }
        return members
    }

    private static func keyboardMembers(_ keyboard: InlineKeyboard?) -> [JSON.Member] {
        keyboard.map { [.init("reply_markup", $0.json)] } ?? []
    }

    private static func deletion(_ target: MessageTarget, _ ids: [Int64]) -> JSON {
        let list = JSON.array(ids.map { .int($0) })
        if let connection = target.businessConnectionID {
            return .object([.init("business_connection_id", .string(connection)), .init("message_ids", list)])
        }
        if ids.count == 1 {
            return .object([.init("chat_id", target.chat.json), .init("message_id", .int(ids[0]))])
        }
        return .object([.init("chat_id", target.chat.json), .init("message_ids", list)])
    }
}

extension BotCall.Reaction {
    fileprivate var json: JSON {
        switch self {
        case .emoji(let emoji): .object([.init("type", "emoji"), .init("emoji", .string(emoji))])
        case .customEmoji(let id): .object([.init("type", "custom_emoji"), .init("custom_emoji_id", .string(id))])
        }
    }
}

extension BotCall.CallbackAnswer {
    fileprivate var members: [JSON.Member] {
        var members: [JSON.Member] = []
        if let text { members.append(.init("text", .string(text))) }
        if alert { members.append(.init("show_alert", true)) }
        if let url { members.append(.init("url", .string(url))) }
        if let cacheSeconds { members.append(.init("cache_time", .int(Int64(cacheSeconds)))) }
        return members
    }
}
