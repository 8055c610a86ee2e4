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
        /// Businesses of those bots.
        public var businesses: Int
        /// Times waited for, those that do not stand any more included.
        public var timers: Int
    }

    /// How much the planner remembers.
    public var footprint: Footprint {
        Footprint(
            rows: held,
            conversations: lines.count,
            chats: chats.count,
            bots: bots.count,
            businesses: businesses.count,
            timers: timers.count + fading.count
        )
    }

    /// What a worker may load for a bot; takes time in proportion to the bot's chats in hand.
    public mutating func capacity(of id: BotID, business: BusinessID, now: Int64) -> Capacity {
        advance(to: now)
        let ofBusiness = businessOf[business].map { businesses.at[$0].held } ?? 0
        let all = max(limits.held - held, limits.heldAtLeast - ofBusiness)
        guard let bot = botOf[id] else {
            return Capacity(rows: max(0, min(all, share - ofBusiness, limits.heldPerBot)), waiting: [:], full: [])
        }
        let rows = min(all, share - ofBusiness, limits.heldPerBot - bots.at[bot].held)
        var capacity = Capacity(rows: max(0, rows), waiting: [:], full: [])
        for chat in bots.at[bot].chats {
            let until = max(bots.at[bot].pace.parkedUntil, whenFree(chat))
            if until > clock { capacity.waiting[chats.at[chat].number] = until }
            for line in chats.at[chat].lines where isFull(line) { capacity.full.insert(lines.at[line].id) }
        }
        return capacity
    }

    private func whenFree(_ chat: Int) -> Int64 { chats.at[chat].pace.earliest(1, window(ofChat: chat)) }

    private func isFull(_ line: Int) -> Bool {
        lines.at[line].count + (lines.at[line].out == nil ? 0 : 1) >= limits.heldPerConversation
    }

    /// What one business may hold: less when many hold something.
    private var share: Int {
        max(limits.heldAtLeast, min(limits.heldPerBusiness, limits.held / max(1, businesses.count)))
    }

    /// What keeps a row from being taken in hand.
    func usedUp(for row: Row, _ line: Int?) -> Offer.Share? {
        let bot: Int?
        if let line {
            let chat = lines.at[line].chat
            bot = chats.at[chat].bot
            guard chats.at[chat].number == row.place, bots.at[chats.at[chat].bot].id == row.bot, !isFull(line) else {
                return .conversation
            }
        } else {
            bot = botOf[row.bot]
        }
        // A hand that is full of messages keeps none of these out.
        if row.isAside { return bot.map { bots.at[$0].asides >= limits.asidesPerBot } ?? false ? .bot : nil }
        if let bot, bots.at[bot].held >= limits.heldPerBot { return .bot }
        let business = bot.map { bots.at[$0].business } ?? businessOf[row.business]
        let ofBusiness = business.map { businesses.at[$0].held } ?? 0
        if ofBusiness >= share { return .business }
        return held < limits.held || ofBusiness < limits.heldAtLeast ? nil : .all
    }

    /// Gives back a bot's rows that are not out, for a bot that is paused, removed or without a valid token.
    public mutating func withdraw(bot: BotID) -> [OutboxID] { withdraw(botOf[bot].map { bots.at[$0].chats } ?? []) }

    /// Gives back a business's rows that are not out.
    public mutating func withdraw(business: BusinessID) -> [OutboxID] {
        guard let owner = businessOf[business] else { return [] }
        return withdraw(botOf.values.filter { bots.at[$0].business == owner }.flatMap { bots.at[$0].chats })
    }

    /// Gives back the rows of one chat that are not out, for a chat that nothing reaches.
    public mutating func withdraw(chat: Int64, of bot: BotID) -> [OutboxID] {
        withdraw(chatOf[ChatKey(bot: bot, chat: chat)].map { [$0] } ?? [])
    }

    /// Gives back the rows of a bot's chats that may not be sent to before that time.
    ///
    /// So a hand that is full of waiting chats makes room for others; the chats' paces are remembered.
    public mutating func withdrawWaiting(bot: BotID, until: Int64, now: Int64) -> [OutboxID] {
        advance(to: now)
        return withdraw((botOf[bot].map { bots.at[$0].chats } ?? []).filter { whenFree($0) >= until })
    }

    private mutating func withdraw(_ slots: [Int]) -> [OutboxID] {
        var ids: [OutboxID] = []
        for chat in slots {
            chats.at[chat].turns = []
            chats.at[chat].queued = false
            chats.at[chat].armed = nil
            for line in chats.at[chat].lines {
                let rows = lines.at[line].removeAll()
                lines.at[line].queued = false
                lines.at[line].armed = nil
                ids.append(contentsOf: rows.map(\.id))
                // A line whose only row is out is released with that row.
                if !rows.isEmpty { release(rows.count, of: line) }
            }
        }
        return ids.sorted()
    }

    // MARK: Fading: a chat or bot without rows is remembered while its past sends still count

    mutating func fade(chat: Int) {
        guard !chats.at[chat].isFading else { return }
        chats.at[chat].isFading = true
        fade(.chat(chat), chats.at[chat].pace.neutral(window(ofChat: chat), limits))
    }

    mutating func fade(bot: Int) {
        guard !bots.at[bot].isFading else { return }
        bots.at[bot].isFading = true
        fade(.bot(bot), bots.at[bot].pace.neutral(limits.bot, limits))
    }

    private mutating func fade(_ target: Timer.Target, _ time: Int64) {
        counter += 1
        fading.insert(Timer(time: time, order: counter, target: target))
    }

    mutating func forgetFaded() {
        while let timer = fading.min, timer.time <= clock {
            _ = fading.popMin()
            switch timer.target {
            case .line: break
            case .chat(let chat): forgetFaded(chat: chat)
            case .bot(let bot): forgetFaded(bot: bot)
            }
        }
    }

    private mutating func forgetFaded(chat: Int) {
        chats.at[chat].isFading = false
        guard chats.at[chat].lines.isEmpty else { return }
        guard chats.at[chat].pace.neutral(window(ofChat: chat), limits) <= clock else { return fade(chat: chat) }
        let bot = chats.at[chat].bot
        chatOf[ChatKey(bot: bots.at[bot].id, chat: chats.at[chat].number)] = nil
        chats.remove(chat)
        bots.at[bot].remembered -= 1
        if bots.at[bot].held == 0 { fade(bot: bot) }
    }

    private mutating func forgetFaded(bot: Int) {
        bots.at[bot].isFading = false
        // A bot outlives its chats, which refer to it.
        guard bots.at[bot].held == 0, bots.at[bot].remembered == 0 else { return }
        guard !bots.at[bot].queued else {
            // It leaves its place at the next turn.
            bots.at[bot].isFading = true
            return fade(.bot(bot), clock + 1000)
        }
        guard bots.at[bot].pace.neutral(limits.bot, limits) <= clock else { return fade(bot: bot) }
        let business = bots.at[bot].business
        botOf[bots.at[bot].id] = nil
        bots.remove(bot)
        businesses.at[business].bots -= 1
        forgetIfEmpty(business: business)
    }
}
