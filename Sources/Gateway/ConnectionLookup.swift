import Logging
import ServiceLifecycle
import Telegram

/// Connections of business accounts that are stored.
public protocol ConnectionStore: Sendable {
    /// Connections that a message has named before Telegram told of them, and that are due to be asked for; those that wait longest first.
    func wantedConnections(at now: Timestamp, limit: Int) async throws -> [WantedConnection]
    /// Records a connection that is wanted, and says of its chats' messages who wrote them; one that is known by now stays as it is.
    func record(_ state: BusinessConnectionState, of bot: BotID, at now: Timestamp) async throws
    /// Asks again later; never if the connection is gone.
    func postpone(_ wanted: WantedConnection, until later: Timestamp?) async throws
    /// The sealed token and webhook secret of a bot.
    func credentials(of bot: BotID) async throws -> SealedCredentials
}

/// A connection that is named by a message and not known.
public struct WantedConnection: Hashable, Sendable {
    /// The bot that the message came to.
    public var botID: BotID
    /// Telegram's id of the connection.
    public var id: String
    /// How often Telegram was asked already.
    public var tries: Int

    /// Makes one.
    public init(botID: BotID, id: String, tries: Int) {
        self.botID = botID
        self.id = id
        self.tries = tries
    }
}

/// Asks Telegram whose business account a connection is, where a message came before that was told.
///
/// Beside the intake: the message is stored at once, with a sender of unknown role. **Source:** tdlib/telegram-bot-api: connections and their
/// messages are delivered in different queues, in no order.
public struct ConnectionLookup<C: Clock>: Service where C.Duration == Duration {
    private let store: any ConnectionStore
    private let telegram: BotAPI
    private let sealer: Sealer
    private let clock: C
    private let now: @Sendable () -> Timestamp
    private let logger: Logger

    private static var interval: Duration { .seconds(1) }
    private static var longestWait: Duration { .seconds(3600) }

    /// Makes the service.
    ///
    /// - Parameter clock: what the waits are kept on.
    public init(
        store: any ConnectionStore,
        telegram: BotAPI,
        sealer: Sealer,
        clock: C,
        now: @escaping @Sendable () -> Timestamp = Timestamp.now,
        logger: Logger
    ) {
        self.store = store
        self.telegram = telegram
        self.sealer = sealer
        self.clock = clock
        self.now = now
        self.logger = logger
    }

    /// Runs until graceful shutdown.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    for wanted in try await store.wantedConnections(at: now(), limit: 20) {
                        try await askOrPostpone(wanted)
                    }
                } catch is CancellationError {
                    return
                } catch {
                    logger.error("business connections not asked for", metadata: [LogKeys.errorKind: "\(error)"])
                }
                do { try await clock.sleep(for: Self.interval) } catch { return }
            }
        }
    }

    /// A bot whose token cannot be opened must not keep the others waiting.
    private func askOrPostpone(_ wanted: WantedConnection) async throws {
        do {
            try await ask(wanted)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            logger.error(
                "business connection not asked for",
                metadata: [LogKeys.botID: "\(wanted.botID)", LogKeys.errorKind: "\(error)"]
            )
            try await store.postpone(wanted, until: now().advanced(by: Self.longestWait))
        }
    }

    private func ask(_ wanted: WantedConnection) async throws {
        let token = try sealer.openToken(try await store.credentials(of: wanted.botID).token, of: wanted.botID)
        do {
            let answer = try await telegram.call(
                "getBusinessConnection",
                token: token,
                parameters: ["business_connection_id": .string(wanted.id)]
            )
            try await store.record(try Projection.connection(answer.result), of: wanted.botID, at: now())
        } catch let error as BotAPIError {
            // Telegram says "business connection not found" of one that was never this bot's, or is no more.
            let isGone =
                if case .refused(let refusal) = error {
                    refusal.code == 400 && refusal.text.lowercased().contains("connection not found")
                } else {
                    false
                }
            let wait: Duration =
                switch error.treatment {
                case .retryAfter(let asked): asked
                default: min(.seconds(1 << min(wanted.tries, 12)), Self.longestWait)
                }
            try await store.postpone(wanted, until: isGone ? nil : now().advanced(by: wait))
            logger.warning(
                "business connection not known",
                metadata: [LogKeys.botID: "\(wanted.botID)", LogKeys.errorKind: "\(error)"]
            )
        } catch let error as Projection.Lacking {
            try await store.postpone(wanted, until: now().advanced(by: Self.longestWait))
            logger.warning(
                "business connection not understood",
                metadata: [LogKeys.botID: "\(wanted.botID)", LogKeys.errorKind: "\(error.what)"]
            )
        }
    }
}
