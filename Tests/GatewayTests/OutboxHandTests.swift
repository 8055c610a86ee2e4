import Telegram
import Testing

@testable import Gateway

@Suite("What the sender has in hand")
struct OutboxHandTests {
    private static func bot(_ id: Int64) -> SendingBot {
        SendingBot(
            id: BotID(rawValue: id),
            business: BusinessID(rawValue: 1),
            token: Sealed(bytes: [1], keyID: "k", version: 1)
        )
    }

    private static func window(_ bot: Int64, _ ids: [Int64]) -> OutboxWindow {
        var window = OutboxWindow(bot: BotID(rawValue: bot), position: .init(answers: nil, bulk: nil))
        window.rows = ids.map { id in
            PacingPlanner.Row(
                id: OutboxID(rawValue: id),
                business: BusinessID(rawValue: 1),
                bot: BotID(rawValue: bot),
                chat: id,
                isGroup: false,
                conversation: ConversationID(rawValue: id)
            )
        }
        return window
    }

    private static func isAsked(_ hand: inout OutboxHand, _ bot: Int64) -> Bool {
        hand.requests(now: 0).contains { $0.bot == BotID(rawValue: bot) && $0.rows > 0 }
    }

    @Test func `a bot that comes back while a call of it is out is looked after as any other`() {
        var limits = PacingLimits()
        limits.held = 2
        limits.heldAtLeast = 0
        var hand = OutboxHand(limits: limits)
        hand.take([Self.bot(1), Self.bot(2)])
        _ = hand.requests(now: 0)
        hand.take(Self.window(1, [10]), now: 0) { _ in 0 }
        hand.take(Self.window(2, []), now: 0) { _ in 0 }
        #expect(hand.draw(9, now: 0).ids.map(\.rawValue) == [10])
        hand.take([Self.bot(2)])
        hand.take([Self.bot(1), Self.bot(2)])
        #expect(Self.isAsked(&hand, 1))
        hand.take(Self.window(1, []), now: 0) { _ in 0 }
        hand.finish(OutboxID(rawValue: 10), .settled, now: 0)
        #expect(hand.count == 0)
        // Another takes all the room; then it is there again, and the first has its turn.
        hand.take(Self.window(2, [20, 21]), now: 0) { _ in 0 }
        hand.hint(BotID(rawValue: 1), ConversationID(rawValue: 11))
        #expect(!Self.isAsked(&hand, 1))
        #expect(hand.draw(9, now: 0).ids.map(\.rawValue) == [20, 21])
        for id in [20, 21] as [Int64] { hand.finish(OutboxID(rawValue: id), .settled, now: 0) }
        #expect(Self.isAsked(&hand, 1))
    }

    @Test func `a row that has moved to another conversation while it is in hand is not taken twice`() {
        var hand = OutboxHand(limits: PacingLimits())
        hand.take([Self.bot(1)])
        hand.take(Self.window(1, [10, 11]), now: 0) { _ in 0 }
        var moved = Self.window(1, [10, 11])
        for index in moved.rows.indices { moved.rows[index].conversation = ConversationID(rawValue: 99) }
        hand.take(moved, now: 0) { _ in 0 }
        #expect(hand.count == 2)
        #expect(hand.draw(9, now: 0).ids.count == 2)
        for id in [10, 11] as [Int64] { hand.finish(OutboxID(rawValue: id), .settled, now: 0) }
        #expect(hand.count == 0 && hand.outCount == 0)
    }

    @Test func `what waits for a chat that has become another goes back as a whole`() {
        var hand = OutboxHand(limits: PacingLimits())
        hand.take([Self.bot(1)])
        _ = hand.requests(now: 0)
        var window = Self.window(1, [10, 11, 12])
        for index in window.rows.indices {
            window.rows[index].chat = 5
            window.rows[index].conversation = ConversationID(rawValue: 50)
        }
        hand.take(window, now: 0) { _ in 0 }
        #expect(hand.draw(9, now: 0).ids.map(\.rawValue) == [10])
        hand.giveBackChat(of: OutboxID(rawValue: 10), now: 0)
        #expect(hand.count == 0)
        #expect(hand.draw(9, now: 0).ids.isEmpty)
        #expect(hand.requests(now: 0).first?.hinted.first == ConversationID(rawValue: 50))
    }
}
