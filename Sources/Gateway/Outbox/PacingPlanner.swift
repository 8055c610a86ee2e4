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
/// - Order: of one conversation one row is out at a time, the lowest id first; a row to be tried again stays at the head. Rows aside
///   are in no order and wait for no pace, only for a slot and for a 429 of their own.
/// - Fairness: round robin with debts (a form of deficit round robin): one message of each business in turn, an album paid
///   for by as many turns; then the business's bots in turn, then the bot's chats, then the chat's conversations. Within a
///   bot, answers go before bulk, which has every fourth turn when both wait.
/// - Slots: calls that are out are bounded for all together, and no business takes the last of them: see `PacingLimits.inFlight`.
/// - Cost: O(log n) amortised for each operation in the rows in hand, and while slots are short a look at each business that has
///   calls out and wants more; memory follows what is in hand and the chats that were sent to within their windows.
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
        /// Whether it goes beside the order of its conversation and any pace but its own, before all others: an answer to a callback.
        public var isAside: Bool

        /// Describes a row.
        public init(
            id: OutboxID,
            business: BusinessID,
            bot: BotID,
            chat: Int64,
            isGroup: Bool,
            conversation: ConversationID,
            priority: Priority = .answer,
            messages: Int = 1,
            isAside: Bool = false
        ) {
            self.id = id
            self.business = business
            self.bot = bot
            self.chat = chat
            self.isGroup = isGroup
            self.conversation = conversation
            self.priority = priority
            self.messages = max(0, messages)
            self.isAside = isAside
        }

        /// Which line it stands in: one beside has one of its own, by a number that no conversation has.
        var line: ConversationID { isAside ? ConversationID(rawValue: -id.rawValue) : conversation }

        /// The chat whose pace it keeps; of its own likewise.
        var place: Int64 { isAside ? -id.rawValue : chat }
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
    /// Rows in hand, those that are out included.
    var held = 0
    /// The line of each row that is out.
    var out: [OutboxID: Int] = [:]
    var lines = Slots<Line>()
    var chats = Slots<Chat>()
    var bots = Slots<Bot>()
    var businesses = Slots<Business>()
    var lineOf: [ConversationID: Int] = [:]
    var chatOf: [ChatKey: Int] = [:]
    var botOf: [BotID: Int] = [:]
    var businessOf: [BusinessID: Int] = [:]
    /// The businesses that have something to send now, in turn.
    var ring: Deque<Int> = []
    /// Businesses out of the ring until a call ends: they have as many out as there are slots free, or more.
    var crowded: [Int] = []
    var timers = Heap<Timer>()
    var fading = Heap<Timer>()
    /// Numbers timers and tickets.
    var counter: UInt64 = 0

    /// Makes a planner with nothing in hand.
    public init(limits: PacingLimits = PacingLimits()) { self.limits = limits }

    /// How many rows are in hand, those that are out included.
    public var count: Int { held }

    /// How many calls are out.
    public var outCount: Int { out.count }

    /// How long a row that is out was ready before it went: the next of its conversation, held back by pace and turns; in milliseconds.
    public func wait(of id: OutboxID) -> Int64? { out[id].map { lines.at[$0].waited } }

    /// Takes a row in hand if there is room.
    ///
    /// Rows of one conversation are offered in the order of their ids; one offered late still goes before greater ones that
    /// are not out yet.
    public mutating func offer(_ row: Row, now: Int64) -> Offer {
        advance(to: now)
        let known = lineOf[row.line]
        if let known, lines.at[known].holds(row.id) { return .known }
        if let share = usedUp(for: row, known) { return .full(share) }
        let line = known ?? addLine(for: row)
        let chat = lines.at[line].chat
        let bot = chats.at[chat].bot
        chats.at[chat].isGroup = row.isGroup && !row.isAside
        if row.isAside { bots.at[bot].asides += 1 }
        bots.at[bot].held += 1
        businesses.at[bots.at[bot].business].held += 1
        held += 1
        lines.at[line].insert(row)
        wake(line)
        return .taken
    }

    /// What to do now; to be asked again after each `send`.
    public mutating func next(now: Int64) -> Decision {
        advance(to: now)
        while out.count < limits.inFlight, let business = ring.popFirst() {
            if businesses.at[business].out >= limits.inFlight - out.count {
                // It keeps its place among those that wait for a slot.
                crowded.append(business)
                continue
            }
            businesses.at[business].queued = false
            if businesses.at[business].debt > 0 {
                businesses.at[business].debt -= 1
                settle(business: business)
                continue
            }
            while let bot = businesses.at[business].turns.popFirst() {
                bots.at[bot].queued = false
                let row = draw(from: bot)
                settle(bot: bot)
                guard let row else { continue }
                businesses.at[business].debt = max(0, row.messages - 1)
                settle(business: business)
                return .send(row.id)
            }
            forgetIfEmpty(business: business)
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
        guard let line = out.removeValue(forKey: id), let row = lines.at[line].out else { return }
        let chat = lines.at[line].chat
        let bot = chats.at[chat].bot
        bots.at[bot].out -= 1
        businesses.at[bots.at[bot].business].out -= 1
        ring.append(contentsOf: crowded)
        crowded.removeAll(keepingCapacity: true)
        lines.at[line].out = nil
        switch ending {
        case .settled: release(1, of: line)
        case .again(let time):
            lines.at[line].insertAgain(row)
            lines.at[line].notBefore = time
        case .tooManyRequests(let wait):
            lines.at[line].insertAgain(row)
            refused(chat: chat, until: clock + min(max(0, wait), 1 << 40))
        }
        if lineOf[row.line] == line { wake(line) }
        settle(bot: bot)
    }

    /// Parks a chat: nothing goes there before that time; a park that is longer already stays.
    ///
    /// A chat of a bot that has nothing in hand is not remembered by it.
    public mutating func park(chat: Int64, of bot: BotID, until: Int64, now: Int64) {
        advance(to: now)
        guard let owner = botOf[bot] else { return }
        park(chat: chatOf[ChatKey(bot: bot, chat: chat)] ?? addChat(chat, of: owner), until: until)
    }

    /// Parks a bot with all its chats.
    ///
    /// A bot that has nothing in hand is not remembered by it.
    public mutating func park(bot: BotID, until: Int64, now: Int64) {
        advance(to: now)
        guard let bot = botOf[bot] else { return }
        bots.at[bot].pace.park(until: until)
    }
}
