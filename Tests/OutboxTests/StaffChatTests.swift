import GRDB
import Simulator
import Telegram
import Testing

@testable import Gateway
@testable import Storage

extension SendingTests {
    @Suite struct StaffChats {
        /// The staff's group, of which the gateway has heard nothing.
        private static func group(_ scene: OutboxScene, isSupergroup: Bool = true) throws -> GroupChat {
            let group = scene.telegram.addGroup(title: "Staff", isSupergroup: isSupergroup)
            let clerk = scene.telegram.addPerson(firstName: "Clerk")
            try scene.telegram.sayInGroup("we are here", from: clerk, in: group, to: scene.shop.simulated.id)
            return group
        }

        private static func request(
            _ content: SendRequest.Content,
            to chat: Int64,
            _ scene: OutboxScene,
            thread: Int64? = nil
        ) -> SendRequest {
            SendRequest(
                business: scene.shop.business.id,
                to: .chat(chat, threadID: thread, of: scene.shop.bot.id),
                content: content
            )
        }

        /// The customer's message.
        private static func first(_ scene: OutboxScene) async throws -> MessageID {
            MessageID(rawValue: try #require(try await scene.value(Int64.self, "SELECT min(id) FROM message")))
        }

        /// The group as updates show it.
        private static func chat(_ group: GroupChat) -> JSON {
            ["id": .int(group.id), "type": "supergroup", "title": "The staff"]
        }

        /// Takes an answer to a message of the group in.
        private static func answer(
            _ number: Int64,
            in group: GroupChat,
            _ scene: OutboxScene
        ) async throws -> MessageID {
            let message: JSON = [
                "message_id": 77, "from": ["id": 9, "is_bot": false, "first_name": "Clerk"], "chat": chat(group),
                "date": .int(OutboxScene.noon.milliseconds / 1000), "text": "tell her yes",
                "reply_to_message": [
                    "message_id": .int(number), "chat": chat(group),
                    "date": .int(OutboxScene.noon.milliseconds / 1000),
                ],
            ]
            try await OutboxScene.take(["update_id": 4000, "message": message], scene.shop.bot, scene.store)
            return MessageID(rawValue: try #require(try await scene.value(Int64.self, "SELECT max(id) FROM message")))
        }

        @Test(arguments: [false, true])
        func `a message is sent on to a chat that nothing came from, and an answer there finds its way back`(
            isCopy: Bool
        )
            async throws
        {
            try await OutboxScene.with { scene in
                let group = try Self.group(scene)
                let original = try await Self.first(scene)
                let content: SendRequest.Content = isCopy ? .copy(original) : .forward(original)
                let queued = try await scene.store.enqueue(Self.request(content, to: group.id, scene), at: scene.now)
                let conversation = ConversationID(
                    rawValue: try #require(try await scene.value(Int64.self, "SELECT max(id) FROM conversation"))
                )
                #expect(try await scene.message(queued.messages[0], in: conversation).text == "hello")
                try await scene.sending { try await scene.untilEmpty() }
                let seen = scene.telegram.messages(in: group.id, of: scene.shop.simulated.id).filter(\.isFromBot)
                #expect(seen.map(\.text) == ["hello"])
                #expect(seen.map { $0.json["forward_origin"] != nil } == [!isCopy])
                let sent = try await scene.message(queued.messages[0], in: conversation)
                #expect(sent.state == "sent" && sent.text == "hello")
                let number = try #require(sent.telegramMessageID)
                let reply = try await Self.answer(number, in: group, scene)
                let found = try #require(
                    try await scene.store.original(answeredBy: reply, of: scene.shop.business.id)
                )
                #expect(found.message == original && found.conversation == scene.shop.conversation)
                // The update has told what the chat is called, and made no second conversation.
                #expect(try await scene.count("conversation") == 2)
                #expect(try await scene.value(String.self, "SELECT title FROM chat ORDER BY id DESC") == "The staff")
                #expect(try await scene.store.original(answeredBy: original, of: scene.shop.business.id) == nil)
            }
        }

        @Test func `a copy has the files of what it copies`() async throws {
            try await OutboxScene.with { scene in
                let photo = SimulatedTelegram.Attachment(.photo, bytes: [1, 2, 3], name: "a.jpg", mime: "image/jpeg")
                guard case .array(let sizes)? = scene.telegram.content(photo, for: scene.shop.simulated.id)["photo"],
                    case .string(let id)? = sizes.first?["file_id"]
                else { throw Failed() }
                let first = try await scene.queue(.media(.init(.photo, .id(id), caption: FormattedText("look"))))
                let group = try Self.group(scene)
                try await scene.sending {
                    try await scene.untilEmpty()
                    let request = Self.request(.copy(first.messages[0]), to: group.id, scene)
                    _ = try await scene.store.enqueue(request, at: scene.now)
                    try await scene.untilEmpty()
                }
                #expect(try await scene.count("attachment") == 2)
                #expect(try await scene.count("message", "kind = 'photo' AND text = 'look' AND state = 'sent'") == 2)
            }
        }

        @Test func `a chat named by its id is the conversation that updates from there have, one for each topic`()
            async throws
        {
            try await OutboxScene.with { scene in
                let text = SendRequest.Content.text(FormattedText("hi"))
                let anna = scene.shop.anna.privateChat
                guard case .int(let chat)? = anna["id"] else { throw Failed() }
                let queued = try await scene.store.enqueue(Self.request(text, to: chat, scene), at: scene.now)
                #expect(try await scene.message(queued.messages[0]).text == "hi")
                #expect(try await scene.count("conversation") == 1)
                for thread in [nil, 1, 7, 7] as [Int64?] {
                    let request = Self.request(text, to: -1_001_234_567_890, scene, thread: thread)
                    _ = try await scene.store.enqueue(request, at: scene.now)
                }
                // The topic General is no topic.
                #expect(try await scene.count("conversation", "thread = 0") == 2)
                #expect(try await scene.count("conversation", "thread = 7") == 1)
                #expect(try await scene.count("chat", "kind = 'supergroup'") == 1)
                _ = try await scene.store.enqueue(Self.request(text, to: -4711, scene), at: scene.now)
                #expect(try await scene.count("chat", "kind = 'group'") == 1)
                // Who wrote first is known once they write.
                _ = try await scene.store.enqueue(Self.request(text, to: 900, scene), at: scene.now)
                #expect(try await scene.count("conversation", "customer_id IS NULL AND thread = 0") == 3)
                let person: JSON = ["id": 900, "is_bot": false, "first_name": "Carl"]
                let message: JSON = [
                    "message_id": 1, "from": person, "chat": ["id": 900, "type": "private", "first_name": "Carl"],
                    "date": 1_795_435_200, "text": "hello",
                ]
                try await OutboxScene.take(["update_id": 4001, "message": message], scene.shop.bot, scene.store)
                #expect(try await scene.count("conversation", "customer_id IS NULL AND thread = 0") == 2)
            }
        }

        @Test func `what cannot be sent on, and where nothing can go, is told before anything is written`() async throws
        {
            try await OutboxScene.with { (scene) async throws in
                let other = try await scene.addShop("bauer")
                let original = try await Self.first(scene)
                let unsent = try await scene.queue("not sent yet")
                func expect(
                    _ error: GatewayError.Category,
                    _ request: SendRequest,
                    _ note: Comment
                ) async throws {
                    let found = await #expect(throws: GatewayError.self, note) {
                        _ = try await scene.store.enqueue(request, at: scene.now)
                    }
                    #expect(found?.category == error, note)
                }
                let staff: Int64 = -1_001_234_567_890
                try await expect(.notFound, Self.request(.forward(.init(rawValue: 999)), to: staff, scene), "unknown")
                try await expect(.conflict, Self.request(.forward(unsent.messages[0]), to: staff, scene), "unsent")
                try await expect(.invalid, Self.request(.forward(original), to: 0, scene), "no chat")
                try await expect(.invalid, Self.request(.forward(original), to: staff, scene, thread: -5), "no topic")
                var theirs = Self.request(.forward(original), to: staff, scene)
                theirs.destination = .chat(staff, of: other.bot.id)
                try await expect(.notFound, theirs, "another's bot")
                theirs.business = other.business.id
                try await expect(.notFound, theirs, "another's message")
                try await scene.store.write { db in
                    try db.execute(
                        sql: "UPDATE message SET kind = 'service' WHERE id = ?1",
                        arguments: [original.rawValue]
                    )
                }
                try await expect(.conflict, Self.request(.forward(original), to: staff, scene), "a service message")
                try await scene.store.write { db in
                    try db.execute(
                        sql: "UPDATE message SET kind = 'text' WHERE id = ?1",
                        arguments: [original.rawValue]
                    )
                    try db.execute(sql: "UPDATE chat SET space = 'business:b1'")
                }
                try await expect(.conflict, Self.request(.copy(original), to: staff, scene), "a business chat")
                #expect(try await scene.count("chat", "telegram_chat_id = -1001234567890") == 0)
                #expect(try await scene.count("outbox") == 1)
            }
        }

        @Test func `that a customers' group has become a supergroup does not lead the staff's chat there`() async throws
        {
            try await OutboxScene.with { scene in
                _ = try await scene.addGroup(scene.shop)
                let staff = try Self.group(scene, isSupergroup: false)
                let original = try #require(try await scene.value(Int64.self, "SELECT max(id) FROM message"))
                let request = Self.request(.forward(MessageID(rawValue: original)), to: staff.id, scene)
                let queued = try await scene.store.enqueue(request, at: scene.now)
                let claim = OutboxClaim(id: queued.calls[0], tokenVersion: 1)
                let call = try #require(try await scene.store.advance([claim], [], at: scene.now).calls.first)
                let words = "Bad Request: group chat was upgraded to a supergroup chat"
                let refusal = BotAPIError.Refusal(code: 400, text: words, migrateToChatID: -1_009_999_999_999)
                let judged = Judgement(call, .failure(.refused(refusal)), at: scene.now)
                _ = try await scene.store.advance([], [judged.settlement], at: scene.now)
                let dead = try await scene.store.deadLetters(of: nil, page: Page()).elements
                #expect(dead.map(\.cause) == [.failed] && dead.map(\.firstMessage) == [queued.messages[0]])
                #expect(try await scene.count("chat", "successor_id IS NOT NULL") == 0)
            }
        }
    }
}
