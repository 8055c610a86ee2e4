import DequeModule
import HeapModule

extension PacingPlanner {
    /// What a worker may load for a bot.
    public struct Capacity: Hashable, Sendable {
        /// How many rows there is room for.
        public var rows: Int
        /// The chats in hand that may not be sent to yet, and until when: their rows would only lie in hand.
        public var waiting: [Int64: Int64]
        /// The conversations that have as many rows in hand as they may.
        public var full: Set<ConversationID>
    }

    /// How much the planner remembers, for metrics.
    public struct Footprint: Hashable, Sendable {
        /// Rows in hand.
        public var rows: Int
        /// Conversations with rows in hand.
        public var conversations: Int
        /// Chats with rows in hand, or whose last messages still count.
        public var chats: Int
        /// Bots, as chats.
        public var bots: Int
        /// Businesses with rows in hand.
        public var businesses: Int
        /// Times waited for, those that do not stand any more included.
        public var timers: Int
    }

    /// How much the planner remembers.
    public var footprint: Footprint {
        Footprint(
            rows: known.count,
            conversations: lines.count,
            chats: chats.count,
            bots: bots.count,
            businesses: businesses.count,
            timers: timers.count + fading.count
        )
    }

    /// What a worker may load for a bot; takes time in proportion to the bot's chats in hand.
    public mutating func capacity(of bot: BotID, business: BusinessID, now: Int64) -> Capacity {
        advance(to: now)
        let ofBusiness = businesses[business]?.held ?? 0
        let all = max(limits.held - count, limits.heldAtLeast - ofBusiness)
        let rows = min(all, share - ofBusiness, limits.heldPerBot - (bots[bot]?.held ?? 0))
        var capacity = Capacity(rows: max(0, rows), waiting: [:], full: [])
        let botUntil = bots[bot]?.pace.parkedUntil ?? .min
        for number in bots[bot]?.chats ?? [] {
            guard let chat = chats[ChatKey(bot: bot, chat: number)] else { continue }
            let until = max(botUntil, chat.pace.earliest(1, window(chat)))
            if until > clock { capacity.waiting[number] = until }
            for id in chat.lines {
                guard let line = lines[id], line.rows.count + (line.isOut ? 1 : 0) >= limits.heldPerConversation
                else { continue }
                capacity.full.insert(id)
            }
        }
        return capacity
    }

    /// What one business may hold: less when many hold something.
    private var share: Int {
        max(limits.heldAtLeast, min(limits.heldPerBusiness, limits.held / max(1, businesses.count)))
    }

    /// What keeps a row from being taken in hand.
    func usedUp(for row: Row) -> Offer.Share? {
        if let line = lines[row.conversation] {
            guard line.chat == ChatKey(bot: row.bot, chat: row.chat),
                line.rows.count + (line.isOut ? 1 : 0) < limits.heldPerConversation
            else { return .conversation }
        }
        if let bot = bots[row.bot], bot.held >= limits.heldPerBot { return .bot }
        let held = businesses[row.business]?.held ?? 0
        if held >= share { return .business }
        return count < limits.held || held < limits.heldAtLeast ? nil : .all
    }

    /// Gives back a bot's rows that are not out, for a bot that is paused, removed or without a valid token.
    public mutating func withdraw(bot: BotID) -> [OutboxID] {
        withdraw((bots[bot]?.chats ?? []).map { ChatKey(bot: bot, chat: $0) })
    }

    /// Gives back a business's rows that are not out.
    public mutating func withdraw(business: BusinessID) -> [OutboxID] {
        bots.filter { $0.value.business == business }.keys.flatMap { withdraw(bot: $0) }
    }

    /// Gives back the rows of one chat that are not out, for a chat that nothing reaches.
    public mutating func withdraw(chat: Int64, of bot: BotID) -> [OutboxID] {
        withdraw([ChatKey(bot: bot, chat: chat)])
    }

    /// Gives back the rows of a bot's chats that may not be sent to before that time.
    ///
    /// So a hand that is full of waiting chats makes room for others; the chats' paces are remembered.
    public mutating func withdrawWaiting(bot: BotID, until: Int64, now: Int64) -> [OutboxID] {
        advance(to: now)
        let waiting = capacityWaiting(bot).filter { $0.value >= until }.keys
        return withdraw(waiting.map { ChatKey(bot: bot, chat: $0) })
    }

    /// For each chat of a bot when its head may go.
    private func capacityWaiting(_ bot: BotID) -> [Int64: Int64] {
        (bots[bot]?.chats ?? []).reduce(into: [:]) { found, number in
            guard let chat = chats[ChatKey(bot: bot, chat: number)] else { return }
            found[number] = chat.pace.earliest(1, window(chat))
        }
    }

    private mutating func withdraw(_ keys: [ChatKey]) -> [OutboxID] {
        var rows: [Row] = []
        for key in keys {
            guard let chat = chats[key] else { continue }
            chats[key]?.turns = []
            chats[key]?.queued = false
            chats[key]?.armed = nil
            for id in chat.lines {
                rows.append(contentsOf: lines[id]?.rows ?? [])
                lines[id]?.rows = []
                lines[id]?.isAgain = false
                lines[id]?.queued = false
                lines[id]?.armed = nil
            }
        }
        release(rows)
        // A line whose only row is out is released with that row.
        return rows.map(\.id).sorted()
    }

    /// Lets rows go that are neither in a line nor out any more.
    mutating func release(_ rows: [Row]) {
        for row in rows {
            known.remove(row.id)
            businesses[row.business]?.held -= 1
            bots[row.bot]?.held -= 1
            forgetIfEmpty(row)
        }
    }

    private mutating func forgetIfEmpty(_ row: Row) {
        let key = ChatKey(bot: row.bot, chat: row.chat)
        if let line = lines[row.conversation], line.rows.isEmpty, !line.isOut {
            lines[row.conversation] = nil
            chats[key]?.lines.remove(row.conversation)
            if chats[key]?.lines.isEmpty == true {
                bots[row.bot]?.chats.remove(row.chat)
                fade(key)
            }
        }
        if bots[row.bot]?.held == 0 { fade(row.bot) }
        forgetIfEmpty(row.business)
    }

    /// Forgets a business that has nothing in hand and stands nowhere.
    mutating func forgetIfEmpty(_ id: BusinessID) {
        guard let business = businesses[id], business.held == 0, !business.queued, business.turns.isEmpty else {
            return
        }
        businesses[id] = nil
    }

    // MARK: Fading: a chat or bot without rows is remembered while its past sends still count

    mutating func fade(_ key: ChatKey) {
        guard let chat = chats[key], !chat.isFading else { return }
        chats[key]?.isFading = true
        fade(.chat(key), chat.pace.neutral(window(chat), limits))
    }

    private mutating func fade(_ id: BotID) {
        guard let bot = bots[id], !bot.isFading else { return }
        bots[id]?.isFading = true
        fade(.bot(id), bot.pace.neutral(limits.bot, limits))
    }

    private mutating func fade(_ target: Timer.Target, _ time: Int64) {
        timerOrder += 1
        fading.insert(Timer(time: time, order: timerOrder, target: target))
    }

    mutating func forgetFaded() {
        while let timer = fading.min, timer.time <= clock {
            _ = fading.popMin()
            switch timer.target {
            case .line: break
            case .chat(let key):
                guard let chat = chats[key] else { continue }
                chats[key]?.isFading = false
                guard chat.lines.isEmpty else { continue }
                if chat.pace.neutral(window(chat), limits) > clock { fade(key) } else { chats[key] = nil }
            case .bot(let id):
                guard let bot = bots[id] else { continue }
                bots[id]?.isFading = false
                guard bot.held == 0 else { continue }
                if bot.queued {
                    // It leaves its place at the next turn.
                    bots[id]?.isFading = true
                    fade(.bot(id), clock + 1000)
                } else if bot.pace.neutral(limits.bot, limits) > clock {
                    fade(id)
                } else {
                    bots[id] = nil
                }
            }
        }
    }
}
