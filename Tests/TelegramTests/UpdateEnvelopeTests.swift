import Telegram
import Testing

@Suite("The envelope of an update")
struct UpdateEnvelopeTests {
    private func read(_ text: String) throws(UpdateEnvelope.Unreadable) -> UpdateEnvelope {
        try UpdateEnvelope(Array(text.utf8))
    }

    private static let namesOfTheBotAPI = [
        "message", "edited_message", "channel_post", "edited_channel_post", "business_connection", "business_message",
        "edited_business_message", "deleted_business_messages", "guest_message", "message_reaction",
        "message_reaction_count", "inline_query", "chosen_inline_result", "callback_query", "shipping_query",
        "pre_checkout_query", "purchased_paid_media", "poll", "poll_answer", "my_chat_member", "chat_member",
        "chat_join_request", "chat_boost", "removed_chat_boost", "managed_bot",
    ]

    @Test(arguments: namesOfTheBotAPI)
    func `each kind of Bot API 10.1 is recognised`(name: String) throws {
        let update = try read("{\"update_id\":7,\n\"\(name)\":{\"x\":1}}")
        #expect(update.updateID == 7)
        #expect(update.kind?.rawValue == name)
        #expect(update.kindName == name)
        #expect(update.payload?["x"]?.int64 == 1)
    }

    @Test func `there are 25 kinds, and a webhook asks for all of them`() {
        #expect(UpdateKind.allCases.count == 25)
        #expect(Set(UpdateKind.allowedUpdates) == Set(Self.namesOfTheBotAPI))
        let messages = ["message", "edited_message", "channel_post", "edited_channel_post", "business_message"]
        let kinds = UpdateKind.allCases.filter(\.isMessage).map(\.rawValue)
        #expect(Set(kinds) == Set(messages + ["edited_business_message", "guest_message"]))
    }

    @Test func `Telegram's own writing is read, its line end and escapes included`() throws {
        let update = try read(
            "{\"update_id\":718281828,\n\"message\":{\"message_id\":4711,\"from\":{\"id\":5123456789,\"is_bot\":false,"
                + #""first_name":"\u0410\u043d\u043d\u0430 \ud83d\ude00"},"chat":{"id":-1001234567890,"type":"#
                + #""supergroup"},"date":1767225600,"text":"\u041f\u0440\u0438\u0432\u0435\u0442 a/b"}}"#
        )
        #expect(update.updateID == 718_281_828)
        #expect(update.kind == .message)
        #expect(update.chat?["id"]?.int64 == -1_001_234_567_890)
        #expect(update.messageID == 4711)
        #expect(update.payload?["from"]?["first_name"]?.string == "Анна 😀")
        #expect(update.payload?["text"]?.string == "Привет a/b")
    }

    @Test func `a callback query belongs to the chat of its message, if it has one`() throws {
        let button = try read(
            #"{"update_id":1,"callback_query":{"id":"9","message":{"message_id":5,"chat":{"id":3},"date":0}}}"#
        )
        #expect(button.chat?["id"]?.int64 == 3)
        #expect(button.messageID == 5)
        let inline = try read(#"{"update_id":1,"callback_query":{"id":"9","inline_message_id":"x"}}"#)
        #expect(inline.chat == nil)
        #expect(inline.messageID == nil)
    }

    @Test func `an unknown kind is kept under its name`() throws {
        let update = try read(#"{"update_id":1,"hologram":{"chat":{"id":4}}}"#)
        #expect(update.kind == nil)
        #expect(update.kindName == "hologram")
        #expect(update.chat?["id"]?.int64 == 4)
    }

    @Test func `a kind that is known goes before others`() throws {
        let update = try read(#"{"hologram":{"a":1},"update_id":1,"poll":{"id":"2"}}"#)
        #expect(update.kind == .poll)
        #expect(update.kindName == "poll")
        #expect(update.payload?["id"]?.string == "2")
    }

    @Test func `the kind may stand before the number`() throws {
        let update = try read(#"{"poll":{"update_id":9},"update_id":1}"#)
        #expect(update.kind == .poll)
        #expect(update.updateID == 1)
    }

    @Test func `a known kind without an object is not that kind`() throws {
        let update = try read(#"{"update_id":1,"message":null}"#)
        #expect(update.kind == nil)
        #expect(update.kindName == "message")
        #expect(update.payload?.isNull == true)
    }

    @Test func `a number alone is an update of no kind`() throws {
        let update = try read(#"{"update_id":1}"#)
        #expect(update.kind == nil)
        #expect(update.kindName.isEmpty)
        #expect(update.payload == nil)
    }

    @Test(arguments: [
        ("[]", UpdateEnvelope.Unreadable.notAnObject), ("1", .notAnObject), ("\"update_id\"", .notAnObject),
        ("{}", .noUpdateID), (#"{"update_id":"1"}"#, .noUpdateID), (#"{"update_id":1.5}"#, .noUpdateID),
        (#"{"update_id":null,"message":{}}"#, .noUpdateID), (#"{"message":{"update_id":1}}"#, .noUpdateID),
    ])
    func `what is no update is refused`(text: String, reason: UpdateEnvelope.Unreadable) {
        #expect(throws: reason) { try read(text) }
    }

    @Test func `what is no JSON is refused with the place`() {
        let error = #expect(throws: UpdateEnvelope.Unreadable.self) { try read("{\"update_id\":1,\n\"message\":{}") }
        #expect(error?.description == "not JSON: the text ends too early (byte 28)")
    }
}
