import Synchronization
import Telegram

/// An offline Telegram: its Bot API for bots, and people who write to them.
///
/// It holds bots, people, their chats and the updates that wait; `SimulatorServer` serves its Bot API over HTTP and delivers the
/// updates to the webhooks. Every function may be called from any task, before, while and after a server runs.
///
/// It behaves as tdlib/telegram-bot-api does where a gateway can tell the difference: order and parallelism of deliveries, back-off,
/// `Retry-After`, expiry, numbering, the texts of errors, and a webhook that is lost when a new one is refused.
///
/// What it does not do:
/// - Methods that are not in its families are unknown to it (404): edits of inline messages and of live locations, pins, invoices,
///   games, checklists, paid media, stories, gifts, stickers' sets, rich messages and drafts, chat administration, menu
///   buttons and default rights. People can send all of these; bots cannot.
/// - Marks of Markdown stay in the text; of HTML `tg://user` links become `text_link`. URLs, mentions, hashtags and the like that
///   Telegram finds in a text are not marked; commands are.
/// - Files are not looked into: widths, heights and durations are made up, and there are no thumbnails. Only the last 1000 files
///   are kept. A URL is sent only if `addWebFile` put something there. Uploaded certificates are ignored.
/// - Bodies compressed with gzip are refused with 415, where Telegram takes them.
/// - New connections to a webhook are not throttled, and names of hosts are not resolved when a webhook is set.
/// - What is said in a group is said to one bot at a time, and privacy mode is off; a post in a channel reaches all administrators.
/// - Rights in groups are a role: member or administrator. Nobody is restricted.
/// - A profile's text that is too long, and more than 100 commands, are refused with codes that are inferred.
/// - The limits of Telegram's front end on first-seen tokens, and of the server on active requests, are not kept; those on sending
///   are, with `setFloodLimits`.
///
/// One thing is looser than Telegram: a webhook on loopback may be plain http on any port.
public final class SimulatedTelegram: Sendable {
    let time: Timepiece
    let onCall: (@Sendable (ObservedCall) -> Void)?
    private let state: Mutex<Simulation>

    /// Makes a Telegram without bots and people.
    ///
    /// - Parameters:
    ///   - clock: what back-off and time-outs are measured on.
    ///   - now: the date of messages, in Unix seconds; without it the machine's date at the start, moved on by the clock.
    ///   - seed: the beginning of all that is random, tokens and first update numbers among it.
    ///   - historyLimit: so many messages of each chat, and answers of each bot, are kept.
    ///   - onCall: is told of every call of the Bot API over HTTP when it is done, before its answer is written; calls wait for it.
    public init(
        clock: some Clock<Duration> = ContinuousClock(),
        now: (@Sendable () -> Int64)? = nil,
        seed: UInt64 = .random(in: .min ... .max),
        historyLimit: Int = 1_000,
        onCall: (@Sendable (ObservedCall) -> Void)? = nil
    ) {
        self.onCall = onCall
        let time = Timepiece(clock: clock, now: now)
        self.time = time
        state = Mutex(Simulation(seed: seed, time: time, historyLimit: historyLimit))
    }

    /// Changes the state under the lock, then hands out what is to be delivered and resumes who waited for it.
    func change<Result: Sendable, Failure: Error>(
        _ body: (inout Simulation, inout Effects) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var effects = Effects()
        let (result, outlet) = try state.withLock {
            (state) throws(Failure) -> (Result, AsyncStream<Delivery>.Continuation?) in
            let result = try body(&state, &effects)
            if !state.waiters.isEmpty { state.takeContented(&effects) }
            return (result, state.outlet)
        }
        for delivery in effects.deliveries { outlet?.yield(delivery) }
        for waiter in effects.resumed { waiter.resume() }
        for waiter in effects.cancelled { waiter.resume(throwing: CancellationError()) }
        for (waiter, outcome) in effects.polls { waiter.resume(returning: outcome) }
        return result
    }

    /// Looks at the state under the lock.
    func read<Result: Sendable, Failure: Error>(
        _ body: (borrowing Simulation) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try state.withLock { (state) throws(Failure) -> Result in try body(state) }
    }
}

extension SimulatedTelegram {
    /// Makes a bot, as BotFather does.
    ///
    /// - Parameters:
    ///   - name: what people see.
    ///   - username: without `@`; no other bot or person may have it.
    ///   - id: the bot's user id; drawn in a row if absent.
    ///   - token: its token, which also says its id; a valid one is made if absent.
    /// - Throws: `SimulatorError.taken` if the id or the username is somebody's.
    @discardableResult
    public func addBot(
        name: String,
        username: String,
        id: Int64? = nil,
        token: BotToken? = nil
    ) throws(SimulatorError) -> SimulatedBot {
        try change { (state, _) throws(SimulatorError) in
            try state.addBot(name: name, username: username, id: id, token: token)
        }
    }

    /// Makes a bot's token unknown, as BotFather's "Revoke" does, without giving a new one.
    ///
    /// Its webhook is gone with it; the waiting updates stay, since they belong to the bot and not to the token.
    public func revokeToken(ofBot id: Int64) throws(SimulatorError) {
        try change { (state, effects) throws(SimulatorError) in try state.revokeToken(of: id, &effects) }
    }

    /// Gives a bot a new token; the old one dies at once, and the webhook with it.
    ///
    /// Whoever manages the bot learns of it.
    @discardableResult
    public func replaceToken(ofBot id: Int64, with token: BotToken? = nil) throws(SimulatorError) -> SimulatedBot {
        try change { (state, effects) throws(SimulatorError) in
            try state.replaceToken(of: id, with: token, &effects)
        }
    }

    /// All bots, by id.
    public var bots: [SimulatedBot] {
        read { state in state.bots.values.map(\.bot).sorted { $0.id < $1.id } }
    }

    /// Adds a person; they can write to every bot.
    @discardableResult
    public func addPerson(
        firstName: String,
        lastName: String? = nil,
        username: String? = nil,
        languageCode: String? = nil
    ) -> Person {
        change { state, _ in
            let person = Person(
                id: state.nextPersonID,
                firstName: firstName,
                lastName: lastName,
                username: username,
                languageCode: languageCode
            )
            state.nextPersonID += 1
            state.people[person.id] = person
            if let username { state.usernames.insert(username.lowercased()) }
            return person
        }
    }
}

extension Simulation {
    mutating func addBot(
        name: String,
        username: String,
        id: Int64?,
        token: BotToken?
    ) throws(SimulatorError) -> SimulatedBot {
        let id = token?.botID ?? id ?? nextBotID
        guard bots[id] == nil, people[id] == nil else { throw .taken("the id \(id)") }
        guard !usernames.contains(username.lowercased()) else { throw .taken("the username \(username)") }
        let bot = SimulatedBot(id: id, name: name, username: username, token: try takeToken(token, for: id))
        nextBotID = max(nextBotID, id) + 1
        var added = BotState(bot)
        added.launchedAt = time.elapsed()
        bots[id] = added
        botIDs[bot.token] = id
        usernames.insert(username.lowercased())
        return bot
    }

    /// The given token, or a new one.
    mutating func takeToken(_ token: BotToken?, for id: Int64) throws(SimulatorError) -> BotToken {
        guard let token else { return try makeToken(for: id) }
        return token
    }

    /// A token as Telegram makes them: 35 characters after the colon.
    mutating func makeToken(for id: Int64) throws(SimulatorError) -> BotToken {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var secret = "AA"
        for _ in 0..<33 { secret.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)]) }
        do { return try BotToken("\(id):\(secret)") } catch { throw .badBotID(id) }
    }
}
