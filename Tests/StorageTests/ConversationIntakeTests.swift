import GRDB
import Gateway
import Testing

@testable import Storage

@Suite("Conversations on intake", .timeLimit(.minutes(1)))
struct ConversationIntakeTests {
    private static func group(_ number: Int64, thread: Int64? = nil, isTopic: Bool = false) -> UpdateText {
        UpdateText(
            number: number,
            chatID: -1_001,
            chatType: "supergroup",
            chatTitle: "Team",
            text: "m\(number)",
            threadID: thread,
            isTopic: isTopic
        )
    }

    @Test func `topics are conversations of their own and threads of replies are not`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await fixture.accept(Self.group(1), shop)
            await fixture.accept(Self.group(2, thread: 40, isTopic: true), shop)
            await fixture.accept(Self.group(3, thread: 41, isTopic: true), shop)
            await fixture.accept(Self.group(4, thread: 40), shop)
            await fixture.accept(Self.group(5, thread: 40, isTopic: true), shop)
            let conversations = try await fixture.conversations(shop.business)
            var texts: [Int64?: [String]] = [:]
            for conversation in conversations {
                texts[conversation.threadID] = try await fixture.texts(of: conversation.id, shop.business)
                #expect(conversation.title == "Team")
                #expect(conversation.customerID == nil)
            }
            #expect(texts == [nil: ["m1", "m4"], 40: ["m2", "m5"], 41: ["m3"]])
            #expect(try await fixture.count("chat") == 1)
        }
    }

    @Test func `one chat under two bots is two conversations`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let second = Shop(
                business: shop.business,
                bot: try await fixture.addBot(shop.business, telegramID: 7_000_002)
            )
            await fixture.accept(UpdateText(number: 1, messageID: 1, text: "to the first"), shop)
            await fixture.accept(UpdateText(number: 1, messageID: 1, text: "to the second"), second)
            let conversations = try await fixture.conversations(shop.business)
            #expect(conversations.map(\.chatID) == [501, 501])
            #expect(Set(conversations.map(\.botID)) == [shop.bot.id, second.bot.id])
            #expect(conversations.map { $0.lastMessage?.text } == ["to the second", "to the first"])
            #expect(try await fixture.count("customer") == 1)
        }
    }

    @Test func `one person is a customer of each business apart`() async throws {
        try await StoreFixture.with { fixture in
            let maier = try await fixture.addShop("maier", telegramID: 7_000_001)
            let bauer = try await fixture.addShop("bauer", telegramID: 7_000_002)
            await fixture.accept(UpdateText(number: 1), maier)
            await fixture.accept(UpdateText(number: 1), bauer)
            #expect(try await fixture.count("customer") == 2)
            let theirs = try await fixture.conversations(maier.business).map(\.customerID)
            #expect(try await fixture.conversations(bauer.business).map(\.customerID) != theirs)
        }
    }

    @Test func `a person's name and username are kept current`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let names = [("Anna", "anna"), ("Anna", "anna"), ("Anne", "anna"), ("Anne", nil), ("Anna", "anna")]
            for (index, (name, username)) in names.enumerated() {
                let update = UpdateText(number: Int64(index + 1), firstName: name, username: username)
                await fixture.accept(update, shop)
                let called = try await fixture.value(
                    String.self,
                    "SELECT name || ' @' || coalesce(username, '') FROM customer"
                )
                #expect(called == "\(name) @\(username ?? "")")
                #expect(try await fixture.conversations(shop.business).first?.title == name)
            }
            #expect(try await fixture.count("customer") == 1)
        }
    }

    @Test func `a name that changes twice in one batch ends as the last message has it`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await fixture.accept(UpdateText(number: 1, firstName: "Anna"), shop)
            await fixture.whileWriterIsHeld {
                fixture.store.accept(shop.record(UpdateText(number: 2, firstName: "Anne"))) { _ in }
                fixture.store.accept(shop.record(UpdateText(number: 3, firstName: "Anna"))) { _ in }
            }
            try await fixture.store.write { _ in }
            #expect(try await fixture.count("message") == 3)
            #expect(try await fixture.value(String.self, "SELECT name FROM customer") == "Anna")
            #expect(try await fixture.value(String.self, "SELECT title FROM chat") == "Anna")
        }
    }

    @Test func `a group's title is current whichever topic tells it`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let tellings: [(thread: Int64, title: String)] = [
                (1, "Team"), (2, "Team"), (1, "Crew"), (2, "Team"), (1, "Crew"), (2, "Crew"), (1, "Team"),
            ]
            for (index, telling) in tellings.enumerated() {
                var update = Self.group(Int64(index + 1), thread: telling.thread, isTopic: true)
                update.chatTitle = telling.title
                await fixture.accept(update, shop)
                #expect(try await fixture.value(String.self, "SELECT title FROM chat") == telling.title, "\(index)")
            }
        }
    }

    @Test func `a conversation changed by another process is looked up again`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await fixture.accept(UpdateText(number: 1, text: "before"), shop)
            // As an erasure by a command would: the remembered rows are gone.
            try await fixture.withAnotherStore { other in
                try await other.execute(
                    "DELETE FROM message; DELETE FROM raw_update; DELETE FROM conversation; DELETE FROM chat; DELETE FROM customer"
                )
            }
            #expect(await fixture.accept(UpdateText(number: 2, text: "after"), shop) == .stored)
            #expect(try await fixture.conversations(shop.business).map { $0.lastMessage?.text } == ["after"])
            #expect(try await fixture.count("raw_update WHERE mark IS NOT NULL") == 0)
        }
    }
}
