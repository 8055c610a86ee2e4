extension BotCall {
    /// Checks the call against Telegram's limits.
    ///
    /// What only Telegram can know is left to it: whether a chat, a message or a file is there, and which reactions
    /// are open to bots at present.
    ///
    /// - Throws: `InvalidCall` for the first fault.
    public func validate() throws(InvalidCall) {
        switch self {
        case .sendText(let target, let text, let preview, let options):
            try target.validate()
            try Self.validate(text, preview)
            try options.validate()
        case .sendMedia(let target, let media, let options):
            try target.validate()
            try media.validate()
            try options.validate()
        case .sendAlbum(let target, let items, let options):
            try target.validate()
            try OutgoingMedia.validate(album: items)
            guard options.markup == nil else {
                throw InvalidCall("reply_markup", "not taken with an album", "send the buttons with a text")
            }
            try options.validate()
        case .sendLocation(let target, let latitude, let longitude, let accuracy, let options):
            try target.validate()
            try Self.validate(latitude, "latitude", within: -90...90)
            try Self.validate(longitude, "longitude", within: -180...180)
            try Self.validate(accuracy ?? 0, "horizontal_accuracy", within: MessageLimits.accuracy)
            try options.validate()
        case .forward(let target, let source, let id, let options):
            try Self.validate(sendingOn: id, from: source, to: target)
            guard options.markup == nil, options.replyTo == nil else {
                throw InvalidCall(
                    "reply_markup",
                    "not taken with a forward",
                    "copy the message, or send a text with it"
                )
            }
            try options.validate()
        case .copy(let target, let source, let id, let options):
            try Self.validate(sendingOn: id, from: source, to: target)
            try options.validate()
        case .editText(let message, let text, let preview, let keyboard):
            try message.validate()
            try Self.validate(text, preview)
            try keyboard?.validate(mayBeEmpty: true)
        case .editCaption(let message, let caption, let keyboard):
            try message.validate()
            try caption?.validate("caption", atMost: MessageLimits.caption, mayBeEmpty: true)
            try keyboard?.validate(mayBeEmpty: true)
        case .editKeyboard(let message, let keyboard):
            try message.validate()
            try keyboard?.validate(mayBeEmpty: true)
        case .delete(let target, let ids): try Self.validate(deletionOf: ids, target)
        case .chatAction(let target, _): try target.validate()
        case .react(let chat, let messageID, let reaction):
            try chat.validate()
            try SentMessage.validate(messageID, "message_id")
            try reaction?.validate()
        case .answerCallback(let id, let answer):
            guard !id.isEmpty else {
                throw InvalidCall("callback_query_id", "empty", "give the id of the callback query")
            }
            try answer.validate()
        case .answerCheckout(let id, let refusal):
            guard !id.isEmpty else {
                throw InvalidCall("pre_checkout_query_id", "empty", "give the id of the query")
            }
            guard refusal.map({ !$0.allSatisfy(\.isWhitespace) }) ?? true else {
                throw InvalidCall("error_message", "empty", "say why the payment cannot go on")
            }
        }
    }

    private static func validate(_ text: FormattedText, _ preview: LinkPreview) throws(InvalidCall) {
        try text.validate("text", atMost: MessageLimits.text, mayBeEmpty: false)
        guard case .of(let url) = preview, !WebAddress(url, schemes: ["http", "https"]).isUsable else { return }
        throw InvalidCall("link_preview_options.url", "no address", "begin it with https:// or http://")
    }

    private static func validate(
        _ value: Double,
        _ field: String,
        within range: ClosedRange<Double>
    ) throws(InvalidCall) {
        guard !range.contains(value) else { return }
        throw InvalidCall(
            field,
            "not from \(Int(range.lowerBound)) to \(Int(range.upperBound))",
            "give it in that range"
        )
    }

    /// **Source:** Bot API: `forwardMessage` and `copyMessage` have no `business_connection_id`.
    private static func validate(
        sendingOn id: Int64,
        from source: ChatName,
        to target: MessageTarget
    ) throws(InvalidCall) {
        try target.validate()
        try source.validate()
        try SentMessage.validate(id, "message_id")
        guard target.businessConnectionID == nil else {
            throw InvalidCall("business_connection_id", "not taken with a forward or a copy", "send the content itself")
        }
    }

    private static func validate(deletionOf ids: [Int64], _ target: MessageTarget) throws(InvalidCall) {
        try target.validate()
        guard MessageLimits.deletions.contains(ids.count) else {
            throw InvalidCall("message_ids", "\(ids.count) ids, 1 to 100 are taken", "delete in several calls")
        }
        for (index, id) in ids.enumerated() { try SentMessage.validate(id, "message_ids[\(index)]") }
    }
}

extension BotCall.Reaction {
    fileprivate func validate() throws(InvalidCall) {
        switch self {
        case .emoji(let emoji):
            guard emoji.count != 1 else { return }
            throw InvalidCall("reaction[0].emoji", "not one emoji", "give one emoji that Telegram offers as a reaction")
        case .customEmoji(let id):
            guard Int64(id) == nil else { return }
            throw InvalidCall("reaction[0].custom_emoji_id", "not a number", "give the custom emoji's id")
        }
    }
}

extension BotCall.CallbackAnswer {
    fileprivate func validate() throws(InvalidCall) {
        if let text, text.unicodeScalars.count > MessageLimits.callbackAnswer {
            let count = text.unicodeScalars.count
            throw InvalidCall("text", "\(count) characters, at most 200 are taken", "shorten it")
        }
        if let url, !WebAddress(url, schemes: ["http", "https", "tg"]).isUsable {
            throw InvalidCall("url", "no address", "begin it with https:// or tg://")
        }
        if let cacheSeconds, cacheSeconds < 0 || cacheSeconds > Int(Int32.max) {
            throw InvalidCall("cache_time", "no number of seconds", "give 0 or more")
        }
    }
}
