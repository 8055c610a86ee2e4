import Foundation
import Gateway
import NIOCore
import NIOHTTP1
import NIOSSL

/// Writes one request when the connection is there, and keeps the promise with what comes back.
final class ExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let head: HTTPRequestHead
    private let body: [UInt8]
    private let done: EventLoopPromise<WebhookResponse>
    private var response: WebhookResponse?
    /// Bytes of the body that have come.
    private var received = 0
    /// Whether nobody waits any more: the time is over, or the caller is gone.
    private var isOver = false

    init(head: HTTPRequestHead, body: [UInt8], done: EventLoopPromise<WebhookResponse>) {
        self.head = head
        self.body = body
        self.done = done
    }

    func handlerAdded(context: ChannelHandlerContext) {
        done.futureResult.assumeIsolated().whenComplete { [self] _ in isOver = true }
    }

    func channelActive(context: ChannelHandlerContext) {
        // A connection that is there too late: what is written now would be told twice.
        guard !isOver else { return context.close(promise: nil) }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
            if length > WebhookLimits.answer { return done.fail(WebhookFault.tooLong) }
            response = WebhookResponse(
                status: Int(head.status.code),
                retryAfter: head.headers.first(name: "retry-after")
            )
        case .body(let part):
            received += part.readableBytes
            // Whoever waits closes the connection.
            guard let count = response?.body.count, received <= WebhookLimits.answer else {
                return done.fail(WebhookFault.tooLong)
            }
            // No more than tells that it is too long to be acted on: many may answer at once.
            response?.body.append(contentsOf: part.readableBytesView.prefix(WebhookLimits.actions + 1 - count))
        case .end:
            if let response { done.succeed(response) } else { done.fail(WebhookFault.notHTTP) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        done.fail(WebhookFault.cutOff)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        done.fail(Self.fault(error))
        context.close(promise: nil)
    }

    private static func fault(_ error: any Error) -> WebhookFault {
        switch error {
        case HTTPParserError.invalidEOFState: .cutOff
        case is HTTPParserError, is NIOHTTPDecoderError: .notHTTP
        case NIOSSLError.uncleanShutdown: .cutOff
        case NIOSSLError.handshakeFailed(let why):
            .tls(
                "\(why)".contains("CERTIFICATE_VERIFY_FAILED")
                    ? "its certificate has expired, or is of an authority that is not known here"
                    : "the handshake failed: see that TLS 1.2 or newer is spoken there"
            )
        case is NIOSSLExtraError: .tls("its certificate is for another name")
        case is NIOSSLError, is BoringSSLError: .tls("the handshake failed")
        default: .cutOff
        }
    }
}
