import Foundation
import Gateway
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Calls handlers over HTTP/1.1, a connection for each call.
///
/// The name of the URL is resolved at each call, all addresses are checked, and the connection goes to one of these very addresses, with the name
/// kept for TLS and `Host`: what the name says a moment later does not matter. Proxies of the environment are not asked.
public final class WebhookClient: WebhookCaller {
    /// Finds the addresses of a name; called off the event loop, may block.
    public typealias Lookup = @Sendable (_ host: String) throws -> [IPAddress]

    /// If a name has several addresses, the first ones get this long to take a connection.
    private static let firstConnect = TimeAmount.seconds(3)

    private let rules: WebhookRules
    private let tls: NIOSSLContext
    private let names: NameLookups
    private let group: MultiThreadedEventLoopGroup = .singleton

    /// Makes a client; `shutdown` ends it.
    ///
    /// - Parameters:
    ///   - rules: what may be called.
    ///   - authorities: PEM certificates to trust beside those of the system.
    ///   - lookup: the system's by itself.
    /// - Throws: an error of NIOSSL for what is no certificate.
    public init(
        rules: WebhookRules,
        authorities: [UInt8]? = nil,
        lookup: @escaping Lookup = WebhookClient.addresses
    ) throws {
        self.rules = rules
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if let authorities {
            configuration.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMBytes(authorities))]
        }
        tls = try NIOSSLContext(configuration: configuration)
        names = NameLookups(lookup)
    }

    /// Ends the client; a lookup that hangs is not waited for.
    public func shutdown() { names.shutdown() }

    /// See `WebhookCaller`.
    public func call(_ request: WebhookRequest) async -> Result<WebhookResponse, WebhookFault> {
        let url: WebhookURL
        do throws(WebhookURL.Fault) { url = try WebhookURL(request.url) } catch {
            return .failure(.refused("its URL cannot be used: \(error)"))
        }
        if let objection = rules.objection(to: url) { return .failure(.refused(objection)) }
        let loop = group.next()
        let done = loop.makePromise(of: WebhookResponse.self)
        let outcome: Result<WebhookResponse, any Error> = await withTaskCancellationHandler {
            begin(request, url, done, loop)
            do { return .success(try await done.futureResult.get()) } catch { return .failure(error) }
        } onCancel: {
            done.fail(WebhookFault.interrupted)
        }
        return outcome.mapError { $0 as? WebhookFault ?? .unreachable("it failed") }
    }

    /// Whatever ends the call first counts; a promise that is kept already stays as it is.
    private func begin(
        _ request: WebhookRequest,
        _ url: WebhookURL,
        _ done: EventLoopPromise<WebhookResponse>,
        _ loop: any EventLoop
    ) {
        let deadline = NIODeadline.now() + TimeAmount(request.timeout)
        let timer = loop.scheduleTask(deadline: deadline) { done.fail(WebhookFault.timeout) }
        done.futureResult.whenComplete { _ in timer.cancel() }
        let exchange = Exchange(request: request, url: url, done: done, loop: loop, deadline: deadline, tls: tls)
        if let address = url.address { return exchange.connect([address]) }
        names.find(url.host, for: request.business, before: deadline, on: loop) { [rules] result in
            switch result {
            case .failure(let error): done.fail(error as? WebhookFault ?? WebhookFault.unresolved(url.host))
            case .success(let addresses) where addresses.isEmpty: done.fail(WebhookFault.unresolved(url.host))
            case .success(let addresses):
                if let objection = rules.objection(to: url, at: addresses) {
                    done.fail(WebhookFault.refused(objection))
                } else {
                    exchange.connect(addresses[...])
                }
            }
        }
    }

    /// One call under way.
    private struct Exchange: Sendable {
        let request: WebhookRequest
        let url: WebhookURL
        let done: EventLoopPromise<WebhookResponse>
        let loop: any EventLoop
        let deadline: NIODeadline
        let tls: NIOSSLContext

        /// Connects to the first of the addresses that takes it.
        func connect(_ addresses: ArraySlice<IPAddress>) {
            guard let address = addresses.first,
                let place = try? SocketAddress(packedIPAddress: ByteBuffer(bytes: address.bytes), port: url.port)
            else { return done.fail(WebhookFault.unresolved(url.host)) }
            let left = deadline - .now()
            // The lookup may have taken all the time.
            guard left > .zero else { return done.fail(WebhookFault.timeout) }
            let rest = addresses.dropFirst()
            ClientBootstrap(group: loop)
                .connectTimeout(rest.isEmpty ? left + .seconds(1) : min(left, WebhookClient.firstConnect))
                .channelInitializer { channel in channel.eventLoop.makeCompletedFuture { try prepare(channel) } }
                .connect(to: place)
                .whenComplete { result in
                    switch result {
                    case .success(let channel):
                        done.futureResult.whenComplete { _ in channel.close(mode: .all, promise: nil) }
                    case .failure where !rest.isEmpty && .now() < deadline: connect(rest)
                    case .failure(let error): done.fail(WebhookFault.unreachable(Self.words(error)))
                    }
                }
        }

        private func prepare(_ channel: any Channel) throws {
            let pipeline = channel.pipeline.syncOperations
            if url.isSecure {
                // An address is no name for SNI; its certificate is checked against it all the same.
                let name = url.address == nil ? url.host : nil
                try pipeline.addHandler(try NIOSSLClientHandler(context: tls, serverHostname: name))
            }
            try pipeline.addHTTPClientHandlers()
            try pipeline.addHandler(ExchangeHandler(head: head, body: request.body, done: done))
        }

        private var head: HTTPRequestHead {
            var headers = HTTPHeaders([
                ("host", url.authority), ("content-type", "application/json"),
                ("content-length", String(request.body.count)), ("user-agent", "Switchboard"),
                ("accept", "application/json"),
                // Nothing is unpacked here, so nothing can grow.
                ("accept-encoding", "identity"), ("connection", "close"),
            ])
            for (name, value) in request.headers { headers.add(name: name, value: value) }
            return HTTPRequestHead(version: .http1_1, method: .POST, uri: url.target, headers: headers)
        }

        private static func words(_ error: any Error) -> String {
            switch error {
            case is ChannelError: "nobody took it in time"
            case let error as IOError: String(cString: strerror(error.errnoCode)).lowercased()
            default: "the network failed"
            }
        }
    }
}

extension TimeAmount {
    fileprivate init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .nanoseconds(min(seconds, 3600) * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}

extension WebhookClient {
    /// What the system finds under a name.
    ///
    /// - Throws: `WebhookFault.unresolved`.
    public static func addresses(of host: String) throws(WebhookFault) -> [IPAddress] {
        var hints = addrinfo()
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { throw .unresolved(host) }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var next = list
        while let entry = next {
            if let address = address(entry.pointee), !found.contains(address) { found.append(address) }
            next = entry.pointee.ai_next
        }
        return found
    }

    /// The address of an entry, by its place in the structure: several modules of C declare its members, and the compiler takes now one, now
    /// another for theirs.
    ///
    /// **Source:** POSIX and RFC 3493: family and port, four bytes; of version 6 four bytes of flow; then the address.
    private static func address(_ entry: addrinfo) -> IPAddress? {
        guard let socket = UnsafeRawPointer(entry.ai_addr) else { return nil }
        switch entry.ai_family {
        case AF_INET: return IPAddress(bytes: Array(UnsafeRawBufferPointer(start: socket + 4, count: 4)))
        case AF_INET6: return IPAddress(bytes: Array(UnsafeRawBufferPointer(start: socket + 8, count: 16)))
        default: return nil
        }
    }
}
