import Simulator
import Telegram
import Testing

extension SimulatorTests {
    @Suite("lets people do what customers do")
    struct Acting {
        // Facts 4.2: media_group_id, reply_to_message never nested, quote; 4.6: names of files; 4.3: animation sets document too.
        @Test func `content of every kind reaches the bot`() async throws {
            try await withScene { scene async throws in
                let bot = scene.bot.id
                try scene.telegram.say("Look", from: scene.anna, to: bot)
                try scene.telegram.say("Here", from: scene.anna, to: bot)
                let reply = MessageContext(replyTo: 1, quote: "Loo", forwardedFrom: scene.anna)
                try scene.telegram.send(["text": "so"], from: scene.anna, context: reply, to: bot)
                let kinds: [SimulatedTelegram.Attachment.Kind] = [
                    .photo, .document, .video, .animation, .audio, .voice, .videoNote, .sticker, .livePhoto,
                ]
                for kind in kinds {
                    let file = SimulatedTelegram.Attachment(kind, bytes: Array("bytes".utf8), name: "n.x", mime: "a/b")
                    try scene.telegram.send(file, from: scene.anna, to: bot)
                }
                let album = ["one", "two"].map { SimulatedTelegram.Attachment(.photo, bytes: [1], caption: $0) }
                try scene.telegram.sendAlbum(album, from: scene.anna, to: bot)
                try scene.telegram.sendLocation(latitude: 1.5, longitude: 2, from: scene.anna, to: bot)
                try scene.telegram.sendContact(phoneNumber: "123", firstName: "Bo", from: scene.anna, to: bot)
                let messages = try await scene.payloads("message")
                #expect(messages.compactMap { $0["message_id"]?.int64 } == Array(1...16))
                #expect(messages[2]["reply_to_message"]?["text"]?.string == "Look")
                #expect(messages[2]["quote"]?["text"]?.string == "Loo")
                #expect(messages[2]["forward_origin"]?["type"]?.string == "user")
                for (message, kind) in zip(messages[3...], kinds) {
                    #expect(message[named: kind.rawValue] != nil)
                    let showsName = [.document, .video, .animation, .audio].contains(kind)
                    #expect((message[named: kind.rawValue]?["file_name"] != nil) == showsName)
                }
                #expect(messages[6]["document"] != nil)
                let photo = messages[3]["photo"]?.elements?.first { _ in true }
                let id = try #require(photo?["file_id"]?.string)
                let path = try #require(
                    try await scene.result("getFile", ["file_id": .string(id)])["file_path"]?.string
                )
                #expect(try await scene.ask("/file/bot\(scene.bot.token.reveal())/\(path)").text == "bytes")
                #expect(messages[12]["media_group_id"]?.string == messages[13]["media_group_id"]?.string)
                #expect(messages[12]["media_group_id"] != nil)
                #expect(messages[14]["location"]?["latitude"]?.double == 1.5)
                #expect(messages[15]["contact"]?["phone_number"]?.string == "123")
            }
        }

        // Facts 4.1: message_reaction is off by default, and the bot must be an administrator; counts are anonymous totals.
        @Test func `reactions reach an administrator who asked`() async throws {
            try await withScene { scene async throws in
                let bot = scene.bot.id
                let group = scene.telegram.addGroup(title: "Group")
                try scene.telegram.sayInGroup("1", from: scene.anna, in: group, to: bot)
                #expect(try scene.telegram.react(["👍"], to: 1, by: scene.anna, in: group, bot: bot) == nil)
                try scene.telegram.setMembership(.administrator, ofBot: bot, in: group, by: scene.anna)
                #expect(try scene.telegram.react(["👍"], to: 1, by: scene.anna, in: group, bot: bot) == nil)
                try await scene.wantAllKinds()
                try scene.telegram.react(["🔥"], to: 1, by: scene.anna, in: group, bot: bot)
                try scene.telegram.react([], to: 1, by: scene.anna, in: group, bot: bot)
                let reactions = try await scene.payloads("message_reaction")
                let emoji = #"[{"type":"emoji","emoji":"🔥"}]"#
                #expect(reactions.map { $0["new_reaction"].map { JSON($0).text } } == [emoji, "[]"])
                #expect(reactions.last?["old_reaction"].map { JSON($0).text } == emoji)
                #expect(throws: SimulatorError.unknownMessage(9)) {
                    try scene.telegram.react(["👍"], to: 9, by: scene.anna, in: group, bot: bot)
                }
            }
        }

        // Facts 2.2: kicked and not a member; 4.1: my_chat_member of groups; 4.4: new_chat_members.
        @Test func `a bot comes into a group and is thrown out`() async throws {
            try await withScene { scene async throws in
                let bot = scene.bot.id
                let group = scene.telegram.addGroup(title: "Group")
                try scene.telegram.setMembership(.member, ofBot: bot, in: group, by: scene.anna)
                let message: JSON = ["chat_id": .int(group.id), "text": "x"]
                #expect(try await scene.refusal("sendMessage", message) == "")
                try scene.telegram.setMembership(.kicked, ofBot: bot, in: group, by: scene.anna)
                #expect(
                    try await scene.refusal("sendMessage", message)
                        == "Forbidden: bot was kicked from the supergroup chat"
                )
                #expect(try scene.telegram.sayInGroup("x", from: scene.anna, in: group, to: bot) == nil)
                try scene.telegram.setMembership(.member, ofBot: bot, in: group, by: scene.anna)
                #expect(try await scene.refusal("leaveChat", ["chat_id": .int(group.id)]) == "")
                #expect(
                    try await scene.refusal("sendMessage", message)
                        == "Forbidden: bot is not a member of the supergroup chat"
                )
                let updates = try await scene.updates()
                let states = updates.compactMap { $0["my_chat_member"]?["new_chat_member"]?["status"]?.string }
                #expect(states == ["member", "kicked", "member"])
                let joins = updates.compactMap { $0["message"]?["new_chat_members"] }
                #expect(joins.count == 2)
            }
        }

        // Facts 4.2: is_topic_message and message_thread_id; 2.2: message thread not found.
        @Test func `a topic is a thread of a forum`() async throws {
            try await withScene { scene async throws in
                let bot = scene.bot.id
                let forum = scene.telegram.addGroup(title: "Forum", isForum: true)
                let topic = try scene.telegram.openTopic("Orders", by: scene.anna, in: forum, to: bot)
                let context = MessageContext(topic: topic)
                try scene.telegram.send(["text": "hi"], from: scene.anna, in: forum, context: context, to: bot)
                let messages = try await scene.payloads("message")
                #expect(messages.first?["forum_topic_created"]?["name"]?.string == "Orders")
                #expect(messages.first?["message_id"]?.int64 == topic)
                #expect(messages.allSatisfy { $0["is_topic_message"]?.bool == true })
                let message: JSON = ["chat_id": .int(forum.id), "text": "x", "message_thread_id": .int(topic)]
                #expect(try await scene.result("sendMessage", message)["message_thread_id"]?.int64 == topic)
                let wrong: JSON = ["chat_id": .int(forum.id), "text": "x", "message_thread_id": 999]
                #expect(try await scene.refusal("sendMessage", wrong) == "Bad Request: message thread not found")
            }
        }

        // Facts 4.5: migrate_to and migrate_from, sends to the old id fail with parameters, message_ids restart.
        @Test func `a group becomes a supergroup`() async throws {
            try await withScene { scene async throws in
                let bot = scene.bot.id
                try scene.telegram.say("1", from: scene.anna, to: bot)
                let old = scene.telegram.addGroup(title: "Group", isSupergroup: false)
                try scene.telegram.sayInGroup("2", from: scene.anna, in: old, to: bot)
                let new = try scene.telegram.migrate(old, by: scene.anna)
                #expect(new.isSupergroup)
                let messages = try await scene.payloads("message")
                #expect(messages[2]["migrate_to_chat_id"]?.int64 == new.id)
                #expect(messages[3]["migrate_from_chat_id"]?.int64 == old.id)
                #expect(messages.map { $0["message_id"]?.int64 } == [1, 2, 3, 1])
                let answer = try await scene.call("sendMessage", ["chat_id": .int(old.id), "text": "x"])
                #expect(
                    answer.text
                        == #"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":\#(new.id)}}"#
                )
                let sent = try await scene.result("sendMessage", ["chat_id": .int(new.id), "text": "x"])
                #expect(sent["message_id"]?.int64 == 2)
            }
        }

        // Facts 4.1: channel posts have a sender_chat; edits are edited_channel_post.
        @Test func `a channel's posts reach its administrators under one number`() async throws {
            try await withScene { scene async throws in
                let other = try scene.telegram.addBot(name: "Other", username: "other_bot")
                let channel = scene.telegram.addChannel(title: "News", username: "news")
                #expect(try scene.telegram.postInChannel(["text": "0"], in: channel) == [:])
                for id in [scene.bot.id, other.id] {
                    try scene.telegram.setMembership(.administrator, ofBot: id, in: channel, by: scene.anna)
                }
                let posted = try scene.telegram.postInChannel(["text": "1"], in: channel)
                #expect(Set(posted.keys) == [scene.bot.id, other.id])
                try scene.telegram.editPost(1, content: ["text": "2"], in: channel, to: scene.bot.id)
                let updates = try await scene.updates()
                let posts = updates.compactMap { $0["channel_post"] ?? $0["edited_channel_post"] }
                #expect(posts.map { $0["message_id"]?.int64 } == [1, 1])
                #expect(posts.last?["text"]?.string == "2")
                #expect(posts.allSatisfy { $0["from"] == nil && $0["sender_chat"]?["id"]?.int64 == channel.id })
                let sent = try await scene.result("sendMessage", ["chat_id": "@News", "text": "x"])
                #expect(sent["sender_chat"]?["title"]?.string == "News")
                #expect(sent["message_id"]?.int64 == 2)
            }
        }

        // Facts 1.6, 4.1: queries and their queues; 2.2: a query is answered once and in time; J: 10 s for a check-out.
        @Test func `queries are asked and answered`() async throws {
            try await withScene { scene async throws in
                let bot = scene.bot.id
                #expect(throws: SimulatorError.unable(bot: bot, .inlineQueries)) {
                    try scene.telegram.ask(inline: "x", by: scene.anna, to: bot)
                }
                try scene.telegram.allow(.inlineQueries, ofBot: bot)
                try scene.telegram.allow(.guestQueries, ofBot: bot)
                #expect(try await scene.result("getMe")["supports_inline_queries"]?.bool == true)
                try scene.telegram.ask(inline: "rose", by: scene.anna, to: bot)
                try scene.telegram.choose("r1", ofInline: "rose", by: scene.anna, to: bot)
                try scene.telegram.checkOut(payload: "p", amount: 100, currency: "XTR", by: scene.anna, to: bot)
                let group = scene.telegram.addGroup(title: "Elsewhere")
                try scene.telegram.sayAsGuest("@shop_bot hi", from: scene.anna, in: group, to: bot)
                let updates = try await scene.updates()
                let asked = try #require(updates.compactMap { $0["inline_query"] }.first)
                #expect(asked["query"]?.string == "rose")
                let answer: JSON = ["inline_query_id": .string(asked["id"]?.string ?? ""), "results": []]
                #expect(try await scene.refusal("answerInlineQuery", answer) == "")
                let old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
                #expect(try await scene.refusal("answerInlineQuery", answer) == old)
                let guest = try #require(updates.compactMap { $0["guest_message"] }.first)
                let guestID = JSON.string(guest["guest_query_id"]?.string ?? "")
                #expect(try await scene.refusal("answerGuestQuery", ["guest_query_id": guestID, "result": [:]]) == "")
                let checkOut = try #require(updates.compactMap { $0["pre_checkout_query"] }.first)
                let queryID = JSON.string(checkOut["id"]?.string ?? "")
                scene.clock.advance(by: .seconds(10))
                #expect(
                    try await scene.refusal("answerPreCheckoutQuery", ["pre_checkout_query_id": queryID, "ok": true])
                        == old
                )
                #expect(scene.telegram.answers(of: bot).map(\.kind) == ["inline_query", "guest_message"])
            }
        }

        // Facts 4.1: join requests and boosts are for administrators.
        @Test func `who asks to join may be written to`() async throws {
            try await withScene { scene async throws in
                let bot = scene.bot.id
                let group = scene.telegram.addGroup(title: "Group")
                #expect(try scene.telegram.requestToJoin(group, by: scene.anna, to: bot) == nil)
                try scene.telegram.setMembership(.administrator, ofBot: bot, in: group, by: scene.anna)
                try await scene.wantAllKinds()
                try scene.telegram.requestToJoin(group, by: scene.anna, to: bot)
                let request: JSON = ["chat_id": .int(group.id), "user_id": .int(scene.anna.id)]
                #expect(try await scene.refusal("approveChatJoinRequest", request) == "")
                #expect(
                    try await scene.refusal("declineChatJoinRequest", request) == "Bad Request: HIDE_REQUESTER_MISSING"
                )
                try scene.telegram.setMembership(.left, of: scene.anna, in: group, to: bot)
                try scene.telegram.boost(group, id: "b", by: scene.anna, to: bot)
                try scene.telegram.boost(group, id: "b", by: scene.anna, isRemoved: true, to: bot)
                #expect(try await scene.refusal("sendMessage", ["chat_id": .int(scene.anna.id), "text": "x"]) == "")
                let updates = try await scene.updates()
                for kind in ["chat_join_request", "chat_member", "chat_boost", "removed_chat_boost"] {
                    #expect(updates.filter { $0[named: kind] != nil }.count == 1, "\(kind)")
                }
                let member = try await scene.result(
                    "getChatMember",
                    ["chat_id": .int(group.id), "user_id": .int(scene.anna.id)]
                )
                #expect(member["status"]?.string == "left")
            }
        }
    }
}
