import Telegram

/// A text of a message, with its entities.
struct FormattedText: Hashable, Sendable {
    var text: String
    var entities: [JSON]

    /// Reads a text of a call as its `parse_mode`, or else its list of entities, says.
    ///
    /// HTML becomes entities. Markdown is taken as it stands, with its marks.
    ///
    /// **Source:** telegram-bot-api `get_formatted_text`: with a `parse_mode` the list is ignored; without one commands are found.
    init(_ text: String, mode: String, entities list: String) throws(Reply) {
        guard text.utf8.count <= 32_768 else { throw .refusal(400, "Text is too long") }
        switch mode.lowercased() {
        case "", "none":
            self.init(text: text, entities: try Self.entities(list, in: text))
        case "html":
            do throws(HTMLText.Mistake) {
                var reader = HTMLText(text)
                let (plain, entities) = try reader.read()
                self.init(text: plain, entities: entities)
            } catch {
                throw .refusal(400, "Can't parse entities: \(error.text)")
            }
        case "markdown", "markdownv2": self.init(text: text, entities: [])
        default: throw .refusal(400, "Unsupported parse_mode")
        }
        trim()
        let commands = BotCommands.entities(in: self.text)
        let taken = Set(self.entities.compactMap { $0["offset"]?.int64 })
        self.entities += commands.filter { !taken.contains($0["offset"]?.int64 ?? -1) }
    }

    init(text: String, entities: [JSON]) {
        self.text = text
        self.entities = entities
    }

    /// What people write: their commands are marked.
    static func written(_ text: String) -> FormattedText {
        FormattedText(text: text, entities: BotCommands.entities(in: text))
    }

    /// Its length as Telegram counts: code points.
    var length: Int { text.unicodeScalars.count }

    /// The members of a message.
    func members(text name: String, entities listName: String) -> [JSON.Member] {
        guard !text.isEmpty else { return [] }
        return [.init(name, .string(text))] + (entities.isEmpty ? [] : [.init(listName, .array(entities))])
    }

    /// Drops white space at both ends, and moves the entities along.
    private mutating func trim() {
        let kept = text.trimmed
        guard kept.utf8.count < text.utf8.count else { return }
        let shift = text.unicodeScalars.prefix { $0.properties.isWhitespace }.reduce(0) { $0 + UTF16.width($1) }
        let length = Int64(kept.utf16.count)
        text = kept
        entities = entities.compactMap { entity in
            var entity = entity
            let start = (entity["offset"]?.int64 ?? 0) - Int64(shift)
            let end = min(start + (entity["length"]?.int64 ?? 0), length)
            guard end > max(start, 0) else { return nil }
            entity["offset"] = .int(max(start, 0))
            entity["length"] = .int(end - max(start, 0))
            return entity
        }
    }

    /// The kinds that a bot may give.
    ///
    /// **Source:** telegram-bot-api `get_text_entity_type`.
    private static let kinds: Set<String> = [
        "bold", "italic", "underline", "strikethrough", "spoiler", "blockquote", "expandable_blockquote", "code", "pre",
        "text_link", "text_mention", "custom_emoji", "date_time",
    ]

    /// **Source:** telegram-bot-api `get_formatted_text`: a list that is none is ignored; tdlib `MessageEntity.cpp`: an
    /// entity that begins or ends within a pair of surrogates, or after the end, is refused.
    ///
    /// Kinds that are found in the text itself are dropped.
    private static func entities(_ list: String, in text: String) throws(Reply) -> [JSON] {
        guard let elements = (try? JSONDocument(Array(list.utf8)))?.root.elements else { return [] }
        var entities: [JSON] = []
        let units = Array(text.utf16)
        for element in elements.prefix(100) {
            guard let type = element["type"]?.string, kinds.contains(type), let offset = element["offset"]?.int64,
                let length = element["length"]?.int64, offset >= 0, length > 0
            else { continue }
            guard offset <= units.count else {
                throw .refusal(400, "Entity begins after the end of the text at UTF-16 offset \(offset)")
            }
            guard offset + length <= units.count else {
                throw .refusal(400, "Entity beginning at UTF-16 offset \(offset) ends after the end of the text")
            }
            for edge in [offset, offset + length] where edge < units.count && UTF16.isTrailSurrogate(units[Int(edge)]) {
                throw .refusal(
                    400,
                    "Entity beginning at UTF-16 offset \(offset) ends in a middle of a UTF-16 symbol at byte offset \(edge)"
                )
            }
            entities.append(JSON(element))
        }
        return entities
    }
}
