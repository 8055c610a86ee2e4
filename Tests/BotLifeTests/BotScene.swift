import AsyncHTTPClient
import Foundation
import GRDB
import HTTPSurface
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Simulator
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Storage

/// All tests of a bot's life run one after the other: each has a server, a simulator and a database.
@Suite("The life of a bot", .serialized, .timeLimit(.minutes(2)))
struct BotLifeTests {}

/// The simulated Telegram, the real server, a real database, and a business.
struct BotScene: Sendable {
    let telegram: SimulatedTelegram
    let directory: DataDirectory
    let store: SQLiteStore
    let sealer: Sealer
    let clock: HandClock
    let client: HTTPClient
    let botAPI: String
    let server: String
    let registry: Registry
    let business: Business

    private static let noon = Timestamp(milliseconds: 1_795_435_200_000)
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Runs everything on free ports while the body runs.
    static func with(_ body: @escaping @Sendable (BotScene) async throws -> Void) async throws {
        let directory = DataDirectory(NSTemporaryDirectory() + "switchboard-life-\(UUID().uuidString)")
        try directory.create()
        defer { try? FileManager.default.removeItem(atPath: directory.path) }
        let store = try await SQLiteStore(directory, .create)
        let client = BotAPI.makeClient()
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await run(directory, store, client, body))
        } catch {
            outcome = .failure(error)
        }
        try await client.shutdown()
        try await store.close()
        try outcome.get()
    }

    private static func run(
        _ directory: DataDirectory,
        _ store: SQLiteStore,
        _ client: HTTPClient,
        _ body: @escaping @Sendable (BotScene) async throws -> Void
    ) async throws {
        let clock = HandClock()
        let telegram = SimulatedTelegram(
            clock: clock,
            now: { noon.milliseconds / 1000 + clock.now.offset.components.seconds },
            seed: 11
        )
        let registry = Registry()
        let (ports, port) = AsyncStream<Int>.makeStream()
        let simulator = SimulatorServer(telegram)
        let server = Server(
            address: .init(host: "127.0.0.1", port: 0),
            registry: registry,
            intake: Intake(inbox: store),
            condition: store,
            logger: silent,
            now: { noon.advanced(by: clock.now.offset) },
            onRunning: { port.yield($0) }
        )
        let services = ServiceGroup(services: [simulator, server], logger: silent)
        let business = try await store.addBusiness(name: "Maier", slug: try Slug("maier"), at: noon)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            let listening = try #require(await ports.first { _ in true })
            let scene = BotScene(
                telegram: telegram,
                directory: directory,
                store: store,
                sealer: Sealer(key: MasterKey()),
                clock: clock,
                client: client,
                botAPI: "http://127.0.0.1:\(try await simulator.boundPort())",
                server: "http://127.0.0.1:\(listening)",
                registry: registry,
                business: business
            )
            do {
                try await body(scene)
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }

    var now: Timestamp { Self.noon.advanced(by: clock.now.offset) }

    var api: BotAPI { BotAPI(client: client, base: botAPI) }

    /// The care for webhooks; waiting moves the clock.
    var webhooks: BotWebhooks { webhooks() }

    /// See `webhooks`, for a server at another address, or without a Telegram.
    func webhooks(at publicURL: String? = nil, telegram base: String? = nil) -> BotWebhooks {
        BotWebhooks(
            store: store,
            telegram: BotAPI(client: client, base: base ?? botAPI),
            sealer: sealer,
            publicURL: PublicURL(recorded: publicURL ?? server),
            now: { now },
            pause: { clock.advance(by: $0) }
        )
    }

    /// Nobody listens there.
    static let nowhere = "http://127.0.0.1:1"

    /// A bot as BotFather makes it.
    func make(_ name: String = "maier") throws -> SimulatedBot {
        try telegram.addBot(name: name, username: "\(name)_bot")
    }

    /// A bot that is registered with the business.
    func register(_ name: String = "maier") async throws -> (bot: Bot, token: BotToken) {
        let token = try make(name).token
        let bot = try await BotRegistration(webhooks).add(token, to: business)
        try await registry.refresh(from: store)
        // Telegram takes one setting of a webhook a second.
        clock.advance(by: .seconds(2))
        return (bot, token)
    }

    /// What Telegram has as the webhook.
    func webhookURL(_ token: BotToken) async throws -> String {
        try await api.getWebhookInfo(token: token).settings.url
    }

    /// Lets another program set its own webhook with the token.
    func takeOver(_ token: BotToken, at url: String = "http://127.0.0.1:9/theirs/secret-path") async throws {
        let settings = WebhookSettings(url: url, maxConnections: 40, allowedUpdates: ["message"])
        try await api.setWebhook(settings, secret: WebhookSecret("theirs"), token: token)
        clock.advance(by: .seconds(2))
    }

    /// The secret that a bot's webhook has.
    func secret(of bot: Bot) async throws -> WebhookSecret {
        try sealer.openSecret(try await store.credentials(of: bot.id).secret, of: bot.id)
    }

    /// Delivers an update with that secret to the running server; gives the status.
    func deliver(_ number: Int, to bot: Bot, secret: WebhookSecret) async throws -> Int {
        try await registry.refresh(from: store)
        var request = HTTPClientRequest(url: "\(server)/telegram/\(bot.hook)")
        request.method = .POST
        request.headers.add(name: "X-Telegram-Bot-Api-Secret-Token", value: secret.reveal())
        let person = #"{"id":77,"is_bot":false,"first_name":"Anna"}"#
        let chat = #"{"id":77,"type":"private","first_name":"Anna"}"#
        request.body = .bytes(
            ByteBuffer(
                string: """
                    {"update_id":\(number),
                    "message":{"message_id":\(number),"from":\(person),"chat":\(chat),"date":1795435200,"text":"hello \(number)"}}
                    """
            )
        )
        return Int(try await client.execute(request, timeout: .seconds(20)).status.code)
    }

    /// The value that a query gives first.
    func value<Value: DatabaseValueConvertible & Sendable>(_ type: Value.Type, _ sql: String) async throws -> Value? {
        try await store.pool.read { try Value.fetchOne($0, sql: sql) }
    }

    func bot(_ id: BotID) async throws -> Bot { try await store.bot(named: id.description) }
}
