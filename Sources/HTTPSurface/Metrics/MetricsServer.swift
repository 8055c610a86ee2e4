import Gateway
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// The listener for Prometheus: `GET /metrics` and nothing else, on an address of its own.
///
/// It asks for no key: who reaches the address may read. So it is for loopback or a private network, and off where it is not set.
public struct MetricsServer: Service {
    private let application: Application<RouterResponder<BasicRequestContext>>
    private let address: Server.Address

    /// Assembles a listener.
    ///
    /// - Parameters:
    ///   - metrics: what the instruments are kept in.
    ///   - sources: what is read when somebody asks, at most every two seconds.
    ///   - onRunning: called with the port once connections are taken.
    public init(
        address: Server.Address,
        metrics: PrometheusMetrics,
        sources: [any MetricSource],
        logger: Logger,
        onRunning: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.init(
            address: address,
            page: MetricsPage(metrics, sources: sources, logger: logger),
            logger: logger,
            onRunning: onRunning
        )
    }

    init(
        address: Server.Address,
        page: MetricsPage,
        logger: Logger,
        onRunning: @escaping @Sendable (Int) async -> Void
    ) {
        self.address = address
        // Prometheus asks four times a minute: at info that would be most of the log.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .notice)
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: ErrorBoundary(logger: quiet))
        router.get("metrics") { _, _ in
            Response(
                status: .ok,
                headers: [.contentType: PrometheusText.contentType],
                body: .init(byteBuffer: ByteBuffer(string: await page.text()))
            )
        }
        application = Application(
            responder: router.buildResponder(),
            server: .http1(configuration: .init(idleTimeout: .seconds(120))),
            configuration: .init(address: .hostname(address.host, port: address.port), serverName: nil),
            onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? address.port) },
            logger: quiet
        )
    }

    /// Serves until graceful shutdown.
    ///
    /// - Throws: `CannotListen` if the address cannot be had.
    public func run() async throws {
        do {
            try await application.run()
        } catch let error as IOError {
            throw CannotListen(address: address, errnoCode: error.errnoCode)
        }
    }

    /// The address of the metrics cannot be had.
    public struct CannotListen: Error {
        /// Which.
        public let address: Server.Address
        /// Why, as the system numbers it.
        public let errnoCode: Int32
    }
}
