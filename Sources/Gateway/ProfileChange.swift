import Telegram

/// What shall change of a bot's profile; nil leaves as it is.
///
/// **Source:** Bot API, `setMyName`, `setMyDescription`, `setMyShortDescription`, `BotCommand` for the limits; characters are counted as Unicode scalars.
public struct ProfileChange: Hashable, Sendable {
    /// The name.
    public let name: String?
    /// What an empty chat shows.
    public let description: String?
    /// The text of the profile page.
    public let about: String?
    /// The menu.
    public let commands: [BotMenuCommand]?
    /// Two letters, or empty for all languages without a profile of their own.
    public let language: String

    /// Checks a change before anything is asked of Telegram.
    ///
    /// An empty name, text or list takes that of the language away; the name for all languages cannot be taken away.
    ///
    /// - Throws: `GatewayError.badProfile` with what to mend.
    public init(
        name: String? = nil,
        description: String? = nil,
        about: String? = nil,
        commands: [BotMenuCommand]? = nil,
        language: String = ""
    ) throws(GatewayError) {
        guard language.isEmpty || language.wholeMatch(of: /[a-z]{2}/) != nil else {
            throw .badProfile("the language \(language.quoted) is not two letters of ISO 639-1, such as de")
        }
        if let name, name.isEmpty, language.isEmpty {
            throw .badProfile(
                "the name for all languages cannot be empty; --language xx takes away that of one language"
            )
        }
        for (what, text, most) in [("name", name, 64), ("description", description, 512), ("about", about, 120)] {
            guard let count = text?.unicodeScalars.count, count > most else { continue }
            throw .badProfile("--\(what) has \(count) characters; Telegram takes up to \(most)")
        }
        if let commands { try Self.check(commands) }
        self.name = name
        self.description = description
        self.about = about
        self.commands = commands
        self.language = language
    }

    private static func check(_ commands: [BotMenuCommand]) throws(GatewayError) {
        guard commands.count <= 100 else {
            throw .badProfile("there are \(commands.count) commands; Telegram takes up to 100")
        }
        var seen: Set<String> = []
        for command in commands {
            guard command.command.wholeMatch(of: /[a-z0-9_]{1,32}/) != nil else {
                throw .badProfile("the command \(command.command.quoted) is not 1 to 32 of a-z, 0-9 and _")
            }
            guard (1...256).contains(command.description.unicodeScalars.count) else {
                throw .badProfile("the description of /\(command.command) is not 1 to 256 characters long")
            }
            guard seen.insert(command.command).inserted else {
                throw .badProfile("the command /\(command.command) stands there twice")
            }
        }
    }

    /// Whether nothing is to change.
    public var isEmpty: Bool { name == nil && description == nil && about == nil && commands == nil }

    /// Reads a menu as it is given to @BotFather: a line `command - description` for each, perhaps with a slash in front.
    ///
    /// Empty lines, and lines that begin with `#`, are passed over.
    ///
    /// - Throws: `GatewayError.badProfile` that names the line.
    public static func commands(_ text: String) throws(GatewayError) -> [BotMenuCommand] {
        var commands: [BotMenuCommand] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let trimmed = trimmed(line)
            if trimmed.isEmpty || trimmed.hasPrefix("#") { continue }
            guard let separator = trimmed.firstRange(of: " - ") else {
                throw .badProfile("line \(index + 1) of the commands is not of the form: command - what it does")
            }
            let name = Self.trimmed(trimmed[..<separator.lowerBound])
            commands.append(
                BotMenuCommand(
                    command: name.hasPrefix("/") ? String(name.dropFirst()) : name,
                    description: Self.trimmed(trimmed[separator.upperBound...])
                )
            )
        }
        return commands
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}

/// One thing of a profile that differs.
public struct ProfileDifference: Hashable, Sendable {
    /// `name`, `description`, `about` or `commands`.
    public var field: String
    /// What customers saw.
    public var before: String
    /// What they see now.
    public var after: String
}

/// Shows and changes what customers see of a bot.
public struct BotProfiles: Sendable {
    private let store: any BotLifeStore
    private let telegram: BotAPI
    private let sealer: Sealer
    private let now: @Sendable () -> Timestamp

    /// Makes the care for profiles.
    public init(
        store: any BotLifeStore,
        telegram: BotAPI,
        sealer: Sealer,
        now: @escaping @Sendable () -> Timestamp = Timestamp.now
    ) {
        self.store = store
        self.telegram = telegram
        self.sealer = sealer
        self.now = now
    }

    /// Sets what differs, and nothing else; with an empty change only looks.
    ///
    /// - Returns: the profile as it is then, and what has changed.
    /// - Throws: `GatewayError.telegram(_, kept: nil)`: what was set before the refusal stays set.
    public func apply(
        _ change: ProfileChange,
        to bot: BotID
    ) async throws -> (profile: BotProfile, changed: [ProfileDifference]) {
        let sealed = try await store.standing(of: bot).credentials.token
        let token = try sealer.openToken(sealed, of: bot)
        do throws(BotAPIError) {
            return try await apply(change, token)
        } catch {
            // A token that is not known any more concerns more than this command.
            if error.tokenIsUnknown {
                let detail = BotWebhooks.detail(of: error)
                let check = BotCheck(health: .tokenRevoked, detail: detail, tokenVersion: sealed.version)
                _ = try await store.record(check, of: bot, at: now())
            }
            throw GatewayError.telegram(error, kept: nil)
        }
    }

    private func apply(
        _ change: ProfileChange,
        _ token: BotToken
    ) async throws(BotAPIError) -> (profile: BotProfile, changed: [ProfileDifference]) {
        var profile = try await telegram.getProfile(language: change.language, token: token)
        var changed: [ProfileDifference] = []
        if let name = change.name, name != profile.name {
            try await telegram.setName(name, language: change.language, token: token)
            changed.append(ProfileDifference(field: "name", before: profile.name, after: name))
            profile.name = name
        }
        if let description = change.description, description != profile.description {
            try await telegram.setDescription(description, language: change.language, token: token)
            changed.append(
                ProfileDifference(field: "description", before: profile.description, after: description)
            )
            profile.description = description
        }
        if let about = change.about, about != profile.about {
            try await telegram.setAbout(about, language: change.language, token: token)
            changed.append(ProfileDifference(field: "about", before: profile.about, after: about))
            profile.about = about
        }
        if let commands = change.commands, commands != profile.commands {
            try await telegram.setCommands(commands, language: change.language, token: token)
            changed.append(
                ProfileDifference(
                    field: "commands",
                    before: Self.text(profile.commands),
                    after: Self.text(commands)
                )
            )
            profile.commands = commands
        }
        return (profile, changed)
    }

    /// A menu in the form that is read too.
    public static func text(_ commands: [BotMenuCommand]) -> String {
        commands.map { "\($0.command) - \($0.description)" }.joined(separator: "\n")
    }
}
