import Simulator
import Telegram
import Testing

extension SimulatorTests {
    @Suite("connects businesses and manages bots")
    struct Connecting {
        // Facts 6.2: any change sends business_connection again; messages of both sides are delivered; the namespace is the connection.
        @Test func `a bot answers in an account's chats`() async throws {
            try await withScene { scene async throws in
                let bot = scene.bot.id
                let owner = scene.telegram.addPerson(firstName: "Olga")
                #expect(throws: SimulatorError.unable(bot: bot, .business)) {
                    _ = try scene.telegram.connect(bot, by: owner)
                }
                try scene.telegram.allow(.business, ofBot: bot)
                try scene.telegram.say("own chat", from: scene.anna, to: bot)
                let connection = try scene.telegram.connect(bot, by: owner, rights: ["can_reply"])
                let known = try await scene.result(
                    "getBusinessConnection",
                    ["business_connection_id": .string(connection.id)]
                )
                #expect(known["user"]?["id"]?.int64 == owner.id)
                #expect(known["rights"]?.rawText == #"{"can_reply":true}"#)
                var message: JSON = ["business_connection_id": .string(connection.id), "text": "hello"]
                message["chat_id"] = .int(scene.anna.id)
                #expect(try await scene.refusal("sendMessage", message) == "Bad Request: BUSINESS_PEER_INVALID")
                try scene.telegram.sendInBusiness(["text": "hi"], with: scene.anna, through: connection)
                try scene.telegram.sendInBusiness(
                    ["text": "yes?"],
                    with: scene.anna,
                    through: connection,
                    isFromOwner: true
                )
                let sent = try await scene.result("sendMessage", message)
                #expect(sent["from"]?["id"]?.int64 == owner.id)
                #expect(sent["sender_business_bot"]?["id"]?.int64 == bot)
                #expect(sent["business_connection_id"]?.string == connection.id)
                #expect(sent["message_id"]?.int64 == 3)
                try scene.telegram.editInBusiness(1, content: ["text": "hi!"], with: scene.anna, through: connection)
                try scene.telegram.deleteInBusiness([1, 2], with: scene.anna, through: connection)
                try scene.telegram.disconnect(connection)
                #expect(
                    try await scene.refusal("sendMessage", message) == "Bad Request: BUSINESS_CONNECTION_NOT_ALLOWED"
                )
                let updates = try await scene.updates()
                let kinds = updates.compactMap { update in
                    UpdateKind.allowedUpdates.first { update[named: $0] != nil }
                }
                #expect(
                    kinds == [
                        "message", "business_connection", "business_message", "business_message",
                        "edited_business_message", "deleted_business_messages", "business_connection",
                    ]
                )
                #expect(updates.last?["business_connection"]?["is_enabled"]?.bool == false)
                #expect(updates[3]["business_message"]?["from"]?["id"]?.int64 == owner.id)
                #expect(updates[5]["deleted_business_messages"]?["message_ids"]?.rawText == "[1,2]")
                #expect(scene.telegram.messages(in: scene.anna.id, of: bot).map(\.text) == ["own chat"])
                let chat = scene.telegram.messages(in: scene.anna.id, connection: connection, of: bot)
                #expect(chat.map(\.text) == ["hello"])
            }
        }

        // Facts 2.2 and 6.2: the texts of refusal; can_reply needs an incoming message in the last 24 h.
        @Test func `what an account's bot may not do is refused`() async throws {
            try await withScene { scene async throws in
                let owner = scene.telegram.addPerson(firstName: "Olga")
                try scene.telegram.allow(.business, ofBot: scene.bot.id)
                let connection = try scene.telegram.connect(scene.bot.id, by: owner, rights: ["can_reply"])
                try scene.telegram.sendInBusiness(["text": "hi"], with: scene.anna, through: connection)
                func refusal(_ chat: JSON, _ id: String? = nil) async throws -> String {
                    try await scene.refusal(
                        "sendMessage",
                        ["business_connection_id": .string(id ?? connection.id), "chat_id": chat, "text": "x"]
                    )
                }
                let anna = JSON.int(scene.anna.id)
                #expect(try await refusal(anna, "nonsense") == "Bad Request: business connection not found")
                #expect(try await refusal("@anna") == "Bad Request: chat identifier must be a valid Integer")
                #expect(try await refusal(-5) == "Bad Request: chat must be a private chat")
                #expect(try await refusal(.int(owner.id)) == "Bad Request: messages must not be sent to self")
                let ids: JSON = ["business_connection_id": .string(connection.id), "message_ids": [1]]
                #expect(
                    try await scene.refusal("deleteBusinessMessages", ids)
                        == "Bad Request: BUSINESS_CONNECTION_NOT_ALLOWED"
                )
                try scene.telegram.change(connection, rights: ["can_delete_sent_messages"])
                #expect(
                    try await scene.refusal("deleteBusinessMessages", ids) == "Bad Request: MESSAGE_DELETE_FORBIDDEN"
                )
                try scene.telegram.change(connection, rights: ["can_reply"])
                scene.clock.advance(by: .seconds(86_400))
                #expect(try await refusal(anna) == "")
                scene.clock.advance(by: .seconds(1))
                #expect(try await refusal(anna) == "Bad Request: BUSINESS_PEER_USAGE_MISSING")
            }
        }

        // Facts 6.1: managed_bot says that there is a bot or that its token is another; replaceManagedBotToken ends the old one at once.
        @Test func `a manager gets and replaces the tokens of its bots`() async throws {
            try await withScene { scene async throws in
                #expect(throws: SimulatorError.unable(bot: scene.bot.id, .managesBots)) {
                    try scene.telegram.addManagedBot(
                        name: "Child",
                        username: "child_bot",
                        by: scene.anna,
                        managedBy: scene.bot.id
                    )
                }
                try scene.telegram.allow(.managesBots, ofBot: scene.bot.id)
                let child = try scene.telegram.addManagedBot(
                    name: "Child",
                    username: "child_bot",
                    by: scene.anna,
                    managedBy: scene.bot.id
                )
                let user: JSON = ["user_id": .int(child.id)]
                #expect(try await scene.result("getManagedBotToken", user).string == child.token.reveal())
                let new = try BotToken(try #require(try await scene.result("replaceManagedBotToken", user).string))
                #expect(new != child.token)
                #expect(new.botID == child.id)
                await #expect(throws: BotAPIError.self) { _ = try await scene.api.call("getMe", token: child.token) }
                #expect(try await scene.api.call("getMe", token: new).result["username"]?.string == "child_bot")
                // The owner revokes it in BotFather.
                let third = try scene.telegram.replaceToken(ofBot: child.id)
                #expect(try await scene.result("getManagedBotToken", user).string == third.token.reveal())
                let updates = try await scene.payloads("managed_bot")
                #expect(updates.map { $0["bot"]?["id"]?.int64 } == [child.id, child.id, child.id])
                #expect(updates.allSatisfy { $0["user"]?["id"]?.int64 == scene.anna.id })
                #expect(
                    try await scene.refusal("getManagedBotToken", ["user_id": 5]) == "Bad Request: user not found"
                )
                #expect(
                    try await scene.refusal("getManagedBotToken", ["user_id": .int(scene.anna.id)])
                        == "Bad Request: BOT_INVALID"
                )
            }
        }
    }
}
