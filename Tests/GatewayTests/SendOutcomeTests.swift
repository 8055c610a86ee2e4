import Gateway
import Telegram
import Testing

@Suite("The end of a call")
struct SendOutcomeTests {
    private static let text = SendOutcome.Call(messageCount: 1, isRepeatable: false)
    private static let edit = SendOutcome.Call(messageCount: 0, isRepeatable: true)
    private static let album = SendOutcome.Call(messageCount: 3, isRepeatable: false)

    private static func refusal(_ code: Int, _ text: String, after: Int? = nil, migrated: Int64? = nil) -> BotAPIError {
        .refused(.init(code: code, text: text, retryAfterSeconds: after, migrateToChatID: migrated))
    }

    /// A short word for an outcome.
    private static func word(_ outcome: SendOutcome) -> String {
        switch outcome {
        case .sent: "sent"
        case .unchanged: "unchanged"
        case .retry(let retry): "retry \(retry.cause) \(retry.after.map { "\($0.components.seconds)" } ?? "-")"
        case .migrated(let chat): "migrated \(chat)"
        case .blocked(let block, _): "blocked \(block)"
        case .connectionLost: "connectionLost"
        case .tokenRevoked: "tokenRevoked"
        case .expired: "expired"
        case .failed(let fault, _): "failed \(fault)"
        case .unknown: "unknown"
        case .partial(let partial): "partial \(partial.asked) \(partial.sent ?? -1) \(partial.failed ?? -1)"
        }
    }

    @Test(arguments: [
        (401, "Unauthorized", "tokenRevoked"),
        (401, "Unauthorized: invalid token specified", "tokenRevoked"),
        (404, "Not Found", "tokenRevoked"),
        (404, "Not Found: method not found", "failed invalid"),
        (421, "Misdirected Request: unallowed token specified", "tokenRevoked"),
        (400, "Logged out", "tokenRevoked"),
        (403, "Forbidden: bot was blocked by the user", "blocked blockedByUser"),
        (403, "Forbidden: user is deactivated", "blocked userDeactivated"),
        (403, "Forbidden: bot can't initiate conversation with a user", "blocked cannotInitiate"),
        (403, "Forbidden: the bot can't send messages to the bot", "failed notAllowed"),
        (403, "Forbidden: bot can't send messages to bots", "failed notAllowed"),
        (403, "Forbidden: bot was kicked from the supergroup chat", "blocked kicked"),
        (403, "Forbidden: bot is not a member of the channel chat", "blocked notMember"),
        (403, "Forbidden: the group chat was deleted", "blocked groupDeleted"),
        (400, "Bad Request: chat not found", "blocked chatNotFound"),
        (400, "Bad Request: private chat not found", "blocked chatNotFound"),
        (400, "Bad Request: user not found", "blocked chatNotFound"),
        (400, "Bad Request: chat_id is empty", "failed invalid"),
        (400, "Bad Request: not enough rights to send text messages to the chat", "blocked noWriteAccess"),
        (400, "Bad Request: not enough rights to send photos to the chat", "failed notAllowed"),
        (400, "Bad Request: have no write access to the chat", "blocked noWriteAccess"),
        (400, "Bad Request: message text is empty", "failed invalid"),
        (400, "Bad Request: message is too long", "failed invalid"),
        (400, "Bad Request: can't parse entities: Unexpected end tag at byte offset 3", "failed invalid"),
        (400, "Bad Request: message to edit not found", "failed gone"),
        (400, "Bad Request: message to copy not found", "failed gone"),
        (400, "Bad Request: message can't be edited", "failed gone"),
        (400, "Bad Request: message can't be deleted for everyone", "failed gone"),
        (400, "Bad Request: message thread not found", "failed gone"),
        (400, "Bad Request: BUTTON_DATA_INVALID", "failed invalid"),
        (400, "Bad Request: query is too old and response timeout expired or query ID is invalid", "expired"),
        (400, "Bad Request: wrong file_id or the file is temporarily unavailable", "retry fileUnavailable -"),
        (400, "Bad Request: failed to get HTTP URL content", "retry fileUnavailable -"),
        (400, "Bad Request: wrong file identifier/HTTP URL specified", "failed invalid"),
        (400, "Bad Request: business connection not found", "connectionLost"),
        (400, "Bad Request: BUSINESS_CONNECTION_NOT_ALLOWED", "connectionLost"),
        (400, "Bad Request: BUSINESS_PEER_USAGE_MISSING", "failed notAllowed"),
        (413, "Request Entity Too Large", "failed invalid"),
        (500, "Internal Server Error: restart", "retry restarting -"),
        (
            500, "Internal Server Error: sent message was immediately deleted and can't be returned",
            "failed deletedAtOnce"
        ),
        (500, "Internal Server Error", "unknown"), (502, "Bad Gateway", "unknown"), (504, "Gateway Timeout", "unknown"),
        (400, "Bad Request: words that Telegram invents tomorrow", "failed invalid"),
        (406, "Not Acceptable", "failed invalid"),
    ])
    func `a refusal of a text is judged by its description`(code: Int, said: String, expected: String) {
        #expect(Self.word(SendOutcome(Self.refusal(code, said), of: Self.text)) == expected)
    }

    @Test func `a 429 waits exactly as long as Telegram asks`() throws {
        let outcome = SendOutcome(Self.refusal(429, "Too Many Requests: retry after 37", after: 37), of: Self.text)
        #expect(Self.word(outcome) == "retry tooManyRequests 37")
        guard case .retry(let retry) = outcome else { return }
        #expect(retry.delay(attempt: 1) == .seconds(37))
        #expect(retry.delay(attempt: 50) == .seconds(37))
        #expect(
            Self.word(SendOutcome(Self.refusal(429, "Too Many Requests"), of: Self.text)) == "retry tooManyRequests -"
        )
    }

    @Test func `a group that became a supergroup is tried once more with its new id`() {
        let error = Self.refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrated: -100_7)
        #expect(SendOutcome(error, of: Self.text) == .migrated(to: -100_7))
        var again = Self.text
        again.wasMigrated = true
        #expect(Self.word(SendOutcome(error, of: again)) == "failed invalid")
    }

    @Test func `an edit that changes nothing is as good as done, a message never`() {
        let error = Self.refusal(
            400,
            "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a "
                + "current content and reply markup of the message"
        )
        #expect(SendOutcome(error, of: Self.edit) == .unchanged)
        #expect(Self.word(SendOutcome(error, of: Self.text)) == "failed invalid")
    }

    @Test(arguments: [
        (BotAPIError.unreachable("no connection"), "retry unreachable -", "retry unreachable -"),
        (.noAnswer("none in time"), "unknown", "retry repeatable -"),
        (.unreadable(status: 502), "unknown", "retry repeatable -"),
        (.unreadable(status: 200), "unknown", "retry repeatable -"),
        (.unreadable(status: 413), "failed invalid", "failed invalid"),
        (.unreadable(status: 429), "retry tooManyRequests -", "retry tooManyRequests -"),
        (.unreadable(status: 302), "retry unreachable -", "retry unreachable -"),
        (.unreadable(status: 403), "retry unreachable -", "retry unreachable -"),
        (refusal(503, "Service Unavailable"), "unknown", "retry repeatable -"),
    ])
    func `only what may have been carried out is unknown, and only if a second try does harm`(
        error: BotAPIError,
        ofText: String,
        ofEdit: String
    ) {
        #expect(Self.word(SendOutcome(error, of: Self.text)) == ofText)
        #expect(Self.word(SendOutcome(error, of: Self.edit)) == ofEdit)
    }

    @Test func `an album partly sent is accounted for`() throws {
        let error = Self.refusal(
            400,
            "Bad Request: failed to send message #2 with the error message \"WEBPAGE_MEDIA_EMPTY\""
        )
        #expect(Self.word(SendOutcome(error, of: Self.album)) == "partial 3 -1 2")
        let two = try JSONDocument(Array(#"[{"message_id":1},{"message_id":2}]"#.utf8)).root
        #expect(Self.word(SendOutcome(result: two, of: Self.album)) == "partial 3 2 -1")
        let three = try JSONDocument(Array(#"[{},{},{}]"#.utf8)).root
        #expect(SendOutcome(result: three, of: Self.album) == .sent)
        let one = try JSONDocument(Array(#"{"message_id":1}"#.utf8)).root
        #expect(SendOutcome(result: one, of: Self.text) == .sent)
    }

    @Test func `tries come ever later, and end only where the call may be at fault`() {
        func delays(_ cause: SendOutcome.Retry.Cause) -> [Int64?] {
            let retry = SendOutcome.Retry(cause: cause, reason: "")
            return [1, 2, 3, 6, 7, 10, 1000].map { retry.delay(attempt: $0)?.components.seconds }
        }
        #expect(delays(.unreachable) == [1, 2, 4, 32, 60, 60, 60])
        #expect(delays(.tooManyRequests) == delays(.unreachable))
        #expect(delays(.fileUnavailable) == [1, 2, 4, nil, nil, nil, nil])
        #expect(delays(.repeatable) == [1, 2, 4, 32, 60, nil, nil])
    }
}
