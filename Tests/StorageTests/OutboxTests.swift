import GRDB
import Telegram
import Testing

@testable import Gateway
@testable import Storage

@Suite("The outbox", .timeLimit(.minutes(1)))
struct OutboxTests {
    /// A shop with a conversation, and a request into it.
    private static func with(_ body: (StoreFixture, Shop, SendRequest) async throws -> Void) async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await fixture.accept(UpdateText(number: 1), shop)
            let conversation = try #require(try await fixture.conversations(shop.business).first?.id)
            let content = SendRequest.Content.text(FormattedText("Guten Tag"))
            try await body(
                fixture,
                shop,
                SendRequest(business: shop.business.id, conversation: conversation, content: content)
            )
        }
    }

    private static func enqueue(_ fixture: StoreFixture, _ request: SendRequest) async throws -> QueuedCalls {
        try await fixture.store.enqueue(request, at: StoreFixture.noon)
    }

    @Test func `a request is a row of the outbox and a message of the history, or neither`() async throws {
        try await Self.with { fixture, shop, request in
            let queued = try await Self.enqueue(fixture, request)
            #expect(queued.calls.count == 1 && queued.messages.count == 1 && !queued.isRepeat)
            let conversation = try #require(try await fixture.conversations(shop.business).first?.id)
            #expect(try await fixture.texts(of: conversation, shop.business) == ["hello", "Guten Tag"])
            let parameters = try await fixture.value(String.self, "SELECT parameters FROM outbox")
            #expect(parameters == #"{"text":"Guten Tag"}"#)
            var bad = request
            bad.content = .text(FormattedText("   "))
            await #expect(throws: GatewayError.self) { _ = try await Self.enqueue(fixture, bad) }
            #expect(try await fixture.count("outbox") == 1)
            #expect(try await fixture.count("message") == 2)
        }
    }

    @Test func `a row is written within the caller's transaction, and goes with it`() async throws {
        try await Self.with { (fixture, _, request) async throws in
            await #expect(throws: GatewayError.badName) {
                try await fixture.store.write { db in
                    _ = try SQLiteStore.enqueue(request, at: StoreFixture.noon, db)
                    throw GatewayError.badName
                }
            }
            #expect(try await fixture.count("outbox") == 0)
            #expect(try await fixture.count("message") == 1)
        }
    }

    @Test func `the same key gives the same answer once, another content an error, and after seven days it is free`()
        async throws
    {
        try await Self.with { fixture, _, request in
            var request = request
            request.idempotencyKey = "order-1"
            let first = try await Self.enqueue(fixture, request)
            let again = try await Self.enqueue(fixture, request)
            #expect(again.calls == first.calls && again.messages == first.messages && again.isRepeat)
            #expect(try await fixture.count("outbox") == 1)
            var other = request
            other.content = .text(FormattedText("Guten Abend"))
            await #expect(throws: GatewayError.keyUsedOtherwise) { _ = try await Self.enqueue(fixture, other) }
            let later = StoreFixture.noon.advanced(by: SendRequest.keyLifetime + .seconds(1))
            #expect(try await !fixture.store.enqueue(other, at: later).isRepeat)
            #expect(try await fixture.count("idempotency") == 1)
            for key in ["", String(repeating: "k", count: 201), "a\nb"] {
                request.idempotencyKey = key
                await #expect(throws: GatewayError.badIdempotencyKey) { _ = try await Self.enqueue(fixture, request) }
            }
        }
    }

    @Test func `a key of one business is nothing to another`() async throws {
        try await Self.with { fixture, _, request in
            var request = request
            request.idempotencyKey = "order-1"
            _ = try await Self.enqueue(fixture, request)
            let other = try await fixture.addShop("bauer", telegramID: 7_000_002)
            await fixture.accept(UpdateText(number: 1), other)
            var theirs = request
            theirs.business = other.business.id
            await #expect(throws: GatewayError.self) { _ = try await Self.enqueue(fixture, theirs) }
            theirs.destination = .conversation(
                try #require(try await fixture.conversations(other.business).first?.id)
            )
            #expect(try await !Self.enqueue(fixture, theirs).isRepeat)
        }
    }

    @Test func `a row is claimed once, with the present token, and only while its bot may send`() async throws {
        try await Self.with { fixture, shop, request in
            let row = try await Self.enqueue(fixture, request).calls[0]
            func claim(_ version: Int64) async throws -> [ClaimedCall] {
                let claim = OutboxClaim(id: row, tokenVersion: version)
                return try await fixture.store.advance([claim], [], at: StoreFixture.noon).calls
            }
            #expect(try await claim(2).isEmpty)
            _ = try await fixture.store.setPaused(true, of: shop.bot.id)
            #expect(try await claim(1).isEmpty)
            _ = try await fixture.store.setPaused(false, of: shop.bot.id)
            _ = try await fixture.store.setState(.suspended, of: shop.business.id)
            #expect(try await claim(1).isEmpty)
            _ = try await fixture.store.setState(.active, of: shop.business.id)
            let call = try #require(try await claim(1).first)
            #expect(call.attempts == 1 && call.method == "sendMessage" && call.messages == 1)
            #expect(call.body.text == #"{"chat_id":501,"text":"Guten Tag"}"#)
            #expect(try await claim(1).isEmpty)
            #expect(try await fixture.store.interruptedCalls(limit: 10).map(\.id) == [row])
        }
    }

    @Test func `a settlement of a row that is not being sent changes nothing`() async throws {
        try await Self.with { fixture, _, request in
            let row = try await Self.enqueue(fixture, request).calls[0]
            let settlement = Settlement(row, .dead(.failed, reason: "late", nil, sent: []))
            _ = try await fixture.store.advance([], [settlement], at: StoreFixture.noon)
            #expect(try await fixture.count("dead_letter") == 0)
            #expect(try await fixture.count("outbox") == 1)
        }
    }

    @Test func `what cannot be sent there is told before it is queued`() async throws {
        try await Self.with { fixture, shop, request in
            var reply = request
            reply.replyTo = MessageID(rawValue: 999)
            await #expect(throws: GatewayError.messageNotSent("msg_999")) {
                _ = try await Self.enqueue(fixture, reply)
            }
            var elsewhere = request
            elsewhere.destination = .conversation(ConversationID(rawValue: 99))
            await #expect(throws: GatewayError.unknownConversation("cnv_99")) {
                _ = try await Self.enqueue(fixture, elsewhere)
            }
            _ = try await fixture.store.removeBot(shop.bot.id, at: StoreFixture.noon)
            await #expect(throws: GatewayError.self) { _ = try await Self.enqueue(fixture, request) }
            #expect(try await fixture.count("outbox") == 0)
        }
    }

    @Test func `a business chat needs its connection, the right to reply and a message within 24 hours`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let text = """
                {"update_id":1,"business_message":{"message_id":7,"business_connection_id":"bc1","from":{"id":501,"is_bot":false,
                "first_name":"Anna"},"chat":{"id":501,"type":"private","first_name":"Anna"},"date":1795435199,"text":"hi"}}
                """
            #expect(await fixture.accept(shop.record(Array(text.utf8))) == .stored)
            let conversation = try #require(try await fixture.conversations(shop.business).first?.id)
            let request = SendRequest(
                business: shop.business.id,
                conversation: conversation,
                content: .text(FormattedText("hello"))
            )
            let row = try await Self.enqueue(fixture, request).calls[0]
            let claim = OutboxClaim(id: row, tokenVersion: 1)
            let call = try #require(try await fixture.store.advance([claim], [], at: StoreFixture.noon).calls.first)
            #expect(call.body.text == #"{"chat_id":501,"business_connection_id":"bc1","text":"hello"}"#)
            let late = StoreFixture.noon.advanced(by: .seconds(24 * 3600))
            await #expect(throws: GatewayError.self) { _ = try await fixture.store.enqueue(request, at: late) }
            try await fixture.execute(
                """
                INSERT OR REPLACE INTO business_connection (bot_id, connection_id, state, owner_id, is_enabled, rights, updated_at)
                VALUES (\(shop.bot.id.rawValue), 'bc1', 'known', 9, 1, '{"can_reply":true}', 0)
                """
            )
            _ = try await Self.enqueue(fixture, request)
            for change in ["rights = '{}'", "is_enabled = 0"] {
                try await fixture.execute("UPDATE business_connection SET \(change)")
                await #expect(throws: GatewayError.self, "\(change)") { _ = try await Self.enqueue(fixture, request) }
            }
        }
    }

    @Test func `a window goes from conversation to conversation by seeks, answers first`() async throws {
        try await Self.with { fixture, shop, request in
            for customer in 1...5 {
                var update = UpdateText(number: Int64(100 + customer))
                (update.chatID, update.userID) = (Int64(600 + customer), Int64(600 + customer))
                await fixture.accept(update, shop)
            }
            let all = try await fixture.conversations(shop.business).map(\.id).sorted()
            for conversation in all {
                for _ in 1...3 {
                    var bulk = request
                    bulk.destination = .conversation(conversation)
                    bulk.priority = conversation == all[5] ? .answer : .bulk
                    _ = try await Self.enqueue(fixture, bulk)
                }
            }
            var position: OutboxWindow.Position? = .start
            var seen: [ConversationID] = []
            while let at = position, !at.isEnd {
                let windows = try await fixture.store.windows(
                    [.init(bot: shop.bot.id, hinted: [], position: at, rows: 4, perConversation: 2)],
                    at: StoreFixture.noon
                )
                let window = try #require(windows.first)
                #expect(window.rows.count <= 4)
                #expect(Set(window.rows.map(\.conversation)) == Set(window.cut))
                seen += window.cut
                position = window.position
            }
            #expect(seen == [all[5]] + all[0..<5])
            let plan = try await fixture.store.pool.read { db in
                try Row.fetchAll(
                    db,
                    sql: """
                        EXPLAIN QUERY PLAN SELECT min(conversation_id) FROM outbox
                        WHERE bot_id = 1 AND priority = 0 AND conversation_id > 5
                        """
                ).map { $0["detail"] as String }.joined()
            }
            #expect(plan.contains("SEARCH outbox USING COVERING INDEX outbox_turns"), "\(plan)")
        }
    }

    @Test func `an album that was sent in part is never replayed, other dead calls all or none`() async throws {
        try await Self.with { fixture, _, request in
            func bury(_ cause: DeadLetter.Cause) async throws -> DeadLetterID {
                let row = try await Self.enqueue(fixture, request).calls[0]
                let claim = OutboxClaim(id: row, tokenVersion: 1)
                _ = try await fixture.store.advance([claim], [], at: StoreFixture.noon)
                let end = Settlement(row, .dead(cause, reason: "a reason", nil, sent: []))
                _ = try await fixture.store.advance([], [end], at: StoreFixture.noon)
                let slice = try await fixture.store.deadLetters(of: request.business, page: Page())
                return try #require(slice.elements.first?.id)
            }
            let failed = try await bury(.failed)
            let partial = try await bury(.partial)
            await #expect(throws: GatewayError.partlySent(partial)) {
                _ = try await fixture.store.replay([failed, partial], at: StoreFixture.noon)
            }
            #expect(try await fixture.count("dead_letter") == 2)
            #expect(try await fixture.store.replay([failed], at: StoreFixture.noon).count == 1)
            await #expect(throws: GatewayError.unknownDeadLetter(failed.description)) {
                try await fixture.store.drop([partial, failed])
            }
            try await fixture.store.drop([partial])
            #expect(try await fixture.count("dead_letter") == 0)
        }
    }

    @Test func `a hundred thousand rows of one conversation hide no other, and cost a window nothing`() async throws {
        try await Self.with { fixture, shop, request in
            var bulk = request
            bulk.priority = .bulk
            _ = try await Self.enqueue(fixture, bulk)
            try await fixture.execute(
                """
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
                INSERT INTO outbox (business_id, bot_id, conversation_id, method, parameters, messages, first_message_id, priority,
                    state, created_at)
                SELECT business_id, bot_id, conversation_id, method, parameters, messages, first_message_id, priority, state, created_at
                FROM outbox, n
                """
            )
            var update = UpdateText(number: 100)
            (update.chatID, update.userID) = (600, 600)
            await fixture.accept(update, shop)
            let other = try #require(try await fixture.conversations(shop.business).map(\.id).max())
            bulk.destination = .conversation(other)
            let behind = try await Self.enqueue(fixture, bulk).calls[0]
            let asked = OutboxWindow.Request(
                bot: shop.bot.id,
                hinted: [],
                position: .start,
                rows: 16,
                perConversation: 4
            )
            let start = ContinuousClock.now
            for _ in 1...20 {
                let window = try #require(try await fixture.store.windows([asked], at: StoreFixture.noon).first)
                #expect(window.rows.count == 5 && window.rows.last?.id == behind)
                #expect(window.cut.map(SendRequest.Destination.conversation) == [request.destination])
                #expect(window.position?.isEnd == true)
            }
            // A walk through the rows would take twenty times as long for each.
            #expect(ContinuousClock.now - start < .seconds(1))
        }
    }
}

extension OutboxTests {
    @Test
    func `a request that was accepted is answered the same, whatever has become of its conversation and messages`()
        async throws
    {
        try await Self.with { fixture, shop, request in
            var request = request
            request.idempotencyKey = "order-1"
            request.replyTo = MessageID(
                rawValue: try #require(try await fixture.value(Int64.self, "SELECT min(id) FROM message"))
            )
            let first = try await Self.enqueue(fixture, request)
            // The message has another number now, and the bot is gone.
            try await fixture.execute("UPDATE message SET telegram_message_id = NULL WHERE direction = 'in'")
            _ = try await fixture.store.removeBot(shop.bot.id, at: StoreFixture.noon)
            let again = try await Self.enqueue(fixture, request)
            #expect(again.isRepeat && again.calls == first.calls && again.messages == first.messages)
            request.options.silent = true
            await #expect(throws: GatewayError.keyUsedOtherwise) { _ = try await Self.enqueue(fixture, request) }
        }
    }

    @Test func `a text that was split before is not split in the transaction, and another text is`() async throws {
        try await Self.with { fixture, _, request in
            var long = request
            long.content = .text(FormattedText(String(repeating: "word ", count: 2000)))
            var prepared = long.prepared()
            let prints = (try prepared.fingerprint(), try long.fingerprint())
            #expect(prints.0 == prints.1)
            let target = MessageTarget(.id(1))
            let calls = (try prepared.calls(to: target, numbers: [:]), try long.calls(to: target, numbers: [:]))
            #expect(calls.0 == calls.1 && calls.0.count == 3)
            prepared.content = .text(FormattedText("short"))
            let short = try prepared.calls(to: target, numbers: [:])
            #expect(short.count == 1)
            #expect(try await Self.enqueue(fixture, long).messages.count == 3)
        }
    }
}
