import Telegram

/// The members of a control request, with what each action makes of them.
struct ControlFields {
    private let body: JSONView?
    private let query: Parameters?
    private let telegram: SimulatedTelegram

    init(body: JSONView, _ telegram: SimulatedTelegram) {
        self.body = body
        query = nil
        self.telegram = telegram
    }

    init(query: Parameters, _ telegram: SimulatedTelegram) {
        self.query = query
        body = nil
        self.telegram = telegram
    }

    // MARK: Reading

    private func optional(_ name: String) -> String? {
        let text = query.map { $0[name] } ?? body?[named: name].flatMap { $0.string ?? $0.int64.map(String.init) }
        return text.flatMap { $0.isEmpty ? nil : $0 }
    }

    private func text(_ name: String) throws -> String {
        guard let text = optional(name) else {
            throw ControlCall.Mistake(text: "\"\(name)\" is missing: give it as a text that is not empty")
        }
        return text
    }

    func number(_ name: String) throws -> Int64 {
        guard let number = optional(name).flatMap({ Int64($0) }) else {
            throw ControlCall.Mistake(text: "\"\(name)\" is missing: give it as a number")
        }
        return number
    }

    private func object(_ name: String) throws -> JSON {
        guard let value = body?[named: name], value.isObject else {
            throw ControlCall.Mistake(text: "\"\(name)\" is missing: give it as an object")
        }
        return JSON(value)
    }

    private func list(_ name: String) -> [JSONView]? { body?[named: name]?.elements.map(Array.init) }

    private func flag(_ name: String) -> Bool { body?[named: name]?.bool ?? false }

    private func fraction(_ name: String) -> Double { body?[named: name]?.double ?? 0 }

    func bot() throws -> Int64 {
        let text = try text("bot")
        let name = (text.hasPrefix("@") ? String(text.dropFirst()) : text).lowercased()
        let bot = telegram.bots.first { String($0.id) == text || $0.username.lowercased() == name }
        guard let bot else { throw SimulatorError.unknownBot(text) }
        return bot.id
    }

    private func person() throws -> Person {
        guard let id = optional("person").flatMap({ Int64($0) }) else {
            throw ControlCall.Mistake(text: "\"person\" is missing: give a person's id")
        }
        return try telegram.person(id)
    }

    private func group() throws -> GroupChat { try telegram.group(try number("chat")) }

    private func optionalGroup() throws -> GroupChat? { optional("chat") == nil ? nil : try group() }

    func optionalConnection() throws -> BusinessConnection? {
        guard let id = optional("business_connection_id") else { return nil }
        return try telegram.connection(id)
    }

    private func rights() -> Set<String>? { list("rights").map { Set($0.compactMap(\.string)) } }

    // MARK: Actions

    /// Makes bots, people, groups and faults; nil if the action is another.
    func arrange(_ name: String) throws -> JSON? {
        switch name {
        case "bots":
            let abilities = try (list("abilities") ?? []).map { element in
                guard let ability = element.string.flatMap({ BotAbility(rawValue: $0) }) else {
                    let known = BotAbility.allCases.map(\.rawValue).joined(separator: ", ")
                    throw ControlCall.Mistake(text: "\"abilities\" holds an unknown one: there are \(known)")
                }
                return ability
            }
            let bot = try telegram.addBot(name: try text("name"), username: try text("username"))
            for ability in abilities { try telegram.allow(ability, ofBot: bot.id) }
            return Self.json(bot)
        case "managed-bots":
            return Self.json(
                try telegram.addManagedBot(
                    name: try text("name"),
                    username: try text("username"),
                    by: try person(),
                    managedBy: try bot()
                )
            )
        case "revoke": return Self.json(try telegram.replaceToken(ofBot: try bot()))
        case "people":
            let person = telegram.addPerson(
                firstName: try text("first_name"),
                lastName: optional("last_name"),
                username: optional("username"),
                languageCode: optional("language_code")
            )
            return ["id": .int(person.id)]
        case "groups": return ["id": .int(try addGroup().id)]
        case "migrate": return ["id": .int(try telegram.migrate(try group(), by: try person()).id)]
        case "channel-posts":
            let updates = try telegram.postInChannel(try object("content"), in: try group())
            return .object(updates.sorted { $0.key < $1.key }.map { JSON.Member(String($0.key), .int($0.value)) })
        case "faults/calls":
            telegram.failCalls(
                try fault(),
                method: optional("method"),
                ofBot: optional("bot") == nil ? nil : try bot(),
                times: optional("times") == nil ? 1 : Int(try number("times")),
                probability: body?["probability"]?.double ?? 1
            )
            return ["ok": true]
        case "faults/clear":
            telegram.clearCallFaults()
            return ["ok": true]
        case "faults/deliveries":
            let faults = DeliveryFaults(
                duplicateProbability: fraction("duplicate"),
                cutProbability: fraction("cut"),
                delayProbability: fraction("delay"),
                delay: .seconds(fraction("delay_seconds"))
            )
            try telegram.setFaults(faults, ofBot: try bot())
            return ["ok": true]
        case "flood-limits":
            telegram.setFloodLimits(flag("is_on") ? FloodLimits() : nil)
            return ["ok": true]
        default: return nil
        }
    }

    private static func json(_ bot: SimulatedBot) -> JSON {
        ["id": .int(bot.id), "username": .string(bot.username), "token": .string(bot.token.reveal())]
    }

    private func addGroup() throws -> GroupChat {
        let title = try text("title")
        switch optional("kind") ?? "supergroup" {
        case "group": return telegram.addGroup(title: title, isSupergroup: false)
        case "supergroup":
            return telegram.addGroup(title: title, isForum: flag("is_forum"), username: optional("username"))
        case "channel": return telegram.addChannel(title: title, username: optional("username"))
        default: throw ControlCall.Mistake(text: "\"kind\" is group, supergroup or channel")
        }
    }

    private func fault() throws -> CallFault {
        switch try text("fault") {
        case "refusal":
            return .refusal(
                status: Int(try number("status")),
                description: try text("description"),
                retryAfterSeconds: optional("retry_after").flatMap { Int($0) }
            )
        case "delay": return .delay(.seconds(fraction("seconds")))
        case "cut_before": return .cutBefore
        case "cut_after": return .cutAfter
        case "lying_length": return .lyingLength(off: Int(try number("off")))
        case "front_end": return .frontEnd(status: Int(try number("status")), isCarriedOut: flag("is_carried_out"))
        default:
            throw ControlCall.Mistake(
                text: "\"fault\" is refusal, delay, cut_before, cut_after, lying_length or front_end"
            )
        }
    }

    /// What owners of business accounts and their customers do; nil if the action is another.
    func doInBusiness(_ name: String) throws -> JSON? {
        guard name.hasPrefix("business") else { return nil }
        if name == "business" {
            let rights = rights() ?? Set(BusinessConnection.allRights)
            return ["id": .string(try telegram.connect(try bot(), by: try person(), rights: rights).id)]
        }
        let connection = try telegram.connection(try text("id"))
        let update: Int64?
        switch name {
        case "business/change":
            try telegram.change(connection, isEnabled: flag("is_enabled"), rights: rights())
            return ["ok": true]
        case "business/send":
            update = try telegram.sendInBusiness(
                try object("content"),
                with: try person(),
                through: connection,
                isFromOwner: flag("is_from_owner")
            )
        case "business/edit":
            update = try telegram.editInBusiness(
                try number("message_id"),
                content: try object("content"),
                with: try person(),
                through: connection
            )
        default:
            let ids = (list("message_ids") ?? []).compactMap(\.int64)
            update = try telegram.deleteInBusiness(ids, with: try person(), through: connection)
        }
        return ["update_id": .optional(update)]
    }

    /// What people do in chats; gives the number of the update.
    func doInChat(_ name: String) throws -> Int64? {
        let bot = try bot()
        if name == "updates" {
            return try telegram.post(update: try text("kind"), payload: try object("payload"), to: bot)
        }
        let person = try person()
        let group = try optionalGroup()
        switch name {
        case "say":
            let text = try text("text")
            guard let group else { return try telegram.say(text, from: person, to: bot) }
            return try telegram.sayInGroup(text, from: person, in: group, to: bot)
        case "send":
            let context = MessageContext(
                replyTo: optional("reply_to").flatMap { Int64($0) },
                topic: optional("topic").flatMap { Int64($0) }
            )
            return try telegram.send(try object("content"), from: person, in: group, context: context, to: bot)
        case "edit":
            let id = try number("message_id")
            return try telegram.edit(id, content: try object("content"), by: person, in: group, to: bot)
        case "press":
            let id = try number("message_id")
            return try telegram.press(try text("data"), on: id, by: person, in: group, to: bot)
        case "react":
            let emoji = (list("emoji") ?? []).compactMap(\.string)
            return try telegram.react(emoji, to: try number("message_id"), by: person, in: group, bot: bot)
        case "block": return try telegram.block(bot, by: person)
        case "unblock": return try telegram.unblock(bot, by: person)
        default:
            guard let status = Membership(rawValue: try text("status")) else {
                throw ControlCall.Mistake(text: "\"status\" is member, administrator, left or kicked")
            }
            let chat = try self.group()
            if optional("of") == "person" {
                return try telegram.setMembership(status, of: person, in: chat, to: bot)
            }
            return try telegram.setMembership(status, ofBot: bot, in: chat, by: person)
        }
    }
}

extension SimulatedTelegram {
    /// The person with that id.
    public func person(_ id: Int64) throws(SimulatorError) -> Person {
        let person = read { state in state.people[id] }
        guard let person else { throw .unknownPerson(id) }
        return person
    }

    /// The business connection with that id.
    public func connection(_ id: String) throws(SimulatorError) -> BusinessConnection {
        let connection = read { state in state.connections[id] }
        guard let connection else { throw .unknownConnection(id) }
        return connection
    }
}
