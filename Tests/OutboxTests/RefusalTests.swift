import GRDB
import Simulator
import Telegram
import Testing

@testable import Gateway
@testable import Storage

extension SendingTests {
    /// What Telegram refuses that is rarer than a blocked chat.
    @Suite struct Refusals {
        @Test func `an album of which Telegram refuses a part is accounted for, and not sent again`() async throws {
            try await OutboxScene.with { scene in
                let photo = SimulatedTelegram.Attachment(.photo, bytes: [1, 2, 3], name: "a.jpg", mime: "image/jpeg")
                guard case .array(let sizes)? = scene.telegram.content(photo, for: scene.shop.simulated.id)["photo"],
                    case .string(let id)? = sizes.first?["file_id"]
                else { throw Failed() }
                let words = "Bad Request: failed to send message #2 with the error message \"WEBPAGE_CURL_FAILED\""
                scene.telegram.failCalls(.refusal(status: 400, description: words), method: "sendMediaGroup")
                let items = (1...3).map { _ in OutgoingMedia(.photo, .id(id)) }
                let queued = try await scene.queue(.album(items))
                try await scene.queue("after it")
                try await scene.sending { try await scene.untilEmpty() }
                for message in queued.messages {
                    // Any of them may have been sent.
                    #expect(try await scene.message(message).state == "unknown")
                }
                let dead = try #require(try await scene.store.deadLetters(of: nil, page: Page()).elements.first)
                #expect(dead.cause == .partial && dead.messages == 3 && dead.reason.contains("#2"))
                await #expect(throws: GatewayError.partlySent(dead.id)) {
                    _ = try await scene.store.replay([dead.id], at: scene.now)
                }
                #expect(scene.seen() == ["after it"])
            }
        }

        @Test func `of an album that comes back short the messages that came are sent, the others unknown`()
            async throws
        {
            try await OutboxScene.with { scene in
                let items = (1...3).map { _ in OutgoingMedia(.photo, .id("AgAC")) }
                let queued = try await scene.queue(.album(items))
                let claim = OutboxClaim(id: queued.calls[0], tokenVersion: 1)
                let call = try #require(try await scene.store.advance([claim], [], at: scene.now).calls.first)
                let shown: [JSON] = [8, 9].map { number in
                    [
                        "message_id": .int(number), "date": .int(OutboxScene.noon.milliseconds / 1000),
                        "from": ["id": .int(scene.shop.simulated.id), "is_bot": true, "first_name": "M"],
                        "chat": scene.shop.anna.privateChat, "media_group_id": "77",
                        "photo": [["file_id": "F", "file_unique_id": "U", "width": 1, "height": 1]],
                    ]
                }
                let answer = try JSONDocument(JSON.array(shown).encoded()).root
                let judged = Judgement(call, .success(answer), at: scene.now)
                _ = try await scene.store.advance([], [judged.settlement], at: scene.now)
                var states: [String] = []
                for message in queued.messages { states.append(try await scene.message(message).state) }
                #expect(states == ["sent", "sent", "unknown"])
                #expect(try await scene.count("message", "album_id = '77'") == 2)
                #expect(try await scene.count("dead_letter", "cause = 'partial'") == 1)
            }
        }

        @Test func `a lost business connection fails the call and is asked for anew`() async throws {
            try await OutboxScene.with { scene in
                let owner = scene.telegram.addPerson(firstName: "Owner")
                let message: JSON = [
                    "message_id": 7, "business_connection_id": "bc1", "from": scene.shop.anna.json,
                    "chat": scene.shop.anna.privateChat, "date": .int(OutboxScene.noon.milliseconds / 1000),
                    "text": "hi",
                ]
                try await OutboxScene.take(
                    ["update_id": 800, "business_message": message],
                    scene.shop.bot,
                    scene.store
                )
                let connection: JSON = [
                    "id": "bc1", "user": owner.json, "user_chat_id": .int(owner.id), "is_enabled": true,
                    "date": .int(OutboxScene.noon.milliseconds / 1000), "rights": ["can_reply": true],
                ]
                try await OutboxScene.take(
                    ["update_id": 801, "business_connection": connection],
                    scene.shop.bot,
                    scene.store
                )
                #expect(try await scene.count("business_connection", "state = 'known'") == 1)
                let conversation = ConversationID(
                    rawValue: try #require(try await scene.value(Int64.self, "SELECT max(id) FROM conversation"))
                )
                // Telegram knows nothing of it any more.
                let queued = try await scene.queue(.text(FormattedText("hello")), in: conversation)
                try await scene.sending { try await scene.untilEmpty() }
                let sent = try await scene.message(queued.messages[0], in: conversation)
                #expect(sent.state == "failed" && sent.error?.contains("business connection") == true)
                #expect(try await scene.count("dead_letter", "cause = 'failed'") == 1)
                #expect(try await scene.count("business_connection", "state = 'wanted' AND ask_at IS NOT NULL") == 1)
                // The chat itself is not blocked by that.
                #expect(try await scene.count("conversation", "blocked = 1") == 0)
            }
        }

        @Test func `a deletion whose answer was lost is done when the message is gone`() async throws {
            try await OutboxScene.with { scene in
                let queued = try await scene.queue("away with it")
                try await scene.sending {
                    try await scene.untilEmpty()
                    scene.telegram.failCalls(.cutAfter, method: "deleteMessage")
                    try await scene.queue(.delete(queued.messages))
                    try await scene.untilEmpty()
                }
                #expect(scene.seen() == [])
                #expect(try await scene.count("dead_letter") == 0)
                #expect(try await scene.message(queued.messages[0]).deletedAt != nil)
            }
        }
    }
}
