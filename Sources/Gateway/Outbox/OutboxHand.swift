import DequeModule
import Telegram

/// What the sender has in hand: the planner, the bots that may send, and how far each bot's waiting rows were looked through.
///
/// Pure: it reads no clock and no database. Times are the planner's milliseconds.
struct OutboxHand {
    private struct BotState {
        var info: SendingBot
        /// Opened at the first use.
        var token: BotToken?
        /// Conversations that are known to have rows which are not in hand.
        var hinted: Deque<ConversationID> = []
        /// Where the pass over all conversations goes on; nil when none is under way.
        var pass: OutboxWindow.Position? = .start
        /// Whether rows may have been passed over: another pass follows.
        var isDirty = false
        /// Whether rows that go aside may wait; and whether they do for room.
        var hasAsides = true
        var hasMoreAsides = false
        var held = 0
        /// When rows that wait for a time are looked for again.
        var lookAt: Int64?
        /// Where it wants rows and has no room: looked after again when it holds no more than this.
        var wakesAt = 0

        var wantsMessages: Bool { !hinted.isEmpty || pass != nil }
        var wants: Bool { wantsMessages || hasAsides }
    }

    /// More hints of one bot are not kept: a pass finds the rest.
    private static let mostHints = 512
    /// So many bots are looked after with one read.
    static let botsInRead = 32
    /// A hand full of waiting rows is exchanged for others at most so often, in milliseconds.
    private static let exchangeInterval: Int64 = 1000

    private var planner: PacingPlanner
    private var bots: [BotID: BotState] = [:]
    private var held: [OutboxID: PacingPlanner.Row] = [:]
    private var linesHeld: [ConversationID: Int] = [:]
    /// Conversations in hand that have more rows than are in hand.
    private var cut: Set<ConversationID> = []
    /// The bots to be looked after, in turn.
    private var wanting: Deque<BotID> = []
    private var isWanting: Set<BotID> = []
    private var lookers: Set<BotID> = []
    /// Bots that want rows and have no room for them.
    private var asleep: Set<BotID> = []
    private var exchangeAt = Int64.min

    init(limits: PacingLimits) { planner = PacingPlanner(limits: limits) }

    var outCount: Int { planner.outCount }
    var count: Int { held.count }

    // MARK: Bots

    /// Takes the bots that may send from now on.
    mutating func take(_ present: [SendingBot]) {
        var gone = Set(bots.keys)
        for info in present {
            gone.remove(info.id)
            if let known = bots[info.id] {
                guard known.info.token.version != info.token.version || known.info.token.bytes != info.token.bytes
                else { continue }
                bots[info.id]?.info = info
                bots[info.id]?.token = nil
                bots[info.id]?.pass = .start
            } else {
                bots[info.id] = BotState(info: info)
                // It may be one that was stopped while calls of it were out.
                if !held.isEmpty { bots[info.id]?.held = held.values.count { $0.bot == info.id } }
            }
            want(info.id)
        }
        for bot in gone { stop(bot) }
    }

    /// Gives a bot's rows back: it may not send any more.
    mutating func stop(_ bot: BotID) {
        for id in planner.withdraw(bot: bot) { release(id) }
        bots[bot] = nil
        lookers.remove(bot)
        asleep.remove(bot)
    }

    /// The bot's present token, and its version.
    func bot(of id: OutboxID) -> SendingBot? { held[id].flatMap { bots[$0.bot]?.info } }

    /// Stops a bot if that version of its token is the present one.
    mutating func stop(_ bot: BotID, tokenVersion: Int64) {
        if bots[bot]?.info.token.version == tokenVersion { stop(bot) }
    }

    /// Opens a bot's token, or gives the one that was opened before.
    mutating func token(of bot: BotID, _ sealer: Sealer) throws(GatewayError) -> (token: BotToken, version: Int64)? {
        guard let state = bots[bot] else { return nil }
        if let token = state.token { return (token, state.info.token.version) }
        let token = try sealer.openToken(state.info.token, of: bot)
        bots[bot]?.token = token
        return (token, state.info.token.version)
    }

    // MARK: What waits in the database

    /// A row is not in hand and may be sent.
    private mutating func hint(_ row: PacingPlanner.Row) {
        if row.isAside { hintAside(row.bot) } else { hint(row.bot, row.conversation) }
    }

    /// A bot has rows that go aside and are not in hand.
    mutating func hintAside(_ bot: BotID) {
        guard bots[bot] != nil else { return }
        bots[bot]?.hasAsides = true
        want(bot)
    }

    /// A conversation has rows that are not in hand.
    mutating func hint(_ bot: BotID, _ conversation: ConversationID) {
        guard let state = bots[bot] else { return }
        if state.hinted.count < Self.mostHints {
            if state.hinted.last != conversation { bots[bot]?.hinted.append(conversation) }
        } else {
            miss(bot)
        }
        want(bot)
    }

    /// Rows of the bot were passed over: they are found by another pass.
    private mutating func miss(_ bot: BotID) {
        if bots[bot]?.pass == nil { bots[bot]?.pass = .start } else { bots[bot]?.isDirty = true }
        bots[bot]?.hasAsides = true
        want(bot)
    }

    private mutating func want(_ bot: BotID) {
        asleep.remove(bot)
        if isWanting.insert(bot).inserted { wanting.append(bot) }
    }

    /// What to read next: of the bots that want rows and have room for them.
    mutating func requests(now: Int64) -> [OutboxWindow.Request] {
        for bot in lookers {
            guard let time = bots[bot]?.lookAt, time <= now else { continue }
            bots[bot]?.lookAt = nil
            lookers.remove(bot)
            miss(bot)
        }
        var requests: [OutboxWindow.Request] = []
        for _ in 0..<wanting.count where requests.count < Self.botsInRead {
            guard let bot = wanting.popFirst() else { break }
            guard let state = bots[bot], state.wants else {
                isWanting.remove(bot)
                continue
            }
            let capacity = planner.capacity(of: bot, business: state.info.business, now: now)
            // A read for a few rows more would be made for each row sent.
            let hasRoom = capacity.rows > 0 && (capacity.rows >= state.held || !state.hinted.isEmpty)
            if hasRoom || !state.wantsMessages {
                isWanting.remove(bot)
            } else if state.held == 0 {
                // With nothing in hand it waits for room that others take.
                wanting.append(bot)
            } else {
                isWanting.remove(bot)
                asleep.insert(bot)
                bots[bot]?.wakesAt = state.held / 2
            }
            // What goes aside needs no room among the messages.
            guard hasRoom || state.hasAsides else { continue }
            var request = OutboxWindow.Request(
                bot: bot,
                hinted: [],
                position: nil,
                rows: 0,
                perConversation: planner.limits.heldPerConversation,
                asides: state.hasAsides ? planner.limits.asidesPerBot : 0
            )
            bots[bot]?.hasAsides = false
            if hasRoom {
                request.rows = capacity.rows
                request.hinted = Array(state.hinted)
                request.position = capacity.rows >= state.held ? state.pass : nil
                bots[bot]?.hinted = []
            }
            requests.append(request)
        }
        return requests
    }

    /// Takes what was read; rows that are being sent, or were sent since, are told by their claim.
    ///
    /// - Parameter delay: from the wall clock's times to the planner's.
    mutating func take(_ window: OutboxWindow, now: Int64, delay: (Timestamp) -> Int64) {
        guard let state = bots[window.bot] else { return }
        if window.hasMoreAsides { bots[window.bot]?.hasMoreAsides = true }
        var full: Set<ConversationID> = []
        // One in hand already may have moved to another conversation since.
        for row in window.rows where held[row.id] == nil && (row.isAside || !full.contains(row.conversation)) {
            switch planner.offer(row, now: now) {
            case .taken:
                held[row.id] = row
                if !row.isAside { linesHeld[row.conversation, default: 0] += 1 }
                bots[window.bot]?.held += 1
            case .known: break
            case .full where row.isAside: bots[window.bot]?.hasMoreAsides = true
            case .full:
                full.insert(row.conversation)
                leave(row.conversation, of: window.bot)
            }
        }
        for conversation in window.cut { leave(conversation, of: window.bot) }
        if let position = window.position, state.pass != nil {
            bots[window.bot]?.pass = position.isEnd ? nil : position
            // As it is now: rows of this very window may have been passed over.
            if position.isEnd, bots[window.bot]?.isDirty == true {
                bots[window.bot]?.isDirty = false
                bots[window.bot]?.pass = .start
            }
        }
        if let time = window.lookAt {
            let look = now + max(1, delay(time))
            let earlier = bots[window.bot]?.lookAt ?? .max
            bots[window.bot]?.lookAt = min(earlier, look)
            lookers.insert(window.bot)
        }
        if bots[window.bot]?.wants == true { want(window.bot) }
    }

    /// A read failed: what it was for is still wanted.
    mutating func retry(_ requests: [OutboxWindow.Request]) {
        for request in requests {
            for conversation in request.hinted { hint(request.bot, conversation) }
            if request.asides > 0 { hintAside(request.bot) }
            want(request.bot)
        }
    }

    /// Rows of a conversation stay in the database: they are looked for when it has none in hand, or by another pass.
    private mutating func leave(_ conversation: ConversationID, of bot: BotID) {
        if linesHeld[conversation] != nil { cut.insert(conversation) } else { miss(bot) }
    }

    // MARK: Sending

    /// The rows to be sent now, at most so many; and when to ask again, nil if nothing in hand waits for a time alone.
    mutating func draw(_ most: Int, now: Int64) -> (ids: [OutboxID], wake: Int64?) {
        var ids: [OutboxID] = []
        var wake: Int64?
        drawing: while ids.count < most {
            switch planner.next(now: now) {
            case .send(let id): ids.append(id)
            case .wait(let until):
                wake = until
                break drawing
            case .idle: break drawing
            }
        }
        for bot in lookers { if let time = bots[bot]?.lookAt { wake = min(wake ?? .max, time) } }
        if ids.count < most, let time = exchange(now: now) { wake = min(wake ?? .max, time) }
        return (ids, wake)
    }

    /// Where a bot's hand is full of rows that wait while others wait in the database, gives the waiting ones back.
    ///
    /// - Returns: when to ask again, if a bot is concerned.
    private mutating func exchange(now: Int64) -> Int64? {
        guard !asleep.isEmpty else { return nil }
        guard now >= exchangeAt else { return exchangeAt }
        exchangeAt = now + Self.exchangeInterval
        var wake = exchangeAt
        for bot in asleep {
            let returned = planner.withdrawWaiting(bot: bot, until: now + Self.exchangeInterval, now: now)
            guard !returned.isEmpty else { continue }
            for id in returned { release(id) }
            miss(bot)
            wake = now
        }
        return wake
    }

    /// A 429 has come: nothing goes to that chat before it is over, though it is not written yet.
    mutating func park(_ id: OutboxID, until: Int64, now: Int64) {
        guard let row = held[id] else { return }
        planner.park(chat: row.place, of: row.bot, until: until, now: now)
    }

    /// A try has ended, and that is written.
    mutating func finish(_ id: OutboxID, _ ending: PacingPlanner.Ending, now: Int64) {
        planner.finished(id, ending, now: now)
        if case .settled = ending { release(id) }
    }

    /// A row that goes back to the database and is wanted again at once.
    mutating func giveBack(_ id: OutboxID, now: Int64) {
        let row = held[id]
        finish(id, .settled, now: now)
        if let row { hint(row) }
    }

    /// A row goes back to the database since its chat is another one now; with it go all that wait for that chat, so that none overtakes it.
    mutating func giveBackChat(of id: OutboxID, now: Int64) {
        if let row = held[id] {
            for other in planner.withdraw(chat: row.chat, of: row.bot) {
                let waiting = held[other]
                release(other)
                if let waiting { hint(waiting) }
            }
        }
        giveBack(id, now: now)
    }

    /// How long a row that was drawn was ready before, in milliseconds.
    func wait(of id: OutboxID) -> Int64 { planner.wait(of: id) ?? 0 }

    private mutating func release(_ id: OutboxID) {
        guard let row = held.removeValue(forKey: id) else { return }
        if let state = bots[row.bot] {
            bots[row.bot]?.held = state.held - 1
            if row.isAside, state.hasMoreAsides {
                bots[row.bot]?.hasMoreAsides = false
                hintAside(row.bot)
            }
            if asleep.contains(row.bot), state.held - 1 <= state.wakesAt { want(row.bot) }
        }
        if row.isAside { return }
        let left = (linesHeld[row.conversation] ?? 1) - 1
        linesHeld[row.conversation] = left > 0 ? left : nil
        if left <= 1, cut.remove(row.conversation) != nil { hint(row.bot, row.conversation) }
    }
}
