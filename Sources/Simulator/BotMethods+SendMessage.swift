import Telegram

extension Simulation {
    /// A text longer than this many code points is refused.
    ///
    /// **Source:** Bot API, `sendMessage`, `text`.
    static let maximumTextLength = 4096

    /// **Source:** tdlib/telegram-bot-api `get_input_message_text`, `check_chat`: the text is read before the chat is looked for.
    mutating func sendMessage(from botID: Int64, _ parameters: Parameters) -> Reply {
        let text = parameters["text"]
        guard !text.isEmpty else { return .refusal(400, "Message text is empty") }
        guard text.utf8.count <= 32_768 else { return .refusal(400, "Text is too long") }
        guard ["", "none", "markdown", "markdownv2", "html"].contains(parameters["parse_mode"].lowercased()) else {
            return .refusal(400, "Unsupported parse_mode")
        }
        let keyboard: JSON?
        switch Self.keyboard(parameters["reply_markup"]) {
        case .success(let read): keyboard = read
        case .failure(let refusal): return .refusal(400, refusal.text)
        }
        guard !parameters["chat_id"].isEmpty else { return .refusal(400, "Chat_id is empty") }
        guard let chatID = Int64(parameters["chat_id"]), let user = bots[botID]?.bot.user,
            let chat = bots[botID]?.chats[chatID]?.json
        else {
            return .refusal(400, "Chat not found")
        }
        let trimmed = text.trimmed
        guard !trimmed.isEmpty else { return .refusal(400, "Text must be non-empty") }
        guard trimmed.unicodeScalars.count <= Self.maximumTextLength else {
            return .refusal(400, "Message is too long")
        }
        let reply = Self.repliedID(parameters)
        let replied = bots[botID]?.chats[chatID]?.messages.last { $0.messageID == reply.id }
        if reply.id != 0, replied == nil, !reply.isOptional {
            return .refusal(400, "Message to be replied not found")
        }
        var message: JSON = [
            "message_id": .int(bots[botID]?.chats[chatID]?.takeMessageID() ?? 0),
            "from": user,
            "chat": chat,
            "date": .int(time.now()),
        ]
        if var original = replied?.json {
            // A reply is shown one deep. Source: Bot API, `Message`, `reply_to_message`.
            original["reply_to_message"] = nil
            message["reply_to_message"] = original
        }
        message["text"] = .string(trimmed)
        let commands = BotCommands.entities(in: trimmed)
        if !commands.isEmpty { message["entities"] = .array(commands) }
        message["reply_markup"] = keyboard
        keep(message, isFromBot: true, in: chatID, of: botID)
        return .success(message)
    }

    private static func repliedID(_ parameters: Parameters) -> (id: Int64, isOptional: Bool) {
        if let reply = (try? JSONDocument(Array(parameters["reply_parameters"].utf8)))?.root, reply.isObject {
            return (reply["message_id"]?.int64 ?? 0, reply["allow_sending_without_reply"]?.bool ?? false)
        }
        let id = Int64(Parameters.prefixNumber(parameters["reply_to_message_id"]))
        return (id, parameters.bool("allow_sending_without_reply"))
    }

    private struct Refusal: Error {
        let text: String
    }

    /// The inline keyboard that the message will show; other keyboards are taken and not shown.
    ///
    /// **Source:** telegram-bot-api `get_reply_markup`; callback data is 1 to 64 bytes (Bot API, `InlineKeyboardButton`).
    private static func keyboard(_ text: String) -> Result<JSON?, Refusal> {
        guard !text.isEmpty else { return .success(nil) }
        guard let markup = (try? JSONDocument(Array(text.utf8)))?.root else {
            return .failure(Refusal(text: "Can't parse reply keyboard markup JSON object"))
        }
        guard markup.isObject else { return .failure(Refusal(text: "Object expected as reply markup")) }
        guard let rows = markup["inline_keyboard"]?.elements else { return .success(nil) }
        for button in rows.compactMap({ $0.elements }).joined() {
            if let data = button["callback_data"]?.string, !(1...64).contains(data.utf8.count) {
                return .failure(Refusal(text: "BUTTON_DATA_INVALID"))
            }
        }
        return .success(JSON(markup))
    }
}
