import Telegram

/// Erases businesses from the store, a step at a time.
public protocol BusinessErasure: Sendable {
    /// Marks a business as being erased, if all its bots are removed; from then on nothing is added to it.
    ///
    /// Returns whether it is marked, also by an earlier call. Throws `GatewayError.unknownBusiness`.
    func beginErasure(of business: BusinessID, at now: Timestamp) async throws -> Bool
    /// Erases up to that many rows of a marked business in one transaction; at the end the business itself.
    ///
    /// Details of a message go with the message, so a step may come to a few rows more.
    func eraseStep(of business: BusinessID, rows: Int) async throws -> ErasureStep
}

/// What one step of an erasure has done.
public struct ErasureStep: Hashable, Sendable {
    /// How many rows went.
    public var rows: Int
    /// Whether nothing is left, the business included.
    public var isDone: Bool

    /// Makes a result.
    public init(rows: Int, isDone: Bool) {
        self.rows = rows
        self.isDone = isDone
    }
}

/// Removes a business with all that it ever had.
///
/// It may be interrupted at any moment and run again: then it goes on. A server beside it writes on meanwhile: no transaction is long, and
/// between two of them there is as much time for others.
public struct BusinessRemoval: Sendable {
    /// No step erases more rows.
    static let mostRows = 500
    /// Steps that take longer become smaller.
    static let longestStep = Duration.milliseconds(50)
    private static let fewestRows = 20

    private let store: any BotLifeStore & BusinessErasure
    private let bots: BotRemoval
    private let now: @Sendable () -> Timestamp
    private let pause: @Sendable (Duration) async throws -> Void

    /// Makes a removal that removes bots so.
    public init(store: any BotLifeStore & BusinessErasure, webhooks: BotWebhooks) {
        self.store = store
        bots = BotRemoval(webhooks)
        now = webhooks.now
        pause = webhooks.pause
    }

    /// Erases a business: first its bots are removed, then every row of it.
    ///
    /// - Parameters:
    ///   - force: see `BotRemoval.remove`.
    ///   - files: removes what stands outside of the database, when the erasure has begun: interrupted then, it is called again.
    ///   - progress: is told each bot that was removed, and the rows that are gone.
    /// - Returns: how many rows were erased.
    /// - Throws: `GatewayError.webhookNotDeleted` if a bot could not be removed: those before it are, nothing else is.
    public func remove(
        _ business: Business,
        force: Bool = false,
        files: () throws -> Void = {},
        progress: (Progress) -> Void = { _ in }
    ) async throws -> Int {
        // A bot may be added while others are removed: the mark is set only where none is left.
        while true {
            let present = try await store.bots(of: business.id)
            var turns = BotTurns(count: present.count, pause: pause)
            for bot in present {
                try await turns.next()
                progress(.bot(bot, note: try await bots.remove(bot, force: force).note))
            }
            if try await store.beginErasure(of: business.id, at: now()) { break }
        }
        // Before the rows: without them nobody would find the rest.
        try files()
        var (total, size) = (0, Self.mostRows)
        let clock = ContinuousClock()
        while true {
            let began = clock.now
            let step = try await store.eraseStep(of: business.id, rows: size)
            let took = began.duration(to: clock.now)
            total += step.rows
            progress(.rows(total))
            if step.isDone { return total }
            if took > Self.longestStep {
                size = max(size / 2, Self.fewestRows)
            } else if took < Self.longestStep / 4 {
                size = min(size * 2, Self.mostRows)
            }
            try await pause(took)
        }
    }

    /// How far a removal is.
    public enum Progress: Sendable {
        /// A bot was removed, with what people should know of it.
        case bot(Bot, note: String?)
        /// So many rows are gone.
        case rows(Int)
    }
}

/// Keeps a pace where many bots are asked for in a row.
///
/// **Source:** tdlib/telegram-bot-api `ClientManager::send`: more than 20 tokens a minute that it has not seen before are refused to one address.
public struct BotTurns: Sendable {
    /// The pace: so many bots a minute.
    public static let perMinute = 15
    /// The time from one bot to the next.
    public static let interval = Duration.seconds(60) / perMinute

    private let isPaced: Bool
    private let pause: @Sendable (Duration) async throws -> Void
    private var isFirst = true

    /// Makes turns for that many bots: up to a minute's worth need no pace.
    public init(
        count: Int,
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        isPaced = count > Self.perMinute
        self.pause = pause
    }

    /// Waits until it is the next bot's turn; at once for the first.
    public mutating func next() async throws {
        if isPaced, !isFirst { try await pause(Self.interval) }
        isFirst = false
    }
}
