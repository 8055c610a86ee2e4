import Telegram

/// The methods that show and set what people see of a bot.
extension Simulation {
    /// Nil if the method is not of this family.
    mutating func profileMethod(
        _ method: String,
        _ botID: Int64,
        _ parameters: Parameters
    ) throws(Reply) -> Reply? {
        switch method {
        case "setmyname": try setProfileText(.name, botID, parameters)
        case "getmyname": try profileText(.name, botID, parameters)
        case "setmydescription": try setProfileText(.description, botID, parameters)
        case "getmydescription": try profileText(.description, botID, parameters)
        case "setmyshortdescription": try setProfileText(.shortDescription, botID, parameters)
        case "getmyshortdescription": try profileText(.shortDescription, botID, parameters)
        case "setmycommands": try setMyCommands(botID, parameters)
        case "getmycommands": .success(.array(try state(botID).profile[audience(botID, parameters)]))
        case "deletemycommands": try deleteMyCommands(botID, parameters)
        default: nil
        }
    }

    /// The bot of a call; it was found by its token, so it is there.
    func state(_ botID: Int64) throws(Reply) -> BotState {
        guard let bot = bots[botID] else { throw .failure(401, "Unauthorized") }
        return bot
    }

    private mutating func setProfileText(
        _ field: BotProfile.Field,
        _ botID: Int64,
        _ parameters: Parameters
    ) throws(Reply) -> Reply {
        let language = try Self.language(parameters)
        let text = parameters[field.name].trimmed
        guard text.unicodeScalars.count <= field.maximumLength else { throw .refusal(400, field.refusal) }
        if field == .name, language.isEmpty {
            // The name for all languages is the bot's own, which cannot be taken away.
            guard !text.isEmpty else { throw .refusal(400, field.refusal) }
            bots[botID]?.bot.name = text
        } else {
            bots[botID]?.profile.set(field, language, to: text)
        }
        return .success(true)
    }

    private func profileText(
        _ field: BotProfile.Field,
        _ botID: Int64,
        _ parameters: Parameters
    ) throws(Reply) -> Reply {
        let language = try Self.language(parameters)
        let bot = try state(botID)
        let standard = field == .name ? bot.bot.name : ""
        let text = bot.profile.text(field, language) ?? standard
        return .success(.object([.init(field.name, .string(text))]))
    }

    /// **Source:** tdlib `misc.cpp`, `validate_bot_language_code`: empty, or two letters of `a-z`.
    private static func language(_ parameters: Parameters) throws(Reply) -> String {
        let code = parameters["language_code"]
        let isValid =
            code.utf8.count == 2 && code.utf8.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
        guard code.isEmpty || isValid else { throw .refusal(400, "Invalid language code specified") }
        return code
    }

    // MARK: Commands

    private mutating func setMyCommands(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let commands = try Self.commands(parameters["commands"])
        let audience = try audience(botID, parameters)
        guard commands.count <= BotProfile.maximumCommands else { throw .refusal(400, "BOT_COMMANDS_TOO_MUCH") }
        bots[botID]?.profile[audience] = try commands.map { (command) throws(Reply) in try Self.checked(command) }
        return .success(true)
    }

    private mutating func deleteMyCommands(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let audience = try audience(botID, parameters)
        bots[botID]?.profile[audience] = []
        return .success(true)
    }

    private typealias Command = (name: String, description: String)

    /// **Source:** telegram-bot-api `get_bot_commands`; an absent list is an empty one.
    private static func commands(_ text: String) throws(Reply) -> [Command] {
        guard !text.isEmpty else { return [] }
        guard let root = (try? JSONDocument(Array(text.utf8)))?.root else {
            throw .refusal(400, "Can't parse commands JSON object")
        }
        guard let elements = root.elements else { throw .refusal(400, "Expected an Array of BotCommand") }
        var commands: [Command] = []
        for element in elements {
            guard element.isObject else { throw .refusal(400, "Can't parse BotCommand: expected an Object") }
            do throws(FieldMistake) {
                commands.append((try element.requiredText("command"), try element.requiredText("description")))
            } catch {
                throw .refusal(400, "Can't parse BotCommand: \(error.text)")
            }
        }
        return commands
    }

    /// **Source:** tdlib `BotCommand.cpp`, `set_commands`, for lengths; Telegram's core refuses other characters as
    /// BOT_COMMAND_INVALID (telegram-bot-api, issue 98) and, which is inferred, more than a hundred as
    /// BOT_COMMANDS_TOO_MUCH.
    private static func checked(_ command: Command) throws(Reply) -> JSON {
        var name = command.name.trimmed
        if name.hasPrefix("/") { name = String(name.dropFirst()) }
        guard !name.isEmpty else { throw .refusal(400, "Command must be non-empty") }
        guard name.unicodeScalars.count <= 32 else { throw .refusal(400, "Command length must not exceed 32") }
        let description = command.description.trimmed
        guard !description.isEmpty else { throw .refusal(400, "Command description must be non-empty") }
        guard description.unicodeScalars.count <= 256 else {
            throw .refusal(400, "Command description length must not exceed 256")
        }
        guard name.utf8.allSatisfy(isCommandCharacter) else { throw .refusal(400, "BOT_COMMAND_INVALID") }
        return ["command": .string(name), "description": .string(description)]
    }

    private static func isCommandCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static let plainScopes: Set<String> = [
        "default", "all_private_chats", "all_group_chats", "all_chat_administrators",
    ]

    /// **Source:** telegram-bot-api `get_bot_command_scope`; tdlib `BotCommandScope.cpp`.
    private func audience(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> BotProfile.Audience {
        let text = parameters["scope"]
        guard !text.isEmpty else { return try Self.audience("default", parameters) }
        guard let scope = (try? JSONDocument(Array(text.utf8)))?.root else {
            throw .refusal(400, "Can't parse BotCommandScope JSON object")
        }
        let named: (type: String, chat: String, userID: Int64)
        do throws(FieldMistake) {
            named = try Self.scope(scope)
        } catch {
            throw .refusal(400, "Can't parse BotCommandScope: \(error.text)")
        }
        if Self.plainScopes.contains(named.type) { return try Self.audience(named.type, parameters) }
        guard let chatID = Int64(named.chat), let chat = bots[botID]?.chats[ChatKey(chatID)]?.json else {
            throw .refusal(400, "Chat not found")
        }
        switch chat["type"]?.string {
        case "private" where named.type != "chat": throw .refusal(400, "Can't use specified scope in private chats")
        case "channel": throw .refusal(400, "Can't change commands in channel chats")
        default: break
        }
        return try Self.audience(named.type, chatID: chatID, userID: named.userID, parameters)
    }

    private static func scope(
        _ scope: JSONView
    ) throws(FieldMistake) -> (type: String, chat: String, userID: Int64) {
        guard scope.isObject else { throw FieldMistake("BotCommandScope must be an Object") }
        let type = try scope.requiredText("type")
        if plainScopes.contains(type) { return (type, "", 0) }
        guard ["chat", "chat_administrators", "chat_member"].contains(type) else {
            throw FieldMistake("Unsupported type specified")
        }
        let chat = try scope.requiredText("chat_id")
        guard !chat.isEmpty else { throw FieldMistake("Empty chat_id specified") }
        guard type == "chat_member" else { return (type, chat, 0) }
        let userID = try scope.requiredNumber("user_id")
        guard userID > 0 else { throw FieldMistake("Invalid user_id specified") }
        return (type, chat, userID)
    }

    private static func audience(
        _ type: String,
        chatID: Int64 = 0,
        userID: Int64 = 0,
        _ parameters: Parameters
    ) throws(Reply) -> BotProfile.Audience {
        .init(type: type, chatID: chatID, userID: userID, language: try language(parameters))
    }
}

extension String {
    /// Without white space at its ends.
    var trimmed: String {
        let kept = unicodeScalars.drop { $0.properties.isWhitespace }
        return String(UnicodeScalarView(kept.reversed().drop { $0.properties.isWhitespace }.reversed()))
    }
}
