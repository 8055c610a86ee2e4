import DequeModule
import Telegram

/// All that the simulated Telegram knows; guarded by the lock of `SimulatedTelegram`.
struct Simulation: Sendable {
    var random: SeededGenerator
    let time: Timepiece
    var bots: [Int64: BotState] = [:]
    var botIDs: [BotToken: Int64] = [:]
    var people: [Int64: Person] = [:]
    var groups: [Int64: GroupState] = [:]
    /// Public groups and channels by their names in small letters.
    var groupIDs: [String: Int64] = [:]
    /// The names of bots, people, groups and channels, in small letters.
    var usernames: Set<String> = []
    /// People whose accounts are gone.
    var deactivated: Set<Int64> = []
    var connections: [String: BusinessConnection] = [:]
    /// The next message number of each owner of a business account.
    var ownerMessageIDs: [Int64: Int64] = [:]
    var polls: [String: Poll] = [:]
    var files = FileShelf()
    var floodLimits: FloodLimits?
    var callFaults: [PendingFault] = []
    /// So many messages of a chat, and answers of a bot, are kept; older ones are forgotten.
    let historyLimit: Int
    var nextBotID: Int64 = 7_000_000_001
    var nextPersonID: Int64 = 500_000_001
    var nextGroupID: Int64 = 1
    /// Where deliveries go while the service runs.
    var outlet: AsyncStream<Delivery>.Continuation?
    var totals = DeliveryCounts()
    var waiters: [UInt64: Waiter] = [:]
    var nextWaiterID: UInt64 = 0

    init(seed: UInt64, time: Timepiece, historyLimit: Int) {
        random = SeededGenerator(seed: seed)
        self.time = time
        self.historyLimit = max(historyLimit, 1)
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
    /// When the last update was made, Unix seconds.
    var lastUpdateAt: Int64 = 0
    /// The number of the next message in the bot's private chats and basic groups.
    var nextMessageID: Int64 = 1
    var queue = UpdateQueue()
    var counts = DeliveryCounts()
    var acknowledged: [Int64] = []
    var remembered: Deque<QueuedUpdate> = []
    var lastErrorAt: Int64?
    var lastErrorText: String?
    /// When the row of 410 answers began.
    var goneSince: Duration?
    var nextWebhookAt = Duration.zero
    /// Raised with every `setWebhook`: one that has not happened yet is ended by the next.
    var webhookTicket = 0
    var chats: [ChatKey: ChatState] = [:]
    /// The chats of each business connection.
    var businessChats: [String: Set<ChatKey>] = [:]
    /// When a customer last wrote in a business chat, Unix seconds.
    var lastIncoming: [ChatKey: Int64] = [:]
    var blockedBy: Set<Int64> = []
    /// How many messages the bot has sent.
    var sent = 0
    var reactions: [ReactionPlace: [String]] = [:]
    var abilities: Set<BotAbility> = []
    var management: Management?
    var flood = FloodMeter()
    var faults = DeliveryFaults()
    var openQueries: [String: OpenQuery] = [:]
    var answers: Deque<QueryAnswer> = []
    var polls: [UInt64: LongPoll] = [:]
    /// The poll that waits for updates.
    var waitingPoll: UInt64?
    var lastPoll: (offset: Int64, at: Duration)?
    var nextConflictAt = Duration.zero
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
    var polls: [(CheckedContinuation<LongPoll.Outcome, Never>, LongPoll.Outcome)] = []
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
