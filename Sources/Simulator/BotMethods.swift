import Telegram

/// The methods of the Bot API.
extension Simulation {
    /// Answers one call: first whose token it is, then which method.
    ///
    /// **Source:** tdlib/telegram-bot-api `ClientManager::send`, `Client::on_cmd`: a wrong method of a wrong token is a 401.
    mutating func answer(token: String, method: String, _ parameters: Parameters, _ effects: inout Effects) -> Reply {
        guard let colon = token.firstIndex(of: ":"), !token.hasPrefix("0"), token.utf8.count <= 80 else {
            return .failure(401, "Unauthorized: invalid token specified")
        }
        guard let id = Int64(token[..<colon]) else {
            return .failure(421, "Misdirected Request: unallowed token specified")
        }
        guard id > 0, id < 1 << 54 else { return .failure(401, "Unauthorized: invalid token specified") }
        guard let known = try? BotToken(token), let botID = botIDs[known], let bot = bots[botID] else {
            return .failure(401, "Unauthorized")
        }
        if let until = bot.loggedOutUntil {
            if time.elapsed() < until { return .refusal(400, "Logged out") }
            bots[botID]?.loggedOutUntil = nil
        }
        do throws(Reply) {
            return try perform(method, botID, parameters, &effects)
        } catch {
            return error
        }
    }

    private mutating func perform(
        _ method: String,
        _ botID: Int64,
        _ parameters: Parameters,
        _ effects: inout Effects
    ) throws(Reply) -> Reply {
        switch method {
        case "sendmessage": return sendMessage(from: botID, parameters)
        case "getme": return .success(Self.me(try state(botID).bot))
        case "setwebhook": return setWebhook(botID, url: parameters["url"], parameters, &effects)
        case "deletewebhook": return setWebhook(botID, url: "", parameters, &effects)
        case "getwebhookinfo": return .success(webhookInfo(botID))
        case "answercallbackquery": return answerCallbackQuery(botID, parameters)
        case "logout": return logOut(botID)
        case "close": return close(botID)
        default:
            if let reply = try profileMethod(method, botID, parameters) { return reply }
            throw .failure(404, "Not Found: method not found")
        }
    }

    /// **Source:** Bot API, `logOut`: the bot cannot log in to the cloud for ten minutes; telegram-bot-api: its updates are
    /// thrown away with its webhook, and calls say "Logged out".
    private mutating func logOut(_ botID: Int64) -> Reply {
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
    private static func me(_ bot: SimulatedBot) -> JSON {
        var json = bot.user
        json["can_join_groups"] = true
        json["can_read_all_group_messages"] = false
        json["supports_guest_queries"] = false
        json["supports_inline_queries"] = false
        json["can_connect_to_business"] = false
        json["has_main_web_app"] = false
        json["has_topics_enabled"] = false
        json["allows_users_to_create_topics"] = false
        json["can_manage_bots"] = false
        json["supports_join_request_queries"] = false
        return json
    }

    /// An answer counts once, and only for a query that was made.
    private mutating func answerCallbackQuery(_ botID: Int64, _ parameters: Parameters) -> Reply {
        guard bots[botID]?.openQueries.remove(parameters["callback_query_id"]) != nil else {
            return .refusal(400, "Query is too old and response timeout expired or query ID is invalid")
        }
        return .success(true)
    }
}
