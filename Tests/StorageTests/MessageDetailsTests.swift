import GRDB
import Gateway
import Synchronization
import Telegram
import Testing

@testable import Storage

@Suite("What a message has beside its text", .timeLimit(.minutes(1)))
struct MessageDetailsTests {
    private static let noon = StoreFixture.noon.milliseconds

    /// A shop with one conversation of so many messages, whose numbers at Telegram are 1 and so on.
    private static func filled(_ fixture: StoreFixture, _ messages: Int64) async throws -> (Shop, Conversation) {
        let shop = try await fixture.addShop()
        for number in 1...messages { await fixture.accept(UpdateText(number: number, text: "\(number)"), shop) }
        return (shop, try #require(try await fixture.conversations(shop.business).first))
    }

    private static func page(
        _ fixture: StoreFixture,
        _ shop: Shop,
        _ conversation: Conversation
    ) async throws
        -> [Message]
    {
        try await fixture.store.messages(of: conversation.id, business: shop.business.id, page: Page(), raw: false)
            .elements
    }

    private static func react(
        _ fixture: StoreFixture,
        chat: String,
        to number: Int64,
        _ actor: Int64,
        _ values: [(String, Int64)],
        after seconds: Int64 = 0
    ) async throws {
        for (position, (value, count)) in values.enumerated() {
            try await fixture.execute(
                """
                INSERT INTO reaction (chat_id, telegram_message_id, actor_id, position, actor_role, actor_name, kind, value, count, reacted_at)
                VALUES (\(chat), \(number), \(actor), \(position), 'customer', 'P\(actor)', 'emoji', '\(value)', \(count),
                    \(noon + seconds * 1000))
                """
            )
        }
    }

    private static func attach(
        _ fixture: StoreFixture,
        to message: MessageID,
        _ kind: String,
        _ names: [String?]
    )
        async throws
    {
        for (position, name) in names.enumerated() {
            try await fixture.execute(
                """
                INSERT INTO attachment (message_id, position, kind, file_id, file_unique_id, name, mime, size, details)
                VALUES (\(message.rawValue), \(position), '\(kind)', 'f\(position)', 'u\(position)',
                    \(name.map { "'\($0)'" } ?? "NULL"), 'image/jpeg', \(100 + position), '{"width":1280}')
                """
            )
        }
    }

    @Test func `album, files, edits with their versions, and a deletion are shown with the message`() async throws {
        try await StoreFixture.with { fixture in
            let (shop, conversation) = try await Self.filled(fixture, 3)
            let message = try await Self.page(fixture, shop, conversation)[1]
            try await fixture.execute(
                """
                UPDATE message SET kind = 'photo', text = 'now', album_id = 'alb', edited_at = \(Self.noon + 9000), deleted_at = \(Self.noon + 9900)
                WHERE id = \(message.id.rawValue)
                """
            )
            try await Self.attach(fixture, to: message.id, "photo", [nil, "b.jpg"])
            let old = Attachment(
                kind: "document",
                fileID: "f9",
                fileUniqueID: "u9",
                name: "price.pdf",
                mime: "application/pdf",
                size: 7,
                details: "{\"a\":1}"
            )
            let files = JSON.array([old.json]).text
            try await fixture.execute(
                """
                INSERT INTO message_version (message_id, number, kind, text, extra, attachments, edited_at, received_at) VALUES
                (\(message.id.rawValue), 2, 'photo', 'second', NULL, '[]', \(Self.noon + 5000), \(Self.noon + 5000)),
                (\(message.id.rawValue), 1, 'document', 'first', '{"entities":[{"type":"bold"}]}', '\(files)', NULL, \(Self.noon))
                """
            )
            let shown = try await Self.page(fixture, shop, conversation)
            #expect(shown.map(\.text) == ["3", "now", "1"])
            let (plain, whole) = (shown[0], shown[1])
            #expect(plain.attachments == [] && plain.versions == [] && plain.editedAt == nil && plain.albumID == nil)
            #expect(whole.albumID == "alb")
            #expect(whole.editedAt == Timestamp(milliseconds: Self.noon + 9000))
            #expect(whole.deletedAt == Timestamp(milliseconds: Self.noon + 9900))
            #expect(whole.attachments.map(\.name) == [nil, "b.jpg"])
            #expect(whole.attachments.map(\.size) == [100, 101] && whole.attachments.map(\.position) == [0, 1])
            #expect(whole.attachments.first?.json["details"] == .raw(Array("{\"width\":1280}".utf8)))
            #expect(whole.versions.map(\.text) == ["first", "second"])
            #expect(whole.versions.map(\.attachments) == [[old], []])
            #expect(whole.versions.map(\.editedAt) == [nil, Timestamp(milliseconds: Self.noon + 5000)])
            #expect(whole.versions.first?.json["entities"]?.text == "[{\"type\":\"bold\"}]")
            #expect(
                try await fixture.store.message(message.id, business: shop.business.id, raw: false) == whole
            )
        }
    }

    @Test func `reactions are those of the message's own chat and number: totals first, then in their order`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let (shop, conversation) = try await Self.filled(fixture, 2)
            await fixture.accept(UpdateText(number: 9, messageID: 2, chatID: 777), shop)
            let here = "(SELECT id FROM chat WHERE telegram_chat_id = 501)"
            let elsewhere = "(SELECT id FROM chat WHERE telegram_chat_id = 777)"
            try await Self.react(fixture, chat: here, to: 2, 12, [("👍", 1)], after: 2)
            try await Self.react(fixture, chat: here, to: 2, 13, [("🔥", 1), ("❤", 1)], after: 1)
            try await Self.react(fixture, chat: here, to: 2, 0, [("👍", 3)], after: 5)
            try await Self.react(fixture, chat: elsewhere, to: 2, 14, [("👎", 1)])
            // Telegram promises no order: this message has not come.
            try await Self.react(fixture, chat: here, to: 3, 12, [("🎉", 1)])
            let shown = try await Self.page(fixture, shop, conversation)
            #expect(shown.map { $0.reactions.map(\.reaction.value) } == [["👍", "🔥", "❤", "👍"], []])
            #expect(shown[0].reactions.map(\.actor?.name) == [nil, "P13", "P13", "P12"])
            #expect(shown[0].reactions.map(\.reaction.count) == [3, 1, 1, 1])
            await fixture.accept(UpdateText(number: 3, text: "3"), shop)
            #expect(try await Self.page(fixture, shop, conversation)[0].reactions.map(\.reaction.value) == ["🎉"])
        }
    }

    @Test func `a poll stands as Telegram told last, with the votes that were not taken back`() async throws {
        try await StoreFixture.with { fixture in
            let (shop, conversation) = try await Self.filled(fixture, 2)
            let other = try await fixture.addShop("bauer", telegramID: 7_000_002)
            let message = try await Self.page(fixture, shop, conversation)[0]
            try await fixture.execute(
                """
                UPDATE message SET kind = 'poll', text = NULL, poll_id = 'p1', extra = '{"poll":{"id":"p1","question":"as it came"}}'
                WHERE id = \(message.id.rawValue)
                """
            )
            // Another bot's poll has the same id.
            try await fixture.execute(
                """
                INSERT INTO poll (bot_id, poll_id, state, is_closed, updated_at) VALUES (\(other.bot.id.rawValue), 'p1', '{"other":1}', 0, 1);
                INSERT INTO poll_answer (bot_id, poll_id, voter_id, voter_name, options, answered_at)
                VALUES (\(other.bot.id.rawValue), 'p1', 9, 'Nobody', '[0]', 1)
                """
            )
            let first = try await Self.page(fixture, shop, conversation)[0].poll
            #expect(first == MessagePoll(state: "{\"id\":\"p1\",\"question\":\"as it came\"}", votes: []))
            try await fixture.execute(
                """
                INSERT INTO poll (bot_id, poll_id, state, is_closed, updated_at) VALUES (\(shop.bot.id.rawValue), 'p1', '{"now":2}', 1, 1);
                INSERT INTO poll_answer (bot_id, poll_id, voter_id, voter_name, options, answered_at) VALUES
                (\(shop.bot.id.rawValue), 'p1', 3, 'Late', '[1]', 30), (\(shop.bot.id.rawValue), 'p1', 4, 'Early', '[0,2]', 20),
                (\(shop.bot.id.rawValue), 'p1', 5, 'Gone', '[]', 10)
                """
            )
            let shown = try await Self.page(fixture, shop, conversation)
            #expect(shown[0].poll?.state == "{\"now\":2}")
            #expect(shown[0].poll?.votes.map(\.voterName) == ["Early", "Late"])
            #expect(shown[0].poll?.votes.map(\.options) == [[0, 2], [1]])
            #expect(shown[1].poll == nil)
        }
    }

    @Test func `a group that became a supergroup has one history, and its numbers stay apart`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await fixture.accept(
                UpdateText(number: 1, messageID: 5, chatID: -44, chatType: "group", chatTitle: "Team", text: "old"),
                shop
            )
            await fixture.accept(
                UpdateText(number: 2, messageID: 1, chatID: -100_500, chatType: "supergroup", chatTitle: "Team"),
                shop
            )
            let group = "(SELECT id FROM chat WHERE telegram_chat_id = -44)"
            let supergroup = "(SELECT id FROM chat WHERE telegram_chat_id = -100500)"
            let old = try #require(
                try await fixture.conversations(shop.business).first { $0.chatID == -44 }
            )
            // What the intake makes of it: one conversation, at the successor.
            try await fixture.execute(
                """
                DELETE FROM history WHERE conversation_id <> \(old.id.rawValue);
                DELETE FROM message WHERE conversation_id <> \(old.id.rawValue);
                DELETE FROM conversation WHERE id <> \(old.id.rawValue);
                UPDATE chat SET successor_id = \(supergroup) WHERE id = \(group);
                UPDATE conversation SET chat_id = \(supergroup) WHERE id = \(old.id.rawValue);
                """
            )
            try await fixture.withAnotherStore { later in
                await later.accept(
                    UpdateText(
                        number: 3,
                        messageID: 5,
                        chatID: -100_500,
                        chatType: "supergroup",
                        chatTitle: "Team",
                        text: "new"
                    ),
                    shop
                )
                try await Self.react(later, chat: group, to: 5, 12, [("👍", 1)])
                try await Self.react(later, chat: supergroup, to: 5, 12, [("🔥", 1)])
                let conversations = try await later.conversations(shop.business)
                #expect(conversations.map(\.chatID) == [-100_500])
                #expect(conversations.map(\.id) == [old.id] && conversations[0].lastMessage?.text == "new")
                let shown = try await Self.page(later, shop, conversations[0])
                #expect(shown.map(\.text) == ["new", "old"])
                #expect(shown.map(\.telegramMessageID) == [5, 5])
                #expect(shown.map { $0.reactions.map(\.reaction.value) } == [["🔥"], ["👍"]])
            }
        }
    }

    @Test func `the list of conversations has the last message's files, and not its versions`() async throws {
        try await StoreFixture.with { fixture in
            let (shop, conversation) = try await Self.filled(fixture, 2)
            let last = try #require(conversation.lastMessage?.id)
            try await fixture.execute(
                """
                UPDATE message SET kind = 'photo', edited_at = 5 WHERE id = \(last.rawValue);
                INSERT INTO message_version (message_id, number, kind, text, received_at) VALUES (\(last.rawValue), 1, 'text', 'old', 1);
                UPDATE conversation SET blocked = 1
                """
            )
            try await Self.attach(fixture, to: last, "photo", ["a.jpg"])
            let listed = try #require(try await fixture.conversations(shop.business).first)
            #expect(listed.lastMessage?.attachments.map(\.name) == ["a.jpg"])
            #expect(listed.lastMessage?.versions == [] && listed.lastMessage?.editedAt != nil)
            #expect(listed.blocked)
            #expect(
                try await fixture.store.conversation(listed.id, business: shop.business.id) == listed
            )
            let whole = try await fixture.store.message(last, business: shop.business.id, raw: true)
            #expect(whole.versions.map(\.text) == ["old"] && whole.raw != nil)
        }
    }

    @Test func `a message and a conversation of another business are unknown`() async throws {
        try await StoreFixture.with { fixture in
            let (_, conversation) = try await Self.filled(fixture, 1)
            let other = try await fixture.addShop("bauer", telegramID: 7_000_002)
            let message = try #require(conversation.lastMessage?.id)
            for raw in [false, true] {
                for id in [message, MessageID(rawValue: 4711)] {
                    await #expect(throws: GatewayError.unknownMessage(id.description)) {
                        try await fixture.store.message(id, business: other.business.id, raw: raw)
                    }
                }
            }
            for id in [conversation.id, ConversationID(rawValue: 4711)] {
                await #expect(throws: GatewayError.unknownConversation(id.description)) {
                    try await fixture.store.conversation(id, business: other.business.id)
                }
            }
        }
    }

    /// The statements that reading runs, as they were prepared.
    private static func statements(_ fixture: StoreFixture, _ body: () async throws -> Void) async throws -> [String] {
        let seen = Mutex<[String]>([])
        try await fixture.store.pool.read { db in
            db.trace { event in
                if case .statement(let statement) = event { seen.withLock { $0.append(statement.sql) } }
            }
        }
        try await body()
        return seen.withLock { $0 }.filter { $0.contains("json_each") }
    }

    @Test
    func `a page of texts costs one query more, a page with everything one for each table, however many messages`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let (shop, conversation) = try await Self.filled(fixture, 40)
            let plain = try await Self.statements(fixture) { _ = try await Self.page(fixture, shop, conversation) }
            #expect(plain.count == 1)
            try await fixture.execute("UPDATE message SET kind = 'poll', edited_at = 1, poll_id = 'p' || id")
            let full = try await Self.statements(fixture) { _ = try await Self.page(fixture, shop, conversation) }
            #expect(full.count == 5 && Set(full).count == 5)
            for sql in full {
                #expect(sql.contains("c.business_id = ?2"))
                let plan = try await fixture.store.pool.read { db in
                    let statement = try db.makeStatement(sql: "EXPLAIN QUERY PLAN \(sql)")
                    statement.setUncheckedArguments([])
                    return try Row.fetchAll(statement).map { $0["detail"] as String }
                }
                let scans = plan.filter { $0.hasPrefix("SCAN") && !$0.contains("listed VIRTUAL TABLE") }
                #expect(scans == [], "\(plan)")
                #expect(plan.contains { $0.hasPrefix("SEARCH message USING INTEGER PRIMARY KEY") }, "\(plan)")
            }
        }
    }

    @Test func `events, connections and managed bots are those of one business`() async throws {
        try await StoreFixture.with { fixture in
            let maier = try await fixture.addShop("maier")
            let bauer = try await fixture.addShop("bauer", telegramID: 7_000_002)
            for (number, shop) in [(1, maier), (2, bauer), (3, maier), (4, maier)] {
                try await fixture.execute(
                    """
                    INSERT INTO customer_event (id, business_id, bot_id, kind, text, details, received_at) VALUES (\(number),
                    \(shop.business.id.rawValue), \(shop.bot.id.rawValue), 'inline_query', 'w\(number)', '{"id":"\(number)"}', \(Self.noon))
                    """
                )
            }
            for (shop, name) in [(maier, "m"), (bauer, "b")] {
                try await fixture.execute(
                    """
                    INSERT INTO business_connection (bot_id, connection_id, state, owner_id, owner_name, user_chat_id, is_enabled,
                        rights, connected_at, updated_at)
                    VALUES (\(shop.bot.id.rawValue), '\(name)', 'known', 5, 'Owner', 6, 1, '{"can_reply":true}', \(Self.noon), \(Self.noon));
                    INSERT INTO business_connection (bot_id, connection_id, state, updated_at)
                    VALUES (\(shop.bot.id.rawValue), '\(name)?', 'wanted', \(Self.noon));
                    INSERT INTO managed_bot (bot_id, telegram_id, owner_id, owner_name, username, name, told_at)
                    VALUES (\(shop.bot.id.rawValue), 77, 5, 'Owner', '', 'Child \(name)', \(Self.noon))
                    """
                )
            }
            let first = try await fixture.store.customerEvents(of: maier.business.id, page: Page(limit: 2))
            #expect(first.elements.map(\.text) == ["w4", "w3"])
            let rest = try await fixture.store.customerEvents(
                of: maier.business.id,
                page: Page(.before(try #require(first.next)))
            )
            #expect(rest.elements.map(\.text) == ["w1"] && rest.next == nil)
            let event: JSON = [
                "id": "upd_1", "bot_id": .string(maier.bot.id.description), "customer_id": nil, "kind": "inline_query",
                "text": "w1", "details": ["id": "1"], "received_at": .string(StoreFixture.noon.rfc3339),
            ]
            #expect(rest.elements.first?.json.text == event.text)
            let connections = try await fixture.store.businessConnections(of: maier.business.id)
            #expect(connections.map(\.id) == ["m", "m?"])
            #expect(connections.map(\.json).first?["owner"] == ["id": 5, "name": "Owner"])
            #expect(connections.map(\.json).last?["owner"] == JSON.null)
            #expect(connections.map { $0.json["state"] } == ["known", "wanted"])
            #expect(try JSONDocument(JSON.array(connections.map(\.json)).encoded()).root.isArray)
            let managed = try await fixture.store.managedBots(of: bauer.business.id)
            #expect(managed.map(\.name) == ["Child b"])
            #expect(managed.first?.json["username"] == JSON.null)
        }
    }
}
