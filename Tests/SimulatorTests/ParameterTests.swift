import NIOHTTP1
import Simulator
import Telegram
import Testing

extension SimulatorTests {
    @Suite("reads calls")
    struct Reading {
        // Facts 8: JSON null is the text "null"; an inner object may be inline or a text; malformed JSON: pairs parsed so far are used.
        @Test(arguments: [
            (#"{"text":"one","chat_id":CHAT,"#, "one"), (#"{"text":"one","chat_id":CHAT, "x": nonsense}"#, "one"),
            (#"{"chat_id":"CHAT","text":"a,\"}{","disable":[1,{"a":2}],"b":tru"#, #"a,"}{"#),
            (#"{"chat_id":CHAT,"text":5}"#, "5"), (#"{"chat_id":CHAT,"text":null}"#, "null"),
            (#"{"chat_id":CHAT,"text":{"a":1}}"#, #"{"a":1}"#),
            (#"{"chat_id":CHAT,"text":"first","text":"second"}"#, "first"),
        ])
        func `of a JSON body what was read before an error counts`(body: String, text: String) async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let path = "/bot\(scene.bot.token.reveal())/sendMessage"
                let body = body.replacing("CHAT", with: String(scene.anna.id))
                let answer = try await scene.ask(path, method: .POST, type: "application/json", body: body)
                #expect(answer.status == 200, "\(answer.text)")
                #expect(scene.telegram.messages(in: scene.anna.id, of: scene.bot.id).last?.text == text)
            }
        }

        // Facts 8: true, yes, 1 in any case and trimmed are true, all else false; the rest of a broken object is not there.
        @Test(arguments: [("True", true), (" yes ", true), ("1", true), ("on", false), ("2", false), ("", false)])
        func `booleans are lenient`(word: String, isTrue: Bool) async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                _ = try await scene.result("deleteWebhook", ["drop_pending_updates": .string(word)])
                #expect(scene.telegram.counts().pending == (isTrue ? 0 : 1))
            }
        }

        // HttpReader.cpp: a part with a file name is a file, one without a parameter; first wins; what is broken is a bare 400.
        @Test func `multipart bodies are read`() async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let path = "/bot\(scene.bot.token.reveal())/sendMessage"
                let chat = String(scene.anna.id)
                let good = Multipart([("text", nil, "eins\r\nzwei"), ("text", nil, "drei"), ("chat_id", nil, chat)])
                let answer = try await scene.ask(path, method: .POST, type: good.type, body: good.text)
                #expect(answer.status == 200, "\(answer.text)")
                #expect(scene.telegram.messages(in: scene.anna.id, of: scene.bot.id).last?.text == "eins\r\nzwei")
                let asFile = Multipart([("text", "", "eins"), ("chat_id", nil, chat)])
                let refused = try await scene.ask(path, method: .POST, type: asFile.type, body: asFile.text)
                #expect(refused.text.contains("message text is empty"))
                for broken in [
                    "", "--xYzZY\r\n\r\nx\r\n--xYzZY--",
                    "--xYzZY\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx",
                ] {
                    let bare = try await scene.ask(path, method: .POST, type: good.type, body: broken)
                    #expect(bare.status == 400)
                    #expect(bare.text == "")
                    #expect(bare.headers["Connection"] == ["close"])
                }
            }
        }

        // Facts 3: 1 MiB of parameters; 2.1: errors of HTTP itself have an empty body; 8: other encodings are a 415.
        @Test func `too much is refused with nothing but a status`() async throws {
            try await withScene { scene async throws in
                let path = "/bot\(scene.bot.token.reveal())/getMe"
                let long = #"{"text":""# + String(repeating: "x", count: 1 << 20) + #""}"#
                let json = try await scene.ask(path, method: .POST, type: "application/json", body: long)
                #expect(json.status == 413)
                #expect(json.text == "")
                let many = Multipart((0...50).map { ("f\($0)", "x", "y") })
                #expect(try await scene.ask(path, method: .POST, type: many.type, body: many.text).status == 413)
                let plain = try await scene.ask(path, method: .POST, type: "text/plain", body: long)
                #expect(plain.status == 200)
            }
        }
    }
}
