import NIOHTTP1
import Simulator
import Telegram
import Testing

extension SimulatorTests {
    @Suite("answers bots")
    struct Answering {
        // Facts 2.2 and 8: malformed tokens, and a wrong method of a wrong token is a 401.
        @Test(arguments: [
            ("/bot12345/getMe", 401, "Unauthorized: invalid token specified"),
            ("/bot0123:AAAAAAAAAAAAAAAAAAAAAAAAAAAA/getMe", 401, "Unauthorized: invalid token specified"),
            ("/bot-5:AAAAAAAAAAAAAAAAAAAAAAAAAAAA/getMe", 401, "Unauthorized: invalid token specified"),
            ("/bot18014398509481984:AAAAAAAAAAAAAAAAAAAAAAAAAAAA/getMe", 401, "Unauthorized: invalid token specified"),
            ("/bot5:\(String(repeating: "A", count: 79))/getMe", 401, "Unauthorized: invalid token specified"),
            ("/botshop:AAAAAAAAAAAAAAAAAAAAAAAAAAAA/getMe", 421, "Misdirected Request: unallowed token specified"),
            ("/bot12345:short/getMe", 401, "Unauthorized"),
            ("/bot12345:AAAAAAAAAAAAAAAAAAAAAAAAAAAA/getMe", 401, "Unauthorized"),
            ("/bot12345:AAAAAAAAAAAAAAAAAAAAAAAAAAAA/noSuch", 401, "Unauthorized"),
            ("/bot12345:AAAAAAAAAAAAAAAAAAAAAAAAAAAA", 404, "Not Found"),
            ("/elsewhere", 404, "Not Found"),
        ])
        func `a token that is not one is told apart`(path: String, status: Int, text: String) async throws {
            try await withScene { scene in
                let answer = try await scene.ask(path)
                #expect(answer.status == status)
                #expect(answer.text == #"{"ok":false,"error_code":\#(status),"description":"\#(text)"}"#)
                #expect(answer.headers["Content-Type"] == ["application/json"])
            }
        }

        // Facts 8: the method in any case; as a parameter; a trailing slash makes it unknown; GET and POST only.
        @Test func `the method is found in the path or a parameter`() async throws {
            try await withScene { scene in
                let token = scene.bot.token.reveal()
                let me = try await scene.ask("/bot\(token)/GETme").text
                #expect(me.hasPrefix(#"{"ok":true,"result":{"id":\#(scene.bot.id),"is_bot":true,"first_name":"Shop","#))
                #expect(try await scene.ask("/bot\(token)/?method=getMe").text == me)
                let form = "application/x-www-form-urlencoded"
                #expect(
                    try await scene.ask("/bot\(token)/", method: .POST, type: form, body: "method=getme").text == me
                )
                #expect(try await scene.ask("/bot\(token.replacing(":", with: "%3A"))/getMe").text == me)
                let unknown = #"{"ok":false,"error_code":404,"description":"Not Found: method not found"}"#
                #expect(try await scene.ask("/bot\(token)/getMe/").text == unknown)
                #expect(try await scene.ask("/bot\(token)/noSuch").text == unknown)
                let put = try await scene.ask("/bot\(token)/getMe", method: .PUT)
                #expect(put.status == 501)
                #expect(put.text == "")
            }
        }

        // Facts 1.8: a revoked token is unknown, its webhook gone; updates belong to the bot (1.7).
        @Test func `a replaced token dies with its webhook`() async throws {
            try await withScene { scene in
                try await scene.setWebhook()
                let new = try scene.telegram.replaceToken(ofBot: scene.bot.id)
                #expect(new.token != scene.bot.token)
                #expect("\(new)".contains("bot\(new.id):***"))
                #expect(!"\(new)".contains(new.token.reveal()))
                #expect(try await scene.call("getMe").status == 401)
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let info = try await scene.api.call("getWebhookInfo", token: new.token).result
                #expect(info["url"]?.string == "")
                #expect(info["pending_update_count"]?.int64 == 1)
            }
        }

        // Facts 8: the query string is read before the body, the first value wins; numbers may be strings.
        @Test func `the first of two parameters counts`() async throws {
            try await withScene { scene in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let path = "/bot\(scene.bot.token.reveal())/sendMessage?text=query+one&text=two"
                let body = #"{"text":"body","chat_id":"\#(scene.anna.id)"}"#
                let answer = try await scene.ask(path, method: .POST, type: "application/json; x", body: body)
                #expect(answer.status == 200)
                #expect(scene.telegram.messages(in: scene.anna.id, of: scene.bot.id).last?.text == "query one")
            }
        }

        // Facts 2.2: the errors of sendMessage, in their order.
        @Test(arguments: [
            ("", "", "message text is empty"),
            ("1", "", "message text is empty"),
            ("", "hi", "chat_id is empty"),
            ("1", "hi", "chat not found"),
            ("@somebody", "hi", "chat not found"),
            ("anna", "  ", "text must be non-empty"),
            ("anna", String(repeating: "x", count: 4097), "message is too long"),
            ("anna", String(repeating: "x", count: 32_769), "text is too long"),
        ])
        func `a message that cannot be sent is refused`(chat: String, text: String, why: String) async throws {
            try await withScene { scene in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let chat = chat == "anna" ? String(scene.anna.id) : chat
                let answer = try await scene.call("sendMessage", ["chat_id": .string(chat), "text": .string(text)])
                #expect(answer.text == #"{"ok":false,"error_code":400,"description":"Bad Request: \#(why)"}"#)
                #expect(scene.telegram.messages(in: scene.anna.id, of: scene.bot.id).count == 1)
            }
        }

        // Facts 2.1: raw codes stay upper; 8: null as reply_markup is no object.
        @Test(arguments: [
            (#"{"inline_keyboard":[[{"text":"x","callback_data":""}]]}"#, "BUTTON_DATA_INVALID"),
            ("null", "object expected as reply markup"),
            ("{", "can't parse reply keyboard markup JSON object"),
        ])
        func `a keyboard that is none is refused`(markup: String, why: String) async throws {
            try await withScene { scene in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let answer = try await scene.call(
                    "sendMessage",
                    ["chat_id": .int(scene.anna.id), "text": "x", "reply_markup": .string(markup)]
                )
                #expect(answer.text.contains("\"Bad Request: \(why)\""))
            }
        }

        // Bot API, sendMessage: up to 4096 characters; the answer is the Message.
        @Test func `a sent message comes back as Telegram writes it`() async throws {
            try await withScene { scene in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let text = String(repeating: "😀", count: 4095) + "é"
                let answer = try await scene.call(
                    "sendMessage",
                    ["chat_id": .int(scene.anna.id), "text": .string(text), "reply_parameters": ["message_id": 1]]
                )
                #expect(answer.status == 200)
                #expect(answer.text.utf8.allSatisfy { $0 < 0x80 })
                let result = try #require(try JSONDocument(Array(answer.text.utf8)).root["result"])
                #expect(result["message_id"]?.int64 == 2)
                #expect(result["from"]?["id"]?.int64 == scene.bot.id)
                #expect(result["from"]?["is_bot"]?.bool == true)
                #expect(result["chat"]?["id"]?.int64 == scene.anna.id)
                #expect(result["chat"]?["type"]?.string == "private")
                #expect(result["date"]?.int64 == sceneStart)
                #expect(result["text"]?.string == text)
                #expect(result["reply_to_message"]?["text"]?.string == "hi")
                let messages = scene.telegram.messages(in: scene.anna.id, of: scene.bot.id)
                #expect(messages.map(\.isFromBot) == [false, true])
                let unknown = try await scene.call(
                    "sendMessage",
                    ["chat_id": .int(scene.anna.id), "text": "x", "reply_to_message_id": 9]
                )
                #expect(unknown.text.contains("Bad Request: message to be replied not found"))
            }
        }

        // Facts 2.2: a query is answered once.
        @Test func `a callback is answered once`() async throws {
            try await withScene { scene in
                let query: JSON = ["id": "77", "from": scene.anna.json, "data": "x"]
                try scene.telegram.post(update: "callback_query", payload: query, to: scene.bot.id)
                #expect(try await scene.call("answerCallbackQuery", ["callback_query_id": "77"]).status == 200)
                let again = try await scene.call("answerCallbackQuery", ["callback_query_id": "77"])
                let why = "Bad Request: query is too old and response timeout expired or query ID is invalid"
                #expect(again.text.contains(why))
            }
        }

        @Test func `a person can play with curl alone`() async throws {
            try await withScene { scene in
                func post(_ path: String, _ body: JSON) async throws -> (status: Int, json: JSONView) {
                    let answer = try await scene.ask("/simulator/" + path, method: .POST, body: body.text)
                    return (answer.status, try JSONDocument(Array(answer.text.utf8)).root)
                }
                let bot = try await post("bots", ["name": "Café", "username": "cafe_bot"]).json
                let token = try BotToken(try #require(bot["token"]?.string))
                let person = try #require(try await post("people", ["first_name": "Åsa"]).json["id"]?.int64)
                let said = try await post("say", ["bot": "cafe_bot", "person": .int(person), "text": "hej"])
                #expect(said.json["update_id"]?.int64 != nil)
                _ = try await scene.api.call(
                    "sendMessage",
                    token: token,
                    parameters: ["chat_id": .int(person), "text": "hello"]
                )
                let chat = try await scene.ask("/simulator/chats?bot=\(token.botID)&person=\(person)").text
                let entries = try #require(try JSONDocument(Array(chat.utf8)).root.elements)
                #expect(entries.map { $0["from"]?.string } == ["person", "bot"])
                #expect(entries.map { $0["text"]?.string } == ["hej", "hello"])
                let bots = try await scene.ask("/simulator/bots").text
                #expect(bots.contains("cafe_bot"))
                #expect(!bots.contains(token.reveal()))
                let mistake = try await post("say", ["bot": "nobody", "person": .int(person), "text": "hej"])
                #expect(mistake.status == 400)
                #expect(
                    mistake.json["error"]?.string == "there is no bot nobody: add it first, or give its id or username"
                )
                let taken = try await post("bots", ["name": "Other", "username": "Cafe_Bot"])
                #expect(taken.json["error"]?.string == "the username Cafe_Bot is taken: choose another")
            }
        }
    }
}
