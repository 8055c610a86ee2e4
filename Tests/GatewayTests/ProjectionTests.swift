import Telegram
import Testing

@testable import Gateway

@Suite("What an update means")
struct ProjectionTests {
    private static let bot = RegisteredBot(
        id: BotID(rawValue: 5),
        businessID: BusinessID(rawValue: 3),
        hook: "hook",
        secret: SecretDigest(of: WebhookSecret("secret")),
        previousSecret: nil,
        runs: true
    )

    private static let noon = Timestamp(milliseconds: 1_795_435_200_000)

    private static func record(_ text: String) -> IntakeRecord {
        Intake.record(of: Array(text.utf8), for: bot, at: noon)
    }

    /// What a message with these members means.
    private static func message(_ members: String, kind: String = "message") throws -> IncomingMessage {
        let entry = record("{\"update_id\":70,\n\"\(kind)\":{\(members)}}").entry
        guard case .message(let message) = entry else { throw NotAMessage(entry: "\(entry)") }
        return message
    }

    private struct NotAMessage: Error { var entry: String }

    private static let anna =
        #""from":{"id":501,"is_bot":false,"first_name":"Anna","last_name":"Ivanova","username":"anna","language_code":"ru"}"#
    private static let privateChat =
        #""chat":{"id":501,"first_name":"Anna","last_name":"Ivanova","username":"anna","type":"private"}"#
    private static let team = #""chat":{"id":-1001234567890,"title":"Team","is_forum":true,"type":"supergroup"}"#

    @Test func `a private text message is a customer's`() throws {
        let record = Self.record(
            "{\"update_id\":70,\n\"message\":{\"message_id\":9,\(Self.anna),\(Self.privateChat),\"date\":1795435199,\"text\":\"Gr\\u00fc\\u00dfe \\ud83e\\udd8a\"}}"
        )
        #expect(record.businessID == Self.bot.businessID && record.botID == Self.bot.id)
        #expect(record.receivedAt == Self.noon)
        #expect(record.updateID == 70 && record.kind == "message" && record.chatID == 501 && record.messageID == 9)
        guard case .message(let message) = record.entry else {
            Issue.record("\(record.entry)")
            return
        }
        #expect(message.space == "direct" && message.chatID == 501 && message.threadID == 0)
        #expect(message.chatKind == "private" && message.chatTitle == "Anna Ivanova")
        #expect(message.messageID == 9 && message.date == 1_795_435_199)
        #expect(message.sender == .init(role: .customer, id: 501, name: "Anna Ivanova"))
        let profile = CustomerProfile(telegramID: 501, name: "Anna Ivanova", username: "anna", language: "ru")
        #expect(message.customer == profile)
        #expect(message.kind == "text" && message.text == "Grüße 🦊")
        #expect(message.extra == nil && message.replyTo == nil)
    }

    @Test(arguments: [
        (#""chat":{"id":-77,"title":"Small","type":"group"}"#, "group", "Small"),
        (team, "supergroup", "Team"),
    ])
    func `a group is called by its title and its writer is a customer`(chat: String, kind: String, title: String) throws
    {
        let message = try Self.message("\"message_id\":9,\(Self.anna),\(chat),\"date\":1,\"text\":\"x\"")
        #expect(message.chatKind == kind && message.chatTitle == title)
        #expect(message.sender.role == .customer && message.customer?.telegramID == 501)
    }

    @Test(
        arguments: [
            (#""message_thread_id":40,"is_topic_message":true"#, 40), (#""message_thread_id":40"#, 0),
            (#""message_thread_id":40,"is_topic_message":false"#, 0), (#""is_topic_message":true"#, 0),
            (#""direct_messages_topic":{"topic_id":9007199254740991,"user":{"id":1}}"#, 9_007_199_254_740_991),
        ] as [(String, Int64)]
    )
    func `a thread counts only where it is a topic`(members: String, thread: Int64) throws {
        let message = try Self.message(
            "\"message_id\":9,\(Self.anna),\(Self.team),\"date\":1,\"text\":\"x\",\(members)"
        )
        #expect(message.threadID == thread)
    }

    @Test func `with a sender_chat the stand-in in from is no customer`() throws {
        let message = try Self.message(
            #""message_id":9,"from":{"id":1087968824,"is_bot":true,"first_name":"Group"},"sender_chat":{"id":-1001234567890,"title":"Team","type":"supergroup"},"chat":{"id":-1001234567890,"title":"Team","type":"supergroup"},"date":1,"text":"x""#
        )
        #expect(message.sender == .init(role: .unknown, id: -1_001_234_567_890, name: "Team"))
        #expect(message.customer == nil)
    }

    @Test func `a bot is no customer`() throws {
        let message = try Self.message(
            #""message_id":9,"from":{"id":8,"is_bot":true,"first_name":"Other bot"},"chat":{"id":-7,"title":"G","type":"group"},"date":1,"text":"x""#
        )
        #expect(message.sender == .init(role: .bot, id: 8, name: "Other bot"))
        #expect(message.customer == nil)
    }

    @Test func `a message of nobody is kept with an unknown sender`() throws {
        let message = try Self.message(
            #""message_id":9,"chat":{"id":-7,"title":"G","type":"group"},"date":1,"text":"x""#
        )
        #expect(message.sender == .init(role: .unknown, id: nil, name: ""))
        #expect(message.customer == nil)
    }

    @Test func `the number of the answered message and the entities are kept`() throws {
        let entities = #"[{"offset":0,"length":1,"type":"bold"},{"type":"custom_emoji","x":1e3}]"#
        let message = try Self.message(
            "\"message_id\":9,\(Self.anna),\(Self.privateChat),\"date\":1,\"text\":\"x\",\"entities\":\(entities),\"reply_to_message\":{\"message_id\":4}"
        )
        #expect(message.replyTo == 4)
        #expect(message.extra == "{\"entities\":\(entities)}")
    }

    @Test func `an empty text is a text`() throws {
        #expect(
            try Self.message("\"message_id\":9,\(Self.anna),\(Self.privateChat),\"date\":1,\"text\":\"\"").text == ""
        )
    }

    @Test(arguments: [
        (#""from":{},"chat":{"id":1},"date":1,"text":"x""#, "message_id"),
        (#""message_id":"9","chat":{"id":1},"date":1,"text":"x""#, "message_id"),
        (#""message_id":9,"from":{},"date":1,"text":"x""#, "chat.id"),
        (#""message_id":9,"chat":{"type":"private"},"date":1,"text":"x""#, "chat.id"),
        (#""message_id":9,"chat":{"id":"1"},"date":1,"text":"x""#, "chat.id"),
        (#""message_id":9,"chat":[1],"date":1,"text":"x""#, "chat.id"),
        (#""message_id":9,"chat":{"id":1.5},"date":1,"text":"x""#, "chat.id"),
        (#""message_id":9,"chat":{"id":1},"text":"x""#, "date"),
        (#""message_id":9,"chat":{"id":1},"date":null,"text":"x""#, "date"), ("", "chat.id"),
    ])
    func `a message that lacks what it cannot do without is kept raw, with the field's name`(
        members: String,
        field: String
    ) {
        let record = Self.record("{\"update_id\":70,\"message\":{\(members)}}")
        guard case .rawOnly(.keptRaw, detail: let detail) = record.entry else {
            Issue.record("\(record.entry)")
            return
        }
        #expect(detail == "message: no whole number as \(field)")
        #expect(record.updateID == 70 && record.kind == "message")
    }

    @Test(arguments: [
        #""text":5"#, #""text":null"#, #""photo":{}"#, #""sticker":"x""#, #""delete_chat_photo":false"#,
        #""new_chat_title":7"#, #""caption":"only a caption""#, "\"hologram\":{\"beam\":1}",
    ])
    func `a message with no content that is known is one of an unknown kind`(members: String) throws {
        let message = try Self.message("\"message_id\":9,\(Self.anna),\(Self.privateChat),\"date\":1,\(members)")
        #expect(message.kind == "unknown" && message.attachments.isEmpty)
        #expect(message.text == (members.contains("caption") ? "only a caption" : nil))
    }

    @Test(
        arguments: UpdateKind.allCases,
        ["{}", #"{"message_id":"9","chat":7,"date":{},"from":[],"user":1,"message":{"chat":{}},"boost":0}"#]
    )
    func `no kind of update does without its numbers`(kind: UpdateKind, payload: String) {
        let record = Self.record("{\"update_id\":70,\"\(kind.rawValue)\":\(payload)}")
        guard case .rawOnly(.keptRaw, detail: let detail?) = record.entry else {
            Issue.record("\(record.entry)")
            return
        }
        #expect(detail.hasPrefix("\(kind.rawValue): ") && record.kind == kind.rawValue)
    }

    @Test(arguments: [
        (#"{"update_id":70,"subscription":{"id":1}}"#, "subscription"), (#"{"update_id":70}"#, ""),
        (#"{"update_id":70,"message":[]}"#, "message"),
    ])
    func `an unknown kind is kept under its name`(body: String, kind: String) {
        let record = Self.record(body)
        guard case .rawOnly(.unknownKind, detail: nil) = record.entry else {
            Issue.record("\(record.entry)")
            return
        }
        #expect(record.updateID == 70 && record.kind == kind)
        #expect(record.body == Array(body.utf8))
    }

    @Test(arguments: [
        "", "null", "[]", "{", "{}", #"{"update_id":"1"}"#, #"{"update_id":1.5}"#, "secret words of a customer",
    ])
    func `what is no update is kept with the reason and none of its bytes`(body: String) {
        let record = Self.record(body)
        guard case .rawOnly(.unreadable, let detail?) = record.entry else {
            Issue.record("\(record.entry)")
            return
        }
        #expect(record.updateID == nil && record.kind == "" && record.chatID == nil && record.messageID == nil)
        #expect(record.body == Array(body.utf8))
        #expect(!detail.isEmpty && !detail.contains("customer"))
    }
}

@Suite("The door for updates")
struct IntakeTests {
    private struct EchoInbox: Inbox {
        let answer: @Sendable (IntakeRecord) -> IntakeOutcome

        func accept(_ record: IntakeRecord, then: @escaping @Sendable (IntakeOutcome) -> Void) { then(answer(record)) }
    }

    @Test func `it hands the record on, stamped with its clock, and the answer back`() async {
        let moment = Timestamp(milliseconds: 12_345)
        let inbox = EchoInbox { record in
            record.receivedAt == Timestamp(milliseconds: 12_345) && record.updateID == 4 ? .stored : .duplicate
        }
        let intake = Intake(inbox: inbox) { moment }
        let bot = RegisteredBot(
            id: BotID(rawValue: 5),
            businessID: BusinessID(rawValue: 3),
            hook: "hook",
            secret: SecretDigest(of: WebhookSecret("secret")),
            previousSecret: nil,
            runs: false
        )
        let outcome = await withCheckedContinuation { continuation in
            intake.accept(Array(#"{"update_id":4}"#.utf8), for: bot) { continuation.resume(returning: $0) }
        }
        #expect(outcome == .stored)
    }
}
