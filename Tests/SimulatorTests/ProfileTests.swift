import NIOHTTP1
import Simulator
import Telegram
import Testing

extension SimulatorTests {
    @Suite("keeps the bot's profile")
    struct Profile {
        private static func result(_ answer: Scene.Answer) throws -> String {
            try JSONDocument(Array(answer.text.utf8)).root["result"]?.rawText ?? answer.text
        }

        private static func refusal(_ why: String) -> String {
            #"{"ok":false,"error_code":400,"description":"Bad Request: \#(why)"}"#
        }

        // Bot API, setMyDescription: an empty text takes the language's own away, and others see the one for all.
        @Test(arguments: [("Description", "description"), ("ShortDescription", "short_description"), ("Name", "name")])
        func `a text has a language, or is for all`(method: String, field: String) async throws {
            try await withScene { scene async throws in
                let standard = field == "name" ? "Shop" : ""
                #expect(try await Self.result(scene.call("getMy\(method)")) == #"{"\#(field)":"\#(standard)"}"#)
                for (language, text) in [("", " For all "), ("de", "Alle")] {
                    let set = try await scene.call(
                        "setMy\(method)",
                        .object([.init("language_code", .string(language)), .init(field, .string(text))])
                    )
                    #expect(set.text == #"{"ok":true,"result":true}"#)
                }
                for (language, text) in [("", "For all"), ("de", "Alle"), ("sv", "For all")] {
                    let got = try await scene.call("getMy\(method)", ["language_code": .string(language)])
                    #expect(try Self.result(got) == #"{"\#(field)":"\#(text)"}"#)
                }
                _ = try await scene.call("setMy\(method)", ["language_code": "de"])
                let again = try await scene.call("getMy\(method)", ["language_code": "de"])
                #expect(try Self.result(again) == #"{"\#(field)":"For all"}"#)
                if field == "name" {
                    #expect(try await scene.call("getMe").text.contains(#""first_name":"For all""#))
                    #expect(scene.telegram.bots.map(\.name) == ["For all"])
                }
            }
        }

        // Facts 3: name 0-64, description 0-512, short description 0-120; misc.cpp: a language is two small letters.
        @Test(arguments: [
            ("Name", "name", 64), ("Description", "description", 512), ("ShortDescription", "short_description", 120),
        ])
        func `a text that is too long or of no language is refused`(
            method: String,
            field: String,
            limit: Int
        ) async throws {
            try await withScene { scene async throws in
                let most = String(repeating: "😀", count: limit)
                #expect(try await scene.call("setMy\(method)", .object([.init(field, .string(most))])).status == 200)
                let more = try await scene.call("setMy\(method)", .object([.init(field, .string(most + "x"))]))
                #expect(more.status == 400)
                #expect(more.text.contains("_INVALID\""))
                for language in ["deu", "D", "DE", "d1"] {
                    let parameters: JSON = ["language_code": .string(language)]
                    #expect(
                        try await scene.call("setMy\(method)", parameters).text
                            == Self.refusal("invalid language code specified")
                    )
                    #expect(
                        try await scene.call("getMy\(method)", parameters).text
                            == Self.refusal("invalid language code specified")
                    )
                }
            }
        }

        // Bot API, setMyCommands: by scope and language; BotCommand.cpp: a slash before the command is dropped.
        @Test func `commands stand for a scope and a language`() async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let chat: JSON = ["type": "chat", "chat_id": .int(scene.anna.id)]
                let audiences: [(JSON, String)] = [
                    ([:], "everyone"), (["language_code": "de"], "german"),
                    (["scope": ["type": "all_private_chats"]], "private_1"), (["scope": chat], "anna"),
                    (["scope": .string(chat.text), "language_code": "sv"], "swedish"),
                ]
                for (parameters, name) in audiences {
                    var parameters = parameters
                    parameters["commands"] = [["command": .string("/" + name), "description": " What it does "]]
                    #expect(try await scene.call("setMyCommands", parameters).text == #"{"ok":true,"result":true}"#)
                }
                for (parameters, name) in audiences {
                    let got = try await scene.call("getMyCommands", parameters)
                    #expect(try Self.result(got) == #"[{"command":"\#(name)","description":"What it does"}]"#)
                }
                let never = try await scene.call("getMyCommands", ["language_code": "fr"])
                #expect(try Self.result(never) == "[]")
                #expect(try await scene.call("deleteMyCommands", ["scope": chat]).status == 200)
                #expect(try await Self.result(scene.call("getMyCommands", ["scope": chat])) == "[]")
                #expect(try await Self.result(scene.call("getMyCommands")).contains("everyone"))
            }
        }

        // Client.cpp, get_bot_commands and get_bot_command_scope; BotCommand.cpp; facts 3: 100 commands, 1-32 of [a-z0-9_], 1-256.
        @Test(arguments: [
            (#"{"commands":"["}"#, "can't parse commands JSON object"),
            (#"{"commands":{}}"#, "expected an Array of BotCommand"),
            (#"{"commands":["x"]}"#, "can't parse BotCommand: expected an Object"),
            (#"{"commands":[{"command":"x"}]}"#, #"can't parse BotCommand: Can't find field \"description\""#),
            (#"{"commands":[{"command":"/","description":"x"}]}"#, "command must be non-empty"),
            (#"{"commands":[{"command":"x","description":" "}]}"#, "command description must be non-empty"),
            (#"{"commands":[{"command":"Start","description":"x"}]}"#, "BOT_COMMAND_INVALID"),
            (
                #"{"commands":[{"command":"\#(String(repeating: "x", count: 33))","description":"x"}]}"#,
                "command length must not exceed 32"
            ),
            (
                #"{"commands":[{"command":"x","description":"\#(String(repeating: "x", count: 257))"}]}"#,
                "command description length must not exceed 256"
            ),
            (#"{"scope":"x"}"#, "can't parse BotCommandScope JSON object"),
            (#"{"scope":[]}"#, "can't parse BotCommandScope: BotCommandScope must be an Object"),
            (#"{"scope":{"type":"x"}}"#, "can't parse BotCommandScope: Unsupported type specified"),
            (#"{"scope":{"type":"chat"}}"#, #"can't parse BotCommandScope: Can't find field \"chat_id\""#),
            (#"{"scope":{"type":"chat","chat_id":5}}"#, "chat not found"),
            (
                #"{"scope":{"type":"chat_member","chat_id":5,"user_id":0}}"#,
                "can't parse BotCommandScope: Invalid user_id specified"
            ),
        ])
        func `a list of commands that is none is refused`(body: String, why: String) async throws {
            try await withScene { scene async throws in
                let path = "/bot\(scene.bot.token.reveal())/setMyCommands"
                let answer = try await scene.ask(path, method: .POST, type: "application/json", body: body)
                #expect(answer.text == Self.refusal(why))
            }
        }

        // Facts 3: at most 100 commands.
        @Test func `more than a hundred commands are refused`() async throws {
            try await withScene { scene async throws in
                func commands(_ count: Int) -> JSON {
                    ["commands": .array((0..<count).map { ["command": .string("c\($0)"), "description": "x"] })]
                }
                #expect(try await scene.call("setMyCommands", commands(100)).status == 200)
                #expect(
                    try await scene.call("setMyCommands", commands(101)).text == Self.refusal("BOT_COMMANDS_TOO_MUCH")
                )
            }
        }

        // Facts 8: after logOut the bot is out for 10 minutes; 1.7: explicit logOut clears the updates; close gives 429 in the first 10 minutes.
        @Test func `a bot can log out and close`() async throws {
            try await withScene { scene async throws in
                try scene.telegram.say("hi", from: scene.anna, to: scene.bot.id)
                let early = try await scene.call("close")
                #expect(early.status == 429)
                scene.clock.advance(by: .seconds(601))
                #expect(try await scene.call("close").text == #"{"ok":true,"result":true}"#)
                #expect(try await scene.webhookInfo()["pending_update_count"]?.int64 == 1)
                #expect(try await scene.call("logOut").text == #"{"ok":true,"result":true}"#)
                #expect(try await scene.call("getMe").text == Self.refusal("logged out"))
                scene.clock.advance(by: .seconds(600))
                #expect(try await scene.webhookInfo()["pending_update_count"]?.int64 == 0)
            }
        }
    }
}
