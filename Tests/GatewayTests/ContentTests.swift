import Telegram
import Testing

@testable import Gateway

@Suite("What a message holds")
struct ContentTests {
    static let bot = RegisteredBot(
        id: BotID(rawValue: 5),
        businessID: BusinessID(rawValue: 3),
        hook: "hook",
        secret: SecretDigest(of: WebhookSecret("secret")),
        previousSecret: nil,
        runs: true
    )
    static let noon = Timestamp(milliseconds: 1_795_435_200_000)

    static func entry(_ kind: String, _ payload: String) -> IntakeRecord.Entry {
        Intake.record(of: Array("{\"update_id\":70,\n\"\(kind)\":\(payload)}".utf8), for: bot, at: noon).entry
    }

    /// What a message with these members, beside those that each has, becomes.
    static func message(_ members: String, in kind: String = "message") throws -> IncomingMessage {
        let entry = entry(kind, "{\(MessageFixture.envelope),\(members)}")
        switch entry {
        case .message(let message), .edit(let message): return message
        default: throw NotAMessage(entry: "\(entry)")
        }
    }

    struct NotAMessage: Error { var entry: String }

    static func extra(_ message: IncomingMessage) throws -> JSONView? {
        try message.extra.map { try JSONDocument(Array($0.utf8)).root }
    }

    /// A message as the history will hold it.
    static func stored(_ message: IncomingMessage) -> Message {
        Message(
            id: MessageID(rawValue: 1),
            conversationID: ConversationID(rawValue: 1),
            direction: .incoming,
            sender: message.sender,
            kind: message.kind,
            text: message.text,
            extra: message.extra,
            telegramMessageID: message.messageID,
            replyTo: message.replyTo,
            sentAt: nil,
            receivedAt: noon,
            state: "received"
        )
    }

    @Test func `every field of Bot API 10.1 is known, has one meaning, and its fixture`() {
        #expect(MessageFixture.contentFields.count == 23 && MessageFixture.serviceFields.count == 52)
        #expect(MessageFixture.contents.map(\.name).sorted() == MessageFixture.contentFields.sorted())
        #expect(MessageFixture.services.map(\.name).sorted() == MessageFixture.serviceFields.sorted())
        #expect(ContentKind.all.map(\.name).sorted() == MessageFixture.contentFields.sorted())
        #expect(ServiceKind.fields.map(\.name).sorted() == MessageFixture.serviceFields.sorted())
        let known = MessageFixture.contentFields.union(MessageFixture.serviceFields)
            .union(MessageFixture.envelopeFields)
        #expect(known.count == 115)
        #expect(known.isSubset(of: MessageFields.names.names))
        #expect(MessageFields.count <= JSONNames.maximumCount)
        #expect(Set(MessageFields.names.names).count == MessageFields.count)
    }

    @Test(arguments: MessageFixture.contents)
    func `each kind of content is shown as what it is`(fixture: MessageFixture) throws {
        let message = try Self.message(fixture.members)
        #expect(message.kind == fixture.name && message.text == fixture.text)
        #expect(message.attachments.map(\.kind) == fixture.files)
        #expect(message.attachments.map(\.position) == Array(fixture.files.indices))
        #expect(message.attachments.allSatisfy { !$0.fileID.isEmpty && !$0.fileUniqueID.isEmpty })
        let names = try Self.extra(message)?.members.map { $0.map(\.name) } ?? []
        #expect(names.sorted() == fixture.extra.sorted())
        #expect(Self.stored(message).words(attachments: message.attachments) == fixture.words)
        #expect(message.sender.role == .customer && message.messageID == 9 && message.date == 1_795_435_199)
    }

    @Test(arguments: MessageFixture.services)
    func `each service message says what happened`(fixture: MessageFixture) throws {
        let message = try Self.message(fixture.members)
        #expect(message.kind == "service" && message.text == nil)
        #expect(message.attachments.map(\.kind) == fixture.files)
        let extra = try #require(try Self.extra(message))
        #expect(extra["service"]?.string == fixture.name)
        let names = extra.members.map { $0.map(\.name) } ?? []
        #expect(names.sorted() == (fixture.extra + ["service"]).sorted())
        #expect(Self.stored(message).words == fixture.words)
        #expect(message.sender == .init(role: .customer, id: 501, name: "Anna Ivanova"))
    }

    @Test(arguments: [
        (
            #""new_chat_members":[{"id":501,"first_name":"Anna","last_name":"Ivanova"}]"#,
            "Anna Ivanova joined the group"
        ),
        (#""left_chat_member":{"id":501,"first_name":"Anna"}"#, "Anna Ivanova left the group"),
        (
            #""message_auto_delete_timer_changed":{"message_auto_delete_time":0}"#,
            "messages no longer delete themselves"
        ),
        (
            #""direct_message_price_changed":{"are_direct_messages_enabled":false}"#,
            "the channel takes no direct messages any more"
        ), (#""forum_topic_edited":{"icon_custom_emoji_id":"5"}"#, "Anna Ivanova changed the topic's icon"),
        (
            #""suggested_post_paid":{"currency":"TON","amount":5}"#,
            "the suggested post was paid with 5 nanotoncoins"
        ),
        (
            #""suggested_post_refunded":{"reason":"payment_refunded"}"#,
            "the suggested post's price was given back"
        ),
    ])
    func `one kind of service message may say different things`(members: String, words: String) throws {
        #expect(Self.stored(try Self.message(members)).words == words)
    }

    @Test func `words stand on one line and are not long`() throws {
        let name = #""new_chat_title":"\#(String(repeating: #"a\u2028b\r\n"#, count: 300))""#
        let words = Self.stored(try Self.message(name)).words
        #expect(words.count < 130 && !words.contains(where: \.isNewline))
    }

    @Test func `a photo keeps its largest size, and all of them in its details`() throws {
        let photo = try #require(MessageFixture.contents.first { $0.name == "photo" })
        let message = try Self.message(photo.members)
        #expect(message.albumID == "131")
        let file = try #require(message.attachments.first)
        #expect(file.fileID == "id-l" && file.fileUniqueID == "u-l" && file.size == 153_600)
        #expect(file.mime == "image/jpeg" && file.name == nil)
        let details = try JSONDocument(Array(try #require(file.details).utf8)).root
        #expect(details["width"]?.int64 == 1280 && details["height"]?.int64 == 960)
        #expect(details["sizes"]?.elements?.map { $0["file_id"]?.string } == ["id-s", "id-l", "id-m"])
    }

    @Test func `a video keeps cover, qualities and thumbnail in its details`() throws {
        let video = try #require(MessageFixture.contents.first { $0.name == "video" })
        let file = try #require(try Self.message(video.members).attachments.first)
        #expect(file.name == "a.mp4" && file.mime == "video/mp4" && file.size == 4_503_599_627_370_495)
        let details = try JSONDocument(Array(try #require(file.details).utf8)).root
        let names = details.members.map { $0.map(\.name) } ?? []
        #expect(
            Set(names) == ["width", "height", "duration", "start_timestamp", "thumbnail", "cover", "qualities"]
        )
    }

    @Test(arguments: [
        (#""sticker":{"file_id":"a","is_animated":false,"is_video":false}"#, "image/webp"),
        (#""sticker":{"file_id":"a","is_animated":true}"#, "application/x-tgsticker"),
        (#""sticker":{"file_id":"a","is_video":true}"#, "video/webm"),
        (#""video_note":{"file_id":"a"}"#, "video/mp4"), (#""voice":{"file_id":"a"}"#, nil),
        (#""voice":{"file_id":"a","mime_type":"audio/ogg"}"#, "audio/ogg"),
    ])
    func `a media type that Telegram does not tell is derived where there is one`(members: String, mime: String?) throws
    {
        #expect(try Self.message(members).attachments.map(\.mime) == [mime])
    }

    @Test(arguments: [
        #""photo":[]"#, #""photo":[{}]"#, #""photo":[7,null,"x",[]]"#, #""document":{}"#, #""document":{"file_id":9}"#,
        #""paid_media":{"paid_media":[{"type":"photo","photo":{}},1]}"#, #""rich_message":{"blocks":7}"#,
    ])
    func `a file that cannot be fetched is no attachment`(members: String) throws {
        let message = try Self.message(members)
        #expect(message.kind != "unknown" && message.attachments.isEmpty)
    }

    @Test func `a hostile message has no more files than a bound, and no depth of blocks harms`() throws {
        let many = Array(repeating: #"{"photo":[{"file_id":"a"}]}"#, count: 5000).joined(separator: ",")
        let message = try Self.message(#""paid_media":{"paid_media":[\#(many)]}"#)
        #expect(message.attachments.count == AttachmentReader.maximumCount)
        let depth = 150
        let deep =
            String(repeating: #"{"blocks":["#, count: depth) + #"{"video":{"file_id":"a"}}"#
            + String(repeating: "]}", count: depth)
        #expect(try Self.message("\"rich_message\":\(deep)").attachments.isEmpty)
    }

    @Test func `of two contents the first of the table is shown, and the other is kept`() throws {
        let message = try Self.message(#""dice":{"emoji":"🎲","value":1},"text":"x","new_chat_title":"t""#)
        #expect(message.kind == "text" && message.text == "x")
        let extra = try #require(try Self.extra(message))
        #expect(extra["dice"]?["value"]?.int64 == 1 && extra["new_chat_title"]?.string == "t")
    }

    @Test func `what old programs need is left out, and what later versions add is kept`() throws {
        let message = try Self.message(
            #""text":"x","forward_date":1,"forward_from":{"id":1},"hologram":{"beam":1},"ephemeral_message_id":7"#
        )
        #expect(message.kind == "text")
        #expect(message.extra == #"{"unknown":{"hologram":{"beam":1},"ephemeral_message_id":7}}"#)
    }

    @Test func `forwards, quotes and replies elsewhere are kept whole`() throws {
        let kept =
            #""forward_origin":{"type":"hidden_user","date":1,"sender_user_name":"Carl"},"external_reply":{"origin":{"type":"user","date":1,"sender_user":{"id":9}},"message_id":4},"quote":{"text":"q","position":0,"is_manual":true},"via_bot":{"id":8},"reply_markup":{"inline_keyboard":[]},"effect_id":"5""#
        let message = try Self.message(#""text":"x","reply_to_message":{"message_id":4,"text":"old"},"# + kept)
        #expect(message.replyTo == 4)
        #expect(message.extra == "{\(kept)}")
    }

    @Test func `a poll is found again by its id, and a group by what it became`() throws {
        let poll = try #require(MessageFixture.contents.first { $0.name == "poll" })
        #expect(try Self.message(poll.members).pollID == "5301")
        #expect(try Self.message(#""migrate_to_chat_id":-1005"#).migratedTo == -1005)
        #expect(try Self.message(#""migrate_from_chat_id":-5"#).migratedFrom == -5)
    }

    @Test func `a NUL is replaced in every text, and stays escaped in what is kept as it came`() throws {
        let message = try Self.message(
            #""document":{"file_id":"a\u0000","file_name":"n\u0000"},"caption":"c\u0000d","author_signature":"s\u0000""#
        )
        #expect(message.text == "c\u{FFFD}d")
        #expect(message.attachments.first?.name == "n\u{FFFD}" && message.attachments.first?.fileID == "a\u{FFFD}")
        #expect(message.extra == #"{"author_signature":"s\u0000"}"#)
    }

    @Test func `of a field that comes twice the first counts, as elsewhere in an update`() throws {
        let message = try Self.message(#""text":"one","text":"two","quote":{"a":1},"quote":{"a":2}"#)
        #expect(message.text == "one" && message.extra == #"{"quote":{"a":1}}"#)
    }

    @Test func `a number of zero, which several messages may have, is none`() throws {
        let entry = Self.entry("message", #"{"message_id":0,"chat":{"id":1,"type":"private"},"date":1,"text":"x"}"#)
        guard case .message(let message) = entry else {
            Issue.record("\(entry)")
            return
        }
        #expect(message.messageID == nil)
    }

    @Test(arguments: [
        #""sender_chat":5"#, #""sender_business_bot":"x""#, #""reply_to_message":[]"#, #""edit_date":"soon""#,
        #""media_group_id":7"#, #""is_topic_message":1,"message_thread_id":4"#,
        #""direct_messages_topic":{"topic_id":"4"}"#,
    ])
    func `an optional field of another type is as if it were absent`(member: String) throws {
        let message = try Self.message("\(member),\"text\":\"x\"")
        #expect(message.sender == .init(role: .customer, id: 501, name: "Anna Ivanova"))
        #expect(message.customer?.telegramID == 501 && message.threadID == 0 && message.replyTo == nil)
        #expect(message.albumID == nil && message.editedAt == nil && message.text == "x")
    }
}
