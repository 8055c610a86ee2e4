import GRDB
import Gateway
import Testing

@testable import Storage

@Suite("The history", .timeLimit(.minutes(1)))
struct TranscriptTests {
    /// A shop with one conversation of so many messages, "1" and so on.
    private static func filled(_ fixture: StoreFixture, _ messages: Int64) async throws -> (Shop, ConversationID) {
        let shop = try await fixture.addShop()
        for number in 1...messages { await fixture.accept(UpdateText(number: number, text: "\(number)"), shop) }
        return (shop, try #require(try await fixture.conversations(shop.business).first?.id))
    }

    private static func texts(_ slice: Slice<Message>) -> [String] { slice.elements.compactMap(\.text) }

    @Test func `pages go back from the newest to the first and end there`() async throws {
        try await StoreFixture.with { fixture in
            let (shop, conversation) = try await Self.filled(fixture, 7)
            var page = Page(limit: 3)
            var pages: [[String]] = []
            while true {
                let slice = try await fixture.store.messages(
                    of: conversation,
                    business: shop.business.id,
                    page: page,
                    raw: false
                )
                pages.append(Self.texts(slice))
                guard let next = slice.next else { break }
                page.position = .before(next)
                // What arrives meanwhile moves no page.
                await fixture.accept(UpdateText(number: 100 + next, text: "late"), shop)
            }
            #expect(pages == [["7", "6", "5"], ["4", "3", "2"], ["1"]])
        }
    }

    @Test func `pages go forward from a key and miss nothing that arrives late`() async throws {
        try await StoreFixture.with { fixture in
            let (shop, conversation) = try await Self.filled(fixture, 4)
            let read = { (position: Page.Position) in
                try await fixture.store.messages(
                    of: conversation,
                    business: shop.business.id,
                    page: Page(position, limit: 2),
                    raw: false
                )
            }
            let first = try await read(.after(0))
            #expect(Self.texts(first) == ["1", "2"])
            let second = try await read(.after(try #require(first.next)))
            #expect(Self.texts(second) == ["3", "4"])
            #expect(second.next == nil)
            await fixture.accept(UpdateText(number: 2_000, text: "5"), shop)
            let last = try #require(second.elements.last)
            #expect(Self.texts(try await read(.after(last.id.rawValue))) == ["5"])
        }
    }

    @Test func `a page that ends with the list has no next`() async throws {
        try await StoreFixture.with { fixture in
            let (shop, conversation) = try await Self.filled(fixture, 4)
            for (limit, next) in [(4, false), (5, false), (3, true)] {
                for position in [Page.Position.newest, .after(0)] {
                    let slice = try await fixture.store.messages(
                        of: conversation,
                        business: shop.business.id,
                        page: Page(position, limit: limit),
                        raw: false
                    )
                    #expect((slice.next != nil) == next)
                    #expect(slice.elements.count == min(limit, 4))
                }
            }
        }
    }

    @Test func `a conversation of another business is unknown, like one that never was`() async throws {
        try await StoreFixture.with { fixture in
            let (_, conversation) = try await Self.filled(fixture, 2)
            let other = try await fixture.addShop("bauer", telegramID: 7_000_002)
            for stranger in [conversation, ConversationID(rawValue: 4711)] {
                for raw in [false, true] {
                    await #expect(throws: GatewayError.unknownConversation(stranger.description)) {
                        try await fixture.store.messages(
                            of: stranger,
                            business: other.business.id,
                            page: Page(),
                            raw: raw
                        )
                    }
                }
            }
            #expect(try await fixture.conversations(other.business) == [])
        }
    }

    @Test func `raw bodies come only when they are asked for`() async throws {
        try await StoreFixture.with { fixture in
            let (shop, conversation) = try await Self.filled(fixture, 2)
            let read = { (raw: Bool) in
                try await fixture.store.messages(of: conversation, business: shop.business.id, page: Page(), raw: raw)
                    .elements.map(\.raw)
            }
            #expect(try await read(false) == [nil, nil])
            let bodies = [2, 1].map { UpdateText(number: $0, text: "\($0)").body }
            #expect(try await read(true) == bodies)
            try await fixture.execute("UPDATE raw_update SET body = NULL WHERE update_id = 2")
            #expect(try await read(true) == [nil, bodies[1]])
        }
    }

    @Test func `a raw body of another business is not shown though its number be the message's`() async throws {
        try await StoreFixture.with { fixture in
            let (shop, conversation) = try await Self.filled(fixture, 1)
            let other = try await fixture.addShop("bauer", telegramID: 7_000_002)
            try await fixture.execute(
                "UPDATE raw_update SET business_id = \(other.business.id.rawValue), bot_id = \(other.bot.id.rawValue)"
            )
            let slice = try await fixture.store.messages(
                of: conversation,
                business: shop.business.id,
                page: Page(),
                raw: true
            )
            #expect(slice.elements.map(\.raw) == [nil])
        }
    }

    @Test func `kept updates are those of one business, or of all for the operator`() async throws {
        try await StoreFixture.with { fixture in
            let maier = try await fixture.addShop("maier", telegramID: 7_000_001)
            let bauer = try await fixture.addShop("bauer", telegramID: 7_000_002)
            for number: Int64 in 1...5 {
                await fixture.accept(
                    UpdateText(number: number, kind: "message_of_tomorrow"),
                    number % 2 == 0 ? maier : bauer
                )
                await fixture.accept(UpdateText(number: number + 10), maier)
            }
            let read = { (business: BusinessID?, page: Page) in
                let slice = try await fixture.store.keptUpdates(of: business, page: page)
                return (slice.elements.map(\.updateID), slice.next)
            }
            #expect(try await read(maier.business.id, Page()).0 == [4, 2])
            #expect(try await read(bauer.business.id, Page()).0 == [5, 3, 1])
            #expect(try await read(nil, Page()).0 == [5, 4, 3, 2, 1])
            #expect(try await read(nil, Page(.after(0), limit: 2)).0 == [1, 2])
            let (newest, next) = try await read(bauer.business.id, Page(limit: 2))
            #expect(newest == [5, 3])
            let (rest, end) = try await read(bauer.business.id, Page(.before(try #require(next)), limit: 2))
            #expect(rest == [1] && end == nil)
        }
    }

    @Test func `conversations are ordered by their latest message and paged by it`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            for (number, chat) in [1, 2, 3, 4, 1, 3].enumerated() {
                let update = UpdateText(number: Int64(number), messageID: Int64(number + 1), chatID: Int64(chat))
                await fixture.accept(update, shop)
            }
            let read = { (page: Page) in
                let slice = try await fixture.store.conversations(of: shop.business.id, matching: .init(), page: page)
                return (slice.elements.map(\.chatID), slice.next)
            }
            #expect(try await read(Page()).0 == [3, 1, 4, 2])
            let (first, next) = try await read(Page(limit: 2))
            #expect(first == [3, 1])
            let (rest, end) = try await read(Page(.before(try #require(next)), limit: 2))
            #expect(rest == [4, 2] && end == nil)
            #expect(try await read(Page(.after(0), limit: 3)).0 == [2, 4, 1])
        }
    }

    @Test func `conversations are filtered by bot and by status`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let bot = try await fixture.addBot(shop.business, telegramID: 7_000_002)
            let second = Shop(business: shop.business, bot: bot)
            await fixture.accept(UpdateText(number: 1, chatID: 1), shop)
            await fixture.accept(UpdateText(number: 2, chatID: 2), shop)
            await fixture.accept(UpdateText(number: 3, chatID: 3), second)
            try await fixture.execute(
                "UPDATE conversation SET status = 'closed' WHERE chat_id IN (SELECT id FROM chat WHERE telegram_chat_id <> 2)"
            )
            let read = { (filter: ConversationFilter) in
                try await fixture.store.conversations(of: shop.business.id, matching: filter, page: Page())
                    .elements.map(\.chatID)
            }
            #expect(try await read(.init()) == [3, 2, 1])
            #expect(try await read(.init(bot: shop.bot.id)) == [2, 1])
            #expect(try await read(.init(status: "closed")) == [3, 1])
            #expect(try await read(.init(bot: shop.bot.id, status: "closed")) == [1])
            #expect(try await read(.init(bot: second.bot.id, status: "open")) == [])
        }
    }

    @Test(arguments: ["", "a\nb\r\tc", "عربى مع english", "👩‍👩‍👧‍👦🏳️‍🌈", "e\u{301}\u{FEFF}", "'; DROP TABLE message; --"])
    func `a text comes back as it was written`(text: String) async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            #expect(await fixture.accept(UpdateText(number: 1, firstName: text, text: text), shop) == .stored)
            let message = try await fixture.conversations(shop.business).first?.lastMessage
            #expect(message?.text.map { Array($0.utf8) } == Array(text.utf8))
            #expect(message.map { Array($0.sender.name.utf8) } == Array(text.utf8))
        }
    }
}
