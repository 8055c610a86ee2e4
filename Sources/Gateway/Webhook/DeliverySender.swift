import Logging
import ServiceLifecycle

/// Tries events again that their handlers did not take, at their times, fair between webhooks.
///
/// An event keeps its id at every try. What became of a try is written before the event is tried again; a try whose end was not written, since
/// the process died, is made once more. A webhook that is dead costs one trial from time to time, however many events wait for it.
public struct DeliverySender<C: Clock>: Service where C.Duration == Duration {
    let store: any DeliveryStore
    let caller: any WebhookCaller
    let sealer: Sealer
    let gate: WebhookGate
    let clock: C
    let now: @Sendable () -> Timestamp
    let logger: Logger

    /// Makes the service.
    ///
    /// - Parameters:
    ///   - gate: the same as lanes have.
    ///   - clock: what waiting is done on.
    ///   - now: the time for what is written, and for what is due.
    public init(
        store: any DeliveryStore,
        caller: any WebhookCaller,
        sealer: Sealer,
        gate: WebhookGate,
        clock: C,
        now: @escaping @Sendable () -> Timestamp = Timestamp.now,
        logger: Logger
    ) {
        self.store = store
        self.caller = caller
        self.sealer = sealer
        self.gate = gate
        self.clock = clock
        self.now = now
        self.logger = logger
    }

    /// Runs until graceful shutdown; then no call is begun, and those in flight are settled.
    ///
    /// Cancelling it cuts the calls in flight off: they do not count as tries.
    public func run() async throws {
        let mailbox = Mailbox<DeliveryRun<C>.Event>()
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await withDiscardingTaskGroup { group in
                    group.addTask { [store] in
                        for await _ in store.deliveryChanges() { mailbox.post(.changed) }
                    }
                    var run = DeliveryRun(self, mailbox)
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

    /// Makes one try.
    func make(_ due: DueDelivery) async -> (end: DeliveryEnd, isSuccess: Bool?) {
        let secrets: SigningSecrets
        do throws(GatewayError) { secrets = try due.endpoint.secrets(at: now(), sealer) } catch {
            // With another key than sealed it: no waiting mends that.
            return (DeliveryEnd(.failed, isTry: false, problem: error.description), nil)
        }
        let result = await caller.call(
            WebhookRequest(
                of: due.endpoint.business,
                url: due.endpoint.url,
                headers: secrets.headers(id: due.event.id, at: now(), body: due.event.body),
                body: due.event.body,
                timeout: .seconds(due.timeoutSeconds)
            )
        )
        var generator = SystemRandomNumberGenerator()
        let verdict = WebhookVerdict(result, tries: due.attempts + 1, at: now(), using: &generator)
        return (DeliveryEnd(verdict, result, at: now()), verdict.isSuccess)
    }
}

/// How much the sender of events does at once.
enum DeliveryLimits {
    /// Calls that are open at once, of all businesses.
    static let calls = 256
    /// Rows of one write.
    ///
    /// Bytes of the answers of one write.
    static let bytesInWrite = 1 << 20
    /// **Source:** a transaction shall not exceed about 500 rows, so that others get their turn.
    static let rowsInWrite = 200
    /// After a look that a change brought about, the next one of that kind comes so much later: a busy server changes all the time.
    static let betweenLooks = Duration.milliseconds(50)
    /// A look comes after so many times as long as the last one took, at least: with thousands of dead webhooks it takes milliseconds.
    static let looksOfTime = 5
    /// What took longer has waited for something else.
    static let longestLook = Duration.milliseconds(200)
    /// A failed read or write of the database is tried again after this.
    static let storeRetry = Duration.milliseconds(500)
    /// Without anything due it looks this often, gives up what waits for webhooks that are off, and lets old rows go.
    static let housekeeping = Duration.seconds(60)
}
