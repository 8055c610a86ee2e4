import Telegram

/// The methods of the Bot API.
extension Simulation {
    /// Answers one call: first whose token it is, then which method.
    ///
    /// **Source:** tdlib/telegram-bot-api `ClientManager::send`, `Client::on_cmd`: a wrong method of a wrong token is a 401.
    mutating func answer(
        token: String,
        method: String,
        _ parameters: Parameters,
        _ effects: inout Effects
    ) -> CallAnswer {
        let botID: Int64
        do throws(Reply) {
            botID = try self.botID(token)
            if method == "getupdates" { return getUpdates(botID, parameters, &effects) }
            return .now(try perform(method, botID, parameters, &effects))
        } catch {
            return .now(error)
        }
    }

    /// The bot of a token, if it may be called.
    private mutating func botID(_ token: String) throws(Reply) -> Int64 {
        guard let colon = token.firstIndex(of: ":"), !token.hasPrefix("0"), token.utf8.count <= 80 else {
            throw .failure(401, "Unauthorized: invalid token specified")
        }
        guard let id = Int64(token[..<colon]) else {
            throw .failure(421, "Misdirected Request: unallowed token specified")
        }
        guard id > 0, id < 1 << 54 else {
            throw .failure(401, "Unauthorized: invalid token specified")
        }
        guard let known = try? BotToken(token), let botID = botIDs[known], let bot = bots[botID] else {
            throw .failure(401, "Unauthorized")
        }
        if let until = bot.loggedOutUntil {
            if time.elapsed() < until { throw .refusal(400, "Logged out") }
            bots[botID]?.loggedOutUntil = nil
        }
        return botID
    }

    /// Carries out a method of a bot; throws its refusal.
    mutating func perform(
        _ method: String,
        _ botID: Int64,
        _ parameters: Parameters,
        _ effects: inout Effects
    ) throws(Reply) -> Reply {
        switch method {
        case "getme": return .success(Self.me(try state(botID)))
        case "setwebhook": return setWebhook(botID, url: parameters["url"], parameters, &effects)
        case "deletewebhook": return setWebhook(botID, url: "", parameters, &effects)
        case "getwebhookinfo": return .success(webhookInfo(botID))
        case "logout": return logOut(botID, &effects)
        case "close": return close(botID)
        default:
            if let reply = try sendingMethod(method, botID, parameters) { return reply }
            if let reply = try answeringMethod(method, botID, parameters) { return reply }
            if let reply = try messageMethod(method, botID, parameters) { return reply }
            if let reply = try businessMethod(method, botID, parameters) { return reply }
            if let reply = try managingMethod(method, botID, parameters, &effects) { return reply }
            if let reply = try profileMethod(method, botID, parameters) { return reply }
            throw .failure(404, "Not Found: method not found")
        }
    }

    /// **Source:** Bot API, `logOut`: the bot cannot log in to the cloud for ten minutes; telegram-bot-api: its updates are
    /// thrown away with its webhook, and calls say "Logged out".
    private mutating func logOut(_ botID: Int64, _ effects: inout Effects) -> Reply {
        failPoll(of: botID, .refusal(400, "Logged out"), &effects)
        removeWebhook(of: botID)
        clearQueue(of: botID)
        let until = time.elapsed() + .seconds(600)
        bots[botID]?.loggedOutUntil = until
        return .success(true)
    }

    /// **Source:** Bot API, `close`: 429 in the first ten minutes after the bot was launched; nothing is lost by it.
    private mutating func close(_ botID: Int64) -> Reply {
        let elapsed = time.elapsed()
        let wait = (bots[botID]?.launchedAt ?? .zero) + .seconds(600) - elapsed
        if wait > .zero { return .tooMany(retryAfterSeconds: wait.components.seconds + 1) }
        bots[botID]?.launchedAt = elapsed
        return .success(true)
    }

    /// **Source:** Bot API, `getMe`, type `User`.
    private static func me(_ bot: BotState) -> JSON {
        var json = bot.bot.user
        json["can_join_groups"] = true
        json["can_read_all_group_messages"] = true
        for ability in BotAbility.allCases { json[ability.rawValue] = .bool(bot.abilities.contains(ability)) }
        json["has_main_web_app"] = false
        json["has_topics_enabled"] = false
        json["allows_users_to_create_topics"] = false
        return json
    }
}
