import NIOHTTP1
import Simulator
import Telegram
import Testing

extension SimulatorTests {
    @Suite("sends for bots")
    struct Sending {
        // Facts 7 and MessageEntity.cpp, parse_html: tags become entities, offsets are UTF-16 units, the text is trimmed.
        @Test(arguments: [
            (
                "<b>Hi</b> 😀 <i>you</i>", "Hi 😀 you",
                #"[{"offset":0,"length":2,"type":"bold"},{"offset":6,"length":3,"type":"italic"}]"#
            ),
            ("  <u>a</u>&lt;&amp;&#65;&#x42;&nbsp;  ", "a<&AB&nbsp;", #"[{"offset":0,"length":1,"type":"underline"}]"#),
            (
                "<a href=\"https://example.com?a=1&amp;b=2\">x</a>", "x",
                #"[{"offset":0,"length":1,"type":"text_link","url":"https://example.com?a=1&b=2"}]"#
            ),
            (
                "<pre><code class=\"language-swift\">let</code></pre>", "let",
                #"[{"offset":0,"length":3,"type":"pre","language":"swift"}]"#
            ),
            ("<code>x</code>", "x", #"[{"offset":0,"length":1,"type":"code"}]"#),
            (
                "<blockquote expandable>q</blockquote><span class='tg-spoiler'>s</span>", "qs",
                #"[{"offset":0,"length":1,"type":"expandable_blockquote"},{"offset":1,"length":1,"type":"spoiler"}]"#
            ),
            (
                "/go <B>now</B>", "/go now",
                #"[{"offset":4,"length":3,"type":"bold"},{"offset":0,"length":3,"type":"bot_command"}]"#
            ),
        ])
        func `tags become entities`(html: String, text: String, entities: String) async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let sent = try await scene.result(
                    "sendMessage",
                    ["chat_id": .int(scene.anna.id), "text": .string(html), "parse_mode": "HTML"]
                )
                #expect(sent["text"]?.string == text)
                #expect(sent["entities"].map { JSON($0).text } == entities)
            }
        }

        // Facts 2.2: can't parse entities, with the details of parse_html; unsupported parse_mode; 7: offsets.
        @Test(arguments: [
            (
                #"{"text":"<x>a</x>","parse_mode":"html"}"#,
                #"can't parse entities: Unsupported start tag "x" at byte offset 0"#
            ),
            (
                #"{"text":"<b>a</i>","parse_mode":"HTML"}"#,
                #"can't parse entities: Unmatched end tag at byte offset 4, expected "</b>", found "</i>""#
            ),
            (
                #"{"text":"é<b>a","parse_mode":"HTML"}"#,
                #"can't parse entities: Can't find end tag corresponding to start tag "b""#
            ),
            (#"{"text":"a</b>","parse_mode":"HTML"}"#, "can't parse entities: Unexpected end tag at byte offset 1"),
            (#"{"text":"<b","parse_mode":"HTML"}"#, "can't parse entities: Unclosed start tag at byte offset 0"),
            (
                #"{"text":"<span>a</span>","parse_mode":"HTML"}"#,
                #"can't parse entities: Tag "span" must have class "tg-spoiler" at byte offset 0"#
            ),
            (#"{"text":"<b></b>","parse_mode":"HTML"}"#, "text must be non-empty"),
            (#"{"text":"a","parse_mode":"BBCode"}"#, "unsupported parse_mode"),
            (#"{"text":"a","parse_mode":null}"#, "unsupported parse_mode"),
            (
                #"{"text":"ab","entities":[{"type":"bold","offset":3,"length":1}]}"#,
                "entity begins after the end of the text at UTF-16 offset 3"
            ),
            (
                #"{"text":"😀","entities":[{"type":"bold","offset":0,"length":1}]}"#,
                "entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 1"
            ),
        ])
        func `a text that cannot be read is refused`(body: String, why: String) async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let path = "/bot\(scene.bot.token.reveal())/sendMessage?chat_id=\(scene.anna.id)"
                let answer = try await scene.ask(path, method: .POST, type: "application/json", body: body)
                let root = try JSONDocument(Array(answer.text.utf8)).root
                #expect(root["description"]?.string == "Bad Request: " + why)
            }
        }

        // Facts 5: message_id is unique inside a chat; tdlib counts all private chats and basic groups of an account in one row.
        @Test func `private chats are counted in one row, a supergroup on its own`() async throws {
            try await withScene { scene async throws in
                let bo = scene.telegram.addPerson(firstName: "Bo")
                let basic = scene.telegram.addGroup(title: "Basic", isSupergroup: false)
                let super1 = scene.telegram.addGroup(title: "Super")
                try scene.telegram.say("1", from: scene.anna, to: scene.bot.id)
                try scene.telegram.say("2", from: bo, to: scene.bot.id)
                try scene.telegram.sayInGroup("3", from: bo, in: basic, to: scene.bot.id)
                try scene.telegram.sayInGroup("1", from: bo, in: super1, to: scene.bot.id)
                let sent = try await scene.result("sendMessage", ["chat_id": .int(bo.id), "text": "4"])
                #expect(sent["message_id"]?.int64 == 4)
                for chat in [scene.anna.id, bo.id, basic.id, super1.id] {
                    for message in scene.telegram.messages(in: chat, of: scene.bot.id) {
                        #expect(message.text == String(message.messageID))
                    }
                }
            }
        }

        // Facts 8: files as parts, as attach://, by file_id; 2.2: the texts; J File: file_id per bot, file_unique_id for all.
        @Test func `a file is uploaded, sent again by its id, and downloaded`() async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let path = "/bot\(scene.bot.token.reveal())/sendDocument"
                let body = Multipart([
                    ("chat_id", nil, String(scene.anna.id)), ("document", nil, "attach://paper"),
                    ("caption", nil, "<b>Bill</b>"), ("parse_mode", nil, "HTML"),
                    ("paper", "bill.pdf", "%PDF-\r\n--x\r\n1"),
                ])
                let answer = try await scene.ask(path, method: .POST, type: body.type, body: body.text)
                let sent = try #require(try JSONDocument(Array(answer.text.utf8)).root["result"], "\(answer.text)")
                #expect(sent["document"]?["file_name"]?.string == "bill.pdf")
                #expect(sent["document"]?["mime_type"]?.string == "application/pdf")
                #expect(sent["document"]?["file_size"]?.int64 == 13)
                #expect(sent["caption"]?.string == "Bill")
                #expect(sent["caption_entities"]?.rawText == #"[{"offset":0,"length":4,"type":"bold"}]"#)
                let id = try #require(sent["document"]?["file_id"]?.string)
                let again = try await scene.result(
                    "sendDocument",
                    ["chat_id": .int(scene.anna.id), "document": .string(id)]
                )
                #expect(again["document"]?["file_unique_id"]?.string == sent["document"]?["file_unique_id"]?.string)
                let file = try await scene.result("getFile", ["file_id": .string(id)])
                let place = try #require(file["file_path"]?.string)
                #expect(place.hasPrefix("documents/file_"))
                #expect(place.hasSuffix(".pdf"))
                let download = "/file/bot\(scene.bot.token.reveal())/\(place)"
                #expect(try await scene.ask(download).text == "%PDF-\r\n--x\r\n1")
                // J getFile: the link is good for an hour.
                scene.clock.advance(by: .seconds(3600))
                #expect(try await scene.ask(download).status == 404)
                #expect(try await scene.ask("/file/bot1:\(String(repeating: "A", count: 35))/\(place)").status == 401)
                let other = try scene.telegram.addBot(name: "Other", username: "other_bot")
                await #expect(throws: BotAPIError.self) {
                    _ = try await scene.api.call("getFile", token: other.token, parameters: ["file_id": .string(id)])
                }
            }
        }

        // Facts 2.2: the texts about files; FileManager: a file of one kind is not sent as another.
        @Test func `a file that cannot be sent is refused`() async throws {
            try await withScene { scene async throws in
                let photo = SimulatedTelegram.Attachment(.photo, bytes: [1, 2, 3], caption: "look")
                try scene.telegram.send(photo, from: scene.anna, to: scene.bot.id)
                let chat = JSON.int(scene.anna.id)
                let sizes = scene.telegram.messages(in: scene.anna.id, of: scene.bot.id).last?.json["photo"]
                guard case .array(let photos)? = sizes, let id = photos.last?["file_id"] else {
                    Issue.record("no photo")
                    return
                }
                #expect(try await scene.refusal("sendPhoto", ["chat_id": chat, "photo": id]) == "")
                #expect(
                    try await scene.refusal("sendDocument", ["chat_id": chat, "document": id])
                        == "Bad Request: can't use file of type Photo as Document"
                )
                #expect(
                    try await scene.refusal("sendPhoto", ["chat_id": chat])
                        == "Bad Request: there is no photo in the request"
                )
                #expect(
                    try await scene.refusal("sendPhoto", ["chat_id": chat, "photo": "nonsense"])
                        == "Bad Request: wrong file identifier/HTTP URL specified"
                )
                let url = "https://shop.example/rose.jpg"
                #expect(
                    try await scene.refusal("sendPhoto", ["chat_id": chat, "photo": .string(url)])
                        == "Bad Request: failed to get HTTP URL content"
                )
                scene.telegram.addWebFile(url, bytes: [9], mime: "image/jpeg")
                #expect(try await scene.refusal("sendPhoto", ["chat_id": chat, "photo": .string(url)]) == "")
                // J editMessageMedia: another file takes the place of the first.
                let media: JSON = ["type": "document", "media": .string(url), "caption": "new"]
                let edited = try await scene.result(
                    "editMessageMedia",
                    ["chat_id": chat, "message_id": 2, "media": media]
                )
                #expect(edited["photo"] == nil)
                #expect(edited["document"]?["file_name"]?.string == "rose.jpg")
                #expect(edited["caption"]?.string == "new")
                let long = JSON.string(String(repeating: "x", count: 1025))
                #expect(
                    try await scene.refusal("sendPhoto", ["chat_id": chat, "photo": id, "caption": long])
                        == "Bad Request: message caption is too long"
                )
                #expect(try await scene.refusal("getFile", ["file_id": "x"]) == "Bad Request: invalid file_id")
            }
        }

        // Facts 3: sendMediaGroup 2-10, documents only with documents; 4.2: one media_group_id, each its own message; 2.2: #K.
        @Test func `an album is several messages of one group`() async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                for name in ["a", "b"] {
                    scene.telegram.addWebFile("https://x.example/\(name)", bytes: [1], mime: "image/jpeg")
                }
                func media(_ type: String, _ name: String) -> JSON {
                    ["type": .string(type), "media": .string("https://x.example/" + name)]
                }
                func send(_ items: JSON...) -> JSON { ["chat_id": .int(scene.anna.id), "media": .array(items)] }
                let sent = try #require(
                    try await scene.result("sendMediaGroup", send(media("photo", "a"), media("video", "b"))).elements
                )
                let messages = Array(sent)
                #expect(messages.compactMap { $0["message_id"]?.int64 } == [2, 3])
                #expect(Set(messages.compactMap { $0["media_group_id"]?.string }).count == 1)
                #expect(
                    try await scene.refusal("sendMediaGroup", send(media("photo", "a"), media("document", "b")))
                        == "Bad Request: document can't be mixed with other media types"
                )
                #expect(
                    try await scene.refusal("sendMediaGroup", send(media("photo", "a"), media("photo", "c")))
                        == "Bad Request: failed to send message #2 with the error message \"failed to get HTTP URL content\""
                )
                #expect(
                    try await scene.refusal("sendMediaGroup", send(media("sticker", "a")))
                        == "Bad Request: can't parse InputMedia: type \"sticker\" can't be used in sendMediaGroup"
                )
                #expect(scene.telegram.messages(in: scene.anna.id, of: scene.bot.id).count == 3)
            }
        }

        // Facts 2.2: message is not modified, message to edit not found, message can't be edited, message to delete not found.
        @Test func `a bot edits and deletes its messages`() async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let chat = JSON.int(scene.anna.id)
                let keyboard: JSON = ["inline_keyboard": [[["text": "Yes", "callback_data": "y"]]]]
                _ = try await scene.result("sendMessage", ["chat_id": chat, "text": "one", "reply_markup": keyboard])
                let edit: JSON = ["chat_id": chat, "message_id": 2, "text": "two"]
                scene.clock.advance(by: .seconds(5))
                let edited = try await scene.result("editMessageText", edit)
                #expect(edited["text"]?.string == "two")
                #expect(edited["edit_date"]?.int64 == sceneStart + 5)
                #expect(edited["reply_markup"] == nil)
                let same = try await scene.refusal("editMessageText", edit)
                #expect(same.hasPrefix("Bad Request: message is not modified: specified new message content"))
                let marked = try await scene.result(
                    "editMessageReplyMarkup",
                    ["chat_id": chat, "message_id": 2, "reply_markup": keyboard]
                )
                #expect(marked["reply_markup"].map { JSON($0) } == keyboard)
                #expect(
                    try await scene.refusal("editMessageText", ["chat_id": chat, "message_id": 9, "text": "x"])
                        == "Bad Request: message to edit not found"
                )
                #expect(
                    try await scene.refusal("editMessageText", ["chat_id": chat, "message_id": 1, "text": "x"])
                        == "Bad Request: message can't be edited"
                )
                #expect(
                    try await scene.refusal(
                        "setMessageReaction",
                        ["chat_id": chat, "message_id": 1, "reaction": [["type": "emoji", "emoji": "👍"]]]
                    ) == ""
                )
                #expect(scene.telegram.messages(in: scene.anna.id, of: scene.bot.id).first?.reactions == ["👍"])
                #expect(try await scene.refusal("deleteMessage", ["chat_id": chat, "message_id": 2]) == "")
                #expect(
                    try await scene.refusal("deleteMessage", ["chat_id": chat, "message_id": 2])
                        == "Bad Request: message to delete not found"
                )
                // Facts 3: deleteMessage only under 48 h.
                scene.clock.advance(by: .seconds(48 * 3600))
                #expect(
                    try await scene.refusal("deleteMessage", ["chat_id": chat, "message_id": 1])
                        == "Bad Request: message can't be deleted for everyone"
                )
                #expect(scene.telegram.messages(in: scene.anna.id, of: scene.bot.id).map(\.text) == ["hi"])
            }
        }

        // Facts 4.3: venue has location too; J Dice, Poll, MessageOrigin, MessageId.
        @Test func `content without files is sent, and sent once more`() async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let chat = JSON.int(scene.anna.id)
                let venue = try await scene.result(
                    "sendVenue",
                    [
                        "chat_id": chat, "latitude": .double(59.3), "longitude": "18.1", "title": "Shop",
                        "address": "Street 1",
                    ]
                )
                #expect(venue["venue"]?["location"]?["latitude"]?.double == 59.3)
                #expect(venue["location"]?["longitude"]?.double == 18.1)
                let die = try await scene.result("sendDice", ["chat_id": chat])
                #expect((1...6).contains(die["dice"]?["value"]?.int64 ?? 0))
                let poll: JSON = [
                    "chat_id": chat, "question": "When?", "options": ["Mon", ["text": "Tue"]], "is_anonymous": false,
                ]
                let asked = try await scene.result("sendPoll", poll)
                let id = try #require(asked["poll"]?["id"]?.string)
                try scene.telegram.vote([1], inPoll: id, by: scene.anna)
                let voted = try await scene.payloads("poll_answer")
                #expect(voted.first?["option_ids"]?.rawText == "[1]")
                let stopped = try await scene.result(
                    "stopPoll",
                    ["chat_id": chat, "message_id": .int(asked["message_id"]?.int64 ?? 0)]
                )
                #expect(stopped["is_closed"]?.bool == true)
                #expect(stopped["total_voter_count"]?.int64 == 1)
                let forwarded = try await scene.result(
                    "forwardMessage",
                    ["chat_id": chat, "from_chat_id": chat, "message_id": 1]
                )
                #expect(forwarded["forward_origin"]?["sender_user"]?["id"]?.int64 == scene.anna.id)
                let copied = try await scene.result(
                    "copyMessage",
                    ["chat_id": chat, "from_chat_id": chat, "message_id": 1]
                )
                #expect(JSON(copied).text == #"{"message_id":6}"#)
                // J copyMessages: what is not found is left out; the numbers rise.
                var several: JSON = ["chat_id": chat, "from_chat_id": chat, "message_ids": [1, 2, 99]]
                let copies = try await scene.result("copyMessages", several)
                #expect(JSON(copies).text == #"[{"message_id":7},{"message_id":8}]"#)
                several["message_ids"] = [2, 1]
                #expect(
                    try await scene.refusal("forwardMessages", several)
                        == "Bad Request: message identifiers must be in a strictly increasing order"
                )
            }
        }

        // Facts 2.2: 403 blocked, deactivated; 4.1: my_chat_member kicked and member.
        @Test func `who blocked a bot is not written to`() async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let message: JSON = ["chat_id": .int(scene.anna.id), "text": "x"]
                try scene.telegram.block(scene.bot.id, by: scene.anna)
                let answer = try await scene.call("sendMessage", message)
                #expect(answer.status == 403)
                #expect(answer.text.contains("\"Forbidden: bot was blocked by the user\""))
                try scene.telegram.unblock(scene.bot.id, by: scene.anna)
                #expect(try await scene.refusal("sendMessage", message) == "")
                // To write again is to unblock.
                try scene.telegram.block(scene.bot.id, by: scene.anna)
                try scene.telegram.say("again", from: scene.anna, to: scene.bot.id)
                #expect(try await scene.refusal("sendMessage", message) == "")
                let changes = try await scene.payloads("my_chat_member")
                #expect(
                    changes.map { $0["new_chat_member"]?["status"]?.string } == [
                        "kicked", "member", "kicked", "member",
                    ]
                )
                scene.telegram.deactivate(scene.anna)
                #expect(try await scene.refusal("sendMessage", message) == "Forbidden: user is deactivated")
            }
        }

        // Facts 3: about one message a second in a chat with short bursts, 20 a minute in a group, 30 a second in all; 2.2: 429.
        @Test func `a flood is held back when limits are on`() async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let message: JSON = ["chat_id": .int(scene.anna.id), "text": "x"]
                for _ in 0..<40 { #expect(try await scene.call("sendMessage", message).status == 200) }
                scene.telegram.setFloodLimits(FloodLimits(chatBurst: 3))
                for _ in 0..<3 { #expect(try await scene.call("sendMessage", message).status == 200) }
                let flood = try await scene.call("sendMessage", message)
                #expect(flood.status == 429)
                #expect(flood.headers["Retry-After"] == ["1"])
                scene.clock.advance(by: .seconds(1))
                #expect(try await scene.call("sendMessage", message).status == 200)
                #expect(try await scene.call("sendMessage", message).status == 429)
                let group = scene.telegram.addGroup(title: "Group")
                try scene.telegram.sayInGroup("hi", from: scene.anna, in: group, to: scene.bot.id)
                let note: JSON = ["chat_id": .int(group.id), "text": "x"]
                for _ in 0..<20 { #expect(try await scene.call("sendMessage", note).status == 200) }
                #expect(try await scene.refusal("sendMessage", note) == "Too Many Requests: retry after 3")
            }
        }
    }
}

/// A body of `multipart/form-data`.
struct Multipart {
    let text: String
    let type = "multipart/form-data; boundary=xYzZY"

    /// - Parameter parts: name, the file's name if it is one, and value.
    init(_ parts: [(name: String, file: String?, value: String)]) {
        text =
            parts.map { part in
                let file = part.file.map { "; filename=\"\($0)\"\r\nContent-Type: application/pdf" } ?? ""
                return
                    "--xYzZY\r\nContent-Disposition: form-data; name=\"\(part.name)\"\(file)\r\n\r\n\(part.value)\r\n"
            }.joined() + "--xYzZY--\r\n"
    }
}
