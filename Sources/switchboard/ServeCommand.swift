import ArgumentParser
import CPlatform
import Foundation
import Gateway
import Handlers
import HTTPSurface
import Handlers
import Logging
import NIOCore
import ServiceLifecycle
import Storage
import Telegram
import UnixSignals

/// The command `switchboard serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the server: it takes webhooks until SIGTERM or SIGINT.",
        discussion: """
            Telegram must reach the public URL over https, on port 443, 80, 88 or 8443: put a TLS proxy in front that passes /telegram/ on to the
            listening address. http is taken only where both the public URL and the Bot API are on loopback.

            Beside that it keeps the bots' webhooks in order, at most \(BotTurns.perMinute) bots a minute: those set for another public URL or
            whose last try failed first, every bot once a day. A revoked token, and a webhook that another program has set, are told
            by `bot list` and in the log. Raw updates that are older than their business's retention are let go in small steps.

            Examples:
              switchboard serve --data ./data --public-url https://bots.example.com
              switchboard serve --config /etc/switchboard.yaml --log-format json
              switchboard serve --data ./data --metrics-listen 127.0.0.1:9464
            """
    )

    @Option(help: "Where to listen, host:port (default: 127.0.0.1:8080).") var listen: String?
    @Option(name: .customLong("public-url"), help: "Where Telegram reaches the server (default: as recorded).")
    var publicURL: String?
    @Option(name: .customLong("bot-api"), help: "The Bot API's URL (default: https://api.telegram.org).") var botAPI:
        String?
    @Option(help: "A file with the master key (default: master.key in the data directory).") var masterKeyFile: String?
    @Option(help: "trace, debug, info, notice, warning, error or critical (default: info).") var logLevel: String?
    @Option(help: "text or json (default: text).") var logFormat: String?
    @Option(help: "Where Prometheus finds /metrics, host:port (default: nowhere).") var metricsListen: String?
    @Option(help: "How many businesses have metrics of their own (default: 100).") var metricsBusinesses: String?
    @OptionGroup var options: CommonOptions

    mutating func run() async throws {
        let settings = try await options.settings([
            .listen: listen, .publicURL: publicURL, .botAPI: botAPI, .masterKeyFile: masterKeyFile, .logLevel: logLevel,
            .logFormat: logFormat, .metricsListen: metricsListen, .metricsBusinesses: metricsBusinesses,
        ])
        LineLogHandler.bootstrap(level: settings.logLevel, format: settings.logFormat)
        try await ServerProcess(settings).run()
    }
}

/// The server put together: the composition root of `serve` and `demo`.
struct ServerProcess {
    /// Requests in hand get this long after SIGTERM; then connections are cut.
    private static let gracefulShutdown = Duration.seconds(10)
    private static let cancellation = Duration.seconds(5)

    private let settings: Settings
    private let logger = Logger(label: "switchboard")
    private let metrics: ServerMetrics

    init(_ settings: Settings) {
        self.settings = settings
        metrics = ServerMetrics(settings)
    }

    /// Checks everything that can be wrong before it listens, then serves until it is told to stop.
    func run() async throws {
        Self.keepHeap()
        platform_raise_file_limit()
        let directory = DataDirectory(settings.data)
        try directory.check()
        guard directory.isInitialised else { throw StoreError.notInitialised(directory.path) }
        _ = try settings.masterKey(in: directory.masterKey)
        let lock = try ServerLock(directory)
        let store = try await SQLiteStore(directory, .migrate, instruments: metrics.instruments.writes)
        do {
            let sealer = try await CommandContext.sealer(settings, directory, store)
            let address = try await recordAddress(store)
            try await CommandContext.withTelegram(address.botAPI, connections: SendingLimits.out) { telegram in
                let sender = OutboxSender(
                    store: store,
                    telegram: telegram,
                    files: FilesFolders(directory: directory.path),
                    sealer: sealer,
                    clock: ContinuousClock(),
                    logger: logger,
                    instruments: metrics.instruments.outbox
                )
                try await BotCommand.withWebhooks(store, sealer, address) {
                    try await serve(store, address, sender, $0)
                }
            }
        } catch {
            try? await store.close()
            throw Self.words(error, listen: settings.listen)
        }
        try await store.close()
        logger.notice("stopped")
        withExtendedLifetime(lock) {}
    }

    private func recordAddress(_ store: SQLiteStore) async throws -> ServerAddress {
        let recorded = try await store.serverAddress()
        guard let publicURL = settings.publicURL ?? recorded?.publicURL else {
            throw Failure(
                .usage,
                "SWITCHBOARD_PUBLIC_URL (--public-url) is needed: where Telegram reaches this server, https://…"
            )
        }
        // The Bot API is a setting of its own: leaving it out means Telegram's, not the last one used.
        let botAPI = settings.botAPI ?? (settings.publicURL == nil ? recorded?.botAPI : nil) ?? BotAPI.hosted
        let address = ServerAddress(publicURL: try PublicURL(publicURL.text, botAPI: botAPI), botAPI: botAPI)
        if address != recorded { try await store.record(address) }
        return address
    }

    private func serve(
        _ store: SQLiteStore,
        _ address: ServerAddress,
        _ sender: OutboxSender<ContinuousClock>,
        _ webhooks: BotWebhooks
    ) async throws {
        let registry = Registry()
        try await registry.refresh(from: store)
        let server = Server(
            address: settings.listen,
            registry: registry,
            intake: Intake(inbox: store),
            condition: store,
            logger: logger,
            instruments: metrics.instruments.webhooks,
            onRunning: { [logger, settings] port in
                logger.notice(
                    "serving",
                    metadata: [
                        LogKeys.address: "\(settings.listen.host)", LogKeys.port: "\(port)",
                        LogKeys.bots: "\(registry.count)",
                        "public_url": "\(address.publicURL)",
                    ]
                )
            }
        )
        let reconciler = WebhookReconciler(
            webhooks,
            clock: ContinuousClock(),
            logger: logger,
            instruments: metrics.instruments.telegram
        )
        let webhookClient = try WebhookClient(rules: settings.webhookRules)
        defer { webhookClient.shutdown() }
        let gate = WebhookGate()
        let desk = WebhookDesk(
            directory: store,
            caller: webhookClient,
            reader: AnswerReader(),
            sealer: webhooks.sealer,
            gate: gate
        )
        // What stands first is stopped last: the metrics are there while the rest ends.
        var configuration = ServiceGroupConfiguration(
            services: metrics.services(for: store, DataDirectory(settings.data), logger) + [
                RegistryRefresher(registry: registry, source: store, logger: logger),
                reconciler,
                ConnectionLookup(
                    store: store,
                    telegram: webhooks.telegram,
                    sealer: webhooks.sealer,
                    clock: ContinuousClock(),
                    logger: logger
                ),
                RetentionService(Retention(store: store), clock: ContinuousClock(), logger: logger),
                DeliverySender(
                    store: store,
                    caller: webhookClient,
                    sealer: webhooks.sealer,
                    gate: gate,
                    clock: ContinuousClock(),
                    logger: logger
                ),
                sender,
                Dispatcher(
                    store: store,
                    reading: PipelineFile(),
                    webhooks: .init(desk: desk, reading: AnswerReader()),
                    clock: ContinuousClock(),
                    logger: logger,
                    instruments: metrics.instruments.lanes
                ),
                server,
            ],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        configuration.maximumGracefulShutdownDuration = Self.gracefulShutdown
        configuration.maximumCancellationDuration = Self.cancellation
        try await ServiceGroup(configuration: configuration).run()
    }

    /// What the network says when it cannot be listened on, in words.
    static func words(_ error: any Error, listen: Server.Address) -> any Error {
        switch error {
        case let error as IOError: cannotListen(listen, error.errnoCode, flag: "--listen")
        case let error as MetricsServer.CannotListen:
            cannotListen(error.address, error.errnoCode, flag: "--metrics-listen")
        default: error
        }
    }

    private static func cannotListen(_ address: Server.Address, _ code: Int32, flag: String) -> Failure {
        let why =
            switch code {
            case EADDRINUSE: "another program listens there"
            case EACCES, EPERM: "this user may not listen there"
            case EADDRNOTAVAIL: "this machine has no such address"
            default: String(cString: strerror(code))
            }
        return Failure(.failed, "cannot listen on \(address): \(why); choose another with \(flag)")
    }

    /// Keeps freed memory instead of giving it back with every burst.
    ///
    /// **Source:** measured: it took a third off the CPU of a request. The limits are of this process only.
    private static func keepHeap() {
        #if os(Linux)
        mallopt(M_TRIM_THRESHOLD, 256 << 20)
        mallopt(M_TOP_PAD, 4 << 20)
        #endif
    }
}
