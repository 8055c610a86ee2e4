import Telegram
import Testing

@testable import Gateway

@Suite("A backlog larger than the hand")
struct OutboxBacklogTests {
    /// What waits in a database, read as the store reads it.
    private struct Waiting {
        var rows: [ConversationID: [PacingPlanner.Row]] = [:]
        var conversations: [BotID: [ConversationID]] = [:]

        mutating func add(_ row: PacingPlanner.Row) {
            rows[row.conversation, default: []].append(row)
            if conversations[row.bot]?.contains(row.conversation) != true {
                conversations[row.bot, default: []].append(row.conversation)
            }
        }

        mutating func remove(_ row: PacingPlanner.Row) {
            rows[row.conversation]?.removeAll { $0.id == row.id }
            guard rows[row.conversation]?.isEmpty == true else { return }
            conversations[row.bot]?.removeAll { $0 == row.conversation }
        }

        func window(_ request: OutboxWindow.Request) -> OutboxWindow {
            var window = OutboxWindow(bot: request.bot, position: request.position)
            var seen: Set<ConversationID> = []
            func take(_ conversation: ConversationID) {
                guard seen.insert(conversation).inserted else { return }
                for (index, row) in (rows[conversation] ?? []).enumerated() {
                    guard index < request.perConversation, window.rows.count < request.rows else {
                        return window.cut.append(conversation)
                    }
                    window.rows.append(row)
                }
            }
            for conversation in request.hinted {
                if window.rows.count < request.rows {
                    take(conversation)
                } else {
                    window.cut.append(conversation)
                }
            }
            guard let position = request.position else { return window }
            var last = position.answers
            let all = conversations[request.bot] ?? []
            while window.rows.count < request.rows, let from = last {
                let next = all.first { $0.rawValue > from }
                last = next?.rawValue
                if let next { take(next) }
            }
            window.position = OutboxWindow.Position(answers: last, bulk: last == nil ? nil : position.bulk)
            return window
        }
    }

    /// What waits when a run begins.
    struct Backlog: CustomTestStringConvertible, Sendable {
        var businesses = 2
        var bots = 6
        var chatsOfBot = 12
        var rowsOfChat = 5
        var limits = PacingLimits()

        var testDescription: String {
            "\(businesses) businesses, \(bots) bots, \(chatsOfBot) × \(rowsOfChat) rows each, \(limits.heldPerBusiness) of \(limits.held) in hand"
        }

        static func little(_ room: Int) -> Backlog {
            var backlog = Backlog()
            (backlog.limits.held, backlog.limits.heldPerBusiness, backlog.limits.heldAtLeast) = (2 * room, room, 1)
            return backlog
        }

        static let all =
            [1, 3, 8, 20, 64].map(little) + [
                Backlog(businesses: 20, bots: 200, chatsOfBot: 30, rowsOfChat: 6),
                Backlog(businesses: 3, bots: 30, chatsOfBot: 100, rowsOfChat: 5),
            ]
    }

    /// Reads, writes and calls take their time, as they do; what is read is old when it is taken in hand.
    @Test(arguments: Backlog.all)
    func `all that waits is drawn, each row once and in order, however little room there is`(
        _ backlog: Backlog
    ) throws {
        var hand = OutboxHand(limits: backlog.limits)
        var waiting = Waiting()
        var rows: [OutboxID: PacingPlanner.Row] = [:]
        let chats = backlog.bots * backlog.chatsOfBot
        for number in 0..<chats * backlog.rowsOfChat {
            let chat = number % chats
            let bot = chat % backlog.bots
            let row = PacingPlanner.Row(
                id: OutboxID(rawValue: Int64(number + 1)),
                business: BusinessID(rawValue: Int64(bot % backlog.businesses + 1)),
                bot: BotID(rawValue: Int64(bot + 1)),
                chat: Int64(chat + 1),
                isGroup: false,
                conversation: ConversationID(rawValue: Int64(chat + 1))
            )
            waiting.add(row)
            rows[row.id] = row
        }
        hand.take(
            (0..<backlog.bots).map { bot in
                SendingBot(
                    id: BotID(rawValue: Int64(bot + 1)),
                    business: BusinessID(rawValue: Int64(bot % backlog.businesses + 1)),
                    token: Sealed(bytes: [], keyID: "", version: 1)
                )
            }
        )
        var now: Int64 = 0
        var lastDrawn: Int64 = 0
        var read: [OutboxWindow] = []
        var out: [(id: OutboxID, until: Int64)] = []
        var latest: [ConversationID: OutboxID] = [:]
        var left = rows.count
        while left > 0, now - lastDrawn < 20_000 {
            for window in read { hand.take(window, now: now) { _ in 0 } }
            read = hand.requests(now: now).map(waiting.window)
            let ended = out.filter { $0.until <= now }
            out.removeAll { $0.until <= now }
            for (id, _) in ended {
                if let row = rows[id] { waiting.remove(row) }
                hand.finish(id, .settled, now: now)
            }
            for id in hand.draw(200, now: now).ids {
                // A row that was read before it was settled: the store does not let it be claimed again.
                guard let row = rows[id], waiting.rows[row.conversation]?.contains(row) == true else {
                    hand.finish(id, .settled, now: now)
                    continue
                }
                #expect(latest[row.conversation].map { $0 < id } ?? true)
                latest[row.conversation] = id
                out.append((id, now + 20 + id.rawValue % 30))
                left -= 1
                lastDrawn = now
            }
            now += 5
        }
        #expect(left == 0, "\(left) rows of \(rows.count) are never drawn")
    }
}
