import Foundation
import Gateway
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization
import Telegram
import Testing

@testable import HTTPSurface
@testable import Storage

/// The real server on a loopback port, over a real database, with one business and one bot.
struct LiveServer: Sendable {
    let port: Int
    /// Where the metrics are.
    let metricsPort: Int
    let store: SQLiteStore
    let registry: Registry
    let business: Business
    let bot: Bot
    let secret: WebhookSecret
    let logs: LogLines
    private let services: ServiceGroup

    /// The path of the bot's webhook.
    var path: String { "/telegram/\(bot.hook)" }

    /// Runs a server while the body runs, then stops it and removes the database.
    static func with(
        limits: ConnectionClock.Limits = .init(),
        _ body: @escaping @Sendable (LiveServer) async throws -> Void
    ) async throws {
        let directory = DataDirectory(NSTemporaryDirectory() + "switchboard-surface-\(UUID().uuidString)")
        try directory.create()
        defer { try? FileManager.default.removeItem(atPath: directory.path) }
        let metrics = PrometheusMetrics()
        let instruments = Instruments(metrics, businesses: 10)
        let store = try await SQLiteStore(directory, .create, instruments: instruments.writes)
        let business = try await store.addBusiness(name: "Maier", slug: try Slug("maier"), at: .now())
        let secret = WebhookSecret(RandomText.base64URL(bytes: 32))
        let bot = try await store.addBot(draft(business, secret)) { id in
            let sealer = Sealer(key: MasterKey())
            let token = try BotToken("123456:" + String(repeating: "A", count: 35))
            return SealedCredentials(
                token: try sealer.seal(token, for: id, version: 1),
                secret: try sealer.seal(secret, for: id, version: 1)
            )
        }
        let registry = Registry()
        try await registry.refresh(from: store)
        let logs = LogLines()
        let logger = Logger(label: "test") { _ in CapturingHandler(lines: logs) }
        let (ports, port) = AsyncStream<Int>.makeStream()
        let (metricsPorts, metricsPort) = AsyncStream<Int>.makeStream()
        let server = Server(
            address: .init(host: "127.0.0.1", port: 0),
            registry: registry,
            intake: Intake(inbox: store),
            condition: store,
            logger: logger,
            limits: limits,
            instruments: instruments.webhooks,
            now: Timestamp.now,
            onRunning: { port.yield($0) }
        )
        let sources: [any MetricSource] = [
            ProcessSource(version: "0.0.0-test"), WriteBacklogSource(store), StoreFilesSource(directory),
            StoreTablesSource(store),
        ]
        let metricsServer = MetricsServer(
            address: .init(host: "127.0.0.1", port: 0),
            page: MetricsPage(metrics, sources: sources, freshness: .zero, logger: logger),
            logger: logger,
            onRunning: { metricsPort.yield($0) }
        )
        let services = ServiceGroup(
            services: [metricsServer, server],
            logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            let listening = await metricsPorts.first { _ in true }
            for await bound in ports {
                let live = LiveServer(
                    port: bound,
                    metricsPort: try #require(listening),
                    store: store,
                    registry: registry,
                    business: business,
                    bot: bot,
                    secret: secret,
                    logs: logs,
                    services: services
                )
                try await body(live)
                break
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
        try await store.close()
    }

    private static func draft(_ business: Business, _ secret: WebhookSecret) -> BotDraft {
        BotDraft(
            businessID: business.id,
            telegramID: 123_456,
            username: "maier_bot",
            name: "Maier",
            hook: RandomText.base64URL(bytes: 24),
            secretDigest: SecretDigest(of: secret),
            createdAt: .now()
        )
    }

    /// Begins to stop the server.
    func stop() async { await services.triggerGracefulShutdown() }

    /// The head of a webhook request.
    func head(_ headers: [String] = [], length: Int? = nil, path: String? = nil, method: String = "POST") -> String {
        var lines = ["\(method) \(path ?? self.path) HTTP/1.1", "Host: 127.0.0.1"]
        if !headers.contains(where: { $0.hasPrefix("X-Telegram") }) {
            lines.append("X-Telegram-Bot-Api-Secret-Token: \(secret.reveal())")
        }
        if let length { lines.append("Content-Length: \(length)") }
        return (lines + headers.filter { !$0.hasSuffix(": ") }).joined(separator: "\r\n") + "\r\n\r\n"
    }

    /// A whole webhook request.
    func request(_ body: String, _ headers: [String] = []) -> String {
        head(headers, length: body.utf8.count) + body
    }

    /// A text message as Telegram posts it.
    static func update(_ number: Int, text: String = "Guten Tag", chat: Int = 77) -> String {
        """
        {"update_id":\(number),\n"message":{"message_id":\(number),"from":{"id":\(chat),"is_bot":false,"first_name":"Anna"},\
        "chat":{"id":\(chat),"first_name":"Anna","type":"private"},"date":1700000000,"text":"\(text)"}}
        """
    }

    /// The texts that are stored, in the order of arrival.
    func storedTexts() async throws -> [String] {
        var texts: [(Int64, String)] = []
        for conversation in try await store.conversations(of: business.id, matching: .init(), page: Page()).elements {
            let slice = try await store.messages(
                of: conversation.id,
                business: business.id,
                page: Page(.after(0), limit: 200),
                raw: false
            )
            texts += slice.elements.map { ($0.id.rawValue, $0.text ?? "") }
        }
        return texts.sorted { $0.0 < $1.0 }.map(\.1)
    }

    /// The marks of what is kept but not understood.
    func marks() async throws -> [UpdateMark] {
        try await store.keptUpdates(of: business.id, page: Page()).elements.map(\.mark)
    }

    /// Holds the one writer until the closure that is handed to the body is called.
    func holdingTheWriter(
        _ body: @escaping @Sendable (_ release: @escaping @Sendable () -> Void) async throws -> Void
    ) async throws {
        let held = DispatchSemaphore(value: 0)
        let (entered, enter) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await store.write { _ in
                    enter.yield()
                    held.wait()
                }
            }
            for await _ in entered { break }
            // A failed expectation shall not leave the writer held.
            defer { held.signal() }
            try await body { held.signal() }
        }
    }
}

/// The lines that were logged, with their metadata.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func add(_ line: String) { lines.withLock { $0.append(line) } }
}

struct CapturingHandler: LogHandler {
    let lines: LogLines
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    init(lines: LogLines) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let facts = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        lines.add("\(event.level) \(event.message) " + facts.map { "\($0.key)=\($0.value)" }.joined(separator: " "))
    }
}

/// One connection, byte for byte.
struct RawClient: ~Copyable {
    /// What came back.
    struct Answer: Equatable {
        var status: Int
        var headers: [String: String]
        var body: String
    }

    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private var unread = ""
    private let channel: any Channel

    private init(
        _ channel: any Channel,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>
    ) {
        self.channel = channel
        self.outbound = outbound
        self.inbound = inbound.makeAsyncIterator()
    }

    /// Connects, runs the body, and closes.
    static func connected(to port: Int, _ body: (inout RawClient) async throws -> Void) async throws {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true)
                    )
                }
            }
        try await channel.executeThenClose { inbound, outbound in
            var client = RawClient(channel.channel, outbound, inbound)
            try await body(&client)
        }
    }

    func send(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

    /// Ends our side; the other may still speak.
    func finishSending() { outbound.finish() }

    /// The next answer; nil if the server closes before a whole one.
    mutating func answer() async throws -> Answer? {
        while true {
            if let answer = takeAnswer() { return answer }
            guard let bytes = try await inbound.next() else { return nil }
            unread += String(buffer: bytes)
        }
    }

    /// Whether the server closes the connection without another byte.
    mutating func isClosed() async throws -> Bool {
        guard unread.isEmpty else { return false }
        do { return try await inbound.next() == nil } catch { return true }
    }

    private mutating func takeAnswer() -> Answer? {
        guard let end = unread.range(of: "\r\n\r\n") else { return nil }
        let lines = unread[..<end.lowerBound].components(separatedBy: "\r\n")
        let pairs = lines.dropFirst().compactMap { line -> (String, String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
        }
        let headers = Dictionary(pairs) { first, _ in first }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        guard unread[end.upperBound...].utf8.count >= length else { return nil }
        let bodyEnd = unread.utf8.index(end.upperBound, offsetBy: length)
        let body = String(unread[end.upperBound..<bodyEnd])
        let status = Int(lines[0].split(separator: " ")[1]) ?? 0
        unread = String(unread[bodyEnd...])
        return Answer(status: status, headers: headers, body: body)
    }
}
