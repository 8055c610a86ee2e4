import Logging
import ServiceLifecycle
import Telegram

/// Sends what is in the outbox: paced, in order, fair, and each call at most once unless its answer is lost.
///
/// A row is marked as being sent before its call is made, and what became of it is written before the next of its conversation goes; both
/// in one transaction with all that wait for the same. After a graceful shutdown nothing is in flight.
public struct OutboxSender<C: Clock>: Service where C.Duration == Duration {
    let store: any OutboxStore
    let telegram: CallMaker
    let sealer: Sealer
    let limits: PacingLimits
    let clock: C
    let now: @Sendable () -> Timestamp
    let logger: Logger
    let instruments: OutboxInstruments

    /// Makes the service.
    ///
    /// - Parameters:
    ///   - telegram: its client should allow `SendingLimits.out` connections to the Bot API.
    ///   - files: where the businesses' own files are.
    ///   - clock: what the pace is kept on.
    ///   - now: the time for what is written.
    public init(
        store: any OutboxStore,
        telegram: BotAPI,
        files: (any OwnFiles)? = nil,
        sealer: Sealer,
        limits: PacingLimits = PacingLimits(),
        clock: C,
        now: @escaping @Sendable () -> Timestamp = Timestamp.now,
        logger: Logger,
        instruments: OutboxInstruments = Instruments.none.outbox
    ) {
        self.store = store
        self.telegram = CallMaker(telegram, files)
        self.sealer = sealer
        self.limits = limits
        self.clock = clock
        self.now = now
        self.logger = logger
        self.instruments = instruments
    }

    /// Runs until graceful shutdown; then no call is begun, and those in flight are settled.
    ///
    /// Cancelling it cuts the calls in flight off: they count as unknown.
    public func run() async throws {
        let mailbox = Mailbox<SenderEvent>()
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await withDiscardingTaskGroup { group in
                    group.addTask { [store] in
                        for await _ in store.outboxChanges() { mailbox.post(.changed) }
                    }
                    var run = SenderRun(self, mailbox)
                    await run.untilStopped(&group)
                    group.cancelAll()
                }
            } onCancel: {
                mailbox.post(.stop)
            }
        } onGracefulShutdown: {
            mailbox.post(.stop)
        }
    }
}

/// How much the sender does at once.
public enum SendingLimits {
    /// Rows that are claimed, being called or being settled at once; no more calls are open than that.
    public static let out = 512
    /// Rows of one write, claims and settlements each.
    ///
    /// **Source:** a transaction shall not exceed about 500 rows, so that others get their turn.
    static let rowsInWrite = 200
    /// A failed read or write of the database is tried again after so many milliseconds.
    static let storeRetry: Int64 = 500
}

/// What the sender hears of.
enum SenderEvent: Sendable {
    /// Rows or bots may have changed.
    case changed
    /// The clock has come to a time that was waited for.
    case tick(Int64)
    case news(Result<OutboxNews, any Error>)
    case windows([OutboxWindow.Request], Result<[OutboxWindow], any Error>)
    case answered(ClaimedCall, tokenVersion: Int64, Result<JSONView, BotAPIError>)
    case written([OutboxID], [Judgement], Result<OutboxProgress, any Error>)
    case interrupted(Result<[ClaimedCall], any Error>)
    case stop
}
