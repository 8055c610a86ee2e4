import GRDB
import Gateway
import Telegram
import Testing

@testable import Storage

@Suite("Messages that come fast", .timeLimit(.minutes(1)))
struct HistoryTailTests {
    private static let many = 60

    /// Accepts updates as one batch, `chats` in turn.
    private static func acceptTogether(
        _ numbers: ClosedRange<Int64>,
        chats: Int64 = 3,
        _ shop: Shop,
        _ fixture: StoreFixture
    ) async throws {
        let (outcomes, outcome) = AsyncStream<IntakeOutcome>.makeStream()
        await fixture.whileWriterIsHeld {
            for number in numbers {
                let chat = 501 + number % chats
                let update = UpdateText(number: number, chatID: chat, userID: chat, text: "m\(number)")
                fixture.store.accept(shop.record(update)) { outcome.yield($0) }
            }
            await fixture.untilWaiting(numbers.count)
        }
        var left = numbers.count
        for await settled in outcomes {
            #expect(settled == .stored)
            left -= 1
            if left == 0 { break }
        }
    }

    private static func conversationOf(_ chat: Int64, _ fixture: StoreFixture) async throws -> ConversationID {
        let sql = """
            SELECT conversation.id FROM conversation JOIN chat ON chat.id = chat_id WHERE telegram_chat_id = \(chat)
            """
        return ConversationID(rawValue: try #require(try await fixture.value(Int64.self, sql)))
    }

    private static func expected(_ chat: Int64, upTo last: Int64) -> [String] {
        (1...last).filter { 501 + $0 % 3 == chat }.map { "m\($0)" }
    }

    @Test func `their histories are whole before they are entered, and after`() async throws {
        try await StoreFixture.with { (fixture) async throws in
            let shop = try await fixture.addShop()
            try await Self.acceptTogether(1...6, shop, fixture)
            #expect(try await fixture.count("history_tail") == 0, "few are entered at once")
            try await Self.acceptTogether(7...66, shop, fixture)
            #expect(try await fixture.count("history_tail") == Self.many)
            for chat in [501, 502, 503] as [Int64] {
                let conversation = try await Self.conversationOf(chat, fixture)
                #expect(
                    try await fixture.texts(of: conversation, shop.business) == Self.expected(chat, upTo: 66)
                )
            }
            await fixture.store.poll()
            #expect(try await fixture.count("history_tail") == 0)
            #expect(try await fixture.count("history") == 66)
            for chat in [501, 502, 503] as [Int64] {
                let conversation = try await Self.conversationOf(chat, fixture)
                #expect(
                    try await fixture.texts(of: conversation, shop.business) == Self.expected(chat, upTo: 66)
                )
            }
            let list = try await fixture.conversations(shop.business)
            #expect(list.map { $0.lastMessage?.text } == ["m66", "m65", "m64"])
        }
    }

    @Test(arguments: [1, 2, 7, 19, 20, 21])
    func `a page goes over from the entered to the noted without a gap, both ways`(size: Int) async throws {
        try await StoreFixture.with { (fixture) async throws in
            let shop = try await fixture.addShop()
            try await Self.acceptTogether(1...20, chats: 1, shop, fixture)
            try await Self.acceptTogether(21...60, chats: 1, shop, fixture)
            #expect(try await fixture.count("history_tail") == 40)
            let conversation = try await Self.conversationOf(501, fixture)
            var backwards: [String] = []
            var page = Page(.newest, limit: size)
            while true {
                let slice = try await fixture.store.messages(
                    of: conversation,
                    business: shop.business.id,
                    page: page,
                    raw: false
                )
                #expect(slice.elements.count <= size)
                backwards += slice.elements.map { $0.text ?? "" }
                guard let next = slice.next else { break }
                page = Page(.before(next), limit: size)
            }
            var forwards: [String] = []
            page = Page(.after(0), limit: size)
            while true {
                let slice = try await fixture.store.messages(
                    of: conversation,
                    business: shop.business.id,
                    page: page,
                    raw: true
                )
                forwards += slice.elements.map { $0.text ?? "" }
                #expect(slice.elements.allSatisfy { $0.raw?.isEmpty == false })
                guard let next = slice.next else { break }
                page = Page(.after(next), limit: size)
            }
            #expect(forwards == (1...60).map { "m\($0)" })
            #expect(backwards == forwards.reversed())
        }
    }

    @Test func `what a dead server has noted is entered by the next`() async throws {
        try await StoreFixture.with { (fixture) async throws in
            let shop = try await fixture.addShop()
            try await Self.acceptTogether(1...60, shop, fixture)
            #expect(try await fixture.conversations(shop.business).isEmpty, "the list lags behind")
            // The first store does nothing any more, as if it were dead.
            let next = try await SQLiteStore(fixture.directory, .migrate)
            try await StoreFixture.closing(next) { () async throws in
                await next.poll()
                let after = StoreFixture(directory: fixture.directory, store: next)
                #expect(try await after.count("history_tail") == 0)
                #expect(try await after.count("history") == 60)
                let list = try await after.conversations(shop.business)
                #expect(list.map { $0.lastMessage?.text } == ["m60", "m59", "m58"])
            }
        }
    }

    @Test func `what was noted of a supergroup goes to the group's conversation when it turns out to be one`()
        async throws
    {
        try await StoreFixture.with { (fixture) async throws in
            let shop = try await fixture.addShop()
            let person = #"{"id":501,"is_bot":false,"first_name":"Anna"}"#
            let update = { (number: Int, chat: String, content: String) in
                shop.record(
                    Array(
                        #"{"update_id":\#(number),"message":{"message_id":\#(number),"from":\#(person),"chat":\#(chat),"date":100,\#(content)}}"#
                            .utf8
                    )
                )
            }
            let group = #"{"id":-77,"title":"Team","type":"group"}"#
            let supergroup = #"{"id":-100200,"title":"Team","type":"supergroup"}"#
            #expect(await fixture.accept(update(1, group, #""text":"m1""#)) == .stored)
            let (outcomes, outcome) = AsyncStream<IntakeOutcome>.makeStream()
            await fixture.whileWriterIsHeld {
                for number in 2...61 {
                    fixture.store.accept(update(number, supergroup, "\"text\":\"m\(number)\"")) { outcome.yield($0) }
                }
                await fixture.untilWaiting(60)
            }
            var left = 60
            for await settled in outcomes {
                #expect(settled == .stored)
                left -= 1
                if left == 0 { break }
            }
            #expect(try await fixture.count("history_tail") == 60)
            #expect(await fixture.accept(update(62, group, #""migrate_to_chat_id":-100200"#)) == .stored)
            await fixture.store.poll()
            let list = try await fixture.conversations(shop.business)
            #expect(list.count == 1, "no empty conversation is listed beside it")
            let conversation = try #require(list.first)
            #expect(conversation.chatID == -100200)
            let texts = try await fixture.texts(of: conversation.id, shop.business).filter { !$0.isEmpty }
            #expect(texts == (1...61).map { "m\($0)" })
        }
    }

    @Test func `a store that closes leaves nothing noted`() async throws {
        try await StoreFixture.with { (fixture) async throws in
            let shop = try await fixture.addShop()
            try await Self.acceptTogether(1...60, shop, fixture)
            try await fixture.store.close()
            try await fixture.withAnotherStore { (after) async throws in
                #expect(try await after.count("history_tail") == 0)
                #expect(try await after.conversations(shop.business).count == 3)
            }
        }
    }

    @Test func `a message that was erased before it was entered stays erased`() async throws {
        try await StoreFixture.with { (fixture) async throws in
            let shop = try await fixture.addShop()
            try await Self.acceptTogether(1...60, shop, fixture)
            try await fixture.withAnotherStore { (other) async throws in
                try await other.execute(
                    "DELETE FROM history_tail WHERE message_id % 2 = 0; DELETE FROM message WHERE id % 2 = 0"
                )
            }
            await fixture.store.poll()
            #expect(try await fixture.count("history") == 30)
            #expect(try await fixture.count("history_tail") == 0)
        }
    }

    @Test func `a batch of which one fails enters the others once`() async throws {
        try await StoreFixture.with { (fixture) async throws in
            let shop = try await fixture.addShop()
            let (outcomes, outcome) = AsyncStream<IntakeOutcome>.makeStream()
            await fixture.whileWriterIsHeld {
                for number in 1...60 as ClosedRange<Int64> {
                    let record = (number == 30 ? shop.withoutBot : shop).record(UpdateText(number: number))
                    fixture.store.accept(record) { outcome.yield($0) }
                }
                await fixture.untilWaiting(60)
            }
            var stored = 0
            var left = 60
            for await settled in outcomes {
                if settled == .stored { stored += 1 }
                left -= 1
                if left == 0 { break }
            }
            #expect(stored == 59)
            let whole =
                "SELECT count(*) FROM (SELECT message_id FROM history UNION SELECT message_id FROM history_tail)"
            #expect(try await fixture.value(Int.self, whole) == 59)
            await fixture.store.poll()
            #expect(try await fixture.count("history") == 59)
            #expect(try await fixture.conversations(shop.business).first?.lastMessage?.text == "hello")
        }
    }
}
