import Gateway

/// SplitMix64: a seed names a run.
struct PacingRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}

/// A worker with a backlog and a clock of its own, and beside it the rules told once more in the plainest way.
struct PacingHarness {
    typealias Row = PacingPlanner.Row

    struct Sent {
        let row: Row
        let at: Int64
    }

    private struct Out {
        let row: Row
        let ends: Int64
        let ending: PacingPlanner.Ending
    }

    private struct Place: Hashable {
        let bot: BotID
        let chat: Int64
    }

    var planner: PacingPlanner
    private(set) var now: Int64 = 0
    private(set) var log: [Sent] = []
    private(set) var settled: Set<OutboxID> = []
    private(set) var problems: [String] = []
    private(set) var mostHeld = 0
    /// How a try ends and how long it takes: by row and number of the try only, so that runs can be compared.
    var end: (Row, Int) -> (milliseconds: Int64, PacingPlanner.Ending) = { _, _ in (50, .settled) }
    /// Compares each decision with the plain rules.
    var isChecked = true

    private var backlog: [ConversationID: [Row]] = [:]
    private var arrivals: [(at: Int64, row: Row)]
    private var out: [Out] = []
    private var tries: [OutboxID: Int] = [:]

    // The plain rules' own memory.
    private var inHand: [ConversationID: [Row]] = [:]
    private var notBefore: [ConversationID: Int64] = [:]
    private var parked: [Place: Int64] = [:]
    private var sentTo: [Place: [Int64]] = [:]
    private var sentBy: [BotID: [Int64]] = [:]

    init(limits: PacingLimits, arrivals: [(at: Int64, row: Row)]) {
        planner = PacingPlanner(limits: limits)
        self.arrivals = arrivals.sorted { $0.at == $1.at ? $0.row.id > $1.row.id : $0.at > $1.at }
    }

    /// Runs to the end, or until so many events have passed.
    mutating func run(events: Int = 200_000) {
        for _ in 0..<events {
            while let next = arrivals.last, next.at <= now {
                arrivals.removeLast()
                backlog[next.row.conversation, default: []].append(next.row)
            }
            for done in out where done.ends <= now { finish(done) }
            out.removeAll { $0.ends <= now }
            load()
            guard let time = sendAll() else { return }
            now = time
        }
        problems.append("it does not come to an end")
    }

    private mutating func load() {
        for id in backlog.keys.sorted() {
            while let row = backlog[id]?.first {
                let offer = planner.offer(row, now: now)
                guard offer == .taken else { break }
                backlog[id]?.removeFirst()
                inHand[id, default: []].append(row)
            }
            if backlog[id]?.isEmpty == true { backlog[id] = nil }
        }
        mostHeld = max(mostHeld, planner.count)
    }

    /// Sends what may be sent; the time of the next event, or nil at the end.
    private mutating func sendAll() -> Int64? {
        while true {
            switch planner.next(now: now) {
            case .send(let id): send(id)
            case .wait(let until):
                if until <= now { problems.append("\(now): it waits until \(until)") }
                check(waitsUntil: until)
                return ([until, arrivals.last?.at].compactMap { $0 } + out.map(\.ends)).min()
            case .idle:
                check(waitsUntil: nil)
                return ([arrivals.last?.at].compactMap { $0 } + out.map(\.ends)).min()
            }
        }
    }

    private mutating func send(_ id: OutboxID) {
        guard let (conversation, rows) = inHand.first(where: { $0.value.contains { $0.id == id } }),
            let row = rows.first
        else { return problems.append("\(now): \(id) is not in hand") }
        if row.id != id { problems.append("\(now): \(id) goes before \(row.id)") }
        if out.contains(where: { $0.row.conversation == conversation }) {
            problems.append("\(now): two of \(conversation) are out")
        }
        if isChecked {
            guard let earliest = earliest(row) else { return problems.append("\(now): \(id) has no slot") }
            if earliest > now { problems.append("\(now): \(id) is sent before \(earliest)") }
        }
        log.append(Sent(row: row, at: now))
        let times = Array(repeating: now, count: row.messages)
        sentTo[Place(bot: row.bot, chat: row.chat), default: []] += times
        sentBy[row.bot, default: []] += times
        tries[id, default: 0] += 1
        let (milliseconds, ending) = end(row, tries[id] ?? 0)
        out.append(Out(row: row, ends: now + max(1, milliseconds), ending: ending))
    }

    private mutating func finish(_ done: Out) {
        let row = done.row
        planner.finished(row.id, done.ending, now: now)
        switch done.ending {
        case .settled:
            inHand[row.conversation]?.removeFirst()
            if inHand[row.conversation]?.isEmpty == true { inHand[row.conversation] = nil }
            if !settled.insert(row.id).inserted { problems.append("\(row.id) is settled twice") }
        case .again(let time): notBefore[row.conversation] = time
        case .tooManyRequests(let wait):
            let place = Place(bot: row.bot, chat: row.chat)
            parked[place] = max(parked[place] ?? 0, now + wait)
        }
    }

    /// When the first row of a conversation may go, by the limits alone; nil while one of the conversation or too many
    /// of the bot or the business are out.
    private func earliest(_ row: Row) -> Int64? {
        let limits = planner.limits
        guard !out.contains(where: { $0.row.conversation == row.conversation && $0.ends > now }),
            out.count(where: { $0.row.bot == row.bot && $0.ends > now }) < limits.inFlightPerBot,
            // It takes a slot only while more are free than it has.
            out.count(where: { $0.row.business == row.business && $0.ends > now })
                < limits.inFlight - out.count(where: { $0.ends > now })
        else { return nil }
        let place = Place(bot: row.bot, chat: row.chat)
        var earliest = max(notBefore[row.conversation] ?? 0, parked[place] ?? 0)
        let ofChat = (sentTo[place] ?? []).suffix(80)
        // From each earlier message on, no more than the burst and one more each interval.
        for (index, time) in ofChat.enumerated() {
            let messages = ofChat.count - index + 1
            earliest = max(earliest, time + Int64(messages - limits.chatBurst) * limits.chatInterval)
        }
        if row.isGroup, ofChat.count >= limits.group.count {
            earliest = max(earliest, ofChat[ofChat.endIndex - limits.group.count] + limits.group.span)
        }
        let ofBot = sentBy[row.bot] ?? []
        if ofBot.count >= limits.bot.count {
            earliest = max(earliest, ofBot[ofBot.count - limits.bot.count] + limits.bot.span)
        }
        return earliest
    }

    /// Nothing may be allowed before the time that the planner names.
    private mutating func check(waitsUntil until: Int64?) {
        guard isChecked else { return }
        for rows in inHand.values {
            guard let first = rows.first, let earliest = earliest(first) else { continue }
            if earliest <= now { problems.append("\(now): \(first.id) may go and does not") }
            guard let until else {
                problems.append("\(now): idle, though \(first.id) may go at \(earliest)")
                continue
            }
            if earliest < until { problems.append("\(now): it sleeps until \(until), past \(first.id) at \(earliest)") }
        }
    }
}
