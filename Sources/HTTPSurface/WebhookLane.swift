import DequeModule
import Gateway
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1

/// Puts a lane into a connection of the framework.
///
/// The framework lets handlers be added behind the codec of its own HTTP types only; the lane stands before it, so that a webhook is spared
/// two conversions.
final class LaneInstaller: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let shared: LaneShared

    init(shared: LaneShared) { self.shared = shared }

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            let codec = try pipeline.handler(type: HTTP1ToHTTPServerCodec.self)
            let clock = ConnectionClock(shared.limits, shared.instruments)
            try pipeline.addHandler(WebhookLane(shared: shared, clock: clock), position: .before(codec))
            try pipeline.addHandler(FirstByteHandler(clock: clock), position: .first)
        } catch {
            // Without its lane a connection would take no webhook: better none at all.
            context.close(promise: nil)
        }
    }
}

/// Takes Telegram's webhooks straight from the HTTP decoder, before the router: a lane of its own on the same port.
///
/// Requests below `/telegram/` are answered here, everything else passes on to the router. The order of checks is hook,
/// method, secret, body; the answer to a body that is taken comes after its commit. One request of a connection is in hand at a
/// time: what a client sends ahead waits, and nothing more is read meanwhile.
final class WebhookLane: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// What of a request is in hand.
    private enum State {
        /// Nothing: the next part begins a request.
        case idle
        /// A body for this bot is coming in.
        case reading(RegisteredBot)
        /// The answer is out; so many bytes of the body may still be dropped.
        case dropping(Int)
        /// The answer is out and our side is closed: the client shall read it and close its own.
        case leaving
        /// The body is with the store.
        case storing(RegisteredBot)
        /// The router's request is coming in.
        case routedIn
        /// The router has its request, and has not ended its answer.
        case routedOut
    }

    /// The longest body.
    ///
    /// **Source:** tdlib's `TQueue.h`: Telegram queues no update over 512 KiB.
    static let maximumBodyBytes = 1 << 20

    private static let emptyBody: HTTPHeaders = ["Content-Length": "0"]

    private let shared: LaneShared
    private let clock: ConnectionClock
    private var state = State.idle
    /// What has come of the body that is being read; held by nobody else, so that it grows in place.
    private var body: [UInt8] = []
    private var ahead: Deque<HTTPServerRequestPart> = []
    private var mailbox: LaneMailbox?
    private var closesAfterAnswer = false
    private var isQuiescing = false
    private var routedAnswerIsOut = false
    private var inputIsClosed = false
    private var readIsHeld = false

    init(shared: LaneShared, clock: ConnectionClock) {
        self.shared = shared
        self.clock = clock
    }

    // MARK: Life of the connection

    func handlerAdded(context: ChannelHandlerContext) {
        mailbox = shared.mailbox(of: context.eventLoop)
        shared.instruments.connectionOpened()
        clock.start(context) { [unowned self] in isWaiting }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        shared.instruments.connectionClosed()
        clock.stop()
        forget()
    }

    func channelInactive(context: ChannelHandlerContext) {
        clock.stop()
        // A body that was cut short is not kept; one that is with the store already stays there.
        forget()
        context.fireChannelInactive()
    }

    private func forget() {
        state = .idle
        body = []
        ahead = []
    }

    /// Whether the client is to speak: only then can it be too slow.
    private var isWaiting: Bool {
        switch state {
        case .storing, .routedOut: false
        case .idle, .reading, .dropping, .leaving, .routedIn: true
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch (event, state) {
        case (_, .idle), (_, .routedIn), (_, .routedOut): context.fireUserInboundEventTriggered(event)
        case (is ChannelShouldQuiesceEvent, _): isQuiescing = true
        case (ChannelEvent.inputClosed, .leaving): context.close(promise: nil)
        // The client may close its side and still wait for the answer.
        case (ChannelEvent.inputClosed, .storing): inputIsClosed = true
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func read(context: ChannelHandlerContext) {
        // A client that does not read its answers is not read from either: they would pile up here.
        if ahead.isEmpty, context.channel.isWritable { context.read() } else { readIsHeld = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        readAgain(context)
        context.fireChannelWritabilityChanged()
    }

    private func readAgain(_ context: ChannelHandlerContext) {
        guard readIsHeld, ahead.isEmpty, context.channel.isWritable else { return }
        readIsHeld = false
        context.read()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .storing = state {
            // What came behind the request is no HTTP: its 400 would overtake the answer that is due.
            closesAfterAnswer = true
            ahead = []
            return
        }
        context.fireErrorCaught(error)
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch state {
        case .storing, .routedOut: ahead.append(part)
        default:
            if ahead.isEmpty { handle(part, context) } else { ahead.append(part) }
        }
    }

    private func handle(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (state, part) {
        case (.idle, .head(let head)): begin(head, context)
        case (.reading(let bot), .body(let buffer)): append(buffer, bot, context)
        case (.reading(let bot), .end):
            clock.requestEnded()
            store(for: bot, context)
        case (.dropping(let left), .body(let buffer)): drop(buffer, left, context)
        case (.dropping, .end):
            clock.requestEnded()
            finish(context)
        case (.routedIn, _):
            if case .end = part {
                clock.requestEnded()
                state = routedAnswerIsOut ? .idle : .routedOut
            }
            context.fireChannelRead(wrapInboundOut(part))
        case (.leaving, _): break
        case (.idle, _), (.reading, .head), (.dropping, .head), (.storing, _), (.routedOut, _):
            // The decoder sends parts in order, so this is not reached; a connection in disorder ends.
            context.close(promise: nil)
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard let hook = WebhookRoute.hook(inPath: head.uri) else {
            state = .routedIn
            routedAnswerIsOut = false
            context.fireChannelRead(wrapInboundOut(.head(head)))
            return
        }
        closesAfterAnswer = !head.isKeepAlive
        switch shared.check(head, hook: hook) {
        case .refused(let status): refuse(status, head, context)
        case .accepted(let bot):
            let announced = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
            guard announced <= Self.maximumBodyBytes else {
                shared.log.refused(413, bot.id)
                return refuse(.payloadTooLarge, head, context)
            }
            body = []
            // An announced length alone shall not cost memory.
            body.reserveCapacity(min(announced, 16 << 10))
            state = .reading(bot)
        }
    }

    private func append(_ buffer: ByteBuffer, _ bot: RegisteredBot, _ context: ChannelHandlerContext) {
        guard body.count + buffer.readableBytes <= Self.maximumBodyBytes else {
            shared.log.refused(413, bot.id)
            return leave(with: .payloadTooLarge, context)
        }
        body.append(contentsOf: buffer.readableBytesView)
    }

    /// Answers before the body; what comes of it is dropped, and too much of it ends the connection.
    private func refuse(_ status: HTTPResponseStatus, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        if status == .payloadTooLarge { return leave(with: status, context) }
        state = .dropping(Self.maximumBodyBytes)
        answer(status, context)
    }

    private func drop(_ buffer: ByteBuffer, _ left: Int, _ context: ChannelHandlerContext) {
        let rest = left - buffer.readableBytes
        if rest < 0 { context.close(promise: nil) } else { state = .dropping(rest) }
    }

    /// Answers in the middle of a body that is too long.
    ///
    /// Closing at once would reset the connection while the client still sends, and lose it the answer.
    private func leave(with status: HTTPResponseStatus, _ context: ChannelHandlerContext) {
        body = []
        closesAfterAnswer = true
        state = .leaving
        answer(status, context)
        context.close(mode: .output, promise: nil)
    }

    private func store(for bot: RegisteredBot, _ context: ChannelHandlerContext) {
        guard let mailbox else { return context.close(promise: nil) }
        state = .storing(bot)
        let whole = body
        body = []
        let envelope = LaneMailbox.Envelope(NIOLoopBound(Waiter(self, context), eventLoop: context.eventLoop))
        shared.intake.accept(whole, for: bot) { outcome in mailbox.deliver(outcome, to: envelope) }
    }

    /// The lane and where it stands in its pipeline, to be found again from its event loop.
    final class Waiter {
        let lane: WebhookLane
        let context: ChannelHandlerContext

        init(_ lane: WebhookLane, _ context: ChannelHandlerContext) {
            self.lane = lane
            self.context = context
        }
    }

    /// The store has answered.
    ///
    /// On the event loop; the connection may be gone.
    func settled(_ outcome: IntakeOutcome, _ context: ChannelHandlerContext) {
        guard case .storing(let bot) = state else { return }
        switch outcome {
        case .stored, .duplicate: answer(.ok, context)
        case .conflict:
            shared.log.conflict(bot.id)
            answer(.ok, context)
        case .unavailable(let error, let retryAfterSeconds):
            shared.log.unavailable(error, bot.id)
            shared.instruments.notStored(of: bot.businessID)
            answer(.serviceUnavailable, context, retryAfterSeconds: retryAfterSeconds)
        }
        finish(context)
    }

    // MARK: Answers

    private func answer(
        _ status: HTTPResponseStatus,
        _ context: ChannelHandlerContext,
        retryAfterSeconds: Int? = nil
    ) {
        if status != .ok { shared.instruments.refused(status: Int(status.code)) }
        var headers = Self.emptyBody
        if status == .methodNotAllowed { headers.add(name: "Allow", value: "POST") }
        if let retryAfterSeconds { headers.add(name: "Retry-After", value: String(retryAfterSeconds)) }
        if closesAfterAnswer || isQuiescing { headers.add(name: "Connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// The request is over: the connection closes, or the next request, perhaps here already, is begun.
    private func finish(_ context: ChannelHandlerContext) {
        state = .idle
        if closesAfterAnswer || isQuiescing { return context.close(promise: nil) }
        handleAhead(context)
        if inputIsClosed, case .idle = state {
            inputIsClosed = false
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
    }

    private func handleAhead(_ context: ChannelHandlerContext) {
        guard !ahead.isEmpty || readIsHeld else { return }
        loop: while let part = ahead.popFirst() {
            handle(part, context)
            switch state {
            case .storing, .routedOut: break loop
            default: continue
            }
        }
        // What is passed on outside of a read must be followed by its end, as within one: the router waits for that.
        context.fireChannelReadComplete()
        readAgain(context)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        guard case .end = unwrapOutboundIn(data) else { return }
        switch state {
        // The router may answer before the whole body has come; the rest of it still passes through to it.
        case .routedIn: routedAnswerIsOut = true
        case .routedOut:
            state = .idle
            handleAhead(context)
        default: return
        }
    }
}
