import GRDB
import Gateway
import Telegram
import Testing

@testable import Storage

@Suite("Many updates at once", .timeLimit(.minutes(2)))
struct ArrivalOrderTests {
    private static let shops = 3
    private static let chats: Int64 = 4
    private static let messages: Int64 = 250

    private struct Answer: Sendable {
        var isRepetition: Bool
        var outcome: IntakeOutcome
    }

    @Test func `each is stored once, and each conversation is in the order of the calls`() async throws {
        try await StoreFixture.with { fixture in
            var shops: [Shop] = []
            for index in 0..<Self.shops {
                shops.append(try await fixture.addShop("shop-\(index)", telegramID: 7_000_001 + Int64(index)))
            }
            let (answers, continuation) = AsyncStream<Answer>.makeStream()
            var expected = 0
            await withTaskGroup(of: Int.self) { group in
                for shop in shops {
                    for chat in 1...Self.chats {
                        group.addTask { Self.write(chat: chat, of: shop, to: fixture.store, continuation) }
                    }
                }
                for await calls in group { expected += calls }
            }
            // What was put in line is answered before a store is closed.
            try await fixture.store.close()
            continuation.finish()

            var stored = 0
            var repeated = 0
            for await answer in answers {
                if answer.isRepetition { repeated += 1 } else { stored += 1 }
                #expect(answer.outcome == (answer.isRepetition ? .duplicate : .stored))
            }
            #expect(stored == Self.shops * Int(Self.chats * Self.messages))
            #expect(stored + repeated == expected)
            #expect(repeated > 100)

            let reopened = try await SQLiteStore(fixture.directory, .expectCurrent)
            try await StoreFixture.closing(reopened) {
                let after = StoreFixture(directory: fixture.directory, store: reopened)
                try await Self.check(shops, after)
            }
        }
    }

    /// Accepts the messages of one chat in order, every seventh of them twice.
    private static func write(
        chat: Int64,
        of shop: Shop,
        to store: SQLiteStore,
        _ answers: AsyncStream<Answer>.Continuation
    ) -> Int {
        var calls = 0
        for index in 0..<messages {
            let update = UpdateText(
                number: chat * 10_000 + index,
                messageID: index + 1,
                chatID: chat,
                userID: chat,
                text: "\(index)"
            )
            store.accept(shop.record(update)) { answers.yield(Answer(isRepetition: false, outcome: $0)) }
            calls += 1
            if index % 7 == 0 {
                store.accept(shop.record(update)) { answers.yield(Answer(isRepetition: true, outcome: $0)) }
                calls += 1
            }
        }
        return calls
    }

    private static func check(_ shops: [Shop], _ fixture: StoreFixture) async throws {
        let inOrder = (0..<messages).map { "\($0)" }
        for shop in shops {
            let conversations = try await fixture.conversations(shop.business)
            #expect(conversations.count == Int(chats))
            for conversation in conversations {
                #expect(try await fixture.texts(of: conversation.id, shop.business) == inOrder)
                #expect(conversation.lastMessage?.text == inOrder.last)
            }
        }
        // Messages and raw updates share their numbers, and no number is given twice.
        let total = Self.shops * Int(chats * messages)
        #expect(try await fixture.count("raw_update JOIN message ON message.id = raw_update.id") == total)
        #expect(try await fixture.count("raw_update") == total)
    }
}
