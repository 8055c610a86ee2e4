import Telegram

/// Reads the HTML that bots may send: tags become entities, and the text is left without them.
///
/// **Source:** tdlib `MessageEntity.cpp`, `parse_html`, with its texts of refusal. Offsets of entities are UTF-16 units, those in the
/// refusals bytes.
struct HTMLText {
    struct Mistake: Error {
        let text: String
    }

    private struct Open {
        let tag: String
        let argument: String
        let date: Int64
        let offset: Int
        let place: Int
    }

    private let source: [UInt8]
    private var index = 0
    private var out: [UInt8] = []
    private var units = 0
    private var open: [Open] = []
    private var entities: [JSON] = []

    init(_ text: String) {
        source = Array(text.utf8)
        out.reserveCapacity(source.count)
    }

    mutating func read() throws(Mistake) -> (String, [JSON]) {
        while index < source.count {
            let byte = source[index]
            if byte == UInt8(ascii: "<") {
                try readTag()
            } else if byte == UInt8(ascii: "&"), let scalar = character() {
                units += UTF16.width(scalar)
                out.append(contentsOf: Array(String(scalar).utf8))
            } else {
                // The first byte of a character counts it.
                if byte & 0xC0 != 0x80 { units += byte >= 0xF0 ? 2 : 1 }
                out.append(byte)
                index += 1
            }
        }
        if let last = open.last {
            throw Mistake(text: "Can't find end tag corresponding to start tag \"\(last.tag)\"")
        }
        // Only what is preformatted shows a language.
        for index in entities.indices where entities[index]["type"] == "code" { entities[index]["language"] = nil }
        let sorted = entities.sorted { left, right in
            let (from, to) = (left["offset"]?.int64 ?? 0, right["offset"]?.int64 ?? 0)
            return from == to ? (left["length"]?.int64 ?? 0) > (right["length"]?.int64 ?? 0) : from < to
        }
        return (String(decoding: out, as: UTF8.self), sorted)
    }

    private static let tags: Set<String> = [
        "a", "b", "strong", "i", "em", "s", "strike", "del", "u", "ins", "tg-spoiler", "tg-emoji", "tg-time", "span",
        "pre", "code", "blockquote",
    ]

    private static let kinds: [String: String] = [
        "i": "italic", "em": "italic", "b": "bold", "strong": "bold", "s": "strikethrough", "strike": "strikethrough",
        "del": "strikethrough", "u": "underline", "ins": "underline", "tg-spoiler": "spoiler", "span": "spoiler",
    ]

    private func byte(_ at: Int) -> UInt8 { at < source.count ? source[at] : 0 }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) || byte == 0 }

    private func lowered(_ range: Range<Int>) -> String { String(decoding: source[range], as: UTF8.self).lowercased() }

    private mutating func skipSpace() { while index < source.count, Self.isSpace(source[index]) { index += 1 } }

    private mutating func readTag() throws(Mistake) {
        let begin = index
        index += 1
        if byte(index) == UInt8(ascii: "/") { try readEnd(begin) } else { try readStart(begin) }
    }

    private mutating func readStart(_ begin: Int) throws(Mistake) {
        while index < source.count, !Self.isSpace(source[index]), source[index] != UInt8(ascii: ">") { index += 1 }
        guard index < source.count else { throw Mistake(text: "Unclosed start tag at byte offset \(begin)") }
        let tag = lowered(begin + 1..<index)
        guard Self.tags.contains(tag) else {
            throw Mistake(text: "Unsupported start tag \"\(tag)\" at byte offset \(begin)")
        }
        var argument = ""
        var date: Int64 = 0
        while byte(index) != UInt8(ascii: ">") {
            skipSpace()
            if byte(index) == UInt8(ascii: ">") { break }
            guard let (name, value) = try readAttribute(tag, begin) else {
                if tag == "blockquote" { argument = "1" }
                continue
            }
            switch (tag, name) {
            case ("a", "href"), ("tg-emoji", "emoji-id"), ("tg-time", "format"): argument = value
            case ("code", "class") where value.hasPrefix("language-"): argument = String(value.dropFirst(9))
            case ("span", "class") where value.hasPrefix("tg-"): argument = String(value.dropFirst(3))
            case ("blockquote", "expandable"): argument = "1"
            case ("tg-time", "unix"): date = Int64(value) ?? 0
            default: break
            }
        }
        index += 1
        if tag == "span", argument != "spoiler" {
            throw Mistake(text: "Tag \"span\" must have class \"tg-spoiler\" at byte offset \(begin)")
        }
        open.append(Open(tag: tag, argument: argument, date: date, offset: units, place: out.count))
    }

    /// One attribute; nil for one without a value.
    private mutating func readAttribute(
        _ tag: String,
        _ begin: Int
    ) throws(Mistake) -> (name: String, value: String)? {
        let start = index
        let ends = Array("=>/\"'".utf8)
        while index < source.count, !Self.isSpace(source[index]), !ends.contains(source[index]) { index += 1 }
        guard index > start else {
            throw Mistake(text: "Empty attribute name in the tag \"\(tag)\" at byte offset \(begin)")
        }
        let name = String(decoding: source[start..<index], as: UTF8.self)
        skipSpace()
        guard index < source.count else {
            throw Mistake(text: "Unclosed start tag \"\(tag)\" at byte offset \(begin)")
        }
        guard source[index] == UInt8(ascii: "=") else { return name == "expandable" ? nil : (name, "") }
        index += 1
        skipSpace()
        guard index < source.count else {
            throw Mistake(text: "Unclosed start tag \"\(tag)\" at byte offset \(begin)")
        }
        let value = try readValue()
        guard index < source.count else { throw Mistake(text: "Unclosed start tag at byte offset \(begin)") }
        return (name, value)
    }

    private mutating func readValue() throws(Mistake) -> String {
        let quote = source[index]
        let start = index
        guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
            while Self.isName(byte(index)) { index += 1 }
            guard Self.isSpace(byte(index)) || byte(index) == UInt8(ascii: ">") else {
                throw Mistake(text: "Unexpected end of name token at byte offset \(start)")
            }
            return lowered(start..<index)
        }
        index += 1
        var value: [UInt8] = []
        while index < source.count, source[index] != quote {
            if source[index] == UInt8(ascii: "&"), let scalar = character() {
                value.append(contentsOf: Array(String(scalar).utf8))
            } else {
                value.append(source[index])
                index += 1
            }
        }
        if index < source.count { index += 1 }
        return String(decoding: value, as: UTF8.self)
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private mutating func readEnd(_ begin: Int) throws(Mistake) {
        guard let last = open.popLast() else { throw Mistake(text: "Unexpected end tag at byte offset \(begin)") }
        while index < source.count, !Self.isSpace(source[index]), source[index] != UInt8(ascii: ">") { index += 1 }
        let name = lowered(begin + 2..<max(index, begin + 2))
        skipSpace()
        guard byte(index) == UInt8(ascii: ">") else {
            throw Mistake(text: "Unclosed end tag at byte offset \(begin)")
        }
        index += 1
        guard name.isEmpty || name == last.tag else {
            throw Mistake(
                text: "Unmatched end tag at byte offset \(begin), expected \"</\(last.tag)>\", found \"</\(name)>\""
            )
        }
        if units > last.offset { try close(last) }
    }

    private mutating func close(_ last: Open) throws(Mistake) {
        var entity: JSON = ["offset": .int(Int64(last.offset)), "length": .int(Int64(units - last.offset))]
        let isSamePlace =
            entities.last.map { $0["offset"] == entity["offset"] && $0["length"] == entity["length"] } ?? false
        switch last.tag {
        case "tg-emoji":
            guard let id = Int64(last.argument), id != 0 else {
                throw Mistake(text: "Invalid custom emoji identifier specified")
            }
            entity["type"] = "custom_emoji"
            entity["custom_emoji_id"] = .string(last.argument)
        case "tg-time":
            guard last.date > 0 else { return }
            entity["type"] = "date_time"
            entity["unix_time"] = .int(last.date)
            if !last.argument.isEmpty { entity["date_time_format"] = .string(last.argument) }
        case "a":
            let url = last.argument.isEmpty ? String(decoding: out[last.place...], as: UTF8.self) : last.argument
            guard let link = Self.link(url) else { return }
            entity["type"] = "text_link"
            entity["url"] = .string(link)
        case "pre" where isSamePlace && entities.last?["type"] == "code" && entities.last?["language"] != nil:
            entities[entities.count - 1]["type"] = "pre"
            return
        case "code" where isSamePlace && entities.last?["type"] == "pre" && !last.argument.isEmpty:
            entities[entities.count - 1]["language"] = .string(last.argument)
            return
        case "pre": entity["type"] = "pre"
        case "code":
            entity["type"] = "code"
            if !last.argument.isEmpty { entity["language"] = .string(last.argument) }
        case "blockquote": entity["type"] = last.argument.isEmpty ? "blockquote" : "expandable_blockquote"
        default: entity["type"] = .string(Self.kinds[last.tag] ?? last.tag)
        }
        entities.append(entity)
    }

    /// A link as Telegram keeps it; nil for a text that is none.
    ///
    /// **Source:** tdlib `LinkManager::get_checked_link`, simplified: without a scheme it is http, and a bare host ends with a slash.
    private static func link(_ url: String) -> String? {
        guard !url.isEmpty, !url.contains(where: \.isWhitespace) else { return nil }
        if url.hasPrefix("tg:") || url.hasPrefix("ton:") { return url }
        var link = url
        if let mark = url.firstRange(of: "://") {
            guard ["http", "https"].contains(url[..<mark.lowerBound].lowercased()) else { return nil }
        } else {
            guard url.contains(".") else { return nil }
            link = "http://" + url
        }
        let host = link.drop { $0 != ":" }.dropFirst(3)
        return host.contains { "/?#".contains($0) } ? link : link + "/"
    }

    /// The character that `&…;` names; nil if it names none, and then nothing is read.
    private mutating func character() -> Unicode.Scalar? {
        var end = index + 1
        var scalar: Unicode.Scalar?
        if byte(end) == UInt8(ascii: "#") {
            end += 1
            let isHex = byte(end) == UInt8(ascii: "x")
            if isHex { end += 1 }
            let start = end
            while end - start < 8, let digit = Character(Unicode.Scalar(byte(end))).hexDigitValue, isHex || digit < 10 {
                end += 1
            }
            let number = UInt32(String(decoding: source[start..<end], as: UTF8.self), radix: isHex ? 16 : 10)
            scalar = number.flatMap { $0 == 0 ? nil : Unicode.Scalar($0) }
        } else {
            let start = end
            while (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte(end)) { end += 1 }
            scalar = Self.named[String(decoding: source[start..<end], as: UTF8.self)]
        }
        guard let scalar else { return nil }
        index = byte(end) == UInt8(ascii: ";") ? end + 1 : end
        return scalar
    }

    private static let named: [String: Unicode.Scalar] = ["lt": "<", "gt": ">", "amp": "&", "quot": "\""]
}
