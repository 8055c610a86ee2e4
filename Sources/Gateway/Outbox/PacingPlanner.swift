import DequeModule
import HeapModule

/// Names a row of the outbox: a call to be made.
public struct OutboxID: Identifier {
    /// The number of the row.
    public let rawValue: Int64
    /// `out_`.
    public static let prefix = "out_"
    /// Wraps the number of a row.
    public init(rawValue: Int64) { self.rawValue = rawValue }
}

/// Decides which row of the outbox is sent next, and when.
///
/// It holds only the rows that a worker offers; what waits beyond that stays in the database. A worker offers rows while
/// `capacity` says that there is room, calls `next` until it says to wait, makes the calls, and tells each end by `finished`.
///
/// - Pace: never above `PacingLimits`, over any span. A 429 parks its chat for exactly the time asked, and slows it for a
///   while; when several chats of a bot are refused at once, the bot is parked. Nothing else waits for it.
/// - Order: of one conversation one row is out at a time, the lowest id first; a row to be tried again stays at the head.
/// - Fairness: round robin with debts (a form of deficit round robin): one message of each business in turn, an album paid
///   for by as many turns; then the business's bots in turn, then the bot's chats, then the chat's conversations. Within a
///   bot, answers go before bulk, which has every fourth turn when both wait.
/// - Cost: O(log n) amortised for each operation in the rows in hand; memory follows what is in hand and the chats that were
///   sent to within their windows.
///
/// A value without locks; it belongs to one worker. Times are milliseconds of one clock that does not go back; an earlier time
/// is taken as the latest known.
public struct PacingPlanner: Sendable {
    /// A row as far as pacing goes.
    public struct Row: Hashable, Sendable {
        /// The row.
        public var id: OutboxID
        /// Whose turn it takes.
        public var business: BusinessID
        /// Whose pace it takes.
        public var bot: BotID
        /// The chat, by a number that is the same for each of its conversations.
        public var chat: Int64
        /// Whether the chat is a group, with a pace of its own.
        public var isGroup: Bool
        /// In which order is kept.
        public var conversation: ConversationID
        /// What goes first within a bot.
        public var priority: Priority
        /// How many messages it makes: none for edits and the like, which wait for parks only.
        public var messages: Int

        /// Describes a row.
        public init(
            id: OutboxID,
            business: BusinessID,
            bot: BotID,
            chat: Int64,
            isGroup: Bool,
            conversation: ConversationID,
            priority: Priority = .answer,
            messages: Int = 1
        ) {
            self.id = id
            self.business = business
            self.bot = bot
            self.chat = chat
            self.isGroup = isGroup
            self.conversation = conversation
            self.priority = priority
            self.messages = max(0, messages)
        }
    }

    /// What goes first within a bot.
    public enum Priority: String, CaseIterable, Sendable {
        /// Somebody waits for it.
        case answer
        /// Sent to many.
        case bulk
    }

    /// Whether a row is in hand now.
    public enum Offer: Hashable, Sendable {
        case taken
        /// It was in hand before.
        case known
        /// It stays in the database for now, as do the later ones of its conversation.
        case full(Share)

        /// What is used up.
        public enum Share: String, CaseIterable, Sendable {
            case all
            case business
            case bot
            /// Or the rows in hand of this conversation still go to another chat.
            case conversation
        }
    }

    /// What to do now.
    public enum Decision: Hashable, Sendable {
        /// Make this call; it counts as out until `finished`.
        case send(OutboxID)
        /// Nothing may be sent before that time, unless something is offered or finished.
        case wait(until: Int64)
        /// Nothing is in hand that time alone would release.
        case idle
    }

    /// How a call ended, as far as pacing goes.
    public enum Ending: Hashable, Sendable {
        /// The row leaves the hand: sent, dead, or given back to the database.
        case settled
        /// The row stays at the head of its conversation and is tried at that time.
        case again(at: Int64)
        /// As `again`, and Telegram asks to wait so many milliseconds.
        case tooManyRequests(wait: Int64)
    }

    /// The limits it keeps to.
    public let limits: PacingLimits

    var clock = Int64.min
    var known: Set<OutboxID> = []
    var out: [OutboxID: Row] = [:]
    var lines: [ConversationID: Line] = [:]
    var chats: [ChatKey: Chat] = [:]
    var bots: [BotID: Bot] = [:]
    var businesses: [BusinessID: Business] = [:]
    /// The businesses that have something to send now, in turn.
    var ring: Deque<BusinessID> = []
    var timers = Heap<Timer>()
    var fading = Heap<Timer>()
    var timerOrder: UInt64 = 0

    /// Makes a planner with nothing in hand.
    public init(limits: PacingLimits = PacingLimits()) { self.limits = limits }

    /// How many rows are in hand, those that are out included.
    public var count: Int { known.count }

    /// How many calls are out.
    public var outCount: Int { out.count }

    /// Takes a row in hand if there is room.
    ///
    /// Rows of one conversation are offered in the order of their ids; one offered late still goes before greater ones that
    /// are not out yet.
    public mutating func offer(_ row: Row, now: Int64) -> Offer {
        advance(to: now)
        guard !known.contains(row.id) else { return .known }
        if let share = usedUp(for: row) { return .full(share) }
        let key = ChatKey(bot: row.bot, chat: row.chat)
        known.insert(row.id)
        businesses[row.business, default: Business()].held += 1
        bots[row.bot, default: Bot(business: row.business)].held += 1
        bots[row.bot]?.chats.insert(row.chat)
        chats[key, default: Chat()].lines.insert(row.conversation)
        chats[key]?.isGroup = row.isGroup
        lines[row.conversation, default: Line(chat: key)].insert(row)
        wake(row.conversation)
        return .taken
    }

    /// What to do now; to be asked again after each `send`.
    public mutating func next(now: Int64) -> Decision {
        advance(to: now)
        while let id = ring.popFirst() {
            guard businesses[id] != nil else { continue }
            businesses[id]?.queued = false
            if let debt = businesses[id]?.debt, debt > 0 {
                businesses[id]?.debt = debt - 1
                settle(id)
                continue
            }
            while let bot = businesses[id]?.turns.popFirst() {
                bots[bot]?.queued = false
                let row = draw(from: bot)
                settle(bot)
                guard let row else { continue }
                businesses[id]?.debt = max(0, row.messages - 1)
                settle(id)
                return .send(row.id)
            }
            forgetIfEmpty(id)
        }
        while let timer = timers.min {
            if isArmed(timer) { return .wait(until: timer.time) }
            _ = timers.popMin()
        }
        return .idle
    }

    /// Tells how a call ended; a row that is not out is left alone.
    public mutating func finished(_ id: OutboxID, _ ending: Ending, now: Int64) {
        advance(to: now)
        guard let row = out.removeValue(forKey: id) else { return }
        bots[row.bot]?.out -= 1
        lines[row.conversation]?.isOut = false
        switch ending {
        case .settled: release([row])
        case .again(let time):
            lines[row.conversation]?.insertAgain(row)
            lines[row.conversation]?.notBefore = time
        case .tooManyRequests(let wait):
            lines[row.conversation]?.insertAgain(row)
            refused(row, until: clock + min(max(0, wait), 1 << 40))
        }
        wake(row.conversation)
        settle(row.bot)
    }

    /// Parks a chat: nothing goes there before that time; a park that is longer already stays.
    public mutating func park(chat: Int64, of bot: BotID, until: Int64, now: Int64) {
        advance(to: now)
        park(ChatKey(bot: bot, chat: chat), until: until)
    }

    /// Parks a bot with all its chats.
    ///
    /// A bot that has nothing in hand is not remembered by it.
    public mutating func park(bot: BotID, until: Int64, now: Int64) {
        advance(to: now)
        bots[bot]?.pace.park(until: until)
    }
}
