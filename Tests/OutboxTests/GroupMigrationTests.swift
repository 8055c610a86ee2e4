import GRDB
import Simulator
import Telegram
import Testing

@testable import Gateway
@testable import Storage

extension SendingTests {
    /// Groups that become supergroups while something waits for them.
    @Suite struct GroupMigrations {
        private static func texts(_ group: GroupChat, _ scene: OutboxScene) -> [String] {
            scene.telegram.messages(in: group.id, of: scene.shop.simulated.id).filter(\.isFromBot).map { $0.text ?? "" }
        }

        private static func chat(_ group: GroupChat, isSupergroup: Bool) -> JSON {
            ["id": .int(group.id), "type": isSupergroup ? "supergroup" : "group", "title": "Club"]
        }

        private static func update(
            _ number: Int64,
            in group: GroupChat,
            isSupergroup: Bool,
            _ more: [JSON.Member],
            _ scene: OutboxScene
        ) async throws {
            let message = JSON.object(
                [
                    .init("message_id", .int(number)), .init("from", scene.shop.anna.json),
                    .init("chat", chat(group, isSupergroup: isSupergroup)),
                    .init("date", .int(OutboxScene.noon.milliseconds / 1000)),
                ] + more
            )
            try await OutboxScene.take(
                ["update_id": .int(70_000 + number), "message": message],
                scene.shop.bot,
                scene.store
            )
        }

        @Test func `what waits for the group keeps its order, whichever call finds out`() async throws {
            try await OutboxScene.with { scene in
                let (group, conversation) = try await scene.addGroup(scene.shop)
                for number in 1...5 { try await scene.queue("\(number)", in: conversation) }
                let new = try scene.telegram.migrate(group, by: scene.shop.anna)
                try await scene.sending { try await scene.untilEmpty() }
                #expect(Self.texts(new, scene) == ["1", "2", "3", "4", "5"])
                #expect(try await scene.count("dead_letter") == 0)
            }
        }

        @Test func `an edit of then is not made to another message of now, and an answer of then goes as none`()
            async throws
        {
            try await OutboxScene.with { scene in
                let (group, conversation) = try await scene.addGroup(scene.shop)
                let first = try await scene.queue("first", in: conversation)
                try await scene.sending { try await scene.untilEmpty() }
                // This one finds out.
                try await scene.queue("0", in: conversation)
                let edit = try await scene.queue(
                    .editText(first.messages[0], FormattedText("changed")),
                    in: conversation
                )
                let deletion = try await scene.queue(.delete(first.messages), in: conversation)
                let answer = try await scene.store.enqueue(
                    SendRequest(
                        business: scene.shop.business.id,
                        conversation: conversation,
                        content: .text(FormattedText("an answer")),
                        replyTo: first.messages[0]
                    ),
                    at: scene.now
                )
                let new = try scene.telegram.migrate(group, by: scene.shop.anna)
                // The supergroup has messages of the bot under the old numbers.
                let before = try await scene.message(first.messages[0], in: conversation)
                try await scene.sending {
                    try await scene.untilEmpty()
                    for text in ["a", "b", "c"] { try await scene.queue(text, in: conversation) }
                    try await scene.untilEmpty()
                }
                #expect(Self.texts(new, scene) == ["0", "an answer", "a", "b", "c"])
                let seen = scene.telegram.messages(in: new.id, of: scene.shop.simulated.id).filter(\.isFromBot)
                #expect(seen.allSatisfy { $0.json["reply_to_message"] == nil })
                let dead = try await scene.store.deadLetters(of: nil, page: Page()).elements
                #expect(dead.count == 2 && dead.allSatisfy { $0.cause == .failed && $0.reason.contains("supergroup") })
                #expect(edit.messages == [] && deletion.messages == [])
                let after = try await scene.message(first.messages[0], in: conversation)
                #expect(after.text == before.text && after.deletedAt == nil)
                let sent = try await scene.message(answer.messages[0], in: conversation)
                #expect(sent.state == "sent" && sent.replyTo == nil)
                // Nor does a replay of them do harm.
                _ = try await scene.store.replay(dead.map(\.id), at: scene.now)
                try await scene.sending { try await scene.untilEmpty() }
                #expect(Self.texts(new, scene) == ["0", "an answer", "a", "b", "c"])
            }
        }

        @Test func `what is written to the supergroup is in the conversation that a refused call has moved there`()
            async throws
        {
            try await OutboxScene.with { scene in
                let (group, conversation) = try await scene.addGroup(scene.shop)
                let new = try scene.telegram.migrate(group, by: scene.shop.anna)
                // Told before anything says that it was the group: a conversation of its own for now.
                try await Self.update(500, in: new, isSupergroup: true, [.init("text", "early")], scene)
                #expect(try await scene.count("conversation", "thread = 0") == 3)
                try await scene.queue("hello", in: conversation)
                try await scene.sending { try await scene.untilEmpty() }
                try await Self.update(501, in: new, isSupergroup: true, [.init("text", "late")], scene)
                let texts = try await scene.store.messages(
                    of: conversation,
                    business: scene.shop.business.id,
                    page: Page(.after(0), limit: 10),
                    raw: false
                ).elements.map { $0.text ?? "" }
                #expect(Set(texts) == ["hello", "early", "late"] && texts.count == 4)
            }
        }

        @Test func `conversations that join while rows of both are in hand send each row once, and go on`() async throws
        {
            try await OutboxScene.with { scene in
                let (group, conversation) = try await scene.addGroup(scene.shop)
                let new = try scene.telegram.migrate(group, by: scene.shop.anna)
                try await Self.update(500, in: new, isSupergroup: true, [.init("text", "early")], scene)
                let other = ConversationID(
                    rawValue: try #require(try await scene.value(Int64.self, "SELECT max(id) FROM conversation"))
                )
                let refusal = CallFault.refusal(status: 429, description: "Too Many Requests", retryAfterSeconds: 5)
                scene.telegram.failCalls(refusal, method: "sendMessage", times: 2)
                for text in ["b1", "b2", "b3"] { try await scene.queue(text, in: other) }
                for text in ["a1", "a2", "a3"] { try await scene.queue(text, in: conversation) }
                try await scene.sending {
                    // Both have asked and wait: their rows are in hand.
                    try await scene.until { try await scene.count("outbox", "not_before > 0") == 2 }
                    let from: [JSON.Member] = [.init("migrate_from_chat_id", .int(group.id))]
                    try await Self.update(501, in: new, isSupergroup: true, from, scene)
                    #expect(try await scene.count("outbox", "conversation_id = \(conversation.rawValue)") == 6)
                    try await scene.queue("c", in: conversation)
                    try await scene.untilEmpty()
                    try await scene.queue("d", in: conversation)
                    try await scene.untilEmpty()
                }
                let sent = Self.texts(new, scene)
                #expect(sent.sorted() == ["a1", "a2", "a3", "b1", "b2", "b3", "c", "d"])
                #expect(sent.filter { $0.hasPrefix("a") } == ["a1", "a2", "a3"])
                #expect(sent.filter { $0.hasPrefix("b") } == ["b1", "b2", "b3"])
                #expect(sent.last == "d")
                #expect(try await scene.count("dead_letter") == 0)
            }
        }

        @Test func `a call that was under way when its group moved has its message numbered where it is`() async throws
        {
            try await OutboxScene.with { scene in
                let (group, conversation) = try await scene.addGroup(scene.shop)
                let queued = try await scene.queue("hello", in: conversation)
                let claim = OutboxClaim(id: queued.calls[0], tokenVersion: 1)
                let call = try #require(try await scene.store.advance([claim], [], at: scene.now).calls.first)
                let new = try scene.telegram.migrate(group, by: scene.shop.anna)
                let to: [JSON.Member] = [.init("migrate_to_chat_id", .int(new.id))]
                try await Self.update(2, in: group, isSupergroup: false, to, scene)
                let answer: JSON = [
                    "message_id": 3, "from": ["id": .int(scene.shop.simulated.id), "is_bot": true, "first_name": "M"],
                    "chat": Self.chat(group, isSupergroup: false), "date": .int(OutboxScene.noon.milliseconds / 1000),
                    "text": "hello",
                ]
                let judged = Judgement(
                    call,
                    .success(try JSONDocument(answer.encoded()).root),
                    at: scene.now
                )
                _ = try await scene.store.advance([], [judged.settlement], at: scene.now)
                let place = """
                    SELECT chat.telegram_chat_id FROM message JOIN chat ON chat.id = message.chat_id
                    WHERE message.id = \(queued.messages[0].rawValue)
                    """
                #expect(try await scene.value(Int64.self, place) == group.id)
            }
        }
    }
}
