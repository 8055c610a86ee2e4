import Foundation
import GRDB
import Gateway
import Telegram
import Testing

@testable import Storage

@Suite("The write path", .timeLimit(.minutes(1)))
struct WritePathTests {
    @Test func `a text message makes its raw update, chat, conversation, customer and message`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let update = UpdateText(number: 10, messageID: 3, username: "anna", text: "Grüße, 世界 🦊")
            #expect(await fixture.accept(shop.record(update)) == .stored)
            for table in ["raw_update", "chat", "conversation", "customer", "message"] {
                #expect(try await fixture.count(table) == 1, "\(table)")
            }
            let conversation = try #require(try await fixture.conversations(shop.business).first)
            #expect(conversation.botID == shop.bot.id)
            #expect(conversation.chatID == 501)
            #expect(conversation.threadID == nil)
            #expect(conversation.space == "direct")
            #expect(conversation.kind == "private")
            #expect(conversation.title == "Anna")
            #expect(conversation.customerID != nil)
            #expect(conversation.status == "open")
            #expect(conversation.lastMessageAt == StoreFixture.noon)
            let message = try #require(conversation.lastMessage)
            #expect(message.text == "Grüße, 世界 🦊")
            #expect(message.direction == .incoming)
            #expect(message.sender == Message.Sender(role: .customer, id: 501, name: "Anna"))
            #expect(message.telegramMessageID == 3)
            #expect(message.sentAt == Timestamp(seconds: 1_795_435_199))
            #expect(message.receivedAt == StoreFixture.noon)
            #expect(message.state == "received")
            let body = try await fixture.value(Data.self, "SELECT body FROM raw_update")
            #expect(body == Data(update.body))
        }
    }

    @Test func `the same update again is a duplicate and adds nothing`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let record = shop.record(UpdateText(number: 10))
            #expect(await fixture.accept(record) == .stored)
            #expect(await fixture.accept(record) == .duplicate)
            for table in ["raw_update", "chat", "conversation", "customer", "message"] {
                #expect(try await fixture.count(table) == 1, "\(table)")
            }
        }
    }

    @Test func `a message that comes under a second number is kept raw but shown once`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            #expect(await fixture.accept(UpdateText(number: 10, messageID: 3), shop) == .stored)
            #expect(await fixture.accept(UpdateText(number: 11, messageID: 3), shop) == .stored)
            #expect(try await fixture.count("raw_update") == 2)
            #expect(try await fixture.count("message") == 1)
            let last = try await fixture.value(Int64.self, "SELECT last_message_id FROM conversation")
            #expect(try await fixture.value(Int64.self, "SELECT id FROM message") == last)
        }
    }

    @Test(arguments: [
        UpdateText(number: 10, messageID: 4, text: "other message"),
        UpdateText(number: 10, messageID: 3, chatID: 777, userID: 777, text: "other chat"),
    ])
    func `another update with a known number is kept, marked and shown`(other: UpdateText) async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            #expect(await fixture.accept(UpdateText(number: 10, messageID: 3), shop) == .stored)
            #expect(await fixture.accept(other, shop) == .conflict)
            let texts = try await fixture.store.pool.read { try String.fetchSet($0, sql: "SELECT text FROM message") }
            #expect(texts == ["hello", other.text])
            let kept = try await fixture.store.keptUpdates(of: shop.business.id, page: Page()).elements
            #expect(kept.map(\.mark) == [.conflict])
            #expect(kept.first?.updateID == 10)

            #expect(await fixture.accept(other, shop) == .duplicate)
            #expect(await fixture.accept(UpdateText(number: 10, messageID: 3), shop) == .duplicate)
            #expect(try await fixture.count("raw_update") == 2)
            #expect(try await fixture.count("message") == 2)
        }
    }

    @Test func `a known number under another kind is a conflict and no repetition`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            #expect(await fixture.accept(UpdateText(number: 10, kind: "kind_of_tomorrow"), shop) == .stored)
            #expect(await fixture.accept(UpdateText(number: 10, text: "the new one"), shop) == .conflict)
            #expect(try await fixture.value(String.self, "SELECT text FROM message") == "the new one")
        }
    }

    @Test func `numbers may go down and start anew`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            for number: Int64 in [2_000_000_000, 1_999_999_999, 5, 4, 1_000_000, 0, -1] {
                #expect(await fixture.accept(UpdateText(number: number, messageID: number + 10), shop) == .stored)
            }
            #expect(try await fixture.count("message") == 7)
        }
    }

    @Test func `a number of arrival given twice is told as a failure and never as a repetition`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            #expect(await fixture.accept(UpdateText(number: 1), shop) == .stored)
            // As after a database that was put together from two backups.
            try await fixture.execute("UPDATE arrival SET next = 1")
            for update in [
                UpdateText(number: 2), UpdateText(number: 3, chatID: 9), UpdateText(number: 4, kind: "poll"),
            ] {
                guard case .unavailable(.failed, _) = await fixture.accept(update, shop) else {
                    Issue.record("update \(update.number) was acknowledged")
                    continue
                }
            }
            try await fixture.execute("UPDATE arrival SET next = 2")
            #expect(await fixture.accept(UpdateText(number: 2), shop) == .stored)
            #expect(try await fixture.count("message") == 2)
        }
    }

    @Test func `two bots may have the same number`() async throws {
        try await StoreFixture.with { fixture in
            let maier = try await fixture.addShop("maier", telegramID: 7_000_001)
            let bauer = try await fixture.addShop("bauer", telegramID: 7_000_002)
            #expect(await fixture.accept(UpdateText(number: 10), maier) == .stored)
            #expect(await fixture.accept(UpdateText(number: 10), bauer) == .stored)
            #expect(try await fixture.count("raw_update") == 2)
        }
    }

    @Test func `what cannot be read is kept once for each bot`() async throws {
        try await StoreFixture.with { fixture in
            let maier = try await fixture.addShop("maier", telegramID: 7_000_001)
            let bauer = try await fixture.addShop("bauer", telegramID: 7_000_002)
            let bodies = ["", "{", "[1]", "{\"message\":{}}", "\u{0}"].map { Array($0.utf8) } + [[0xFF, 0xFE]]
            for body in bodies {
                #expect(await fixture.accept(maier.record(body)) == .stored)
                #expect(await fixture.accept(maier.record(body)) == .duplicate)
                #expect(await fixture.accept(bauer.record(body)) == .stored)
            }
            #expect(try await fixture.count("raw_update") == 2 * bodies.count)
            let kept = try await fixture.store.keptUpdates(of: maier.business.id, page: Page()).elements
            #expect(kept.count == bodies.count)
            #expect(kept.allSatisfy { $0.mark == .unreadable && $0.updateID == nil && $0.detail != nil })
            #expect(kept.reversed().map(\.bytes) == bodies.map(\.count))
        }
    }

    @Test func `unknown kinds and known ones that lack something are kept raw and listed`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let bodies = [
                #"{"update_id":1,"stopped_message_generation":{"chat":{"id":5}}}"#,
                #"{"update_id":2}"#,
                #"{"update_id":3,"message":17}"#,
                #"{"update_id":4,"message":{"message_id":9,"chat":{"id":5,"type":"private"},"text":"x"}}"#,
                #"{"update_id":5,"edited_message":{"date":1,"chat":{"id":5},"text":"x"}}"#,
                #"{"update_id":6,"callback_query":{"id":"1","message":{"message_id":9,"chat":{}}}}"#,
            ]
            for body in bodies { #expect(await fixture.accept(shop.record(Array(body.utf8))) == .stored) }
            for body in bodies { #expect(await fixture.accept(shop.record(Array(body.utf8))) == .duplicate) }
            let kept = try await fixture.store.keptUpdates(of: shop.business.id, page: Page(.after(0))).elements
            #expect(kept.map(\.updateID) == [1, 2, 3, 4, 5, 6])
            #expect(
                kept.map(\.mark) == [.unknownKind, .unknownKind, .unknownKind, .keptRaw, .keptRaw, .keptRaw]
            )
            #expect(
                kept.map(\.kind) == [
                    "stopped_message_generation", "", "message", "message", "edited_message", "callback_query",
                ]
            )
            #expect(try await fixture.count("message") == 0)
            #expect(try await fixture.count("conversation") == 0)
        }
    }
}
