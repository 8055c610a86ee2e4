import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server on loopback that answers as a test says, byte by byte, and remembers what it was sent.
final class ScriptedServer: Sendable {
    /// What it does when a request is there.
    enum Script: Sendable {
        /// Writes this and closes.
        case answer(String)
        /// Writes this and leaves the connection open.
        case part(String)
        /// Says nothing.
        case hang
        /// A byte of this each 20 ms.
        case dribble(String)
        /// A head and so many bytes.
        case bytes(head: String, count: Int)
        /// Ends the connection by a reset.
        case reset
    }

    let port: Int
    private let channel: any Channel
    private let seen: Mutex<[String]>

    /// The requests, whole.
    var requests: [String] { seen.withLock { $0 } }

    private init(_ channel: any Channel, _ seen: Box) {
        self.channel = channel
        port = channel.localAddress?.port ?? 0
        self.seen = Mutex([])
        seen.server.withLock { $0 = self }
    }

    /// Lets a connection's handler find the server that is made after it.
    final class Box: Sendable { let server = Mutex<ScriptedServer?>(nil) }

    fileprivate func note(_ request: String) { seen.withLock { $0.append(request) } }

    /// Runs with a server, and ends it.
    static func with<Value>(
        _ script: Script,
        isSecure: Bool = false,
        _ body: (ScriptedServer) async throws -> Value
    ) async throws -> Value {
        let box = Box()
        let tls = try isSecure ? TestCertificate.context() : nil
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(Handler(script, box))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = ScriptedServer(channel, box)
        defer { box.server.withLock { $0 = nil } }
        let value: Value
        do { value = try await body(server) } catch {
            try await channel.close()
            throw error
        }
        try await channel.close()
        return value
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let script: Script
        private let box: Box
        private var received = ""
        private var isDone = false

        init(_ script: Script, _ box: Box) {
            self.script = script
            self.box = box
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += String(buffer: unwrapInboundIn(data))
            guard !isDone, let end = received.firstRange(of: "\r\n\r\n") else { return }
            let length = received.firstMatch(of: /content-length: ([0-9]+)/).flatMap { Int($0.1) } ?? 0
            guard received[end.upperBound...].utf8.count >= length else { return }
            isDone = true
            box.server.withLock { $0 }?.note(received)
            run(context)
        }

        private func run(_ context: ChannelHandlerContext) {
            let channel = context.channel
            switch script {
            case .hang: break
            case .part(let text): channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
            case .answer(let text):
                channel.writeAndFlush(ByteBuffer(string: text)).whenComplete { _ in channel.close(promise: nil) }
            case .bytes(let head, let count):
                channel.write(ByteBuffer(string: head), promise: nil)
                channel.writeAndFlush(ByteBuffer(repeating: 0x20, count: count), promise: nil)
            case .reset:
                guard let socket = channel as? any SocketOptionProvider else { return }
                socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in channel.close(promise: nil) }
            case .dribble(let text):
                let bytes = Mutex(Array(text.utf8)[...])
                channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(20)) { task in
                    guard let byte = bytes.withLock({ $0.popFirst() }) else { return task.cancel() }
                    channel.writeAndFlush(ByteBuffer(bytes: [byte]), promise: nil)
                }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

/// A certificate of its own authority for `hooks.example.test`, made for these tests alone.
enum TestCertificate {
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBrzCCAVagAwIBAgIUDSVYMFJOjItsyoXWnequou9D/rMwCgYIKoZIzj0EAwIw
        HTEbMBkGA1UEAwwSaG9va3MuZXhhbXBsZS50ZXN0MCAXDTI2MTEyMzEyMDIzNFoY
        DzIxMjYxMDMwMTIwMjM0WjAdMRswGQYDVQQDDBJob29rcy5leGFtcGxlLnRlc3Qw
        WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASFdgaDcMqqnFJNQ4zq9y0ZnTR8h8lM
        K1xg52g/RE1hhHFNFqjM6OJl2614uSoquh3qkc3uUotcE5ylL4d76hdso3IwcDAd
        BgNVHQ4EFgQUnlruCgACyqtquoOx36RwyuMmCeEwHwYDVR0jBBgwFoAUnlruCgAC
        yqtquoOx36RwyuMmCeEwHQYDVR0RBBYwFIISaG9va3MuZXhhbXBsZS50ZXN0MA8G
        A1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgT9gaWhr3bWdwOLakpUG9
        Q01dAQGs0eAFp2jNgqRUU+UCID+ogwWTS9QkQ+ntHFqwmxIavbKelK0diUU8aYeA
        8omC
        -----END CERTIFICATE-----
        """

    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgXAcsMaR0GXV3qwBF
        ZuDWj1VqB07Uv9h5unaoNoxFGOahRANCAASFdgaDcMqqnFJNQ4zq9y0ZnTR8h8lM
        K1xg52g/RE1hhHFNFqjM6OJl2614uSoquh3qkc3uUotcE5ylL4d76hds
        -----END PRIVATE KEY-----
        """

    static func context() throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map {
            NIOSSLCertificateSource.certificate($0)
        }
        let key = try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)
        return try NIOSSLContext(
            configuration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
        )
    }
}
