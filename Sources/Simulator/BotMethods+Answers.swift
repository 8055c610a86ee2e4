import Telegram

/// A query that a bot was asked and has not answered.
struct OpenQuery: Sendable {
    /// The kind of its update.
    let kind: String
    /// Until then it can be answered.
    let until: Duration

    /// How long a query of a kind can be answered.
    ///
    /// **Source:** Bot API, `answerPreCheckoutQuery`: 10 seconds; telegram-bot-api `Client.cpp`, the lives of the others' updates.
    static func life(_ kind: String) -> Duration {
        switch kind {
        case "pre_checkout_query", "chat_join_request": .seconds(10)
        case "inline_query": .seconds(30)
        default: .seconds(150)
        }
    }
}

/// How a bot answered a query of a person.
public struct QueryAnswer: Hashable, Sendable {
    /// The query's id.
    public let queryID: String
    /// The kind of its update, such as `callback_query`.
    public let kind: String
    /// All that the bot said: the parameters of its call that a person can notice, such as `text`.
    public let parameters: [String: String]
}

/// The methods that answer queries, and those that look things up.
extension Simulation {
    /// Nil if the method is not of this family.
    mutating func answeringMethod(
        _ method: String,
        _ botID: Int64,
        _ parameters: Parameters
    ) throws(Reply) -> Reply? {
        switch method {
        case "answercallbackquery": try answerCallback(botID, parameters)
        case "answerinlinequery":
            try answer("inline_query", parameters["inline_query_id"], botID, ["results": parameters["results"]])
        case "answerprecheckoutquery":
            try answer("pre_checkout_query", parameters["pre_checkout_query_id"], botID, Self.verdict(parameters))
        case "answershippingquery":
            try answer("shipping_query", parameters["shipping_query_id"], botID, Self.verdict(parameters))
        case "answerguestquery": try answerGuest(botID, parameters)
        case "getfile": try getFile(botID, parameters)
        case "getchat": try getChat(botID, parameters)
        case "getchatmember": try getChatMember(botID, parameters)
        case "approvechatjoinrequest": try settleJoinRequest(botID, parameters, isApproved: true)
        case "declinechatjoinrequest": try settleJoinRequest(botID, parameters, isApproved: false)
        case "leavechat": try leaveChat(botID, parameters)
        default: nil
        }
    }

    private static func verdict(_ parameters: Parameters) -> [String: String] {
        ["ok": parameters.bool("ok") ? "true" : "false", "error_message": parameters["error_message"]]
    }

    private mutating func answerCallback(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        // Source: Bot API, `answerCallbackQuery`: 0 to 200 characters.
        guard parameters["text"].unicodeScalars.count <= 200 else { throw .refusal(400, "MESSAGE_TOO_LONG") }
        var said = ["text": parameters["text"], "url": parameters["url"]]
        said["show_alert"] = parameters.bool("show_alert") ? "true" : nil
        return try answer("callback_query", parameters["callback_query_id"], botID, said)
    }

    /// An answer counts once, in time, and only for a query that was made.
    private mutating func answer(
        _ kind: String,
        _ queryID: String,
        _ botID: Int64,
        _ said: [String: String]
    ) throws(Reply) -> Reply {
        guard let query = bots[botID]?.openQueries[queryID], query.kind == kind, query.until > time.elapsed() else {
            throw .refusal(400, "Query is too old and response timeout expired or query ID is invalid")
        }
        bots[botID]?.openQueries[queryID] = nil
        let answer = QueryAnswer(queryID: queryID, kind: kind, parameters: said.filter { !$0.value.isEmpty })
        if bots[botID]?.answers.count ?? 0 >= historyLimit { bots[botID]?.answers.removeFirst() }
        bots[botID]?.answers.append(answer)
        return .success(true)
    }

    /// A new query, which waits for its answer.
    mutating func openQuery(_ kind: String, id: String? = nil, for botID: Int64) -> String {
        let id = id ?? String(UInt64.random(in: 1 << 60...1 << 62, using: &random))
        let now = time.elapsed()
        if bots[botID]?.openQueries.count ?? 0 >= 10_000 {
            let open = bots[botID]?.openQueries.filter { $0.value.until > now } ?? [:]
            bots[botID]?.openQueries = open
        }
        bots[botID]?.openQueries[id] = OpenQuery(kind: kind, until: now + OpenQuery.life(kind))
        return id
    }

    /// **Source:** Bot API, `answerGuestQuery`, type `SentGuestMessage`.
    private mutating func answerGuest(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        guard parameters.json("result")?.isObject == true else {
            throw .refusal(400, "Can't parse inline query results JSON object")
        }
        let queryID = parameters["guest_query_id"]
        _ = try answer("guest_message", queryID, botID, ["result": parameters["result"]])
        return .success(["inline_message_id": .string("AgAAAA" + queryID)])
    }

    // MARK: Looking up

    /// **Source:** Bot API, `getFile`; telegram-bot-api `check_remote_file_id`, `do_get_file`: 20 MiB.
    private mutating func getFile(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let fileID = parameters["file_id"]
        guard !fileID.isEmpty else { throw .refusal(400, "File_id not specified") }
        guard let file = files.file(fileID, of: botID) else { throw .refusal(400, "Invalid file_id") }
        guard file.bytes.count <= 20 << 20 else { throw .refusal(400, "File is too big") }
        let path = files.link(file, of: botID, now: time.elapsed())
        return .success([
            "file_id": .string(fileID), "file_unique_id": .string(file.uniqueID),
            "file_size": .int(Int64(file.bytes.count)), "file_path": .string(path),
        ])
    }

    /// **Source:** Bot API, `getChat`, type `ChatFullInfo`: its required members.
    private func getChat(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        var (_, chat) = try chat(parameters["chat_id"], of: botID, for: .read)
        chat["accent_color_id"] = 0
        chat["max_reaction_count"] = 11
        chat["accepted_gift_types"] = [
            "unlimited_gifts": true, "limited_gifts": true, "unique_gifts": true, "premium_subscription": true,
            "gifts_from_channels": true,
        ]
        return .success(chat)
    }

    /// **Source:** Bot API, `getChatMember`; telegram-bot-api `check_user`.
    private func getChatMember(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let (key, _) = try chat(parameters["chat_id"], of: botID, for: .read)
        let userID = parameters.number("user_id")
        guard userID > 0 else { throw .refusal(400, "Invalid user_id specified") }
        guard let user = people[userID]?.user ?? bots[userID]?.bot.user else { throw .refusal(400, "User not found") }
        let isIn = key.id == userID || userID == botID
        let status = groups[key.id].map { $0.members[userID] ?? .left } ?? (isIn ? .member : .left)
        return .success(status.json(of: user))
    }

    /// **Source:** Bot API, `approveChatJoinRequest`, `declineChatJoinRequest`; the raw codes are those of Telegram's core.
    private mutating func settleJoinRequest(
        _ botID: Int64,
        _ parameters: Parameters,
        isApproved: Bool
    ) throws(Reply) -> Reply {
        let (key, _) = try chat(parameters["chat_id"], of: botID, for: .write)
        let userID = parameters.number("user_id")
        guard userID > 0 else { throw .refusal(400, "Invalid user_id specified") }
        guard groups[key.id]?.members[botID] == .administrator else { throw .refusal(400, "CHAT_ADMIN_REQUIRED") }
        guard groups[key.id]?.joinRequests.remove(userID) != nil else { throw .refusal(400, "HIDE_REQUESTER_MISSING") }
        if isApproved { groups[key.id]?.members[userID] = .member }
        return .success(true)
    }

    private mutating func leaveChat(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let (key, _) = try chat(parameters["chat_id"], of: botID, for: .edit)
        guard groups[key.id] != nil else { throw .refusal(400, "Chat can't be left") }
        groups[key.id]?.members[botID] = .left
        return .success(true)
    }
}
