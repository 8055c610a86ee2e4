import Telegram

/// Something to be sent into a conversation, as a caller asks for it: the one door of everything that sends.
public struct SendRequest: Sendable {
    /// What is to be done.
    public enum Content: Hashable, Sendable {
        /// A text of any length: in as many messages as it takes.
        case text(FormattedText, linkPreview: BotCall.LinkPreview = .first)
        case media(OutgoingMedia)
        case album([OutgoingMedia])
        /// Degrees, and metres of accuracy.
        case location(latitude: Double, longitude: Double, accuracy: Double? = nil)
        /// Sends a message of any conversation of the same bot on, with its origin.
        case forward(MessageID)
        /// Sends its content anew, without the origin.
        case copy(MessageID)
        case editText(MessageID, FormattedText, linkPreview: BotCall.LinkPreview = .first, InlineKeyboard? = nil)
        case editCaption(MessageID, FormattedText?, InlineKeyboard? = nil)
        case editKeyboard(MessageID, InlineKeyboard?)
        case delete([MessageID])
        case chatAction(BotCall.ChatAction)
        case react(MessageID, BotCall.Reaction?)
        /// By Telegram's id of the query.
        case answerCallback(id: String, BotCall.CallbackAnswer = .init())
        /// Agrees to a payment, by Telegram's id of the query, or refuses it with these words.
        case answerCheckout(id: String, refusal: String? = nil)
    }

    /// Where something goes.
    public enum Destination: Hashable, Sendable {
        case conversation(ConversationID)
        /// A chat that the bot is in, by Telegram's id, and a topic of it: its conversation is made if nothing has come from there yet.
        ///
        /// Kind and title are guessed until an update tells them.
        case chat(Int64, threadID: Int64? = nil, of: BotID)
    }

    /// Whose conversation it is.
    public var business: BusinessID
    /// Where it goes.
    public var destination: Destination
    /// What is to be done.
    public var content: Content { didSet { pieces = nil } }
    /// The message of this conversation that is answered.
    public var replyTo: MessageID?
    /// What else goes with it; `replyTo` of these is Telegram's number, and gives way to the one above.
    public var options: SendOptions
    /// Who writes; nil for the bot itself.
    public var author: Message.Sender?
    /// What goes first within a bot.
    public var priority: PacingPlanner.Priority
    /// When that was which it answers; nil for now.
    ///
    /// What is of use for a short time only, as an answer to a callback is, counts its time from then.
    public var since: Timestamp?
    /// The caller's key: asking again with the same key and the same content sends nothing and gives the same answer.
    public var idempotencyKey: String?

    /// A long text, split before anything else: see `prepared`.
    private var pieces: [FormattedText]?

    /// A key is taken for the same one so long.
    public static let keyLifetime = Duration.seconds(7 * 24 * 60 * 60)
    /// Bytes of a key.
    static let keyLength = 1...200

    /// Makes a request for a conversation.
    public init(
        business: BusinessID,
        conversation: ConversationID,
        content: Content,
        replyTo: MessageID? = nil,
        options: SendOptions = SendOptions(),
        author: Message.Sender? = nil,
        priority: PacingPlanner.Priority = .answer,
        idempotencyKey: String? = nil,
        since: Timestamp? = nil
    ) {
        self.init(
            business: business,
            to: .conversation(conversation),
            content: content,
            replyTo: replyTo,
            options: options,
            author: author,
            priority: priority,
            idempotencyKey: idempotencyKey,
            since: since
        )
    }

    /// Makes a request.
    public init(
        business: BusinessID,
        to destination: Destination,
        content: Content,
        replyTo: MessageID? = nil,
        options: SendOptions = SendOptions(),
        author: Message.Sender? = nil,
        priority: PacingPlanner.Priority = .answer,
        idempotencyKey: String? = nil,
        since: Timestamp? = nil
    ) {
        self.business = business
        self.destination = destination
        self.content = content
        self.replyTo = replyTo
        self.options = options
        self.author = author
        self.priority = priority
        self.idempotencyKey = idempotencyKey
        self.since = since
    }

    /// The same, with what takes time done: a long text is split.
    ///
    /// To be called before a transaction is begun in which the request is queued; without it, the transaction does it.
    public func prepared() -> SendRequest {
        guard case .text(let text, _) = content, pieces == nil else { return self }
        var prepared = self
        prepared.pieces = text.split()
        return prepared
    }

    /// The message that is sent on; nil for anything but forwards and copies.
    public var sourceID: MessageID? {
        switch content {
        case .forward(let id), .copy(let id): id
        default: nil
        }
    }

    /// The messages that must be known to Telegram before the calls can be written.
    public var mentioned: [MessageID] {
        let ofContent: [MessageID] =
            switch content {
            case .editText(let id, _, _, _), .editCaption(let id, _, _), .editKeyboard(let id, _), .react(let id, _):
                [id]
            case .delete(let ids): ids
            default: []
            }
        return (replyTo.map { [$0] } ?? []) + ofContent
    }

    /// Checks what can be checked before the conversation is known.
    ///
    /// - Throws: `GatewayError.badIdempotencyKey`.
    public func checkKey() throws(GatewayError) {
        guard let key = idempotencyKey else { return }
        let isPlain = key.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        guard Self.keyLength.contains(key.utf8.count), isPlain else { throw .badIdempotencyKey }
    }

    /// The calls that it takes, checked against Telegram's limits.
    ///
    /// - Parameters:
    ///   - target: the conversation's chat, connection and topic.
    ///   - numbers: Telegram's numbers of the messages `mentioned`.
    ///   - original: the message `sourceID`.
    /// - Throws: `GatewayError.invalidCall`, or `.messageNotSent` for a message without a number.
    public func calls(
        to target: MessageTarget,
        numbers: [MessageID: Int64],
        original: Original? = nil
    ) throws(GatewayError) -> [OutgoingCall] {
        let calls = try botCalls(to: target, numbers, original)
        do throws(InvalidCall) {
            for call in calls { try call.validate() }
        } catch {
            throw .invalidCall(error)
        }
        return calls.map { OutgoingCall($0, sendingOn: original) }
    }

    /// What two requests have in common that ask for the same: a SHA-256 that tells nothing of where the chat and the messages are by now.
    public func fingerprint() throws(GatewayError) -> [UInt8] {
        // Any chat will do, and our own ids in the place of Telegram's numbers.
        var numbers: [MessageID: Int64] = [:]
        for id in mentioned { numbers[id] = id.rawValue }
        let original = sourceID.map {
            Original(id: $0, chatID: 1, number: $0.rawValue, kind: "", text: nil, extra: nil)
        }
        var text =
            switch destination {
            case .conversation(let id): "\(id)"
            case .chat(let chat, let thread, let bot): "\(bot) \(chat) \(thread ?? 0)"
            }
        for call in try botCalls(to: MessageTarget(.id(1)), numbers, original) {
            text += "\n\(call.method)\n\(call.parameters.text)"
        }
        return BodyDigest.of(Array(text.utf8))
    }

    private static func number(_ id: MessageID, _ numbers: [MessageID: Int64]) throws(GatewayError) -> Int64 {
        guard let number = numbers[id] else { throw .messageNotSent(id.description) }
        return number
    }

    private func botCalls(
        to target: MessageTarget,
        _ numbers: [MessageID: Int64],
        _ original: Original?
    ) throws(GatewayError) -> [BotCall] {
        var options = self.options
        if let replyTo { options.replyTo = try Self.number(replyTo, numbers) }
        switch content {
        case .text(let text, let preview): return texts(text, preview, target, options)
        case .forward(let id):
            guard let original else { throw .unknownMessage(id.description) }
            return [.forward(target, from: .id(original.chatID), messageID: original.number, options)]
        case .copy(let id):
            guard let original else { throw .unknownMessage(id.description) }
            return [.copy(target, from: .id(original.chatID), messageID: original.number, options)]
        case .media(let media): return [.sendMedia(target, media, options)]
        case .album(let items): return [.sendAlbum(target, items, options)]
        case .location(let latitude, let longitude, let accuracy):
            return [.sendLocation(target, latitude: latitude, longitude: longitude, accuracy: accuracy, options)]
        case .editText(let id, let text, let preview, let keyboard):
            return [.editText(try Self.sent(id, target, numbers), text, linkPreview: preview, keyboard)]
        case .editCaption(let id, let caption, let keyboard):
            return [.editCaption(try Self.sent(id, target, numbers), caption, keyboard)]
        case .editKeyboard(let id, let keyboard): return [.editKeyboard(try Self.sent(id, target, numbers), keyboard)]
        case .delete(let ids):
            var deleted: [Int64] = []
            for id in ids { deleted.append(try Self.number(id, numbers)) }
            return [.delete(target, messageIDs: deleted)]
        case .chatAction(let action): return [.chatAction(target, action)]
        case .react(let id, let reaction):
            return [.react(target.chat, messageID: try Self.number(id, numbers), reaction)]
        case .answerCallback(let id, let answer): return [.answerCallback(id: id, answer)]
        case .answerCheckout(let id, let refusal): return [.answerCheckout(id: id, refusal: refusal)]
        }
    }

    private static func sent(
        _ id: MessageID,
        _ target: MessageTarget,
        _ numbers: [MessageID: Int64]
    ) throws(GatewayError) -> SentMessage {
        .inChat(
            target.chat,
            messageID: try number(id, numbers),
            businessConnectionID: target.businessConnectionID
        )
    }

    /// The first piece answers and has the effect, the last has the buttons.
    private func texts(
        _ text: FormattedText,
        _ preview: BotCall.LinkPreview,
        _ target: MessageTarget,
        _ options: SendOptions
    ) -> [BotCall] {
        let pieces = self.pieces ?? text.split()
        guard pieces.count > 1 else {
            return [.sendText(target, pieces.first ?? text, linkPreview: preview, options)]
        }
        return pieces.enumerated().map { index, piece in
            var own = options
            if index > 0 { (own.replyTo, own.effectID) = (nil, nil) }
            if index < pieces.count - 1 { own.markup = nil }
            return .sendText(target, piece, linkPreview: preview, own)
        }
    }
}

extension SendRequest {
    /// A message that is sent on, as it is where it came from.
    public struct Original: Hashable, Sendable {
        /// The message.
        public var id: MessageID
        /// Telegram's id of its chat.
        public var chatID: Int64
        /// Telegram's number of it there.
        public var number: Int64
        /// See `Message.kind`.
        public var kind: String
        /// The text or caption.
        public var text: String?
        /// See `Message.extra`.
        public var extra: String?

        /// Makes one from its row.
        public init(id: MessageID, chatID: Int64, number: Int64, kind: String, text: String?, extra: String?) {
            self.id = id
            self.chatID = chatID
            self.number = number
            self.kind = kind
            self.text = text
            self.extra = extra
        }
    }
}

/// What became of a request: its rows are written, and sent as soon as pace and order allow.
public struct QueuedCalls: Hashable, Sendable {
    /// The calls, in order.
    public var calls: [OutboxID]
    /// The messages that they make, in order; none for edits and the like.
    public var messages: [MessageID]
    /// Whether it was asked for before, under the same key: then nothing was written now.
    public var isRepeat: Bool

    /// Makes an answer.
    public init(calls: [OutboxID], messages: [MessageID], isRepeat: Bool) {
        self.calls = calls
        self.messages = messages
        self.isRepeat = isRepeat
    }
}
