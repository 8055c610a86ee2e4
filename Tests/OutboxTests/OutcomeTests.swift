import GRDB
import Simulator
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Storage

extension SendingTests {
    @Suite struct Outcomes {
        @Test func `a text is in the history at once, and then as Telegram shows it`() async throws {
            try await OutboxScene.with { scene in
                let queued = try await scene.queue("hello Anna")
                let before = try await scene.message(queued.messages[0])
                #expect(before.state == "queued" && before.direction == .outgoing && before.text == "hello Anna")
                #expect(before.sender.role == .bot && before.telegramMessageID == nil)
                let listed = try await scene.store.conversations(
                    of: scene.shop.business.id,
                    matching: .init(),
                    page: Page()
                )
                #expect(listed.elements.first?.lastMessage?.text == "hello Anna")
                try await scene.sending { try await scene.untilEmpty() }
                #expect(scene.seen() == ["hello Anna"])
                let after = try await scene.message(queued.messages[0])
                #expect(after.state == "sent" && after.error == nil)
                #expect(after.telegramMessageID == 2)
                #expect(after.sentAt != nil)
            }
        }

        @Test
        func `a long text goes in several messages, in order, the first as the answer and the last with the buttons`()
            async throws
        {
            try await OutboxScene.with { scene in
                let words = (1...1200).map { "word\($0)" }.joined(separator: " ")
                var request = SendRequest(
                    business: scene.shop.business.id,
                    conversation: scene.shop.conversation,
                    content: .text(FormattedText(words))
                )
                request.options.replyTo = 1
                request.options.markup = .inline(InlineKeyboard([[.init("Yes", .callback("yes"))]]))
                let queued = try await scene.store.enqueue(request, at: scene.now)
                #expect(queued.messages.count == 3 && queued.calls.count == 3)
                try await scene.sending { try await scene.untilEmpty() }
                #expect(scene.seen().joined(separator: " ") == words)
                let messages = scene.telegram.messages(in: scene.shop.anna.id, of: scene.shop.simulated.id)
                    .filter(\.isFromBot).map(\.json)
                #expect(messages.map { $0["reply_markup"] != nil } == [false, false, true])
                #expect(messages.map { $0["reply_to_message"] != nil } == [true, false, false])
            }
        }

        @Test func `a photo comes back with its file, and its file_id can be sent again`() async throws {
            try await OutboxScene.with { scene in
                let photo = SimulatedTelegram.Attachment(.photo, bytes: [1, 2, 3], name: "a.jpg", mime: "image/jpeg")
                guard case .array(let sizes)? = scene.telegram.content(photo, for: scene.shop.simulated.id)["photo"],
                    case .string(let id)? = sizes.first?["file_id"]
                else { throw Failed() }
                let queued = try await scene.queue(.media(.init(.photo, .id(id), caption: FormattedText("look"))))
                try await scene.sending { try await scene.untilEmpty() }
                let message = try await scene.message(queued.messages[0])
                #expect(message.kind == "photo" && message.text == "look" && message.state == "sent")
                #expect(try await scene.count("attachment", "message_id = \(queued.messages[0].rawValue)") == 1)
            }
        }

        @Test func `a 429 parks its chat for the time asked, and the row is sent then`() async throws {
            try await OutboxScene.with { scene in
                let other = try await scene.addCustomer("Bert", of: scene.shop)
                let refusal = CallFault.refusal(status: 429, description: "Too Many Requests", retryAfterSeconds: 7)
                scene.telegram.failCalls(refusal, method: "sendMessage")
                try await scene.queue("one")
                try await scene.sending {
                    try await scene.until { try await scene.count("outbox", "not_before > 0") == 1 }
                    try await scene.queue("to Bert", in: other.conversation)
                    try await scene.until { try await scene.count("outbox") == 1 }
                    #expect(scene.seen(other.person) == ["to Bert"] && scene.seen() == [])
                    await scene.clock.untilSomebodySleeps()
                    scene.clock.advance(by: .seconds(6))
                    try await scene.queue("two")
                    try await scene.untilEmpty()
                }
                #expect(scene.clock.now.offset >= .seconds(7))
                #expect(scene.seen() == ["one", "two"])
            }
        }

        @Test func `whoever blocked the bot fails the row and marks the conversation, until something gets through`()
            async throws
        {
            try await OutboxScene.with { scene in
                try scene.telegram.block(scene.shop.simulated.id, by: scene.shop.anna)
                let queued = try await scene.queue("hello")
                try await scene.sending { try await scene.untilEmpty() }
                let message = try await scene.message(queued.messages[0])
                #expect(message.state == "failed" && message.error?.contains("blocked") == true)
                #expect(try await scene.value(Bool.self, "SELECT blocked FROM conversation") == true)
                let dead = try await scene.store.deadLetters(of: scene.shop.business.id, page: Page()).elements
                #expect(dead.map(\.cause) == [.blocked])
                try scene.telegram.unblock(scene.shop.simulated.id, by: scene.shop.anna)
                _ = try await scene.store.replay(dead.map(\.id), at: scene.now)
                #expect(try await scene.message(queued.messages[0]).state == "queued")
                try await scene.sending { try await scene.untilEmpty() }
                #expect(try await scene.message(queued.messages[0]).state == "sent")
                #expect(try await scene.value(Bool.self, "SELECT blocked FROM conversation") == false)
                #expect(try await scene.count("dead_letter") == 0)
            }
        }

        @Test func `a revoked token stops that bot alone, and a new one takes up what waits`() async throws {
            try await OutboxScene.with { scene in
                let other = try await scene.addShop("bauer")
                try scene.telegram.revokeToken(ofBot: scene.shop.simulated.id)
                try await scene.queue("one")
                try await scene.queue("two")
                try await scene.queue("from Bauer", of: other)
                try await scene.sending {
                    try await scene.until { try await scene.count("bot", "health = 'token_revoked'") == 1 }
                    try await scene.until { try await scene.count("outbox", "state = 'sending'") == 0 }
                    #expect(try await scene.count("outbox") == 2)
                    #expect(scene.seen(of: other) == ["from Bauer"])
                    let token = try scene.telegram.replaceToken(ofBot: scene.shop.simulated.id).token
                    let bot = scene.shop.bot.id
                    let secret = WebhookSecret("another")
                    try await scene.store.rotate(
                        SealedCredentials(
                            token: try scene.sealer.seal(token, for: bot, version: 2),
                            secret: try scene.sealer.seal(secret, for: bot, version: 2)
                        ),
                        digest: SecretDigest(of: secret),
                        endsOverlap: true,
                        of: bot,
                        look: scene.now
                    )
                    try await scene.untilEmpty()
                }
                #expect(scene.seen() == ["one", "two"])
            }
        }

        @Test func `a group that has become a supergroup gets its messages there, in the same conversation`()
            async throws
        {
            try await OutboxScene.with { scene in
                let (group, conversation) = try await scene.addGroup(scene.shop)
                let new = try scene.telegram.migrate(group, by: scene.shop.anna)
                let queued = try await scene.store.enqueue(
                    SendRequest(
                        business: scene.shop.business.id,
                        conversation: conversation,
                        content: .text(FormattedText("still here?"))
                    ),
                    at: scene.now
                )
                try await scene.sending { try await scene.untilEmpty() }
                let seen = scene.telegram.messages(in: new.id, of: scene.shop.simulated.id).filter(\.isFromBot)
                #expect(seen.map(\.text) == ["still here?"])
                let message = try await scene.message(queued.messages[0], in: conversation)
                #expect(message.state == "sent" && message.conversationID == conversation)
                let chat = "SELECT telegram_chat_id FROM chat JOIN conversation c ON c.chat_id = chat.id WHERE c.id = "
                #expect(try await scene.value(Int64.self, chat + "\(conversation.rawValue)") == new.id)
                #expect(try await scene.count("chat", "successor_id IS NOT NULL") == 1)
            }
        }

        @Test func `what Telegram refuses for good is dead with its reason, and the next goes on`() async throws {
            try await OutboxScene.with { scene in
                scene.telegram.failCalls(
                    .refusal(status: 400, description: "Bad Request: BUTTON_DATA_INVALID"),
                    method: "sendMessage"
                )
                let queued = try await scene.queue("one")
                try await scene.queue("two")
                try await scene.sending { try await scene.untilEmpty() }
                let message = try await scene.message(queued.messages[0])
                #expect(message.state == "failed" && message.error == "Bad Request: BUTTON_DATA_INVALID")
                #expect(scene.seen() == ["two"])
            }
        }

        @Test func `an edit gives a version, and one that changes nothing is as good as done`() async throws {
            try await OutboxScene.with { scene in
                let queued = try await scene.queue("first")
                try await scene.sending {
                    try await scene.untilEmpty()
                    for _ in 1...2 {
                        try await scene.queue(.editText(queued.messages[0], FormattedText("second")))
                        try await scene.untilEmpty()
                    }
                }
                #expect(scene.seen() == ["second"])
                #expect(try await scene.message(queued.messages[0]).text == "second")
                #expect(try await scene.value(String.self, "SELECT text FROM message_version") == "first")
                #expect(try await scene.count("message_version") == 1)
                #expect(try await scene.count("dead_letter") == 0)
            }
        }

        @Test func `a deleted message keeps its text and is marked`() async throws {
            try await OutboxScene.with { scene in
                let queued = try await scene.queue("away with it")
                try await scene.sending {
                    try await scene.untilEmpty()
                    try await scene.queue(.delete(queued.messages))
                    try await scene.untilEmpty()
                }
                #expect(scene.seen() == [])
                #expect(try await scene.count("message", "deleted_at IS NOT NULL AND text = 'away with it'") == 1)
            }
        }

        @Test(arguments: [CallFault.cutAfter, .cutBefore, .lyingLength(off: 40)])
        func `a call without an answer is made once more, and then kept as unknown`(fault: CallFault) async throws {
            try await OutboxScene.with { scene in
                scene.telegram.failCalls(fault, method: "sendMessage")
                let first = try await scene.queue("one")
                try await scene.sending { try await scene.untilEmpty() }
                #expect(scene.seen() == (fault == .cutBefore ? ["one"] : ["one", "one"]))
                #expect(try await scene.message(first.messages[0]).state == "sent")
                scene.telegram.failCalls(fault, method: "sendMessage", times: 2)
                let second = try await scene.queue("two")
                try await scene.sending { try await scene.untilEmpty() }
                #expect(try await scene.message(second.messages[0]).state == "unknown")
                let dead = try await scene.store.deadLetters(of: nil, page: Page()).elements
                #expect(dead.map(\.cause) == [.unknown] && dead.map(\.attempts) == [2])
            }
        }

        @Test func `where no connection comes about, TLS included, the call was not made`() async throws {
            try await OutboxScene.with { scene in
                try await SimulatorServer(SimulatedTelegram(seed: 5)).whileRunning { port in
                    // It speaks plain HTTP: no handshake is made with it.
                    let api = BotAPI(client: scene.client, base: "https://127.0.0.1:\(port)")
                    let error = await #expect(throws: BotAPIError.self) {
                        try await api.call("getMe", token: scene.shop.simulated.token)
                    }
                    if case .unreachable = error { return }
                    Issue.record("taken for a call that may have been made: \(String(describing: error))")
                }
            }
        }

        @Test func `a business that prefers it keeps a call without an answer, and nothing comes twice`() async throws {
            try await OutboxScene.with { scene in
                _ = try await scene.store.setOnUnknown(.keep, of: scene.shop.business.id)
                scene.telegram.failCalls(.cutAfter, method: "sendMessage")
                let queued = try await scene.queue("one")
                try await scene.sending { try await scene.untilEmpty() }
                #expect(scene.seen() == ["one"])
                #expect(try await scene.message(queued.messages[0]).state == "unknown")
                #expect(try await scene.count("dead_letter", "cause = 'unknown'") == 1)
            }
        }

        @Test func `rows found being sent at a start are treated as unknown`() async throws {
            try await OutboxScene.with { scene in
                let kept = try await scene.addShop("bauer")
                _ = try await scene.store.setOnUnknown(.keep, of: kept.business.id)
                let retried = try await scene.queue("one")
                let left = try await scene.queue("two", of: kept)
                try await scene.store.write { try $0.execute(sql: "UPDATE outbox SET state = 'sending', attempts = 1") }
                try await scene.sending { try await scene.untilEmpty() }
                #expect(try await scene.message(retried.messages[0]).state == "sent")
                #expect(try await scene.message(left.messages[0], of: kept).state == "unknown")
                #expect(scene.seen() == ["one"] && scene.seen(of: kept) == [])
            }
        }

        @Test func `an echo that came before the answer becomes one message with it`() async throws {
            try await OutboxScene.with { scene in
                let queued = try await scene.queue("hello")
                // Telegram will give it the number 2; the same message as an update.
                let message: JSON = [
                    "message_id": 2,
                    "from": ["id": .int(scene.shop.simulated.id), "is_bot": true, "first_name": "Maier"],
                    "chat": scene.shop.anna.privateChat, "date": 1_795_435_200, "text": "hello",
                ]
                try await OutboxScene.take(["update_id": 99, "message": message], scene.shop.bot, scene.store)
                try await scene.sending { try await scene.untilEmpty() }
                #expect(try await scene.message(queued.messages[0]).telegramMessageID == 2)
                #expect(try await scene.count("message", "text = 'hello' AND direction = 'out'") == 1)
                #expect(try await scene.count("message", "telegram_message_id = 2") == 1)
                let page = try await scene.store.conversations(
                    of: scene.shop.business.id,
                    matching: .init(),
                    page: Page()
                )
                #expect(page.elements.first?.lastMessage != nil)
            }
        }
    }

    struct Failed: Error {}
}
