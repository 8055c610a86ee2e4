/// A text and how parts of it are shown.
public struct FormattedText: Hashable, Sendable {
    /// The text, without any markup.
    public let text: String
    /// The entities by their beginnings, an outer one before the inner ones that begin with it.
    public let entities: [MessageEntity]

    /// Makes a text with entities in any order; `validate` of a call tells when they do not fit the text.
    public init(_ text: String, entities: [MessageEntity] = []) {
        self.text = text
        self.entities = entities.sorted { left, right in
            left.offset == right.offset ? left.length > right.length : left.offset < right.offset
        }
    }

    /// Makes a text whose entities are in order already.
    init(text: String, sorted entities: [MessageEntity]) {
        self.text = text
        self.entities = entities
    }

    /// Reads Telegram's HTML.
    ///
    /// Tags, in any case: `b strong i em u ins s strike del code pre a[href] tg-spoiler span[class="tg-spoiler"]
    /// tg-emoji[emoji-id] tg-time[unix][format] blockquote[expandable]`, nested at most `maximumDepth` deep, and `code` with a class
    /// `language-…` in `pre`. References: `&lt; &gt; &amp; &quot;` and numeric ones; any other `&` stands for itself, as
    /// with Telegram. Time and memory are linear in the length.
    ///
    /// - Throws: `HTMLError`, with the place and the mend.
    ///
    /// **Source:** Bot API, "HTML style"; tdlib `MessageEntity.cpp`, `parse_html`, whose texts of errors are kept.
    public init(html: String) throws(HTMLError) {
        var reader = HTMLReader(html)
        self = try reader.read()
    }

    /// Tags may be nested this deep.
    public static let maximumDepth = 64

    /// How long the text is for Telegram: Unicode code points.
    ///
    /// **Source:** tdlib `MessageContent.cpp` compares `utf8_length` with the limit.
    public var length: Int { text.unicodeScalars.count }

    /// `entities` as the Bot API takes them.
    public var entitiesJSON: JSON { .array(entities.map(\.json)) }

    /// The text as HTML shows it as it is: `<`, `>`, `&` and `"` are written as references.
    public static func escapedForHTML(_ text: String) -> String {
        var out = ""
        out.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "&": out += "&amp;"
            case "\"": out += "&quot;"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// Whether Telegram drops it at both ends of a text: a space, a line's end or a control character.
    static func isTrimmed(_ scalar: Unicode.Scalar) -> Bool { scalar.value <= 0x20 }

    /// Without the blanks that Telegram drops: all at the end, and those at the beginning that stand before any entity.
    ///
    /// **Source:** tdlib `MessageEntity.cpp`, `fix_formatted_text`.
    public func trimmed() -> FormattedText {
        let scalars = text.unicodeScalars
        var end = scalars.endIndex
        while end > scalars.startIndex {
            let before = scalars.index(before: end)
            guard Self.isTrimmed(scalars[before]) else { break }
            end = before
        }
        // Everything dropped is one code unit long.
        let most = max(0, entities.first?.offset ?? .max)
        var start = scalars.startIndex
        var dropped = 0
        while start < end, dropped < most, Self.isTrimmed(scalars[start]) {
            start = scalars.index(after: start)
            dropped += 1
        }
        guard start > scalars.startIndex || end < scalars.endIndex else { return self }
        let kept = String(scalars[start..<end])
        let high = dropped + kept.utf16.count
        return FormattedText(text: kept, sorted: entities.compactMap { $0.clipped(from: dropped, to: high) })
    }
}
