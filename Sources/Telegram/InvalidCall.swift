/// Why Telegram would refuse a call, told before it is made.
///
/// Holds no part of a message's text.
public struct InvalidCall: Error, Hashable, Sendable, CustomStringConvertible {
    /// The parameter of the Bot API, with the path into it, such as `reply_markup.inline_keyboard[0][2].callback_data`.
    public let field: String
    /// What is wrong with it.
    public let problem: String
    /// How to mend it.
    public let mend: String

    init(_ field: String, _ problem: String, _ mend: String) {
        self.field = field
        self.problem = problem
        self.mend = mend
    }

    /// One line: the field, the problem and the mend.
    public var description: String { "\(field): \(problem); \(mend)" }
}

extension FormattedText {
    /// Checks a text or caption against Telegram's rules.
    func validate(_ field: String, atMost limit: Int, mayBeEmpty: Bool) throws(InvalidCall) {
        guard mayBeEmpty || !trimmed().text.isEmpty else {
            throw InvalidCall(field, "the text is empty", "write at least one visible character")
        }
        let length = trimmed().length
        guard length <= limit else {
            throw InvalidCall(field, "\(length) characters, at most \(limit) are taken", "shorten or split it")
        }
        let ends = MessageEntity.boundaries(of: text)
        for (index, entity) in entities.enumerated() {
            let place = "\(field == "text" ? "entities" : "caption_entities")[\(index)]"
            guard entity.offset >= 0, entity.length > 0, entity.end < ends.count else {
                throw InvalidCall(
                    place,
                    "outside of the text",
                    "count offset and length in UTF-16 code units of the text"
                )
            }
            guard ends[entity.offset], ends[entity.end] else {
                throw InvalidCall(
                    place,
                    "begins or ends within a character",
                    "count offset and length in UTF-16 code units"
                )
            }
            try entity.validate(place)
        }
    }
}

extension MessageEntity {
    /// For each UTF-16 offset of a text, its end included: whether a code point begins there.
    fileprivate static func boundaries(of text: String) -> [Bool] {
        var ends: [Bool] = []
        for scalar in text.unicodeScalars {
            ends.append(true)
            if scalar.value > 0xFFFF { ends.append(false) }
        }
        return ends + [true]
    }

    fileprivate func validate(_ place: String) throws(InvalidCall) {
        switch kind {
        case .textLink(let url) where url.isEmpty:
            throw InvalidCall("\(place).url", "empty", "give the address of the link")
        case .textMention(let user) where !(1..<MessageLimits.chatID).contains(user):
            throw InvalidCall("\(place).user", "no user id", "give the user's positive id")
        case .customEmoji(let id) where Int64(id) == nil:
            throw InvalidCall("\(place).custom_emoji_id", "not a number", "give the custom emoji's id")
        default: break
        }
    }
}
