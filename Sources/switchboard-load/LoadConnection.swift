import NIOCore

/// One keep-alive connection with at most one request in flight, as Telegram has it.
final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let run: LoopRun
    private var context: ChannelHandlerContext?
    private var scanner = ResponseScanner()
    /// Written again for each request: the channel has let go of its storage by then.
    private var request: ByteBuffer
    private(set) var inFlight: SentUpdate?
    /// When the request in flight should have started; in a closed loop that is when it did.
    private(set) var intended: UInt64 = 0
    /// It sends nothing more in this phase.
    var isRetired = false

    init(run: LoopRun) {
        self.run = run
        request = ByteBufferAllocator().buffer(capacity: 4096)
    }

    func send(_ update: SentUpdate, intended: UInt64) {
        guard let context else { return run.lost(update, by: self) }
        inFlight = update
        self.intended = intended
        run.source.render(update, into: &request)
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }

    func close() { context?.close(promise: nil) }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) { run.opened(self) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let outcome = scanner.consume(unwrapInboundIn(data))
        guard outcome != .needsMore else { return }
        guard case .complete(let status, let keepAlive) = outcome, let update = inFlight else {
            run.sawUnreadable()
            return context.close(promise: nil)
        }
        inFlight = nil
        run.answered(update, intended: intended, status: status)
        if keepAlive { run.ready(self, after: status) } else { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        let update = inFlight
        inFlight = nil
        run.lost(update, by: self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
