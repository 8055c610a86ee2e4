/// A span of a text that is shown in a special way.
///
/// Only what a sender may ask for: links, mentions and commands that Telegram finds in a text by itself need no entity.
/// **Source:** Bot API, type `MessageEntity`.
public struct MessageEntity: Hashable, Sendable {
    /// How the span is shown.
    public enum Kind: Hashable, Sendable {
        case bold
        case italic
        case underline
        case strikethrough
        case spoiler
        case blockquote
        case expandableBlockquote
        case code
        /// A block of code, with the name of its programming language.
        case pre(language: String?)
        /// Opens the URL.
        case textLink(url: String)
        /// Names a user that may have no username.
        case textMention(userID: Int64)
        /// Shows a custom emoji in place of the span.
        case customEmoji(id: String)
        /// Shows a moment, in Unix seconds, as the reader's settings say.
        case dateTime(unix: Int64, format: String?)
    }

    /// How the span is shown.
    public var kind: Kind
    /// Where it begins, in UTF-16 code units.
    public var offset: Int
    /// How long it is, in UTF-16 code units.
    public var length: Int

    /// Makes an entity; offset and length count UTF-16 code units.
    public init(_ kind: Kind, offset: Int, length: Int) {
        self.kind = kind
        self.offset = offset
        self.length = length
    }

    /// Reads an entity as Telegram sends it; nil for the kinds that Telegram finds by itself, and for unknown ones.
    public init?(_ shape: JSONView) {
        guard let type = shape["type"]?.string, let offset = shape["offset"]?.int64,
            let length = shape["length"]?.int64,
            let kind = Kind(type, shape)
        else { return nil }
        self.init(kind, offset: Int(clamping: offset), length: Int(clamping: length))
    }

    /// Behind its last code unit.
    public var end: Int { offset + length }

    /// Telegram's name of the kind.
    public var type: String {
        switch kind {
        case .bold: "bold"
        case .italic: "italic"
        case .underline: "underline"
        case .strikethrough: "strikethrough"
        case .spoiler: "spoiler"
        case .blockquote: "blockquote"
        case .expandableBlockquote: "expandable_blockquote"
        case .code: "code"
        case .pre: "pre"
        case .textLink: "text_link"
        case .textMention: "text_mention"
        case .customEmoji: "custom_emoji"
        case .dateTime: "date_time"
        }
    }

    /// The entity as the Bot API takes it.
    public var json: JSON {
        var members = [
            JSON.Member("type", .string(type)), .init("offset", .int(Int64(offset))),
            .init("length", .int(Int64(length))),
        ]
        switch kind {
        case .pre(let language?): members.append(.init("language", .string(language)))
        case .textLink(let url): members.append(.init("url", .string(url)))
        case .textMention(let user): members.append(.init("user", .object([.init("id", .int(user))])))
        case .customEmoji(let id): members.append(.init("custom_emoji_id", .string(id)))
        case .dateTime(let unix, let format):
            members.append(.init("unix_time", .int(unix)))
            if let format { members.append(.init("date_time_format", .string(format))) }
        default: break
        }
        return .object(members)
    }

    /// What of it lies between two offsets, counted from the first; nil if nothing does.
    func clipped(from low: Int, to high: Int) -> MessageEntity? {
        let start = max(offset, low)
        let stop = min(end, high)
        guard start < stop else { return nil }
        return MessageEntity(kind, offset: start - low, length: stop - start)
    }
}

extension MessageEntity.Kind {
    fileprivate init?(_ type: String, _ shape: JSONView) {
        switch type {
        case "bold": self = .bold
        case "italic": self = .italic
        case "underline": self = .underline
        case "strikethrough": self = .strikethrough
        case "spoiler": self = .spoiler
        case "blockquote": self = .blockquote
        case "expandable_blockquote": self = .expandableBlockquote
        case "code": self = .code
        case "pre": self = .pre(language: shape["language"]?.string)
        case "text_link":
            guard let url = shape["url"]?.string else { return nil }
            self = .textLink(url: url)
        case "text_mention":
            guard let user = shape["user"]?["id"]?.int64 else { return nil }
            self = .textMention(userID: user)
        case "custom_emoji":
            guard let id = shape["custom_emoji_id"]?.string else { return nil }
            self = .customEmoji(id: id)
        case "date_time":
            guard let unix = shape["unix_time"]?.int64 else { return nil }
            self = .dateTime(unix: unix, format: shape["date_time_format"]?.string)
        default: return nil
        }
    }
}
