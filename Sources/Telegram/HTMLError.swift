/// Why a text is not Telegram's HTML.
public struct HTMLError: Error, Hashable, Sendable {
    /// What is wrong; a tag's name is nil where it is not made of a few ASCII letters, since it may be part of a message.
    public enum Reason: Hashable, Sendable {
        case unsupportedTag(String?)
        case unclosedStartTag(String?)
        case emptyAttributeName(tag: String)
        case missingEqualSign(tag: String)
        case unexpectedEndOfNameToken
        case spanWithoutSpoiler
        case unexpectedEndTag
        case unclosedEndTag
        case unmatchedEndTag(expected: String, found: String?)
        case missingEndTag(String)
        case invalidCustomEmoji
        case invalidTime
        case invalidCharacter
        case tooDeep
    }

    /// What is wrong.
    public let reason: Reason
    /// Where, in bytes of UTF-8 from the beginning of the HTML.
    public let byteOffset: Int

    init(_ reason: Reason, at byteOffset: Int) {
        self.reason = reason
        self.byteOffset = byteOffset
    }

    /// How to mend it.
    public var mend: String {
        switch reason {
        case .unsupportedTag: "use one of Telegram's tags, or write &lt; for a < that is text"
        case .unclosedStartTag, .unclosedEndTag: "end the tag with >, or write &lt; for a < that is text"
        case .emptyAttributeName, .missingEqualSign, .unexpectedEndOfNameToken:
            "write attributes as name=\"value\""
        case .spanWithoutSpoiler: "use <tg-spoiler>"
        case .unexpectedEndTag: "take the end tag away, or write its start tag before it"
        case .unmatchedEndTag(let expected, _): "close </\(expected)> first"
        case .missingEndTag(let tag): "close it with </\(tag)>"
        case .invalidCustomEmoji: "give emoji-id the digits of the custom emoji's id"
        case .invalidTime: "give unix the seconds since 1970"
        case .invalidCharacter: "write the character itself, or its code point"
        case .tooDeep: "nest fewer tags"
        }
    }
}

extension HTMLError: CustomStringConvertible {
    /// One line: Telegram's own words where they are known, the place and the mend.
    public var description: String {
        let place = "at byte offset \(byteOffset)"
        let what =
            switch reason {
            case .unsupportedTag(let tag): "Unsupported start tag\(Self.quoted(tag)) \(place)"
            case .unclosedStartTag(let tag): "Unclosed start tag\(Self.quoted(tag)) \(place)"
            case .emptyAttributeName(let tag): "Empty attribute name in the tag \"\(tag)\" \(place)"
            case .missingEqualSign(let tag):
                "Expected equal sign in declaration of an attribute of the tag \"\(tag)\" \(place)"
            case .unexpectedEndOfNameToken: "Unexpected end of name token \(place)"
            case .spanWithoutSpoiler: "Tag \"span\" must have class \"tg-spoiler\" \(place)"
            case .unexpectedEndTag: "Unexpected end tag \(place)"
            case .unclosedEndTag: "Unclosed end tag \(place)"
            case .unmatchedEndTag(let expected, let found):
                "Unmatched end tag \(place), expected \"</\(expected)>\"" + (found.map { ", found \"</\($0)>\"" } ?? "")
            case .missingEndTag(let tag): "Can't find end tag corresponding to start tag \"\(tag)\" \(place)"
            case .invalidCustomEmoji: "Invalid custom emoji identifier specified \(place)"
            case .invalidTime: "Invalid time specified \(place)"
            case .invalidCharacter: "Text contains invalid Unicode characters after decoding HTML entities \(place)"
            case .tooDeep: "More than \(FormattedText.maximumDepth) tags are nested \(place)"
            }
        return "can't parse entities: \(what); \(mend)"
    }

    private static func quoted(_ tag: String?) -> String { tag.map { " \"\($0)\"" } ?? "" }
}
