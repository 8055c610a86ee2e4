import ArgumentParser
import NIOCore
import NIOHTTP1
import NIOPosix
import Telegram

/// Runs a business's program as a process of its own: at `/answers` it says again what was written, at `/hangs` it never answers.
struct ProgramCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "program",
        abstract: "Serves what webhooks call; prints its port and ends when standard input does.",
        shouldDisplay: false
    )

    static let answers = "/answers"
    static let hangs = "/hangs"

    func run() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(ProgramHandler())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        show("\(server.localAddress?.port ?? 0)")
        try await FloorCommand.waitForEndOfInput()
        try await server.close()
    }
}

/// Answers an event with an action that sends the text of its message back.
private final class ProgramHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let buffer): body.append(contentsOf: buffer.readableBytesView)
        case .end:
            guard let head, head.uri != ProgramCommand.hangs else { return }
            let (status, answer) = answer(to: head)
            let headers: HTTPHeaders = [
                "content-type": "application/json", "content-length": "\(answer.count)", "connection": "close",
            ]
            let reply = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
            context.write(wrapOutboundOut(.head(reply)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { [channel = context.channel] _ in
                channel.close(promise: nil)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(to head: HTTPRequestHead) -> (HTTPResponseStatus, [UInt8]) {
        guard head.headers.contains(name: "webhook-signature"),
            let text = (try? JSONDocument(body).root)?["data"]?["message"]?["text"]?.string
        else { return (.badRequest, []) }
        let answer: JSON = ["actions": [["reply": .string("Спасибо! \(text)")]]]
        return (.ok, answer.encoded())
    }
}
