import Telegram

/// An answer of the Bot API.
///
/// **Source:** tdlib/telegram-bot-api `Query.h`: `ok`, `result` and perhaps `description`, or `ok`, `error_code`, `description` and
/// perhaps `parameters`. The HTTP status is the error code. A method throws the answer that refuses.
struct Reply: Error, Sendable {
    var status = 200
    var result: JSON?
    var description: String?
    var retryAfterSeconds: Int64?
    var migrateToChatID: Int64?

    static func success(_ result: JSON, _ description: String? = nil) -> Reply {
        Reply(result: result, description: description)
    }

    /// A failure whose text is complete, as for errors that the server words itself.
    static func failure(_ status: Int, _ description: String) -> Reply {
        Reply(status: status, description: description)
    }

    /// Too many calls: the text, the parameter and the header say how long to wait.
    static func tooMany(retryAfterSeconds seconds: Int64) -> Reply {
        Reply(status: 429, description: "Too Many Requests: retry after \(seconds)", retryAfterSeconds: seconds)
    }

    /// The group has become a supergroup.
    ///
    /// **Source:** Bot API, type `ResponseParameters`.
    static func migrated(to chatID: Int64) -> Reply {
        Reply(
            status: 400,
            description: "Bad Request: group chat was upgraded to a supergroup chat",
            migrateToChatID: chatID
        )
    }

    /// A failure from below: the prefix of its code, then the text with its first letter lower-cased.
    ///
    /// **Source:** `fail_query_with_error`: raw codes such as BUTTON_DATA_INVALID stay as they are; codes under 400, 404 and
    /// unknown ones become 400, and so does a 403 whose text is a raw code.
    static func refusal(_ code: Int, _ message: String) -> Reply {
        let isRawCode = message.utf8.allSatisfy { $0 == UInt8(ascii: "_") || isUpper($0) }
        var status = code
        if code == 403, isRawCode { status = 400 }
        let prefixes = [400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 500: "Internal Server Error"]
        if prefixes[status] == nil { status = 400 }
        let prefix = prefixes[status] ?? "Bad Request"
        if message.hasPrefix(prefix) { return .failure(status, message) }
        let second = message.utf8.dropFirst().first ?? 0
        let keeps = isUpper(second) || second == UInt8(ascii: "_")
        return .failure(
            status,
            prefix + ": " + (keeps ? message : message.prefix(1).lowercased() + message.dropFirst())
        )
    }

    private static func isUpper(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }

    /// The body, in ASCII as everything Telegram writes.
    var body: [UInt8] {
        var json: JSON = ["ok": .bool(result != nil)]
        if let result {
            json["result"] = result
        } else {
            json["error_code"] = .int(Int64(status))
        }
        json["description"] = description.map { .string($0) }
        if let migrateToChatID { json["parameters"] = ["migrate_to_chat_id": .int(migrateToChatID)] }
        if let retryAfterSeconds { json["parameters"] = ["retry_after": .int(retryAfterSeconds)] }
        return json.encoded(escapingNonASCII: true)
    }
}
