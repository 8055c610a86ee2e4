import Gateway
import NIOCore

/// Ends connections whose client is too slow.
///
/// On the connection's event loop.
///
/// A request must be whole so many seconds after its first byte, however slowly its bytes drip; between requests a connection may be
/// idle for longer. One timer per connection looks now and then: nothing is scheduled per request.
final class ConnectionClock {
    /// How slow a client may be.
    struct Limits: Sendable {
        /// From the first byte of a request to the last of its body.
        var request = TimeAmount.seconds(15)
        /// Between requests.
        ///
        /// **Source:** tdlib's `WebhookActor`: Telegram itself closes an idle connection after 60 s.
        var idle = TimeAmount.seconds(75)
        /// How often the timer looks.
        var look = TimeAmount.seconds(5)
    }

    private let limits: Limits
    private let instruments: WebhookInstruments
    private var firstByteAt: NIODeadline?
    private var lastByteAt = NIODeadline.now()
    private var timer: Scheduled<Void>?

    init(_ limits: Limits, _ instruments: WebhookInstruments) {
        self.limits = limits
        self.instruments = instruments
    }

    /// Begins to look; `isWaiting` tells whether the client is to speak.
    func start(_ context: ChannelHandlerContext, isWaiting: @escaping () -> Bool) {
        lastByteAt = context.eventLoop.now
        scheduleLook(context, isWaiting)
    }

    func stop() {
        timer?.cancel()
        timer = nil
    }

    /// Bytes have come.
    func received(at now: NIODeadline) {
        lastByteAt = now
        if firstByteAt == nil { firstByteAt = now }
    }

    /// A request is whole.
    func requestEnded() { firstByteAt = nil }

    private func scheduleLook(_ context: ChannelHandlerContext, _ isWaiting: @escaping () -> Bool) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: limits.look) { [self] in
            let now = context.eventLoop.now
            let isTooSlow = firstByteAt.map { now > $0 + limits.request } ?? (now > lastByteAt + limits.idle)
            if isWaiting(), isTooSlow {
                instruments.connectionWasSlow()
                context.close(promise: nil)
            } else {
                scheduleLook(context, isWaiting)
            }
        }
    }
}

/// Stands before the HTTP decoder and tells the clock when bytes come: a head that drips is no request yet for anyone else.
final class FirstByteHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let clock: ConnectionClock

    init(clock: ConnectionClock) { self.clock = clock }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        clock.received(at: context.eventLoop.now)
        context.fireChannelRead(data)
    }
}
