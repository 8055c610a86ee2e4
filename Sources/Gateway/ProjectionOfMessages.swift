import Telegram

/// What a `Message` means.
///
/// **Source:** Bot API, type `Message`.
extension Projection {
    static func message(
        _ payload: JSONView,
        in space: String,
        connection: String? = nil
    ) throws(Lacking) -> IncomingMessage {
        let fields = MessageFields(payload)
        let isBusiness = connection != nil
        let chat = fields.chat
        let chatID = try number(chat?["id"], "chat.id")
        let messageID = try number(fields.messageID, "message_id")
        let date = try number(fields.date, "date")
        let chatKind = chat?["type"]?.string.map(whole) ?? "private"
        let sender = sender(fields, isBusiness: isBusiness)
        var message = IncomingMessage(
            space: space,
            chatID: chatID,
            threadID: thread(fields),
            chatKind: chatKind,
            chatTitle: chat.flatMap(title) ?? sender.name,
            // Zero stands for a message that Telegram has put off; several may have it.
            messageID: messageID == 0 ? nil : messageID,
            date: date,
            sender: sender,
            customer: isBusiness
                ? peer(chat, chatKind, fields.from) : sender.role == .customer ? profile(fields.from) : nil,
            kind: "unknown",
            text: nil,
            extra: nil,
            replyTo: fields.replyTo?["message_id"]?.int64,
            albumID: fields.albumID?.string.map(whole),
            businessConnectionID: connection
        )
        fill(&message, fields)
        return message
    }

    /// A message of a business chat.
    static func businessMessage(_ payload: JSONView) throws(Lacking) -> IncomingMessage {
        let connection = try connectionID(payload)
        return try message(payload, in: businessSpace(connection), connection: connection)
    }

    /// A message as it is after an edit: without a date of the edit, that of the message.
    static func edited(_ message: IncomingMessage) -> IncomingMessage {
        var message = message
        message.editedAt = message.editedAt ?? message.date
        return message
    }

    /// Says what the message holds or tells.
    private static func fill(_ message: inout IncomingMessage, _ fields: MessageFields) {
        var extra = ExtraWriter()
        if let (kind, value) = fields.content {
            let content = ContentKind.all[kind]
            message.kind = content.name
            message.text = (content.name == "text" ? value : fields.caption)?.string.map(whole)
            message.attachments = AttachmentReader.attachments(in: value, named: content.name, content.files)
            if content.name == "poll" { message.pollID = value["id"]?.string.map(whole) }
            if content.staysInExtra { extra.add(content.name, value) }
        } else if let (kind, value) = fields.service {
            let service = ServiceKind.fields[kind]
            message.kind = "service"
            message.attachments = AttachmentReader.attachments(in: value, named: service.name, service.files)
            if service.name == "migrate_to_chat_id" { message.migratedTo = value.int64 }
            if service.name == "migrate_from_chat_id" { message.migratedFrom = value.int64 }
            if message.sender.id == nil { message.sender.role = .system }
            extra.add("service", text: service.name)
            extra.add(service.name, value)
        } else {
            message.text = fields.caption?.string.map(whole)
        }
        message.editedAt = fields.editDate?.int64
        for (name, value) in fields.kept { extra.add(name, value) }
        if !fields.unknown.isEmpty { extra.add("unknown", fields.unknown) }
        message.extra = extra.finish()
    }

    /// A thread counts only where Telegram says that it is a topic; without the mark it is a plain chain of replies.
    ///
    /// **Source:** Bot API, `Message.is_topic_message`, `Message.direct_messages_topic`.
    private static func thread(_ fields: MessageFields) -> Int64 {
        if fields.isTopicMessage?.bool == true { return fields.threadID?.int64 ?? 0 }
        return fields.directMessagesTopic?["topic_id"]?.int64 ?? 0
    }

    /// Who wrote a message.
    ///
    /// With a `sender_chat`, `from` is only a stand-in; with a `sender_business_bot`, it is the account that the bot wrote for. In a business
    /// chat both sides look alike: who the owner is, the connection says. **Source:** Bot API, `Message.sender_chat`, `.sender_business_bot`.
    private static func sender(_ fields: MessageFields, isBusiness: Bool) -> Message.Sender {
        if let bot = fields.businessBot, bot.isObject {
            return .init(role: .bot, id: bot["id"]?.int64, name: personName(bot) ?? "")
        }
        var sender = speaker(fields.from, orChat: fields.senderChat)
        if isBusiness, sender.role == .customer { sender.role = .unknown }
        return sender
    }

    /// The person that the owner of a business account talks with: the private chat itself, which tells no language.
    private static func peer(_ chat: JSONView?, _ chatKind: String, _ from: JSONView?) -> CustomerProfile? {
        guard let chat, chatKind == "private", let id = chat["id"]?.int64 else { return nil }
        if from?["id"]?.int64 == id { return profile(from) }
        return CustomerProfile(
            telegramID: id,
            name: personName(chat) ?? "",
            username: chat["username"]?.string.map(whole),
            language: nil,
            tellsLanguage: false
        )
    }
}
