import DequeModule
import Telegram

/// All that the simulated Telegram knows; guarded by the lock of `SimulatedTelegram`.
struct Simulation: Sendable {
    var random: SeededGenerator
    let time: Timepiece
    var bots: [Int64: BotState] = [:]
    var botIDs: [BotToken: Int64] = [:]
    var people: [Int64: Person] = [:]
    var groups: [Int64: GroupChat] = [:]
    var nextBotID: Int64 = 7_000_000_001
    var nextPersonID: Int64 = 500_000_001
    var nextGroupID: Int64 = 1
    /// Where deliveries go while the service runs.
    var outlet: AsyncStream<Delivery>.Continuation?
    var totals = DeliveryCounts()
    var waiters: [UInt64: Waiter] = [:]
    var nextWaiterID: UInt64 = 0

    init(seed: UInt64, time: Timepiece) {
        random = SeededGenerator(seed: seed)
        self.time = time
    }
}

/// What is known about one bot.
struct BotState: Sendable {
    /// So many acknowledged updates can be delivered again.
    static let rememberedUpdates = 1_000

    var bot: SimulatedBot
    var webhook: Webhook?
    /// Raised with every change of the webhook: what was in flight before belongs to nobody any more.
    var generation = 0
    /// Nil is Telegram's default.
    var allowedUpdates: Set<String>?
    var nextUpdateID: Int64?
    var queue = UpdateQueue()
    var counts = DeliveryCounts()
    var acknowledged: [Int64] = []
    var remembered: Deque<QueuedUpdate> = []
    var lastErrorAt: Int64?
    var lastErrorText: String?
    /// When the row of 410 answers began.
    var goneSince: Duration?
    var nextWebhookAt = Duration.zero
    var chats: [Int64: ChatState] = [:]
    var faults = DeliveryFaults()
    var openQueries: Set<String> = []
    var profile = BotProfile()
    /// When the server began to run the bot, for `close`.
    var launchedAt = Duration.zero
    /// Until then the bot is logged out.
    var loggedOutUntil: Duration?

    init(_ bot: SimulatedBot) { self.bot = bot }

    mutating func count(_ change: (inout DeliveryCounts) -> Void) { change(&counts) }
}

/// A bot's webhook as Telegram keeps it.
struct Webhook: Hashable, Sendable {
    var url: String
    var secret: WebhookSecret
    var maxConnections: Int
    var ipAddress: String
    var address: WebhookAddress
}

/// One chat of one bot.
struct ChatState: Sendable {
    /// So many messages of a chat are kept; older ones are forgotten.
    static let rememberedMessages = 1_000

    /// The `Chat` object.
    let json: JSON
    var nextMessageID: Int64 = 1
    var messages: Deque<ChatMessage> = []

    init(_ json: JSON) { self.json = json }

    mutating func takeMessageID() -> Int64 {
        defer { nextMessageID += 1 }
        return nextMessageID
    }

    mutating func add(_ message: ChatMessage) {
        if messages.count == Self.rememberedMessages { messages.removeFirst() }
        messages.append(message)
        nextMessageID = max(nextMessageID, message.messageID + 1)
    }
}

/// Somebody who waits until the counts are as wanted.
struct Waiter: Sendable {
    let botID: Int64?
    let condition: @Sendable (DeliveryCounts) -> Bool
    let continuation: CheckedContinuation<Void, any Error>
}

/// What has to be done after the lock is given back.
struct Effects: Sendable {
    var deliveries: [Delivery] = []
    var resumed: [CheckedContinuation<Void, any Error>] = []
    var cancelled: [CheckedContinuation<Void, any Error>] = []
}

extension Simulation {
    /// The state of a bot, or the error that says it is unknown.
    func bot(_ id: Int64) throws(SimulatorError) -> BotState {
        guard let bot = bots[id] else { throw .unknownBot(String(id)) }
        return bot
    }

    /// Changes the counts of a bot, and those of all.
    mutating func count(_ botID: Int64, _ change: (inout DeliveryCounts) -> Void) {
        bots[botID]?.count(change)
        change(&totals)
    }

    /// Takes out the waiters whose condition is met.
    mutating func takeContented(_ effects: inout Effects) {
        for (id, waiter) in waiters {
            let counts = waiter.botID.map { bots[$0]?.counts ?? .init() } ?? totals
            guard waiter.condition(counts) else { continue }
            waiters[id] = nil
            effects.resumed.append(waiter.continuation)
        }
    }
}
