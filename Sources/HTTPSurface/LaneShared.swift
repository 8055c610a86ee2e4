import Gateway
import NIOCore
import NIOHTTP1
import Synchronization

/// Where webhooks are: `/telegram/<hook>`.
enum WebhookRoute {
    /// What logs and metrics call it.
    static let template = "/telegram/{hook}"

    private static let prefix = "/telegram/"

    /// What stands for the hook in a path; nil if the path is another route's.
    ///
    /// A query is no part of it.
    static func hook(inPath path: String) -> String? {
        guard path.hasPrefix(prefix) else { return nil }
        let rest = path.utf8.dropFirst(prefix.utf8.count)
        return String(Substring(rest.prefix { $0 != UInt8(ascii: "?") }))
    }
}

/// What all lanes of a server share.
final class LaneShared: Sendable {
    enum Verdict {
        case accepted(RegisteredBot)
        case refused(HTTPResponseStatus)
    }

    /// **Source:** Bot API, `setWebhook`, parameter `secret_token`.
    private static let secretHeader = "X-Telegram-Bot-Api-Secret-Token"

    let intake: Intake
    let log: WebhookLog
    let limits: ConnectionClock.Limits
    let instruments: WebhookInstruments
    private let registry: Registry
    private let now: @Sendable () -> Timestamp
    private let mailboxes = Mutex<[ObjectIdentifier: LaneMailbox]>([:])

    init(
        registry: Registry,
        intake: Intake,
        log: WebhookLog,
        limits: ConnectionClock.Limits,
        instruments: WebhookInstruments,
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.limits = limits
        self.instruments = instruments
        self.registry = registry
        self.intake = intake
        self.log = log
        self.now = now
    }

    /// Hook, method, secret: in this order, so that nothing is told to whoever does not know the hook.
    func check(_ head: HTTPRequestHead, hook: String) -> Verdict {
        guard let bot = registry.bot(hook: hook) else {
            log.unknownHook()
            return .refused(.notFound)
        }
        guard head.method == .POST else { return .refused(.methodNotAllowed) }
        let presented = head.headers.first(name: Self.secretHeader) ?? ""
        guard bot.accepts(SecretDigest(of: presented.utf8), at: now()) else {
            log.refused(401, bot.id)
            return .refused(.unauthorized)
        }
        return .accepted(bot)
    }

    /// The one mailbox of an event loop.
    func mailbox(of eventLoop: any EventLoop) -> LaneMailbox {
        mailboxes.withLock { mailboxes in
            let key = ObjectIdentifier(eventLoop)
            if let present = mailboxes[key] { return present }
            let made = LaneMailbox(eventLoop)
            mailboxes[key] = made
            return made
        }
    }
}

/// Carries the store's answers to one event loop: those of one batch make it hop once.
final class LaneMailbox: Sendable {
    /// Whom an answer is for.
    struct Envelope: Sendable {
        private let waiter: NIOLoopBound<WebhookLane.Waiter>

        init(_ waiter: NIOLoopBound<WebhookLane.Waiter>) { self.waiter = waiter }

        func open(_ outcome: IntakeOutcome) { waiter.value.lane.settled(outcome, waiter.value.context) }
    }

    private let eventLoop: any EventLoop
    private let waiting = Mutex<[(Envelope, IntakeOutcome)]>([])

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func deliver(_ outcome: IntakeOutcome, to envelope: Envelope) {
        let isFirst = waiting.withLock { waiting in
            waiting.append((envelope, outcome))
            return waiting.count == 1
        }
        if isFirst { eventLoop.execute { self.open() } }
    }

    private func open() {
        let all = waiting.withLock { waiting in
            let all = waiting
            waiting = []
            waiting.reserveCapacity(all.count)
            return all
        }
        for (envelope, outcome) in all { envelope.open(outcome) }
    }
}
