import Logging
import ServiceLifecycle

/// Runs businesses' pipelines over what their customers write.
///
/// The committed updates are the jobs. One lane per conversation, one job at a time, in commit order; lanes take turns between businesses (see
/// `LanePlanner`). A job is decided and its outcome written in one transaction, so a crash repeats at most what handlers were asked. What is in
/// hand is bounded; the rest of a backlog stays in the database.
public struct Dispatcher<C: Clock>: Service where C.Duration == Duration {
    let store: any JobStore
    let reading: any PipelineReading
    let webhooks: Webhooks?
    let clock: C
    let now: @Sendable () -> Timestamp
    let logger: Logger
    let instruments: LaneInstruments
    let pipelinesKept: Int

    /// How steps call webhooks.
    public struct Webhooks: Sendable {
        /// Makes first tries.
        public var desk: WebhookDesk
        /// Reads what came late.
        public var reading: any WebhookAnswerReading

        /// Makes one.
        public init(desk: WebhookDesk, reading: any WebhookAnswerReading) {
            self.desk = desk
            self.reading = reading
        }
    }

    /// Makes the service.
    ///
    /// - Parameters:
    ///   - reading: turns a stored text into a pipeline.
    ///   - webhooks: nil calls none.
    ///   - clock: what its waits are kept on.
    ///   - now: the time for what is written.
    ///   - pipelinesKept: pipelines that are kept read; those of businesses with jobs in hand are kept besides.
    public init(
        store: any JobStore,
        reading: any PipelineReading,
        webhooks: Webhooks?,
        clock: C,
        now: @escaping @Sendable () -> Timestamp = Timestamp.now,
        logger: Logger,
        instruments: LaneInstruments = Instruments.none.lanes,
        pipelinesKept: Int = 2000
    ) {
        self.store = store
        self.reading = reading
        self.webhooks = webhooks
        self.clock = clock
        self.now = now
        self.logger = logger
        self.instruments = instruments
        self.pipelinesKept = pipelinesKept
    }

    /// Runs until graceful shutdown; then no job is begun, those being decided are written, and handlers are cancelled: their jobs stay open.
    public func run() async throws {
        let mailbox = Mailbox<DispatchEvent>()
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await withDiscardingTaskGroup { group in
                    group.addTask { [store] in
                        for await jobs in store.committedJobs() { mailbox.post(.committed(jobs)) }
                    }
                    group.addTask { [store] in
                        for await _ in store.lateAnswerChanges() { mailbox.post(.changed) }
                    }
                    var run = DispatchRun(self, mailbox)
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

/// What the dispatcher hears of.
enum DispatchEvent: Sendable {
    case committed([PipelineJob])
    case businesses(Result<[BusinessID], any Error>)
    case read(JobHand.Read, Result<[PipelineJob], any Error>)
    /// What a job would come to, with the version of the pipeline that was read then; nothing of it is written.
    case considered(PipelineJob, Result<JobDecision?, any Error>, pipeline: Int64?)
    /// With the version of the pipeline that was read then.
    case decided(PipelineJob, Result<JobDecision?, any Error>, pipeline: Int64?)
    case handled(HandlerTurns.Turn, StepAnswer, told: DeliveryDraft?)
    /// When its turn came, nobody was to be asked any more.
    case outOfDate(HandlerTurns.Turn)
    /// A webhook may have answered late.
    case changed
    case lateFound(Result<[LateAnswer], any Error>, LateLook)
    case loaded(BusinessID, Result<LoadedPipeline?, any Error>)
    case queriesAnswered([PipelineJob], Result<Void, any Error>)
    case released(Result<(count: Int, next: Timestamp?), any Error>)
    case tick(Int64)
    case stop
}

/// How the dispatcher waits.
enum DispatchLimits {
    /// A query that no step has answered gets an empty answer after so many milliseconds.
    ///
    /// **Source:** ours: the customer's app shows a waiting button until then.
    static let queryWait: Int64 = 8000
    /// A failed read or write is tried again after so many milliseconds.
    static let storeRetry: Int64 = 500
    /// A job that fails so often by itself is given up.
    static let tries = 5
    /// It is looked again for who wrote after so many milliseconds.
    static let laterRetry: Int64 = 500
    /// It is looked again whether a conversation is held still after so many milliseconds.
    static let heldRetry: Int64 = 1000
    /// Conversations that are due back are looked for at least so often, in milliseconds.
    static let releaseInterval: Int64 = 5000
    /// Rows of one write.
    static let rowsInWrite = 100
    /// Queries that are watched at once.
    static let queries = 100_000
    /// A handler in Swift that has not answered then has failed.
    static let handlerTime = Duration.seconds(60)
    /// Late answers of one look.
    static let lateAnswers = 32
    /// Late answers in hand.
    static let lateInHand = 256
    /// A business may have this part of what is free besides in hand, a conversation this part of that.
    static let partOfLate = 8
    /// Who waited so long for a handler's turn is looked at again before it is asked, in milliseconds: the business may stand still since.
    static let handlerWait: Int64 = 1000
}
