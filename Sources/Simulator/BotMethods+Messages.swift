import Telegram

/// The methods that change messages that are there: edits, deletions, reactions.
extension Simulation {
    /// Nil if the method is not of this family.
    mutating func messageMethod(
        _ method: String,
        _ botID: Int64,
        _ parameters: Parameters
    ) throws(Reply) -> Reply? {
        switch method {
        case "editmessagetext": try editText(botID, parameters)
        case "editmessagecaption": try editCaption(botID, parameters)
        case "editmessagemedia": try editMedia(botID, parameters)
        case "editmessagereplymarkup": try edit(botID, parameters) { (members, _) in members }
        case "deletemessage": try deleteMessage(botID, parameters)
        case "deletemessages": try deleteMessages(botID, parameters)
        case "setmessagereaction": try setReaction(botID, parameters)
        case "stoppoll": try stopPoll(botID, parameters)
        default: nil
        }
    }

    private mutating func editText(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let text = try Self.text(parameters)
        return try edit(botID, parameters) { (members, old) throws(Reply) in
            guard old["text"] != nil else { throw .refusal(400, "There is no text in the message to edit") }
            try Self.checkLength(text)
            return members.filter { $0.name != "text" && $0.name != "entities" }
                + text.members(text: "text", entities: "entities")
        }
    }

    private mutating func editCaption(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let caption = try Self.caption(parameters)
        return try edit(botID, parameters) { (members, old) throws(Reply) in
            guard MediaKind.allCases.contains(where: { $0.hasCaption && old[$0.rawValue] != nil }) else {
                throw .refusal(400, "There is no caption in the message to edit")
            }
            guard caption.length <= Self.maximumCaptionLength else {
                throw .refusal(400, "Message caption is too long")
            }
            return members.filter { $0.name != "caption" && $0.name != "caption_entities" }
                + caption.members(text: "caption", entities: "caption_entities")
        }
    }

    /// **Source:** Bot API, `editMessageMedia`; tdlib `MessagesManager`, `edit_message_media`.
    private mutating func editMedia(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        guard let element = parameters.json("media") else {
            throw .refusal(400, "Can't parse input media JSON object")
        }
        let wanted = try Self.media(element)
        guard wanted.caption.length <= Self.maximumCaptionLength else {
            throw .refusal(400, "Message caption is too long")
        }
        let file = try file(wanted.kind, wanted.media, part: "", of: botID, parameters)
        let content =
            self.content(file, for: botID) + wanted.caption.members(text: "caption", entities: "caption_entities")
        return try edit(botID, parameters) { (members, old) throws(Reply) in
            guard old["sticker"] == nil, old["poll"] == nil, old["dice"] == nil else {
                throw .refusal(400, "Message media can't be edited")
            }
            let replaced = Set(
                MediaKind.allCases.map(\.rawValue) + ["text", "entities", "caption", "caption_entities"]
            )
            return members.filter { !replaced.contains($0.name) } + content
        }
    }

    /// Puts a new version of a message of the bot in place of the old one.
    ///
    /// **Source:** telegram-bot-api `check_message`, `fail_query_with_error` for the texts. An edit without a keyboard takes it away.
    private mutating func edit(
        _ botID: Int64,
        _ parameters: Parameters,
        _ change: (_ members: [JSON.Member], _ old: JSON) throws(Reply) -> [JSON.Member]
    ) throws(Reply) -> Reply {
        let keyboard = try keyboard(parameters)
        let id = parameters.number("message_id")
        if parameters["chat_id"].isEmpty, id == 0 {
            throw .refusal(
                400,
                parameters["inline_message_id"].isEmpty ? "Message identifier is not specified" : "MESSAGE_ID_INVALID"
            )
        }
        let key: ChatKey
        if parameters["business_connection_id"].isEmpty {
            key = try chat(parameters["chat_id"], of: botID, for: .edit).key
        } else {
            key = try businessDestination(parameters["business_connection_id"], botID, parameters).key
        }
        guard id != 0 else { throw .refusal(400, "Message identifier is not specified") }
        guard let message = message(id, in: key, of: botID), case .object(let old) = message.json else {
            throw .refusal(400, "Message to edit not found")
        }
        guard message.isFromBot else { throw .refusal(400, "Message can't be edited") }
        var members = try change(old.filter { $0.name != "edit_date" && $0.name != "reply_markup" }, message.json)
        if let keyboard { members.append(.init("reply_markup", keyboard)) }
        let unchanged = Set(old.filter { $0.name != "edit_date" }) == Set(members)
        guard !unchanged else {
            throw .refusal(
                400,
                """
                Message is not modified: specified new message content and reply markup are exactly the same as a current \
                content and reply markup of the message
                """
            )
        }
        let place = members.firstIndex { $0.name == "date" }.map { $0 + 1 } ?? members.count
        members.insert(.init("edit_date", .int(time.now())), at: place)
        let new = JSON.object(members)
        keep(new, isFromBot: true, in: key, of: botID)
        return .success(new)
    }

    // MARK: Deletions

    private mutating func deleteMessage(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        guard !parameters["chat_id"].isEmpty else { throw .refusal(400, "Chat identifier is not specified") }
        let id = parameters.number("message_id")
        guard id != 0 else { throw .refusal(400, "Message identifier is not specified") }
        let (key, _) = try chat(parameters["chat_id"], of: botID, for: .write)
        guard let message = message(id, in: key, of: botID) else {
            throw .refusal(400, "Message to delete not found")
        }
        guard canDelete(message, in: key, of: botID) else {
            throw .refusal(400, "Message can't be deleted for everyone")
        }
        _ = bots[botID]?.chats[key]?.remove(id)
        return .success(true)
    }

    /// **Source:** Bot API, `deleteMessages`: messages that are not found are skipped.
    private mutating func deleteMessages(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        let ids = try Self.messageIDs(parameters)
        let (key, _) = try chat(parameters["chat_id"], of: botID, for: .write)
        for id in ids {
            guard let message = message(id, in: key, of: botID), canDelete(message, in: key, of: botID) else {
                continue
            }
            _ = bots[botID]?.chats[key]?.remove(id)
        }
        return .success(true)
    }

    /// **Source:** telegram-bot-api `get_message_ids`.
    static func messageIDs(_ parameters: Parameters) throws(Reply) -> [Int64] {
        guard !parameters["message_ids"].isEmpty else { throw .refusal(400, "Message identifiers are not specified") }
        guard let list = parameters.json("message_ids") else {
            throw .refusal(400, "Can't parse message identifiers JSON object")
        }
        guard let elements = list.elements.map(Array.init) else {
            throw .refusal(400, "Expected an Array of message identifiers")
        }
        guard elements.count <= 100 else { throw .refusal(400, "Too many message identifiers specified") }
        let ids = elements.compactMap { $0.int64 ?? $0.string.flatMap { Int64($0) } }
        guard ids.count == elements.count else {
            throw .refusal(400, "Message identifier is not a Number")
        }
        guard !ids.isEmpty else { throw .refusal(400, "Message identifiers are not specified") }
        return ids
    }

    /// **Source:** Bot API, `deleteMessage`: only what was sent less than 48 hours ago; its own messages and, in private chats, all;
    /// in groups others' only as an administrator.
    private func canDelete(_ message: ChatMessage, in key: ChatKey, of botID: Int64) -> Bool {
        guard time.now() - message.date < 48 * 3600 else { return false }
        return message.isFromBot || key.id > 0 || groups[key.id]?.members[botID] == .administrator
    }

    // MARK: Reactions

    /// **Source:** Bot API, `setMessageReaction`: a bot sets at most one; telegram-bot-api `check_message` for the text.
    private mutating func setReaction(_ botID: Int64, _ parameters: Parameters) throws(Reply) -> Reply {
        var emoji: [String] = []
        if !parameters["reaction"].isEmpty {
            guard let list = parameters.json("reaction") else {
                throw .refusal(400, "Can't parse reaction types JSON object")
            }
            guard let elements = list.elements else { throw .refusal(400, "Expected an Array of ReactionType") }
            emoji = elements.compactMap { $0["emoji"]?.string ?? $0["custom_emoji_id"]?.string }
        }
        let (key, _) = try chat(parameters["chat_id"], of: botID, for: .edit)
        guard let message = message(parameters.number("message_id"), in: key, of: botID) else {
            throw .refusal(400, "Message to react not found")
        }
        guard emoji.count <= 1 else { throw .refusal(400, "REACTIONS_TOO_MANY") }
        var changed = message
        changed.reactions = emoji
        let limit = historyLimit
        bots[botID]?.chats[key]?.keep(changed, limit: limit)
        return .success(true)
    }
}
