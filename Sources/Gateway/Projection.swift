import Telegram

/// What an update means for the history.
///
/// One place, pure.
enum Projection {
    static func entry(of update: UpdateEnvelope) -> IntakeRecord.Entry {
        guard let kind = update.kind else { return .rawOnly(.unknownKind, detail: nil) }
        guard kind == .message, let payload = update.payload, let message = textMessage(payload) else {
            return .rawOnly(.keptRaw, detail: nil)
        }
        return .message(message)
    }

    /// A `Message` with a text.
    ///
    /// **Source:** Bot API, type `Message`.
    private static func textMessage(_ message: JSONView) -> IncomingMessage? {
        guard let text = message["text"]?.string, let chat = message["chat"], let chatID = chat["id"]?.int64,
            let messageID = message["message_id"]?.int64, let date = message["date"]?.int64
        else { return nil }
        let from = message["from"]
        let speaker = sender(from: from, chat: message["sender_chat"])
        return IncomingMessage(
            space: "direct",
            chatID: chatID,
            threadID: thread(of: message),
            chatKind: chat["type"]?.string ?? "private",
            chatTitle: whole(chat["title"]?.string ?? personName(chat) ?? speaker.name),
            messageID: messageID,
            date: date,
            sender: speaker,
            customer: speaker.role == .customer ? from.flatMap(profile) : nil,
            kind: "text",
            text: whole(text),
            extra: message["entities"].map { "{\"entities\":\($0.rawText)}" },
            replyTo: message["reply_to_message"]?["message_id"]?.int64
        )
    }

    /// A thread counts only where Telegram says that it is a topic; without the mark it is a plain chain of replies.
    ///
    /// **Source:** Bot API, `Message.is_topic_message`, `Message.direct_messages_topic`.
    private static func thread(of message: JSONView) -> Int64 {
        if message["is_topic_message"]?.bool == true { return message["message_thread_id"]?.int64 ?? 0 }
        return message["direct_messages_topic"]?["topic_id"]?.int64 ?? 0
    }

    /// With a `sender_chat`, `from` is only a stand-in.
    ///
    /// **Source:** Bot API, `Message.sender_chat`.
    private static func sender(from: JSONView?, chat: JSONView?) -> Message.Sender {
        if let chat { return .init(role: .unknown, id: chat["id"]?.int64, name: whole(chat["title"]?.string ?? "")) }
        guard let from else { return .init(role: .unknown, id: nil, name: "") }
        return .init(
            role: from["is_bot"]?.bool == true ? .bot : .customer,
            id: from["id"]?.int64,
            name: whole(personName(from) ?? "")
        )
    }

    private static func profile(_ user: JSONView) -> CustomerProfile? {
        guard let id = user["id"]?.int64 else { return nil }
        return CustomerProfile(
            telegramID: id,
            name: whole(personName(user) ?? ""),
            username: user["username"]?.string,
            language: user["language_code"]?.string
        )
    }

    /// The text without U+0000, where readers of the database would cut it; the raw update has it.
    private static func whole(_ text: String) -> String {
        text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text
    }

    private static func personName(_ user: JSONView) -> String? {
        guard let first = user["first_name"]?.string else { return nil }
        guard let last = user["last_name"]?.string, !last.isEmpty else { return first }
        return "\(first) \(last)"
    }
}
