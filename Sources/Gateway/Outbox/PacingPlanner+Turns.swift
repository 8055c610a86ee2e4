import DequeModule
import HeapModule

// How it is kept: a line is a conversation's rows. A line that may go on stands in its chat's turns, a chat whose pace allows it
// in its bot's, a bot in its business's, a business in the ring. What waits for a time has a timer instead. So each stands in one place, and
// `settle` and `wake` put it there.

extension PacingPlanner {
    struct ChatKey: Hashable, Sendable {
        let bot: BotID
        let chat: Int64
    }

    /// The rows of one conversation.
    struct Line: Sendable {
        let chat: ChatKey
        /// By their ids, save one that is tried again, which is the first.
        var rows: Deque<Row> = []
        var isOut = false
        /// Whether the first row is tried again.
        var isAgain = false
        var notBefore = Int64.min
        /// Whether it stands in its chat's turns.
        var queued = false
        var armed: Int64?

        init(chat: ChatKey) { self.chat = chat }

        mutating func insert(_ row: Row) {
            var index = rows.count
            while index > (isAgain ? 1 : 0), rows[index - 1].id > row.id { index -= 1 }
            rows.insert(row, at: index)
        }

        /// Takes a row back that was out.
        mutating func insertAgain(_ row: Row) {
            rows.prepend(row)
            isAgain = true
        }
    }

    struct Chat: Sendable {
        var isGroup = false
        var pace = Pace()
        var lines: Set<ConversationID> = []
        var turns: Deque<ConversationID> = []
        /// Whether it stands in its bot's turns, by the ticket that is valid there.
        var queued = false
        var ticket: UInt32 = 0
        var armed: Int64?
        var isFading = false
    }

    /// A place in a bot's turns; void when the chat has left them since.
    struct Turn: Sendable {
        let chat: Int64
        let ticket: UInt32
    }

    struct Bot: Sendable {
        let business: BusinessID
        var pace = Pace()
        var chats: Set<Int64> = []
        var answers: Deque<Turn> = []
        var bulk: Deque<Turn> = []
        /// Answers sent since bulk had a turn.
        var answersInRow = 0
        var held = 0
        var out = 0
        /// The chats that were refused lately.
        var refusals: [(chat: Int64, at: Int64)] = []
        var queued = false
        var armed: Int64?
        var isFading = false

        init(business: BusinessID) { self.business = business }
    }

    struct Business: Sendable {
        var turns: Deque<BotID> = []
        var queued = false
        /// Turns to sit out, for an album sent.
        var debt = 0
        var held = 0
    }

    struct Timer: Comparable, Sendable {
        enum Target: Hashable, Sendable {
            case line(ConversationID)
            case chat(ChatKey)
            case bot(BotID)
        }

        let time: Int64
        /// Of two timers of one time the older comes first.
        let order: UInt64
        let target: Target

        static func < (left: Timer, right: Timer) -> Bool {
            left.time == right.time ? left.order < right.order : left.time < right.time
        }
    }

    func window(_ chat: Chat) -> PacingLimits.Window? { chat.isGroup ? limits.group : nil }

    /// Puts a line into its chat's turns, or sets its timer.
    mutating func wake(_ id: ConversationID) {
        guard let line = lines[id], !line.isOut, !line.queued, !line.rows.isEmpty else { return }
        if line.notBefore > clock {
            guard line.armed != line.notBefore else { return }
            lines[id]?.armed = line.notBefore
            return arm(.line(id), line.notBefore)
        }
        lines[id]?.queued = true
        lines[id]?.armed = nil
        chats[line.chat]?.turns.append(id)
        settle(line.chat)
    }

    /// Puts a chat into its bot's turns, or sets its timer.
    mutating func settle(_ key: ChatKey) {
        guard let chat = chats[key], !chat.queued, let front = chat.turns.first, let head = lines[front]?.rows.first
        else { return }
        let earliest = earliest(key, head)
        if earliest > clock {
            guard chat.armed != earliest else { return }
            chats[key]?.armed = earliest
            return arm(.chat(key), earliest)
        }
        let ticket = chat.ticket &+ 1
        chats[key]?.queued = true
        chats[key]?.armed = nil
        chats[key]?.ticket = ticket
        switch head.priority {
        case .answer: bots[key.bot]?.answers.append(Turn(chat: key.chat, ticket: ticket))
        case .bulk: bots[key.bot]?.bulk.append(Turn(chat: key.chat, ticket: ticket))
        }
        settle(key.bot)
    }

    /// Puts a bot into its business's turns, or sets its timer.
    mutating func settle(_ id: BotID) {
        guard mayTakeTurn(id), let (key, _) = peek(id), let head = head(key) else { return }
        let earliest = earliest(id, head)
        if earliest > clock {
            guard bots[id]?.armed != earliest else { return }
            bots[id]?.armed = earliest
            return arm(.bot(id), earliest)
        }
        guard let business = bots[id]?.business else { return }
        bots[id]?.queued = true
        bots[id]?.armed = nil
        businesses[business]?.turns.append(id)
        settle(business)
    }

    private func mayTakeTurn(_ id: BotID) -> Bool {
        guard let bot = bots[id] else { return false }
        return !bot.queued && bot.out < limits.inFlightPerBot
    }

    private func earliest(_ id: BotID, _ row: Row) -> Int64 {
        bots[id]?.pace.earliest(row.messages, limits.bot) ?? .max
    }

    private func earliest(_ key: ChatKey, _ row: Row) -> Int64 {
        guard let chat = chats[key] else { return .max }
        return chat.pace.earliest(row.messages, window(chat))
    }

    /// Puts a business into the ring.
    mutating func settle(_ id: BusinessID) {
        guard let business = businesses[id], !business.queued, !business.turns.isEmpty else { return }
        businesses[id]?.queued = true
        ring.append(id)
    }

    private func head(_ key: ChatKey) -> Row? { chats[key]?.turns.first.flatMap { lines[$0]?.rows.first } }

    /// The chat whose turn it is in a bot; void turns before it are dropped.
    private mutating func peek(_ id: BotID) -> (ChatKey, Priority)? {
        while let turn = bots[id]?.answers.first, !isValid(turn, id) { _ = bots[id]?.answers.popFirst() }
        while let turn = bots[id]?.bulk.first, !isValid(turn, id) { _ = bots[id]?.bulk.popFirst() }
        guard let bot = bots[id] else { return nil }
        if let turn = bot.answers.first, bot.bulk.isEmpty || bot.answersInRow < 3 {
            return (ChatKey(bot: id, chat: turn.chat), .answer)
        }
        return bot.bulk.first.map { (ChatKey(bot: id, chat: $0.chat), .bulk) }
    }

    private func isValid(_ turn: Turn, _ bot: BotID) -> Bool {
        guard let chat = chats[ChatKey(bot: bot, chat: turn.chat)] else { return false }
        return chat.queued && chat.ticket == turn.ticket
    }

    /// The next row of a bot, if it may be sent now: from here on it is out.
    mutating func draw(from id: BotID) -> Row? {
        while let out = bots[id]?.out, out < limits.inFlightPerBot, let (key, priority) = peek(id), let row = head(key)
        {
            let chatMaySend = earliest(key, row) <= clock
            if chatMaySend, earliest(id, row) > clock { return nil }
            switch priority {
            case .answer:
                _ = bots[id]?.answers.popFirst()
                bots[id]?.answersInRow += 1
            case .bulk:
                _ = bots[id]?.bulk.popFirst()
                bots[id]?.answersInRow = 0
            }
            chats[key]?.queued = false
            if chatMaySend {
                send(row, from: key)
                return row
            }
            // A row that was offered late may be larger than the one the chat was put into the turns for.
            settle(key)
        }
        return nil
    }

    private mutating func send(_ row: Row, from key: ChatKey) {
        _ = chats[key]?.turns.popFirst()
        lines[row.conversation]?.queued = false
        lines[row.conversation]?.isOut = true
        lines[row.conversation]?.isAgain = false
        _ = lines[row.conversation]?.rows.popFirst()
        out[row.id] = row
        bots[key.bot]?.out += 1
        bots[key.bot]?.pace.take(row.messages, at: clock, limits.bot, chat: false, limits)
        let window = row.isGroup ? limits.group : nil
        chats[key]?.pace.take(row.messages, at: clock, window, chat: true, limits)
        settle(key)
    }

    /// Takes a 429 to heart: the chat waits, and the bot too when other chats of it are refused at the same time.
    mutating func refused(_ row: Row, until: Int64) {
        let key = ChatKey(bot: row.bot, chat: row.chat)
        chats[key]?.pace.slow(at: clock, limits)
        park(key, until: until)
        guard var refusals = bots[row.bot]?.refusals else { return }
        refusals.removeAll { $0.at <= clock - limits.botEvidenceSpan || $0.chat == row.chat }
        refusals.append((row.chat, clock))
        if refusals.count >= max(1, limits.botEvidence) {
            refusals = []
            bots[row.bot]?.pace.slow(at: clock, limits)
            bots[row.bot]?.pace.park(until: until)
        }
        bots[row.bot]?.refusals = refusals
    }

    mutating func park(_ key: ChatKey, until: Int64) {
        guard until > clock else { return }
        chats[key, default: Chat()].pace.park(until: until)
        chats[key]?.queued = false
        settle(key)
        if chats[key]?.lines.isEmpty == true { fade(key) }
    }

    // MARK: Time

    /// Goes on to a time: what waited for it takes its place in the turns.
    mutating func advance(to now: Int64) {
        clock = max(clock, now)
        while let timer = timers.min, timer.time <= clock {
            _ = timers.popMin()
            guard isArmed(timer) else { continue }
            switch timer.target {
            case .line(let id):
                lines[id]?.armed = nil
                wake(id)
            case .chat(let key):
                chats[key]?.armed = nil
                settle(key)
            case .bot(let id):
                bots[id]?.armed = nil
                settle(id)
            }
        }
        forgetFaded()
    }

    /// Whether a timer still stands: whatever it is for may have been given another since.
    func isArmed(_ timer: Timer) -> Bool {
        switch timer.target {
        case .line(let id): lines[id]?.armed == timer.time
        case .chat(let key): chats[key]?.armed == timer.time
        case .bot(let id): bots[id]?.armed == timer.time
        }
    }

    private mutating func arm(_ target: Timer.Target, _ time: Int64) {
        timerOrder += 1
        timers.insert(Timer(time: time, order: timerOrder, target: target))
        // Timers that do not stand any more are dropped when they are many.
        if timers.count > 64 + 4 * (lines.count + chats.count + bots.count) {
            timers = Heap(timers.unordered.filter { isArmed($0) })
        }
    }
}
