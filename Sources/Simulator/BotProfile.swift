import Telegram

/// What people see of a bot beside its messages: its texts by language, and its lists of commands.
struct BotProfile: Sendable {
    /// A text of the profile: its longest form, and what Telegram's core says of a longer one.
    ///
    /// **Source:** Bot API, `setMyName`, `setMyDescription`, `setMyShortDescription`. The raw codes are inferred.
    struct Field: Hashable, Sendable {
        let name: String
        let maximumLength: Int
        let refusal: String

        static let name = Field(name: "name", maximumLength: 64, refusal: "BOT_TITLE_INVALID")
        static let description = Field(name: "description", maximumLength: 512, refusal: "BOT_DESCRIPTION_INVALID")
        static let shortDescription = Field(
            name: "short_description",
            maximumLength: 120,
            refusal: "BOT_ABOUT_INVALID"
        )
    }

    /// To whom a list of commands is shown: scope, and language.
    struct Audience: Hashable, Sendable {
        let type: String
        let chatID: Int64
        let userID: Int64
        let language: String
    }

    /// More than a hundred are refused.
    ///
    /// **Source:** Bot API, `setMyCommands`.
    static let maximumCommands = 100

    /// By language; the empty one is for all who have no own.
    private var texts: [Field: [String: String]] = [:]
    private var commands: [Audience: [JSON]] = [:]

    /// The text for a language; that for all languages where it has no own.
    func text(_ field: Field, _ language: String) -> String? { texts[field]?[language] ?? texts[field]?[""] }

    /// Sets a text; an empty one takes the language's own away.
    mutating func set(_ field: Field, _ language: String, to text: String) {
        texts[field, default: [:]][language] = text.isEmpty ? nil : text
    }

    /// The commands set for exactly that audience.
    subscript(_ audience: Audience) -> [JSON] {
        get { commands[audience] ?? [] }
        set { commands[audience] = newValue.isEmpty ? nil : newValue }
    }
}

/// Members of an object in a parameter, read as the server's JSON reader does: a number does for a text, `null` for nothing.
///
/// **Source:** tdlib `JsonBuilder.cpp`, `JsonObject`.
extension JSONView {
    func requiredText(_ name: String) throws(FieldMistake) -> String {
        guard let text = try optionalText(name) else { throw FieldMistake("Can't find field \"\(name)\"") }
        return text
    }

    func optionalText(_ name: String) throws(FieldMistake) -> String? {
        guard let value = self[named: name], !value.isNull else { return nil }
        if let text = value.string { return text }
        guard value.double != nil else { throw FieldMistake("Field \"\(name)\" must be of type String") }
        return value.rawText
    }

    func requiredNumber(_ name: String) throws(FieldMistake) -> Int64 {
        guard let value = self[named: name], !value.isNull else {
            throw FieldMistake("Can't find field \"\(name)\"")
        }
        guard let number = value.int64 ?? value.string.flatMap({ Int64($0) }) else {
            throw FieldMistake("Field \"\(name)\" must be a valid Number")
        }
        return number
    }
}

/// What is wrong with a member of an object in a parameter.
struct FieldMistake: Error {
    let text: String

    init(_ text: String) { self.text = text }
}
