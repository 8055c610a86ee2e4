/// Reads Mustache.
struct TemplateReader {
    /// Why a text is no template, with the tag at fault.
    struct Problem: Error, Hashable {
        let tag: String
        let text: String
    }

    private enum Token {
        case text(String)
        case tag(kind: Character?, name: String, source: String)
    }

    /// Sections may be nested this deep, and a template have so many tags.
    private static let deepest = 8
    private static let mostTags = 300

    private var tokens: ArraySlice<Token>
    private let isHTML: Bool

    /// The template of a source.
    static func template(_ source: String, isHTML: Bool = false) throws(Problem) -> Template {
        guard source.unicodeScalars.count <= Template.longestSource else {
            throw Problem(tag: "", text: "the template has more than \(Template.longestSource) characters")
        }
        let tokens = withoutStandaloneLines(try tokens(source))
        var reader = TemplateReader(tokens: tokens[...], isHTML: isHTML)
        let parts = try reader.parts(within: nil, depth: 0, inList: false)
        return Template(parts: parts, isHTML: isHTML)
    }

    private static func tokens(_ source: String) throws(Problem) -> [Token] {
        var tokens: [Token] = []
        let bytes = Array(source.utf8)
        let (open, close) = (UInt8(ascii: "{"), UInt8(ascii: "}"))
        var start = 0
        var index = 0
        var tags = 0
        while index + 1 < bytes.count {
            guard bytes[index] == open, bytes[index + 1] == open else {
                index += 1
                continue
            }
            if index > start { tokens.append(.text(string(bytes[start..<index]))) }
            var end = index + 2
            while end + 1 < bytes.count, bytes[end] != close || bytes[end + 1] != close { end += 1 }
            guard end + 1 < bytes.count else {
                throw Problem(
                    tag: string(bytes[index..<min(bytes.count, index + 20)]),
                    text: "a tag begins with {{ here and never ends: close it with }}"
                )
            }
            let tag = string(bytes[index..<(end + 2)])
            tokens.append(try token(string(bytes[(index + 2)..<end]), tag))
            tags += 1
            guard tags <= mostTags else { throw Problem(tag: tag, text: "more than \(mostTags) tags in one template") }
            start = end + 2
            index = start
        }
        if start < bytes.count { tokens.append(.text(string(bytes[start...]))) }
        return tokens
    }

    private static func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func token(_ inner: String, _ source: String) throws(Problem) -> Token {
        let content = inner.trimmed
        guard let sign = content.first else { throw Problem(tag: source, text: "an empty tag: name a value") }
        switch sign {
        case "{", "&":
            throw Problem(tag: source, text: "\(shown(source)) is a raw form, which is not taken: write {{name}}")
        case ">", "<", "$": throw Problem(tag: source, text: "\(shown(source)): partials and blocks are not taken")
        case "=": throw Problem(tag: source, text: "\(shown(source)): other delimiters are not taken")
        case "%": throw Problem(tag: source, text: "\(shown(source)): pragmas are not taken")
        case "!", "#", "^", "/":
            return .tag(kind: sign, name: String(content.dropFirst()).trimmed, source: source)
        default: return .tag(kind: nil, name: content, source: source)
        }
    }

    /// Takes away the lines on which nothing but one tag stands that shows nothing by itself.
    private static func withoutStandaloneLines(_ tokens: [Token]) -> [Token] {
        var tokens = tokens
        let original = tokens
        for (index, token) in original.enumerated() {
            guard case .tag(let kind?, _, _) = token, kind != "&" else { continue }
            let before = index == 0 ? "" : text(original[index - 1])
            let after = index + 1 == original.count ? "" : text(original[index + 1])
            guard let before, let after else { continue }
            let lead = before.split(separator: "\n", omittingEmptySubsequences: false).last ?? ""
            let isAtLineStart = index == 0 || before.contains("\n") || index == 1 && lead.count == before.count
            guard isAtLineStart, lead.allSatisfy({ $0 == " " || $0 == "\t" }) else { continue }
            let rest = after.drop { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard rest.first == "\n" || (rest.isEmpty && index + 2 >= original.count) else { continue }
            if index > 0, case .text(let now) = tokens[index - 1] {
                tokens[index - 1] = .text(String(now.dropLast(lead.count)))
            }
            if index + 1 < tokens.count { tokens[index + 1] = .text(String(rest.dropFirst())) }
        }
        return tokens
    }

    private static func text(_ token: Token) -> String? {
        if case .text(let text) = token { text } else { nil }
    }

    private mutating func parts(within section: String?, depth: Int, inList: Bool) throws(Problem) -> [Template.Part] {
        var parts: [Template.Part] = []
        while let token = tokens.popFirst() {
            switch token {
            case .text(let text): if !text.isEmpty { parts.append(.text(text)) }
            case .tag(kind: "!", _, _): continue
            case .tag(kind: "/", let name, let source):
                guard name == section else {
                    let expected = section.map { "expected {{/\($0)}}" } ?? "no section is open"
                    throw Problem(tag: source, text: "\(shown(source)) ends no section here: \(expected)")
                }
                return parts
            case .tag(let kind, let text, let source):
                let name = try Self.name(text, source, inList)
                guard kind == "#" || kind == "^" else {
                    parts.append(.value(name))
                    continue
                }
                guard depth < Self.deepest else {
                    throw Problem(tag: source, text: "sections are nested more than \(Self.deepest) deep")
                }
                let isEach = name.isList && kind == "#"
                guard !(isEach && inList) else {
                    throw Problem(tag: source, text: "\(shown(source)): a list within a list is not taken")
                }
                let inner = try self.parts(within: text, depth: depth + 1, inList: inList || isEach)
                parts.append(.section(name, isInverted: kind == "^", inner))
            }
        }
        guard let section else { return parts }
        throw Problem(
            tag: "\(section)",
            text: "the section \(shown(section)) never ends: close it with {{/\(section)}}"
        )
    }

    private static func name(_ text: String, _ source: String, _ inList: Bool) throws(Problem) -> TemplateName {
        if text == ".", !inList {
            throw Problem(tag: source, text: "{{.}} is the element of a list: it stands within {{#labels}} only")
        }
        if let name = TemplateName(text) { return name }
        if text.hasPrefix("attributes.") || text.hasPrefix("customer.attributes.") {
            throw Problem(
                tag: source,
                text: "\(shown(source)) names no attribute: 1 to 40 of a-z, 0-9 and _, a letter first"
            )
        }
        let near = NearestName.of(text, among: TemplateName.known).map { "did you mean {{\($0)}}? " } ?? ""
        throw Problem(
            tag: source,
            text: "\(shown(source)) is not known: \(near)known: \(TemplateName.known.joined(separator: ", "))"
        )
    }
}

extension String {
    /// Without blanks at the ends.
    fileprivate var trimmed: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
