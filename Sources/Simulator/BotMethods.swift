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
        guard let known = try? BotToken(token), let botID = botIDs[known], let bot = bots[botID]?.bot else {
            return .failure(401, "Unauthorized")
        }
        switch method {
        case "getme": return .success(Self.me(bot))
        case "setwebhook": return setWebhook(botID, url: parameters["url"], parameters, &effects)
        case "deletewebhook": return setWebhook(botID, url: "", parameters, &effects)
        case "getwebhookinfo": return .success(webhookInfo(botID))
        case "sendmessage": return sendMessage(from: botID, parameters)
        case "answercallbackquery": return answerCallbackQuery(botID, parameters)
        default: return .failure(404, "Not Found: method not found")
        }
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
