import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// Servers that do nothing but receive, to compare with.
enum FloorKind: String, CaseIterable, Sendable {
    /// An empty Hummingbird 2 handler with the body collected.
    case hummingbird
    /// NIO's HTTP/1 pipeline alone, body read, empty 200.
    case nio

    /// As many event loops as `switchboard serve` may use on a machine of two cores.
    static let threads = 2

    /// The largest body that is collected, the same as the webhook's limit.
    static let maximumBodyBytes = 1 << 20

    /// Serves until the task is cancelled.
    ///
    /// - Parameter whenBound: gets the port.
    func serve(port: Int, whenBound: @escaping @Sendable (Int) async -> Void) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: Self.threads)
        do {
            switch self {
            case .hummingbird: try await Self.serveHummingbird(port: port, group, whenBound)
            case .nio: try await Self.serveNIO(port: port, group, whenBound)
            }
        } catch is CancellationError {
            // The way it ends.
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    private static func serveHummingbird(
        port: Int,
        _ group: MultiThreadedEventLoopGroup,
        _ whenBound: @escaping @Sendable (Int) async -> Void
    ) async throws {
        let router = Router()
        router.post("/telegram/:hook") { request, _ in
            _ = try await request.body.collect(upTo: maximumBodyBytes)
            return Response(status: .ok)
        }
        var logger = Logger(label: "floor")
        logger.logLevel = .error
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: port), backlog: 1024),
            onServerRunning: { channel in await whenBound(channel.localAddress?.port ?? 0) },
            eventLoopGroupProvider: .shared(group),
            logger: logger
        )
        try await application.run()
    }

    private static func serveNIO(
        port: Int,
        _ group: MultiThreadedEventLoopGroup,
        _ whenBound: @escaping @Sendable (Int) async -> Void
    ) async throws {
        let server = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(EmptyAnswer())
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        await whenBound(server.localAddress?.port ?? 0)
        try await withTaskCancellationHandler {
            try await server.closeFuture.get()
        } onCancel: {
            server.close(promise: nil)
        }
    }
}

/// Reads the body and answers 200 without one.
private final class EmptyAnswer: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private static let headers: HTTPHeaders = ["Content-Length": "0"]

    private var bodyBytes = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: bodyBytes = 0
        case .body(let buffer): bodyBytes += buffer.readableBytes
        case .end:
            let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: Self.headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
