import DequeModule

// How it is kept: a line is a conversation's rows. A line that may go on stands in its chat's turns, a chat whose pace allows it
// in its bot's, a bot in its business's, a business in the ring. What waits for a time has a timer instead. So each stands in one
// place, and `settle` and `wake` put it there. All refer to each other by slots.

extension PacingPlanner {
    struct ChatKey: Hashable, Sendable {
        let bot: BotID
        let chat: Int64
    }

    /// The rows of one conversation.
    struct Line: Vacant {
        var id = ConversationID(rawValue: 0)
        var chat = 0
        /// Where it stands in its chat's `lines`.
        var place = 0
        /// What is not out, by the ids, save one that is tried again, which is the first.
        private(set) var first: Row?
        private var others: Deque<Row> = []
        /// The row that is out.
        var out: Row?
        /// Whether the first row is tried again.
        private var isAgain = false
        var notBefore = Int64.min
        /// Since when its first row is ready, and how long the one that is out was.
        var readySince = Int64.min
        var waited: Int64 = 0
        /// Whether it holds one row that goes aside.
        var isAside = false
        /// Whether it stands in its chat's turns.
        var queued = false
        var armed: Int64?

        /// How many rows are not out.
        var count: Int { first == nil ? 0 : 1 + others.count }

        /// Whether it holds nothing, nothing that is out either.
        var isEmpty: Bool { first == nil && out == nil }

        func holds(_ id: OutboxID) -> Bool { first?.id == id || out?.id == id || others.contains { $0.id == id } }

        mutating func insert(_ row: Row) {
            guard let head = first else { return first = row }
            if row.id < head.id, !isAgain {
                first = row
                others.prepend(head)
                return
            }
            var index = others.count
            while index > 0, others[index - 1].id > row.id { index -= 1 }
            others.insert(row, at: index)
        }

        /// Takes a row back that was out.
        mutating func insertAgain(_ row: Row) {
            if let first { others.prepend(first) }
            first = row
            isAgain = true
        }

        mutating func sendFirst() {
            out = first
            first = others.popFirst()
            isAgain = false
        }

        mutating func removeAll() -> [Row] {
            let rows = (first.map { [$0] } ?? []) + others
            first = nil
            others = []
            isAgain = false
            return rows
        }
    }

    struct Chat: Vacant {
        var number: Int64 = 0
        var bot = 0
        /// Where it stands in its bot's `chats`, while it has rows in hand.
        var place = 0
        var isGroup = false
        var pace = Pace()
        /// The lines in hand, and those of them that may go on.
        var lines: [Int] = []
        var turns: Deque<Int> = []
        /// Whether it stands in its bot's turns, by the ticket that is valid there.
        var queued = false
        var ticket: UInt64 = 0
        var armed: Int64?
        var isFading = false
    }

    /// A place in a bot's turns; void when the chat has left them since.
    struct Turn: Sendable {
        let chat: Int
        let ticket: UInt64
    }

    struct Bot: Vacant {
        var id = BotID(rawValue: 0)
        var business = 0
        var pace = Pace()
        /// The chats that have rows in hand.
        var chats: [Int] = []
        /// How many chats are remembered, with rows in hand or not.
        var remembered = 0
        var aside: Deque<Turn> = []
        var answers: Deque<Turn> = []
        var bulk: Deque<Turn> = []
        /// Answers sent since bulk had a turn.
        var answersInRow = 0
        var held = 0
        /// How many of these go aside.
        var asides = 0
        var out = 0
        /// The chats that were refused lately.
        var refusals: [(chat: Int64, at: Int64)] = []
        var queued = false
        var armed: Int64?
        var isFading = false
    }

    struct Business: Vacant {
        var id = BusinessID(rawValue: 0)
        var turns: Deque<Int> = []
        /// Whether it stands in the ring, or among the crowded.
        var queued = false
        /// Turns to sit out, for an album sent.
        var debt = 0
        var held = 0
        var out = 0
        /// Bots that are remembered.
        var bots = 0
    }

    struct Timer: Comparable, Sendable {
        enum Target: Sendable {
            case line(Int)
            case chat(Int)
            case bot(Int)
        }

        let time: Int64
        /// Of two timers of one time the older comes first.
        let order: UInt64
        let target: Target

        static func == (left: Timer, right: Timer) -> Bool { left.order == right.order }

        static func < (left: Timer, right: Timer) -> Bool {
            left.time == right.time ? left.order < right.order : left.time < right.time
        }
    }

    // MARK: Coming and going

    mutating func addLine(for row: Row) -> Int {
        let key = ChatKey(bot: row.bot, chat: row.place)
        let chat = chatOf[key] ?? addChat(row.place, of: botOf[row.bot] ?? addBot(row.bot, of: row.business))
        if chats.at[chat].lines.isEmpty {
            chats.at[chat].place = bots.at[chats.at[chat].bot].chats.count
            bots.at[chats.at[chat].bot].chats.append(chat)
        }
        var line = Line()
        line.id = row.line
        line.isAside = row.isAside
        line.chat = chat
        line.place = chats.at[chat].lines.count
        let slot = lines.add(line)
        lineOf[row.line] = slot
        chats.at[chat].lines.append(slot)
        return slot
    }

    mutating func addChat(_ number: Int64, of bot: Int) -> Int {
        var chat = Chat()
        chat.number = number
        chat.bot = bot
        let slot = chats.add(chat)
        chatOf[ChatKey(bot: bots.at[bot].id, chat: number)] = slot
        bots.at[bot].remembered += 1
        return slot
    }

    private mutating func addBot(_ id: BotID, of business: BusinessID) -> Int {
        let owner = businessOf[business] ?? addBusiness(business)
        var bot = Bot()
        bot.id = id
        bot.business = owner
        businesses.at[owner].bots += 1
        let slot = bots.add(bot)
        botOf[id] = slot
        return slot
    }

    private mutating func addBusiness(_ id: BusinessID) -> Int {
        var business = Business()
        business.id = id
        let slot = businesses.add(business)
        businessOf[id] = slot
        return slot
    }

    /// Lets rows of a line go that are neither in it nor out any more.
    mutating func release(_ count: Int, of line: Int) {
        let chat = lines.at[line].chat
        let bot = chats.at[chat].bot
        held -= count
        bots.at[bot].held -= count
        if lines.at[line].isAside { bots.at[bot].asides -= count }
        businesses.at[bots.at[bot].business].held -= count
        guard lines.at[line].isEmpty else { return }
        lineOf[lines.at[line].id] = nil
        let place = lines.at[line].place
        if let last = chats.at[chat].lines.popLast(), last != line {
            chats.at[chat].lines[place] = last
            lines.at[last].place = place
        }
        lines.remove(line)
        if chats.at[chat].lines.isEmpty {
            let place = chats.at[chat].place
            if let last = bots.at[bot].chats.popLast(), last != chat {
                bots.at[bot].chats[place] = last
                chats.at[last].place = place
            }
            fade(chat: chat)
        }
        if bots.at[bot].held == 0 { fade(bot: bot) }
    }

    /// Forgets a business that has no bot and stands nowhere.
    mutating func forgetIfEmpty(business: Int) {
        guard businesses.at[business].bots == 0, !businesses.at[business].queued else { return }
        businessOf[businesses.at[business].id] = nil
        businesses.remove(business)
    }
}
