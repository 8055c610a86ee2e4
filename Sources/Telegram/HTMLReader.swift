/// Reads Telegram's HTML in one pass over the bytes.
///
/// It goes the way of tdlib's `parse_html`, so that what Telegram takes and refuses is taken and refused here, with these differences: the
/// depth is bounded, a half of a surrogate pair is refused at its place, and the address of a link is left to Telegram.
struct HTMLReader {
    private struct Open {
        let tag: String
        let argument: String
        let format: String?
        let offset: Int
        let textStart: Int
        let at: Int
    }

    private struct Draft {
        var entity: MessageEntity
        /// Of a `code` with a language, which is `pre` if the tag `pre` has the same span.
        var language: String?
        /// When its tag was closed: an outer one later.
        let closed: Int
    }

    private let html: [UInt8]
    private var position = 0
    private var text: [UInt8] = []
    private var utf16Offset = 0
    private var open: [Open] = []
    private var drafts: [Draft] = []

    init(_ html: String) {
        self.html = Array(html.utf8)
        text.reserveCapacity(self.html.count)
    }

    mutating func read() throws(HTMLError) -> FormattedText {
        while position < html.count {
            switch html[position] {
            case UInt8(ascii: "&"):
                let at = position
                if let scalar = try reference() {
                    append(scalar)
                } else {
                    position = at + 1
                    append("&")
                }
            case UInt8(ascii: "<"):
                if byte(position + 1) == UInt8(ascii: "/") { try endTag() } else { try startTag() }
            case let unit:
                // One unit for each character's first byte, two where four bytes are a surrogate pair.
                if unit & 0xC0 != 0x80 { utf16Offset += unit >= 0xF0 ? 2 : 1 }
                text.append(unit)
                position += 1
            }
        }
        if let last = open.last { throw HTMLError(.missingEndTag(last.tag), at: last.at) }
        drafts.sort { left, right in
            if left.entity.offset != right.entity.offset { return left.entity.offset < right.entity.offset }
            if left.entity.length != right.entity.length { return left.entity.length > right.entity.length }
            return left.closed > right.closed
        }
        return FormattedText(text: String(decoding: text, as: UTF8.self), sorted: drafts.map(\.entity))
    }

    /// The byte there, or zero beyond the end.
    private func byte(_ index: Int) -> UInt8 { index < html.count ? html[index] : 0 }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) || byte == 0 }

    private mutating func append(_ scalar: Unicode.Scalar) {
        utf16Offset += scalar.value > 0xFFFF ? 2 : 1
        text.append(contentsOf: UTF8.encode(scalar) ?? .init())
    }

    private mutating func skipSpaces() {
        while position < html.count, Self.isSpace(html[position]), html[position] != 0 { position += 1 }
    }

    /// The bytes from there to the position, in lower case.
    private func lowered(from start: Int) -> String {
        String(
            decoding: html[start..<position].map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 },
            as: UTF8.self
        )
    }

    /// The name if it looks like one, so that no part of a message gets into an error.
    private static func nameForError(_ tag: String) -> String? {
        tag.utf8.count <= 16 && tag.utf8.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x2D } ? tag : nil
    }

    /// The character that a reference stands for; nil, with the position anywhere, if it is none.
    private mutating func reference() throws(HTMLError) -> Unicode.Scalar? {
        let start = position
        var value: UInt32 = 0
        position += 1
        if byte(position) == UInt8(ascii: "#") {
            position += 1
            let radix: UInt32 = byte(position) == UInt8(ascii: "x") ? 16 : 10
            if radix == 16 { position += 1 }
            while position - start < 10, let digit = Self.digit(byte(position), radix) {
                value = value &* radix &+ digit
                position += 1
            }
            guard value > 0, value < 0x10FFFF, position - start < 10 else { return nil }
        } else {
            while position - start < 6, (0x41...0x5A).contains(byte(position) & 0xDF) { position += 1 }
            switch String(decoding: html[start + 1..<position], as: UTF8.self) {
            case "lt": value = 0x3C
            case "gt": value = 0x3E
            case "amp": value = 0x26
            case "quot": value = 0x22
            default: return nil
            }
        }
        if byte(position) == UInt8(ascii: ";") { position += 1 }
        guard let scalar = Unicode.Scalar(value) else { throw HTMLError(.invalidCharacter, at: start) }
        return scalar
    }

    private static func digit(_ byte: UInt8, _ radix: UInt32) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46 where radix == 16: UInt32(byte - 0x37)
        case 0x61...0x66 where radix == 16: UInt32(byte - 0x57)
        default: nil
        }
    }

    private static let tags: Set<String> = [
        "a", "b", "strong", "i", "em", "s", "strike", "del", "u", "ins", "tg-spoiler", "tg-emoji", "tg-time", "span",
        "pre", "code", "blockquote",
    ]

    private mutating func startTag() throws(HTMLError) {
        let begin = position
        position += 1
        while position < html.count, !Self.isSpace(html[position]), html[position] != UInt8(ascii: ">") {
            position += 1
        }
        guard byte(position) != 0 else { throw HTMLError(.unclosedStartTag(nil), at: begin) }
        let tag = lowered(from: begin + 1)
        guard Self.tags.contains(tag) else { throw HTMLError(.unsupportedTag(Self.nameForError(tag)), at: begin) }
        guard open.count < FormattedText.maximumDepth else { throw HTMLError(.tooDeep, at: begin) }
        var argument = ""
        var format: String?
        while true {
            skipSpaces()
            if byte(position) == UInt8(ascii: ">") { break }
            let (name, value) = try attribute(of: tag, begin)
            switch (tag, name) {
            case ("a", "href"), ("tg-emoji", "emoji-id"), ("tg-time", "unix"): argument = value
            case ("tg-time", "format"): format = value
            case ("code", "class") where value.hasPrefix("language-"): argument = String(value.dropFirst(9))
            case ("span", "class") where value.hasPrefix("tg-"): argument = String(value.dropFirst(3))
            case ("blockquote", "expandable"): argument = "1"
            default: break
            }
        }
        position += 1
        if tag == "span", argument != "spoiler" { throw HTMLError(.spanWithoutSpoiler, at: begin) }
        open.append(
            Open(tag: tag, argument: argument, format: format, offset: utf16Offset, textStart: text.count, at: begin)
        )
    }

    /// One attribute with its value, `>` reached or not.
    private mutating func attribute(of tag: String, _ begin: Int) throws(HTMLError) -> (name: String, value: String) {
        let nameStart = position
        while position < html.count, !Self.isSpace(html[position]), html[position] != UInt8(ascii: "="),
            html[position] != UInt8(ascii: ">")
        {
            position += 1
        }
        guard position < html.count else { throw HTMLError(.unclosedStartTag(tag), at: begin) }
        guard position > nameStart else { throw HTMLError(.emptyAttributeName(tag: tag), at: begin) }
        let name = lowered(from: nameStart)
        skipSpaces()
        guard byte(position) == UInt8(ascii: "=") else {
            guard byte(position) != 0 else { throw HTMLError(.unclosedStartTag(tag), at: begin) }
            guard tag == "blockquote", name == "expandable" else {
                throw HTMLError(.missingEqualSign(tag: tag), at: begin)
            }
            return (name, "1")
        }
        position += 1
        skipSpaces()
        guard byte(position) != 0 else { throw HTMLError(.unclosedStartTag(tag), at: begin) }
        let value = try attributeValue()
        guard byte(position) != 0 else { throw HTMLError(.unclosedStartTag(nil), at: begin) }
        return (name, value)
    }

    private mutating func attributeValue() throws(HTMLError) -> String {
        let start = position
        let quote = byte(position)
        guard quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
            while true {
                let unit = byte(position)
                guard
                    (0x30...0x39).contains(unit) || (0x41...0x5A).contains(unit & 0xDF) || unit == 0x2E || unit == 0x2D
                else { break }
                position += 1
            }
            let value = lowered(from: start)
            guard Self.isSpace(byte(position)) || byte(position) == UInt8(ascii: ">") else {
                throw HTMLError(.unexpectedEndOfNameToken, at: start)
            }
            return value
        }
        position += 1
        var value: [UInt8] = []
        while position < html.count, html[position] != quote, html[position] != 0 {
            let at = position
            if html[at] == UInt8(ascii: "&") {
                if let scalar = try reference() {
                    value.append(contentsOf: UTF8.encode(scalar) ?? .init())
                    continue
                }
                position = at
            }
            value.append(html[at])
            position += 1
        }
        if byte(position) == quote { position += 1 }
        return String(decoding: value, as: UTF8.self)
    }

    private mutating func endTag() throws(HTMLError) {
        let begin = position
        guard let opened = open.last else { throw HTMLError(.unexpectedEndTag, at: begin) }
        position += 2
        while position < html.count, !Self.isSpace(html[position]), html[position] != UInt8(ascii: ">") {
            position += 1
        }
        let tag = lowered(from: min(begin + 2, position))
        skipSpaces()
        guard byte(position) == UInt8(ascii: ">") else { throw HTMLError(.unclosedEndTag, at: begin) }
        position += 1
        guard tag.isEmpty || tag == opened.tag else {
            throw HTMLError(.unmatchedEndTag(expected: opened.tag, found: Self.nameForError(tag)), at: begin)
        }
        open.removeLast()
        let length = utf16Offset - opened.offset
        if length > 0 { try close(opened, length) }
    }

    private mutating func close(_ opened: Open, _ length: Int) throws(HTMLError) {
        switch opened.tag {
        case "b", "strong": add(.bold, opened, length)
        case "i", "em": add(.italic, opened, length)
        case "u", "ins": add(.underline, opened, length)
        case "s", "strike", "del": add(.strikethrough, opened, length)
        case "tg-spoiler", "span": add(.spoiler, opened, length)
        case "blockquote": add(opened.argument.isEmpty ? .blockquote : .expandableBlockquote, opened, length)
        case "tg-emoji":
            guard let id = Int64(opened.argument), id != 0 else {
                throw HTMLError(.invalidCustomEmoji, at: opened.at)
            }
            add(.customEmoji(id: String(id)), opened, length)
        case "tg-time":
            guard let unix = Int64(opened.argument), unix > 0, unix <= Int64(Int32.max) else {
                throw HTMLError(.invalidTime, at: opened.at)
            }
            add(.dateTime(unix: unix, format: opened.format), opened, length)
        case "a":
            let url =
                opened.argument.isEmpty
                ? String(decoding: text[opened.textStart...], as: UTF8.self) : opened.argument
            add(Self.userID(ofLink: url).map { .textMention(userID: $0) } ?? .textLink(url: url), opened, length)
        case "pre":
            // `<pre><code class="language-…">` is one block with a language, whichever of the two is outside.
            if let last = drafts.last, last.entity.kind == .code, let language = last.language,
                last.entity.offset == opened.offset, last.entity.length == length
            {
                drafts[drafts.count - 1].entity.kind = .pre(language: language)
            } else {
                add(.pre(language: nil), opened, length)
            }
        default:
            let language = opened.argument.isEmpty ? nil : opened.argument
            if let last = drafts.last, last.entity.kind == .pre(language: nil), let language,
                last.entity.offset == opened.offset, last.entity.length == length
            {
                drafts[drafts.count - 1].entity.kind = .pre(language: language)
            } else {
                add(.code, opened, length, language: language)
            }
        }
    }

    private mutating func add(_ kind: MessageEntity.Kind, _ opened: Open, _ length: Int, language: String? = nil) {
        drafts.append(
            Draft(
                entity: MessageEntity(kind, offset: opened.offset, length: length),
                language: language,
                closed: drafts.count
            )
        )
    }

    /// The user of a link `tg://user?id=…`.
    private static func userID(ofLink url: String) -> Int64? {
        let lowered = url.lowercased()
        guard lowered.hasPrefix("tg:") else { return nil }
        var rest = lowered.dropFirst(3)
        if rest.hasPrefix("//") { rest = rest.dropFirst(2) }
        guard rest.hasPrefix("user?id=") else { return nil }
        let digits = rest.dropFirst(8).prefix { $0 != "&" && $0 != "#" }
        guard let id = Int64(digits), id > 0, id < 1 << 52 else { return nil }
        return id
    }
}
