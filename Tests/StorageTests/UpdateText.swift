import Telegram

/// An update with a text message, as Telegram writes it.
struct UpdateText: Sendable {
    var number: Int64
    var messageID: Int64?
    var chatID: Int64 = 501
    var chatType = "private"
    var chatTitle: String?
    var userID: Int64 = 501
    var firstName = "Anna"
    var username: String?
    var text = "hello"
    var threadID: Int64?
    var isTopic = false
    var kind = "message"

    /// The body of the request: Telegram puts a line end after the number.
    var body: [UInt8] {
        var from: JSON = ["id": .int(userID), "is_bot": false, "first_name": .string(firstName)]
        if let username { from["username"] = .string(username) }
        var chat: JSON = ["id": .int(chatID), "type": .string(chatType)]
        if let chatTitle { chat["title"] = .string(chatTitle) } else { chat["first_name"] = .string(firstName) }
        var message: JSON = [
            "message_id": .int(messageID ?? number), "from": from, "chat": chat, "date": 1_795_435_199,
        ]
        if let threadID { message["message_thread_id"] = .int(threadID) }
        if isTopic { message["is_topic_message"] = true }
        message["text"] = .string(text)
        return Array("{\"update_id\":\(number),\n\"\(kind)\":".utf8) + message.encoded(escapingNonASCII: true)
            + Array("}".utf8)
    }
}
