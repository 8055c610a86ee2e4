import Gateway
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import ServiceLifecycle
import Synchronization

/// The HTTP server: the lane of the webhooks and the router behind it, on one port.
public struct Server: Service {
    /// Where it listens.
    public struct Address: Hashable, Sendable, CustomStringConvertible {
        /// A host name or an IP address.
        public var host: String
        /// The port; 0 lets the system choose.
        public var port: Int

        /// Makes an address.
        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// Reads `host:port`; an IPv6 address stands in brackets.
        ///
        /// Nil for anything else.
        public init?(_ text: String) {
            guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
                (0...65_535).contains(port)
            else { return nil }
            var host = String(text[..<colon])
            if host.hasPrefix("["), host.hasSuffix("]") {
                host = String(host.dropFirst().dropLast())
            } else if host.contains(":") {
                return nil
            }
            guard !host.isEmpty else { return nil }
            self.init(host: host, port: port)
        }

        /// `host:port`.
        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    private let application: Application<RouterResponder<BasicRequestContext>>

    /// Assembles a server.
    ///
    /// - Parameters:
    ///   - instruments: what counts the requests of the webhooks' lane.
    ///   - onRunning: called with the port once connections are taken.
    public init(
        address: Address,
        registry: Registry,
        intake: Intake,
        condition: any StoreCondition,
        logger: Logger,
        instruments: WebhookInstruments = Instruments.none.webhooks,
        now: @escaping @Sendable () -> Timestamp = Timestamp.now,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.init(
            address: address,
            registry: registry,
            intake: intake,
            condition: condition,
            logger: logger,
            limits: .init(),
            instruments: instruments,
            now: now,
            onRunning: onRunning
        )
    }

    init(
        address: Address,
        registry: Registry,
        intake: Intake,
        condition: any StoreCondition,
        logger: Logger,
        limits: ConnectionClock.Limits,
        instruments: WebhookInstruments,
        now: @escaping @Sendable () -> Timestamp,
        onRunning: @escaping @Sendable (Int) async -> Void
    ) {
        let log = WebhookLog(logger: logger)
        let shared = LaneShared(
            registry: registry,
            intake: intake,
            log: log,
            limits: limits,
            instruments: instruments,
            now: now
        )
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: ErrorBoundary(logger: logger))
        Health(readiness: Readiness(condition: condition)).addRoutes(to: router)
        // The framework tells of its own life at info; what an operator needs of that is told by `onRunning`.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .notice)
        application = Application(
            responder: router.buildResponder(),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [LaneInstaller(shared: shared)],
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16 << 10,
                        maxHeaderListSize: 32 << 10,
                        maxHeaderFieldCount: 100
                    )
                )
            ),
            configuration: .init(address: .hostname(address.host, port: address.port), serverName: nil, backlog: 1024),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? address.port) },
            logger: quiet
        )
    }

    /// Serves until graceful shutdown; then requests in hand are finished, and no new ones taken.
    public func run() async throws { try await application.run() }
}
