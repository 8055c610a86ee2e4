import Telegram
import Testing

@Suite("Calls to Telegram")
struct BotCallTests {
    private static let chat = MessageTarget(.id(42))
    private static let message = SentMessage.inChat(.id(42), messageID: 7)

    @Test func `a text goes with its entities and never with a parse mode`() throws {
        let call = BotCall.sendText(
            MessageTarget(.id(-100_123), threadID: 5),
            try FormattedText(html: "<b>Hi</b> <a href='https://example.org'>you</a>"),
            linkPreview: .none,
            SendOptions(
                replyTo: 9,
                silent: true,
                markup: .inline(
                    InlineKeyboard([[.init("Yes", .callback("y")), .init("Site", .url("https://example.org"))]])
                )
            )
        )
        try call.validate()
        #expect(call.method == "sendMessage")
        #expect(
            call.parameters.text
                == #"{"chat_id":-100123,"message_thread_id":5,"text":"Hi you","entities":[{"type":"bold","offset":0,"length":2},{"type":"text_link","offset":3,"length":3,"url":"https://example.org"}],"link_preview_options":{"is_disabled":true},"reply_parameters":{"message_id":9,"allow_sending_without_reply":true},"disable_notification":true,"reply_markup":{"inline_keyboard":[[{"text":"Yes","callback_data":"y"},{"text":"Site","url":"https://example.org"}]]}}"#
        )
    }

    @Test(arguments: [
        (
            BotCall.sendMedia(chat, OutgoingMedia(.photo, .id("AgAC-_9"), caption: FormattedText("x"), spoiler: true)),
            "sendPhoto", #"{"chat_id":42,"photo":"AgAC-_9","caption":"x","has_spoiler":true}"#
        ),
        (
            .sendMedia(chat, OutgoingMedia(.videoNote, .id("DQ"))), "sendVideoNote",
            #"{"chat_id":42,"video_note":"DQ"}"#
        ),
        (
            .sendAlbum(
                MessageTarget(.username("@channel"), directMessagesTopicID: 3),
                [
                    OutgoingMedia(
                        .photo,
                        .url("https://example.org/a.jpg"),
                        caption: FormattedText("c", entities: [.init(.bold, offset: 0, length: 1)])
                    ),
                    OutgoingMedia(.video, .id("B"), captionAbove: true),
                ]
            ), "sendMediaGroup",
            #"{"chat_id":"@channel","direct_messages_topic_id":3,"media":[{"type":"photo","media":"https://example.org/a.jpg","caption":"c","caption_entities":[{"type":"bold","offset":0,"length":1}]},{"type":"video","media":"B","show_caption_above_media":true}]}"#
        ),
        (
            .sendLocation(chat, latitude: 48.5, longitude: -9.25, accuracy: 20), "sendLocation",
            #"{"chat_id":42,"latitude":48.5,"longitude":-9.25,"horizontal_accuracy":20.0}"#
        ),
        (
            .editText(message, FormattedText("new"), linkPreview: .of(url: "https://example.org"), InlineKeyboard([])),
            "editMessageText",
            #"{"chat_id":42,"message_id":7,"text":"new","link_preview_options":{"url":"https://example.org"},"reply_markup":{"inline_keyboard":[]}}"#
        ),
        (
            .editCaption(message, FormattedText("c")), "editMessageCaption",
            #"{"chat_id":42,"message_id":7,"caption":"c"}"#
        ),
        (.editKeyboard(.inline(id: "AAA"), nil), "editMessageReplyMarkup", #"{"inline_message_id":"AAA"}"#),
        (
            .forward(chat, from: .id(-100), messageID: 9, SendOptions(silent: true)), "forwardMessage",
            #"{"chat_id":42,"from_chat_id":-100,"message_id":9,"disable_notification":true}"#
        ),
        (
            .copy(MessageTarget(.id(-100), threadID: 5), from: .id(42), messageID: 9, SendOptions(replyTo: 3)),
            "copyMessage",
            #"{"chat_id":-100,"message_thread_id":5,"from_chat_id":42,"message_id":9,"reply_parameters":{"message_id":3,"allow_sending_without_reply":true}}"#
        ),
        (.delete(chat, messageIDs: [7]), "deleteMessage", #"{"chat_id":42,"message_id":7}"#),
        (.delete(chat, messageIDs: [7, 8]), "deleteMessages", #"{"chat_id":42,"message_ids":[7,8]}"#),
        (
            .delete(MessageTarget(.id(42), businessConnectionID: "b"), messageIDs: [7]), "deleteBusinessMessages",
            #"{"business_connection_id":"b","message_ids":[7]}"#
        ),
        (
            .chatAction(MessageTarget(.id(42), businessConnectionID: "b"), .uploadVideoNote), "sendChatAction",
            #"{"chat_id":42,"business_connection_id":"b","action":"upload_video_note"}"#
        ),
        (
            .react(.id(42), messageID: 7, .emoji("👍")), "setMessageReaction",
            #"{"chat_id":42,"message_id":7,"reaction":[{"type":"emoji","emoji":"👍"}]}"#
        ),
        (.react(.id(42), messageID: 7, nil), "setMessageReaction", #"{"chat_id":42,"message_id":7,"reaction":[]}"#),
        (
            .answerCallback(id: "123", .init(text: "Done", alert: true, cacheSeconds: 5)), "answerCallbackQuery",
            #"{"callback_query_id":"123","text":"Done","show_alert":true,"cache_time":5}"#
        ),
        (
            .sendText(
                chat,
                FormattedText("x"),
                SendOptions(
                    markup: .keyboard(
                        ReplyKeyboard([[.init("A"), .init("B", sends: .contact)]], oneTime: true, placeholder: "p")
                    )
                )
            ),
            "sendMessage",
            #"{"chat_id":42,"text":"x","reply_markup":{"keyboard":[[{"text":"A"},{"text":"B","request_contact":true}]],"resize_keyboard":true,"one_time_keyboard":true,"input_field_placeholder":"p"}}"#
        ),
        (
            .sendText(chat, FormattedText("x"), SendOptions(protected: true, markup: .removeKeyboard)), "sendMessage",
            #"{"chat_id":42,"text":"x","protect_content":true,"reply_markup":{"remove_keyboard":true}}"#
        ),
    ])
    func `a call is valid and has the method and parameters of the Bot API`(
        call: BotCall,
        method: String,
        parameters: String
    ) throws {
        try call.validate()
        #expect(call.method == method)
        #expect(call.parameters.text == parameters)
        #expect(!call.parameters.text.contains("parse_mode"))
    }

    @Test func `each kind of medium goes by its own method and field`() throws {
        for kind in OutgoingMedia.Kind.allCases {
            let call = BotCall.sendMedia(Self.chat, OutgoingMedia(kind, .id("F")))
            try call.validate()
            #expect(call.parameters.text == #"{"chat_id":42,"\#(kind.rawValue)":"F"}"#)
            #expect(call.method.lowercased() == "send" + kind.rawValue.replacing("_", with: ""))
            #expect(call.messageCount == 1)
        }
        #expect(BotCall.delete(Self.chat, messageIDs: [1]).isRepeatable)
        #expect(!BotCall.sendText(Self.chat, FormattedText("x")).isRepeatable)
    }

    private static func text(_ text: String, entities: [MessageEntity] = []) -> BotCall {
        .sendText(chat, FormattedText(text, entities: entities))
    }

    private static func buttons(_ rows: [[InlineKeyboard.Button]]) -> BotCall {
        .sendText(chat, FormattedText("x"), SendOptions(markup: .inline(InlineKeyboard(rows))))
    }

    private static func album(_ kinds: [OutgoingMedia.Kind]) -> BotCall {
        .sendAlbum(chat, kinds.map { OutgoingMedia($0, .id("F")) })
    }

    private static func media(_ media: OutgoingMedia) -> BotCall { .sendMedia(chat, media) }

    private static let faults: [(BotCall, field: String)] = [
        (text(" \n"), "text"), (text(String(repeating: "😀", count: 4097)), "text"),
        (text("😀", entities: [.init(.bold, offset: 1, length: 1)]), "entities[0]"),
        (
            text("abc", entities: [.init(.bold, offset: 0, length: 1), .init(.bold, offset: 2, length: 2)]),
            "entities[1]"
        ),
        (text("abc", entities: [.init(.bold, offset: -1, length: 2)]), "entities[0]"),
        (text("abc", entities: [.init(.textLink(url: ""), offset: 0, length: 2)]), "entities[0].url"),
        (text("abc", entities: [.init(.customEmoji(id: "x"), offset: 0, length: 2)]), "entities[0].custom_emoji_id"),
        (.sendText(MessageTarget(.id(0)), FormattedText("x")), "chat_id"),
        (.sendText(MessageTarget(.id(1 << 52)), FormattedText("x")), "chat_id"),
        (.sendText(MessageTarget(.id(.min)), FormattedText("x")), "chat_id"),
        (.sendText(MessageTarget(.username("channel")), FormattedText("x")), "chat_id"),
        (.sendText(MessageTarget(.username("@ü")), FormattedText("x")), "chat_id"),
        (.sendText(MessageTarget(.id(5), threadID: 1), FormattedText("x")), "message_thread_id"),
        (.sendText(MessageTarget(.id(-5), businessConnectionID: "b"), FormattedText("x")), "chat_id"),
        (.sendText(MessageTarget(.id(5), businessConnectionID: ""), FormattedText("x")), "business_connection_id"),
        (
            .sendText(MessageTarget(.id(5), businessConnectionID: "b", threadID: 7), FormattedText("x")),
            "message_thread_id"
        ),
        (.sendText(chat, FormattedText("x"), linkPreview: .of(url: "example.org")), "link_preview_options.url"),
        (.sendText(chat, FormattedText("x"), SendOptions(replyTo: 0)), "reply_parameters.message_id"),
        (.sendText(chat, FormattedText("x"), SendOptions(effectID: "x")), "message_effect_id"),
        (
            .sendText(chat, FormattedText("x"), SendOptions(markup: .forceReply(placeholder: ""))),
            "reply_markup.input_field_placeholder"
        ),
        (
            .sendText(chat, FormattedText("x"), SendOptions(markup: .keyboard(ReplyKeyboard([[]])))),
            "reply_markup.keyboard[0]"
        ),
        (
            .sendText(chat, FormattedText("x"), SendOptions(markup: .keyboard(ReplyKeyboard([])))),
            "reply_markup.keyboard"
        ),
        (buttons([]), "reply_markup.inline_keyboard"),
        (buttons([[.init("a", .copy("b"))], []]), "reply_markup.inline_keyboard[1]"),
        (buttons([Array(repeating: .init("a", .callback("b")), count: 9)]), "reply_markup.inline_keyboard[0]"),
        (buttons(Array(repeating: [.init("a", .callback("b"))], count: 101)), "reply_markup.inline_keyboard"),
        (buttons([[.init(" ", .callback("b"))]]), "reply_markup.inline_keyboard[0][0].text"),
        (buttons([[.init("a", .callback(""))]]), "reply_markup.inline_keyboard[0][0].callback_data"),
        (
            buttons([[.init("a", .callback(String(repeating: "é", count: 33)))]]),
            "reply_markup.inline_keyboard[0][0].callback_data"
        ),
        (buttons([[.init("a", .url("javascript:alert(1)"))]]), "reply_markup.inline_keyboard[0][0].url"),
        (buttons([[.init("a", .webApp(url: "http://example.org"))]]), "reply_markup.inline_keyboard[0][0].web_app.url"),
        (buttons([[.init("a", .copy(""))]]), "reply_markup.inline_keyboard[0][0].copy_text.text"),
        (media(OutgoingMedia(.photo, .id("file:///etc/passwd"))), "photo"),
        (media(OutgoingMedia(.photo, .id("attach://x"))), "photo"),
        (media(OutgoingMedia(.photo, .id(""))), "photo"),
        (media(OutgoingMedia(.document, .url("file:///etc/passwd"))), "document"),
        (media(OutgoingMedia(.document, .url("https:// x"))), "document"),
        (media(OutgoingMedia(.videoNote, .url("https://example.org/a.mp4"))), "video_note"),
        (media(OutgoingMedia(.sticker, .id("F"), caption: FormattedText("x"))), "caption"),
        (
            media(OutgoingMedia(.photo, .id("F"), caption: FormattedText(String(repeating: "x", count: 1025)))),
            "caption"
        ),
        (
            media(
                OutgoingMedia(
                    .photo,
                    .id("F"),
                    caption: FormattedText("x", entities: [.init(.bold, offset: 1, length: 1)])
                )
            ), "caption_entities[0]"
        ),
        (media(OutgoingMedia(.audio, .id("F"), spoiler: true)), "has_spoiler"),
        (media(OutgoingMedia(.audio, .id("F"), captionAbove: true)), "show_caption_above_media"),
        (album([.photo]), "media"), (album(Array(repeating: .photo, count: 11)), "media"),
        (album([.photo, .document]), "media[1].type"),
        (album([.audio, .video]), "media[1].type"), (album([.photo, .voice]), "media[1].type"),
        (album([.animation, .photo]), "media[0].type"),
        (.sendAlbum(chat, [OutgoingMedia(.photo, .id("F")), OutgoingMedia(.photo, .id("../x"))]), "media[1].media"),
        (
            .sendAlbum(
                chat,
                [OutgoingMedia(.photo, .id("F")), OutgoingMedia(.photo, .id("G"))],
                SendOptions(markup: .removeKeyboard)
            ), "reply_markup"
        ),
        (.sendLocation(chat, latitude: 91, longitude: 0), "latitude"),
        (.sendLocation(chat, latitude: 0, longitude: .nan), "longitude"),
        (.sendLocation(chat, latitude: 0, longitude: 0, accuracy: 1501), "horizontal_accuracy"),
        (.forward(chat, from: .id(0), messageID: 1), "chat_id"),
        (.copy(chat, from: .id(1), messageID: 0), "message_id"),
        (.forward(chat, from: .id(1), messageID: 1, SendOptions(replyTo: 5)), "reply_markup"),
        (.forward(chat, from: .id(1), messageID: 1, SendOptions(markup: .removeKeyboard)), "reply_markup"),
        (
            .copy(MessageTarget(.id(5), businessConnectionID: "b"), from: .id(1), messageID: 1),
            "business_connection_id"
        ),
        (.editText(message, FormattedText("")), "text"),
        (.editText(.inline(id: ""), FormattedText("x")), "inline_message_id"),
        (.editText(.inChat(.id(4), messageID: 0), FormattedText("x")), "message_id"),
        (.editKeyboard(message, InlineKeyboard([[]])), "reply_markup.inline_keyboard[0]"),
        (.delete(chat, messageIDs: []), "message_ids"), (.delete(chat, messageIDs: Array(1...101)), "message_ids"),
        (.delete(chat, messageIDs: [1, -1]), "message_ids[1]"),
        (.react(.id(4), messageID: 1, .emoji("👍👍")), "reaction[0].emoji"),
        (.react(.id(4), messageID: 1, .customEmoji(id: "")), "reaction[0].custom_emoji_id"),
        (.answerCallback(id: ""), "callback_query_id"),
        (.answerCallback(id: "1", .init(text: String(repeating: "x", count: 201))), "text"),
        (.answerCallback(id: "1", .init(url: "x")), "url"),
        (.answerCallback(id: "1", .init(cacheSeconds: -1)), "cache_time"),
    ]

    @Test(arguments: faults.indices)
    func `what Telegram would refuse is told with its field and a mend in one line`(which: Int) throws {
        let (call, field) = Self.faults[which]
        let error = try #require(throws: InvalidCall.self) { try call.validate() }
        #expect(error.field == field)
        #expect(!error.problem.isEmpty && !error.mend.isEmpty)
        #expect(error.description == "\(error.field): \(error.problem); \(error.mend)")
        #expect(!error.description.contains("\n") && !error.description.contains("passwd"))
    }

    @Test func `what is at a limit is taken`() throws {
        try Self.text(String(repeating: "😀", count: 4096) + "\n\n").validate()
        try Self.buttons(
            Array(
                repeating: Array(repeating: .init("a", .callback(String(repeating: "x", count: 64))), count: 5),
                count: 20
            )
        )
        .validate()
        try Self.album(Array(repeating: .document, count: 10)).validate()
        try Self.album([.photo, .video, .photo]).validate()
        try Self.text("a😀", entities: [.init(.bold, offset: 1, length: 2)]).validate()
        try BotCall.editKeyboard(Self.message, InlineKeyboard([])).validate()
        try Self.media(OutgoingMedia(.video, .id("F"), caption: FormattedText(""))).validate()
        try BotCall.sendText(MessageTarget(.id(5), businessConnectionID: "b"), FormattedText("x")).validate()
        try BotCall.sendText(MessageTarget(.id(1 - (1 << 52))), FormattedText("x")).validate()
    }
}
