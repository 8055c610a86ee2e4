import Telegram

/// What is known about a bot that another one manages.
struct Management: Sendable {
    let managerID: Int64
    var owner: Person
    var isRestricted = false
    var addedUsers: [Int64] = []
}

extension SimulatedTelegram {
    /// Lets a person make a bot that another bot manages; the manager learns of it.
    ///
    /// - Throws: `SimulatorError.unable` unless the manager is allowed `.managesBots`.
    @discardableResult
    public func addManagedBot(
        name: String,
        username: String,
        by owner: Person,
        managedBy managerID: Int64
    ) throws(SimulatorError) -> SimulatedBot {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(owner, managerID)
            try state.require(.managesBots, of: managerID)
            let bot = try state.addBot(name: name, username: username, id: nil, token: nil)
            state.bots[bot.id]?.management = Management(managerID: managerID, owner: owner)
            try state.tellManager(of: bot.id, &effects)
            return bot
        }
    }
}

/// The methods of a bot that manages others.
///
/// **Source:** Bot API, type `ManagedBotUpdated`, `getManagedBotToken`, `replaceManagedBotToken`.
extension Simulation {
    /// Announces a bot to its manager: that it was made, or that its token or owner is another.
    mutating func tellManager(of botID: Int64, _ effects: inout Effects) throws(SimulatorError) {
        guard let management = bots[botID]?.management, let user = bots[botID]?.bot.user else { return }
        let update: JSON = ["user": management.owner.user, "bot": user]
        _ = try enqueue("managed_bot", update, lane: nil, to: management.managerID, &effects)
    }

    /// Nil if the method is not of this family.
    mutating func managingMethod(
        _ method: String,
        _ botID: Int64,
        _ parameters: Parameters,
        _ effects: inout Effects
    ) throws(Reply) -> Reply? {
        switch method {
        case "getmanagedbottoken":
            let (id, _) = try managed(botID, parameters)
            return .success(.string(try state(id).bot.token.reveal()))
        case "replacemanagedbottoken": return try replaceManagedToken(botID, parameters, &effects)
        case "getmanagedbotaccesssettings":
            let (_, management) = try managed(botID, parameters)
            return .success([
                "is_access_restricted": .bool(management.isRestricted),
                "added_users": .array(management.addedUsers.compactMap { people[$0]?.user }),
            ])
        case "setmanagedbotaccesssettings": return try setManagedAccess(botID, parameters)
        default: return nil
        }
    }

    private func managed(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> (Int64, Management) {
        let id = parameters.number("user_id")
        guard id > 0 else { throw .refusal(400, "Invalid user_id specified") }
        guard bots[id] != nil else { throw .refusal(400, people[id] == nil ? "User not found" : "BOT_INVALID") }
        guard let management = bots[id]?.management, management.managerID == botID else {
            throw .refusal(400, "BOT_INVALID")
        }
        return (id, management)
    }

    private mutating func replaceManagedToken(
        _ botID: Int64,
        _ parameters: Parameters,
        _ effects: inout Effects
    ) throws(Reply) -> Reply {
        let (id, _) = try managed(botID, parameters)
        do throws(SimulatorError) {
            let bot = try replaceToken(of: id, with: nil, &effects)
            return .success(.string(bot.token.reveal()))
        } catch {
            throw .failure(500, "Internal Server Error: \(error)")
        }
    }

    private mutating func setManagedAccess(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        var (id, management) = try managed(botID, parameters)
        let users = parameters.json("added_user_ids")?.elements?.compactMap(\.int64) ?? []
        guard users.count <= 10 else { throw .refusal(400, "USERS_TOO_MUCH") }
        management.isRestricted = parameters.bool("is_access_restricted")
        management.addedUsers = users
        bots[id]?.management = management
        return .success(true)
    }

    /// Makes a bot's token unknown; its webhook goes with it, its updates stay.
    mutating func revokeToken(of id: Int64, _ effects: inout Effects) throws(SimulatorError) {
        let bot = try bot(id).bot
        botIDs[bot.token] = nil
        failPoll(of: id, .failure(401, "Unauthorized"), &effects)
        removeWebhook(of: id)
        bots[id]?.allowedUpdates = nil
    }

    mutating func replaceToken(
        of id: Int64,
        with token: BotToken?,
        _ effects: inout Effects
    ) throws(SimulatorError) -> SimulatedBot {
        guard token.map({ $0.botID == id }) ?? true else { throw .foreignToken(id) }
        try revokeToken(of: id, &effects)
        let new = try takeToken(token, for: id)
        var bot = try bot(id).bot
        bot.token = new
        bots[id]?.bot = bot
        botIDs[new] = id
        try tellManager(of: id, &effects)
        return bot
    }
}
