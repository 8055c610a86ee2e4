import DequeModule
import HeapModule

extension PacingPlanner {
    /// Puts a line into its chat's turns, or sets its timer.
    mutating func wake(_ line: Int) {
        guard lines.at[line].out == nil, !lines.at[line].queued, lines.at[line].first != nil else { return }
        let notBefore = lines.at[line].notBefore
        if notBefore > clock {
            guard lines.at[line].armed != notBefore else { return }
            lines.at[line].armed = notBefore
            return arm(.line(line), notBefore)
        }
        lines.at[line].queued = true
        lines.at[line].armed = nil
        lines.at[line].readySince = clock
        let chat = lines.at[line].chat
        chats.at[chat].turns.append(line)
        settle(chat: chat)
    }

    /// Puts a chat into its bot's turns, or sets its timer.
    mutating func settle(chat: Int) {
        guard !chats.at[chat].queued, let head = head(of: chat) else { return }
        let earliest = earliest(chat: chat, head)
        if earliest > clock {
            guard chats.at[chat].armed != earliest else { return }
            chats.at[chat].armed = earliest
            return arm(.chat(chat), earliest)
        }
        counter += 1
        chats.at[chat].queued = true
        chats.at[chat].armed = nil
        chats.at[chat].ticket = counter
        let bot = chats.at[chat].bot
        let turn = Turn(chat: chat, ticket: counter)
        switch Queue(of: head) {
        case .aside: bots.at[bot].aside.append(turn)
        case .answers: bots.at[bot].answers.append(turn)
        case .bulk: bots.at[bot].bulk.append(turn)
        }
        settle(bot: bot)
    }

    /// Puts a bot into its business's turns, or sets its timer.
    mutating func settle(bot: Int) {
        guard !bots.at[bot].queued, bots.at[bot].out < limits.inFlightPerBot, let (chat, _) = peek(bot),
            let head = head(of: chat)
        else { return }
        let earliest = head.isAside ? clock : bots.at[bot].pace.earliest(head.messages, limits.bot)
        if earliest > clock {
            guard bots.at[bot].armed != earliest else { return }
            bots.at[bot].armed = earliest
            return arm(.bot(bot), earliest)
        }
        bots.at[bot].queued = true
        bots.at[bot].armed = nil
        businesses.at[bots.at[bot].business].turns.append(bot)
        settle(business: bots.at[bot].business)
    }

    /// Puts a business into the ring.
    mutating func settle(business: Int) {
        guard !businesses.at[business].queued, !businesses.at[business].turns.isEmpty else { return }
        businesses.at[business].queued = true
        ring.append(business)
    }

    private func head(of chat: Int) -> Row? { chats.at[chat].turns.first.flatMap { lines.at[$0].first } }

    private func earliest(chat: Int, _ row: Row) -> Int64 {
        chats.at[chat].pace.earliest(row.messages, window(ofChat: chat))
    }

    func window(ofChat chat: Int) -> PacingLimits.Window? { chats.at[chat].isGroup ? limits.group : nil }

    /// The turns of a bot, the first first.
    private enum Queue {
        case aside, answers, bulk

        init(of row: Row) { self = row.isAside ? .aside : row.priority == .answer ? .answers : .bulk }
    }

    /// The chat whose turn it is in a bot; void turns before it are dropped.
    private mutating func peek(_ bot: Int) -> (chat: Int, Queue)? {
        while let turn = bots.at[bot].aside.first, !isValid(turn) { _ = bots.at[bot].aside.popFirst() }
        if let turn = bots.at[bot].aside.first { return (turn.chat, .aside) }
        while let turn = bots.at[bot].answers.first, !isValid(turn) { _ = bots.at[bot].answers.popFirst() }
        while let turn = bots.at[bot].bulk.first, !isValid(turn) { _ = bots.at[bot].bulk.popFirst() }
        if let turn = bots.at[bot].answers.first, bots.at[bot].bulk.isEmpty || bots.at[bot].answersInRow < 3 {
            return (turn.chat, .answers)
        }
        return bots.at[bot].bulk.first.map { ($0.chat, .bulk) }
    }

    private func isValid(_ turn: Turn) -> Bool {
        turn.chat < chats.at.count && chats.at[turn.chat].queued && chats.at[turn.chat].ticket == turn.ticket
    }

    /// The next row of a bot, if it may be sent now: from here on it is out.
    mutating func draw(from bot: Int) -> Row? {
        while bots.at[bot].out < limits.inFlightPerBot, let (chat, queue) = peek(bot), let row = head(of: chat) {
            let chatMaySend = earliest(chat: chat, row) <= clock
            if chatMaySend, !row.isAside, bots.at[bot].pace.earliest(row.messages, limits.bot) > clock { return nil }
            switch queue {
            case .aside: _ = bots.at[bot].aside.popFirst()
            case .answers:
                _ = bots.at[bot].answers.popFirst()
                bots.at[bot].answersInRow += 1
            case .bulk:
                _ = bots.at[bot].bulk.popFirst()
                bots.at[bot].answersInRow = 0
            }
            chats.at[chat].queued = false
            if chatMaySend {
                send(row, from: chat)
                return row
            }
            // A row that was offered late may be larger than the one the chat was put into the turns for.
            settle(chat: chat)
        }
        return nil
    }

    private mutating func send(_ row: Row, from chat: Int) {
        guard let line = chats.at[chat].turns.popFirst() else { return }
        lines.at[line].queued = false
        lines.at[line].waited = clock - lines.at[line].readySince
        lines.at[line].sendFirst()
        out[row.id] = line
        let bot = chats.at[chat].bot
        bots.at[bot].out += 1
        businesses.at[bots.at[bot].business].out += 1
        bots.at[bot].pace.take(row.messages, at: clock, limits.bot, chat: false, limits)
        let window = window(ofChat: chat)
        chats.at[chat].pace.take(row.messages, at: clock, window, chat: true, limits)
        settle(chat: chat)
    }

    /// Takes a 429 to heart: the chat waits, and the bot too when other chats of it are refused at the same time.
    mutating func refused(chat: Int, until: Int64) {
        let (bot, number) = (chats.at[chat].bot, chats.at[chat].number)
        chats.at[chat].pace.slow(at: clock, limits)
        park(chat: chat, until: until)
        let since = clock - limits.botEvidenceSpan
        bots.at[bot].refusals.removeAll { $0.at <= since || $0.chat == number }
        bots.at[bot].refusals.append((number, clock))
        guard bots.at[bot].refusals.count >= max(1, limits.botEvidence) else { return }
        bots.at[bot].refusals = []
        bots.at[bot].pace.slow(at: clock, limits)
        bots.at[bot].pace.park(until: until)
    }

    mutating func park(chat: Int, until: Int64) {
        chats.at[chat].pace.park(until: until)
        chats.at[chat].queued = false
        settle(chat: chat)
        if chats.at[chat].lines.isEmpty { fade(chat: chat) }
    }

    // MARK: Time

    /// Goes on to a time: what waited for it takes its place in the turns.
    mutating func advance(to now: Int64) {
        clock = max(clock, now)
        while let timer = timers.min, timer.time <= clock {
            _ = timers.popMin()
            guard isArmed(timer) else { continue }
            switch timer.target {
            case .line(let line):
                lines.at[line].armed = nil
                wake(line)
            case .chat(let chat):
                chats.at[chat].armed = nil
                settle(chat: chat)
            case .bot(let bot):
                bots.at[bot].armed = nil
                settle(bot: bot)
            }
        }
        forgetFaded()
    }

    /// Whether a timer still stands: whatever it is for may have been given another since.
    ///
    /// A slot may have another owner by now; armed for the same time, it may as well have this timer.
    func isArmed(_ timer: Timer) -> Bool {
        switch timer.target {
        case .line(let line): line < lines.at.count && lines.at[line].armed == timer.time
        case .chat(let chat): chat < chats.at.count && chats.at[chat].armed == timer.time
        case .bot(let bot): bot < bots.at.count && bots.at[bot].armed == timer.time
        }
    }

    private mutating func arm(_ target: Timer.Target, _ time: Int64) {
        counter += 1
        timers.insert(Timer(time: time, order: counter, target: target))
        // Timers that do not stand any more are dropped when they are many.
        if timers.count > 64 + 4 * (lines.count + chats.count + bots.count) {
            timers = Heap(timers.unordered.filter { isArmed($0) })
        }
    }
}
