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
/// What it does not do yet:
/// - `getUpdates`, files and their download, edits and deletions by bots, callback answers with
///   effect, inline mode, business connections, managed bots and flood limits on sending: such methods are unknown to it (404).
/// - A method in the body of a webhook's answer is not carried out; uploaded certificates and multipart bodies are not read.
/// - `parse_mode` is checked but the text is kept as it came, with its marks; a JSON body with a syntax error gives no parameters.
/// - New connections to a webhook are not throttled, and names of hosts are not resolved when a webhook is set.
/// - Privacy mode: every bot sees every message of a group it is spoken to in.
/// - Message numbers rise per bot and chat, where Telegram numbers all private chats of a bot in one row.
///
/// One thing is looser than Telegram: a webhook on loopback may be plain http on any port.
public final class SimulatedTelegram: Sendable {
    let time: Timepiece
    private let state: Mutex<Simulation>

    /// Makes a Telegram without bots and people.
    ///
    /// - Parameters:
    ///   - clock: what back-off and time-outs are measured on.
    ///   - now: the date of messages, in Unix seconds; without it the machine's date at the start, moved on by the clock.
    ///   - seed: the beginning of all that is random, tokens and first update numbers among it.
    public init(
        clock: some Clock<Duration> = ContinuousClock(),
        now: (@Sendable () -> Int64)? = nil,
        seed: UInt64 = .random(in: .min ... .max)
    ) {
        let time = Timepiece(clock: clock, now: now)
        self.time = time
        state = Mutex(Simulation(seed: seed, time: time))
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
            let id = token?.botID ?? id ?? state.nextBotID
            guard state.bots[id] == nil, state.people[id] == nil else { throw .taken("the id \(id)") }
            guard !state.isTaken(username: username) else { throw .taken("the username \(username)") }
            let bot = SimulatedBot(
                id: id,
                name: name,
                username: username,
                token: try state.takeToken(token, for: id)
            )
            state.nextBotID = max(state.nextBotID, id) + 1
            var added = BotState(bot)
            added.launchedAt = state.time.elapsed()
            state.bots[id] = added
            state.botIDs[bot.token] = id
            return bot
        }
    }

    /// Makes a bot's token unknown, as BotFather's "Revoke" does, without giving a new one.
    ///
    /// Its webhook is gone with it; the waiting updates stay, since they belong to the bot and not to the token.
    public func revokeToken(ofBot id: Int64) throws(SimulatorError) {
        try change { (state, _) throws(SimulatorError) in
            let bot = try state.bot(id).bot
            state.botIDs[bot.token] = nil
            state.removeWebhook(of: id)
            state.bots[id]?.allowedUpdates = nil
        }
    }

    /// Gives a bot a new token; the old one dies at once, and the webhook with it.
    @discardableResult
    public func replaceToken(ofBot id: Int64, with token: BotToken? = nil) throws(SimulatorError) -> SimulatedBot {
        try revokeToken(ofBot: id)
        return try change { (state, _) throws(SimulatorError) in
            guard token.map({ $0.botID == id }) ?? true else { throw .foreignToken(id) }
            let new = try state.takeToken(token, for: id)
            var bot = try state.bot(id).bot
            bot.token = new
            state.bots[id]?.bot = bot
            state.botIDs[new] = id
            return bot
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
            return person
        }
    }

    /// Adds a group that people and bots can be in.
    @discardableResult
    public func addGroup(title: String, isSupergroup: Bool = true) -> GroupChat {
        change { state, _ in
            let number = state.nextGroupID
            state.nextGroupID += 1
            let id = isSupergroup ? -1_002_000_000_000 - number : -4_000_000 - number
            let group = GroupChat(id: id, title: title, isSupergroup: isSupergroup)
            state.groups[id] = group
            return group
        }
    }

    /// Makes the deliveries to a bot misbehave from now on.
    public func setFaults(_ faults: DeliveryFaults, ofBot id: Int64) throws(SimulatorError) {
        try change { (state, _) throws(SimulatorError) in
            _ = try state.bot(id)
            state.bots[id]?.faults = faults
        }
    }
}

extension Simulation {
    func isTaken(username: String) -> Bool {
        let wanted = username.lowercased()
        return bots.values.contains { $0.bot.username.lowercased() == wanted }
            || people.values.contains { $0.username?.lowercased() == wanted }
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
