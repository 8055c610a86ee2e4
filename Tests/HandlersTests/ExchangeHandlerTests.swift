import Gateway
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import Handlers

@Suite("A webhook's connection", .timeLimit(.minutes(1)))
struct ExchangeHandlerTests {
    private static let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")

    /// What is written when the connection is there, and whether it stays open.
    private static func written(
        whenOver isOver: Bool
    ) throws -> (parts: Int, isOpen: Bool) {
        let channel = EmbeddedChannel()
        let done = channel.embeddedEventLoop.makePromise(of: WebhookResponse.self)
        let handler = ExchangeHandler(head: head, body: Array("{}".utf8), done: done)
        try channel.pipeline.syncOperations.addHandler(handler)
        if isOver { done.fail(WebhookFault.timeout) }
        channel.embeddedEventLoop.run()
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        channel.embeddedEventLoop.run()
        var parts = 0
        while try channel.readOutbound(as: HTTPClientRequestPart.self) != nil { parts += 1 }
        let isOpen = channel.isActive
        if !isOver { done.fail(WebhookFault.interrupted) }
        _ = try? channel.finish()
        return (parts, isOpen)
    }

    @Test func `a connection that is there writes the request, and one that is there too late writes nothing`() throws {
        let inTime = try Self.written(whenOver: false)
        #expect(inTime.parts == 3 && inTime.isOpen)
        let late = try Self.written(whenOver: true)
        #expect(late.parts == 0 && !late.isOpen)
    }
}
