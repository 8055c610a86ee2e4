/// What customers see of a bot, for one language or for all whose language has nothing of its own.
///
/// **Source:** Bot API, `setMyName`, `setMyDescription`, `setMyShortDescription`, `setMyCommands`.
public struct BotProfile: Hashable, Sendable {
    /// The name: 1 to 64 characters; empty for a language without a name of its own.
    public var name: String
    /// What an empty chat with the bot shows: up to 512 characters.
    public var description: String
    /// The text of the profile page, which goes along when the bot is shared: up to 120 characters.
    public var about: String
    /// The menu: up to 100 commands.
    public var commands: [BotMenuCommand]

    /// Makes a profile.
    public init(name: String, description: String, about: String, commands: [BotMenuCommand]) {
        self.name = name
        self.description = description
        self.about = about
        self.commands = commands
    }
}

/// A command in the menu of a bot.
///
/// **Source:** Bot API, type `BotCommand`.
public struct BotMenuCommand: Hashable, Sendable {
    /// The command without its slash: 1 to 32 of a-z, 0-9 and underscore.
    public var command: String
    /// What it does: 1 to 256 characters.
    public var description: String

    /// Makes a command; nothing is checked.
    public init(command: String, description: String) {
        self.command = command
        self.description = description
    }
}

extension BotAPI {
    /// Asks what customers of a language see, in four calls.
    ///
    /// - Parameter language: two letters of ISO 639-1; empty for all languages without a profile of their own.
    public func getProfile(language: String, token: BotToken) async throws(BotAPIError) -> BotProfile {
        let parameters = Self.inLanguage(language)
        let name = try await call("getMyName", token: token, parameters: parameters).result["name"]?.string
        let description = try await call("getMyDescription", token: token, parameters: parameters).result
        let about = try await call("getMyShortDescription", token: token, parameters: parameters).result
        let commands = try await call("getMyCommands", token: token, parameters: parameters).result.elements
        guard let name, let description = description["description"]?.string,
            let about = about["short_description"]?.string, let commands
        else { throw .unreadable(status: 200) }
        return BotProfile(
            name: name,
            description: description,
            about: about,
            commands: commands.map {
                BotMenuCommand(command: $0["command"]?.string ?? "", description: $0["description"]?.string ?? "")
            }
        )
    }

    /// Sets the name; an empty one takes the name of that language away.
    ///
    /// Telegram allows few changes of a name a day.
    public func setName(_ name: String, language: String, token: BotToken) async throws(BotAPIError) {
        try await set("setMyName", "name", .string(name), language, token)
    }

    /// Sets what an empty chat shows; an empty text takes that of the language away.
    public func setDescription(_ text: String, language: String, token: BotToken) async throws(BotAPIError) {
        try await set("setMyDescription", "description", .string(text), language, token)
    }

    /// Sets the text of the profile page; an empty one takes that of the language away.
    public func setAbout(_ text: String, language: String, token: BotToken) async throws(BotAPIError) {
        try await set("setMyShortDescription", "short_description", .string(text), language, token)
    }

    /// Sets the menu; an empty list takes that of the language away.
    public func setCommands(
        _ commands: [BotMenuCommand],
        language: String,
        token: BotToken
    ) async throws(BotAPIError) {
        guard !commands.isEmpty else {
            _ = try await call("deleteMyCommands", token: token, parameters: Self.inLanguage(language))
            return
        }
        let list = commands.map { command -> JSON in
            ["command": .string(command.command), "description": .string(command.description)]
        }
        try await set("setMyCommands", "commands", .array(list), language, token)
    }

    private func set(
        _ method: String,
        _ name: String,
        _ value: JSON,
        _ language: String,
        _ token: BotToken
    ) async throws(BotAPIError) {
        var parameters = Self.inLanguage(language)
        parameters[name] = value
        _ = try await call(method, token: token, parameters: parameters)
    }

    private static func inLanguage(_ language: String) -> JSON {
        language.isEmpty ? [:] : ["language_code": .string(language)]
    }
}
