import Telegram
import Testing

@testable import Gateway

@Suite("Shapes of /v1 and --json")
struct ShapeTests {
    private static let noon = Timestamp(milliseconds: 1_795_435_200_000)
    private static let noonText = JSON.string("2026-11-23T12:00:00.000Z")

    private static func names(_ shape: JSON) -> [String] {
        guard case .object(let members) = shape else { return [] }
        return members.map(\.name)
    }

    private static func message(extra: String? = nil, raw: [UInt8]? = nil) -> Message {
        Message(
            id: MessageID(rawValue: 9),
            conversationID: ConversationID(rawValue: 4),
            direction: .incoming,
            sender: .init(role: .customer, id: 501, name: "Anna"),
            kind: "text",
            text: "hello",
            extra: extra,
            telegramMessageID: 3,
            replyTo: nil,
            sentAt: noon,
            receivedAt: noon,
            state: "received",
            raw: raw
        )
    }

    private static func bot(username: String) -> Bot {
        Bot(
            id: BotID(rawValue: 5),
            businessID: BusinessID(rawValue: 3),
            telegramID: 7_000_001,
            username: username,
            name: "Shop",
            state: .active,
            health: .webhookFailed,
            healthDetail: nil,
            healthAt: nil,
            hook: "secret-hook",
            createdAt: noon
        )
    }

    @Test func `a business has its fields`() throws {
        let business = Business(
            id: BusinessID(rawValue: 3),
            slug: try Slug("maier"),
            name: "Maier",
            state: .suspended,
            createdAt: Self.noon
        )
        let wanted: JSON = [
            "id": "biz_3", "slug": "maier", "name": "Maier", "state": "suspended", "created_at": Self.noonText,
            "on_unknown": "retry",
        ]
        #expect(business.json == wanted)
    }

    @Test func `a bot has its fields, and its hook for managers alone`() throws {
        let wanted: Set = [
            "id", "business_id", "telegram_id", "username", "name", "state", "health", "link",
        ]
        let shape = Self.bot(username: "maier_bot").json(publicURL: nil)
        #expect(wanted.isSubset(of: Self.names(shape)))
        #expect(shape["id"] == "bot_5" && shape["business_id"] == "biz_3" && shape["telegram_id"] == 7_000_001)
        #expect(shape["state"] == "active" && shape["health"] == "webhook_failed")
        #expect(shape["link"] == "https://t.me/maier_bot")
        #expect(!shape.text.contains("hook\"") && !shape.text.contains("secret-hook"))
        let url = try PublicURL("https://x.example", botAPI: "https://api.telegram.org")
        let managed = Self.bot(username: "maier_bot").json(publicURL: url)
        #expect(managed["webhook_url"] == "https://x.example/telegram/secret-hook")
    }

    @Test func `a bot that Telegram never named has no link`() {
        let shape = Self.bot(username: "").json(publicURL: nil)
        #expect(shape["username"] == JSON.null && shape["link"] == JSON.null)
    }

    @Test func `the words of states and healths are those of the surface`() {
        #expect([Bot.State.active, .paused, .removed].map(\.rawValue) == ["active", "paused", "removed"])
        let healths: [Bot.Health] = [.ok, .unverified, .tokenRevoked, .webhookFailed]
        #expect(healths.map(\.rawValue) == ["ok", "unverified", "token_revoked", "webhook_failed"])
        let roles: [Message.Sender.Role] = [.customer, .owner, .bot, .agent, .system, .unknown]
        #expect(roles.map(\.rawValue) == ["customer", "owner", "bot", "agent", "system", "unknown"])
        #expect([Message.Direction.incoming, .outgoing].map(\.rawValue) == ["in", "out"])
    }

    @Test func `a conversation has its fields`() {
        var conversation = Conversation(
            id: ConversationID(rawValue: 4),
            botID: BotID(rawValue: 5),
            space: "direct",
            chatID: -1_001_234_567_890,
            threadID: nil,
            kind: "supergroup",
            title: "Team",
            customerID: CustomerID(rawValue: 8),
            status: "open",
            handledBy: "pipeline",
            blocked: false,
            lastMessageAt: Self.noon,
            lastMessage: Self.message()
        )
        let shape = conversation.json
        #expect(
            Set(Self.names(shape)) == [
                "id", "bot_id", "space", "chat_id", "thread_id", "kind", "title", "customer_id", "status", "handled_by",
                "assignee",
                "labels", "blocked", "last_message_at", "last_message",
            ]
        )
        #expect(shape["id"] == "cnv_4" && shape["customer_id"] == "cus_8" && shape["chat_id"] == -1_001_234_567_890)
        #expect(shape["thread_id"] == JSON.null && shape["labels"] == [] && shape["blocked"] == false)
        #expect(shape["last_message"] == Self.message().json)
        conversation.lastMessage = nil
        conversation.threadID = 40
        #expect(conversation.json["last_message"] == JSON.null && conversation.json["thread_id"] == 40)
    }

    @Test func `a message has its fields`() {
        let shape = Self.message().json
        #expect(
            Set(Self.names(shape)) == [
                "id", "conversation_id", "direction", "sender", "kind", "text", "entities", "telegram_message_id",
                "reply_to", "album_id", "attachments", "reactions", "sent_at", "received_at", "edited_at", "deleted_at",
                "versions", "state", "error",
            ]
        )
        #expect(shape["sender"] == ["role": "customer", "id": 501, "name": "Anna"])
        #expect(shape["sent_at"] == Self.noonText && shape["direction"] == "in" && shape["entities"] == [])
        #expect(shape["raw"] == nil)
    }

    @Test func `entities and raw body are shown as they came, on one line`() throws {
        let entities = "[{\"type\":\"bold\",\n\"offset\":0}]"
        let body = Array("{\"update_id\":70,\r\n\"message\":{\"text\":\"a\\nb\"}}".utf8)
        let shape = Self.message(extra: "{\"entities\":\(entities)}", raw: body).json
        let bytes = shape.encoded()
        #expect(!bytes.contains(0x0A) && !bytes.contains(0x0D))
        let read = try JSONDocument(bytes).root
        #expect(read["raw"]?["update_id"]?.int64 == 70)
        #expect(read["raw"]?["message"]?["text"]?.string == "a\nb")
        #expect(read["entities"]?.elements.map { Array($0).count } == 1)
    }

    @Test func `a kept update has its fields, in words without a text of a customer`() {
        let kept = KeptUpdate(
            id: KeptUpdateID(rawValue: 6),
            botID: BotID(rawValue: 5),
            updateID: nil,
            kind: "",
            mark: .unreadable,
            detail: "not a JSON object",
            receivedAt: Self.noon,
            bytes: 17
        )
        let wanted: JSON = [
            "id": "upd_6", "bot_id": "bot_5", "update_id": nil, "kind": nil, "mark": "unreadable",
            "detail": "not a JSON object", "received_at": Self.noonText, "bytes": 17,
        ]
        #expect(kept.json == wanted)
        #expect(Set(UpdateMark.allCases.map(\.words)).count == UpdateMark.allCases.count)
    }

    @Test func `an error quotes what was typed, cut short and without control characters`() {
        let text = GatewayError.unknownBusiness("a\u{1B}[2J\n" + String(repeating: "x", count: 500)).description
        #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .control })
        #expect(text.count < 200)
    }
}
