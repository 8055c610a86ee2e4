import AsyncHTTPClient
import Foundation
import GRDB
import HTTPSurface
import Handlers
import Logging
import ServiceLifecycle
import Simulator
import Synchronization
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Storage

/// All tests of pipelines at work run one after the other: each has a server, a simulator and a database.
@Suite("Pipelines at work", .serialized, .timeLimit(.minutes(2)))
struct DispatchTests {}

/// The simulated Telegram, the real server with dispatcher and sender, a real database, and a business with a bot.
struct PipelineScene: Sendable {
    let telegram: SimulatedTelegram
    let directory: String
    let store: SQLiteStore
    let sealer: Sealer
    let clock: HandClock
    let client: HTTPClient
    let botAPI: String
    let server: String
    let registry: Registry
    let handlers: SwiftHandlers
    let shop: Shop

    /// The pace is another suite's matter.
    private static let unhurried = {
        var limits = PacingLimits()
        limits.bot = .init(count: 100_000, span: 1)
        limits.group = .init(count: 100_000, span: 1)
        limits.chatInterval = 1
        limits.chatBurst = 1000
        return limits
    }()

    /// A business, its bot, and a person who may write to it.
    struct Shop: Sendable {
        let business: Business
        let bot: Bot
        let simulated: SimulatedBot
        let anna: Person
    }

    static let noon = Timestamp(milliseconds: 1_795_435_200_000)
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Runs everything while the body runs; without `dispatches` all but dispatcher and sender.
    static func with(
        handlers: SwiftHandlers = SwiftHandlers(),
        dispatches: Bool = true,
        _ body: @escaping @Sendable (PipelineScene) async throws -> Void
    ) async throws {
        let directory = DataDirectory(NSTemporaryDirectory() + "switchboard-dispatch-\(UUID().uuidString)")
        try directory.create()
        defer { try? FileManager.default.removeItem(atPath: directory.path) }
        let store = try await SQLiteStore(directory, .create)
        let client = BotAPI.makeClient(connections: 64)
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await run(directory.path, store, client, handlers, dispatches, body))
        } catch {
            outcome = .failure(error)
        }
        try await client.shutdown()
        try await store.close()
        try outcome.get()
    }

    private static func run(
        _ directory: String,
        _ store: SQLiteStore,
        _ client: HTTPClient,
        _ handlers: SwiftHandlers,
        _ dispatches: Bool,
        _ body: @escaping @Sendable (PipelineScene) async throws -> Void
    ) async throws {
        let clock = HandClock()
        let now: @Sendable () -> Timestamp = { noon.advanced(by: clock.now.offset) }
        let telegram = SimulatedTelegram(clock: clock, now: { now().milliseconds / 1000 }, seed: 17)
        // The sender has a clock that goes; what is waited for here is not the pace.
        telegram.setFloodLimits(nil)
        let registry = Registry()
        let (ports, port) = AsyncStream<Int>.makeStream()
        let simulator = SimulatorServer(telegram)
        let server = Server(
            address: .init(host: "127.0.0.1", port: 0),
            registry: registry,
            intake: Intake(inbox: store, now: now),
            condition: store,
            logger: silent,
            now: now,
            onRunning: { port.yield($0) }
        )
        let services = ServiceGroup(services: [simulator, server], logger: silent)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            do {
                let listening = try #require(await ports.first { _ in true })
                let sealer = Sealer(key: MasterKey())
                let address = "http://127.0.0.1:\(listening)"
                let botAPI = "http://127.0.0.1:\(try await simulator.boundPort())"
                let webhooks = BotWebhooks(
                    store: store,
                    telegram: BotAPI(client: client, base: botAPI),
                    sealer: sealer,
                    publicURL: PublicURL(recorded: address),
                    now: now,
                    pause: { clock.advance(by: $0) }
                )
                let shop = try await shop("maier", telegram, webhooks, store, registry)
                let scene = PipelineScene(
                    telegram: telegram,
                    directory: directory,
                    store: store,
                    sealer: sealer,
                    clock: clock,
                    client: client,
                    botAPI: botAPI,
                    server: address,
                    registry: registry,
                    handlers: handlers,
                    shop: shop
                )
                if dispatches { try await scene.dispatching { try await body(scene) } } else { try await body(scene) }
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }

    private static func shop(
        _ slug: String,
        _ telegram: SimulatedTelegram,
        _ webhooks: BotWebhooks,
        _ store: SQLiteStore,
        _ registry: Registry
    ) async throws -> Shop {
        let business = try await store.addBusiness(name: "Shop \(slug)", slug: try Slug(slug), at: noon)
        let simulated = try telegram.addBot(name: slug, username: "\(slug)_bot")
        let bot = try await BotRegistration(webhooks).add(simulated.token, to: business)
        try await registry.refresh(from: store)
        let anna = telegram.addPerson(firstName: "Anna", lastName: "Schmidt", languageCode: "de")
        return Shop(business: business, bot: bot, simulated: simulated, anna: anna)
    }

    /// Another business with a bot.
    func addShop(_ slug: String) async throws -> Shop {
        let webhooks = BotWebhooks(
            store: store,
            telegram: BotAPI(client: client, base: botAPI),
            sealer: sealer,
            publicURL: PublicURL(recorded: server),
            now: { now },
            pause: { [clock] in clock.advance(by: $0) }
        )
        return try await Self.shop(slug, telegram, webhooks, store, registry)
    }

    var now: Timestamp { Self.noon.advanced(by: clock.now.offset) }

    /// A text of Anna with a date of its own, Unix seconds, as Telegram delivers it after an outage.
    func post(_ text: String, at date: Int64) throws {
        let anna = shop.anna
        let person: JSON = ["id": .int(anna.id), "is_bot": false, "first_name": "Anna", "language_code": "de"]
        let chat: JSON = ["id": .int(anna.id), "type": "private", "first_name": "Anna"]
        try telegram.post(
            update: "message",
            payload: ["message_id": 4000, "from": person, "chat": chat, "date": .int(date), "text": .string(text)],
            to: shop.simulated.id
        )
    }

    /// Runs dispatcher and sender while the body runs, then stops them gracefully.
    func dispatching<Value: Sendable>(
        with jobs: (any JobStore)? = nil,
        reading: (any PipelineReading)? = nil,
        pipelinesKept: Int = 2000,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let rules = WebhookRules(exceptions: [WebhookRules.Exception("127.0.0.0/8")].compactMap { $0 })
        let caller = try WebhookClient(rules: rules)
        defer { caller.shutdown() }
        let gate = WebhookGate()
        let desk = WebhookDesk(
            directory: store,
            caller: caller,
            reader: AnswerReader(),
            sealer: sealer,
            gate: gate,
            now: { now }
        )
        let deliveries = DeliverySender(
            store: store,
            caller: caller,
            sealer: sealer,
            gate: gate,
            clock: clock,
            now: { now },
            logger: Self.silent
        )
        let dispatcher = Dispatcher(
            store: jobs ?? store,
            reading: reading ?? PipelineFile(handlers: handlers),
            webhooks: .init(desk: desk, reading: AnswerReader()),
            clock: clock,
            now: { now },
            logger: Self.silent,
            pipelinesKept: pipelinesKept
        )
        let sender = OutboxSender(
            store: store,
            telegram: BotAPI(client: client, base: botAPI),
            files: FilesFolders(directory: directory),
            sealer: sealer,
            limits: Self.unhurried,
            clock: ContinuousClock(),
            now: { now },
            logger: Self.silent
        )
        let services = ServiceGroup(services: [deliveries, sender, dispatcher], logger: Self.silent)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            let value: Value
            do {
                value = try await body()
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
            return value
        }
    }

    /// Makes a text the pipeline of a business, as the command does.
    func use(_ pipeline: String, of other: Shop? = nil) async throws {
        let calls = try PipelineFile(handlers: handlers).pipeline(pipeline).webhooks
        _ = try await store.setPipeline(pipeline, calling: calls, of: (other ?? shop).business.id, at: now)
        try await registry.refresh(from: store)
    }

    /// A person writes to the bot.
    func say(_ text: String, from person: Person? = nil, to other: Shop? = nil) throws {
        let shop = other ?? self.shop
        try telegram.say(text, from: person ?? shop.anna, to: shop.simulated.id)
    }

    /// Returns when everything written has arrived, every job is done, and all that came of it is sent.
    func settle() async throws {
        try await telegram.drained()
        try await until {
            let open = try await count("raw_update", "state = 'open'")
            let waiting = try await count("outbox")
            return open + waiting == 0
        }
    }

    /// Returns when the condition holds: it is asked again with every commit.
    func until(_ condition: @Sendable () async throws -> Bool) async throws {
        let changes = store.commitFeed.listen()
        if try await condition() { return }
        for await _ in changes { if try await condition() { return } }
    }

    func count(_ table: String, _ condition: String = "true") async throws -> Int {
        try await store.pool.read {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table) WHERE \(condition)") ?? -1
        }
    }

    /// What a person sees of the bot, the first first.
    func seen(_ person: Person? = nil, of other: Shop? = nil) -> [String] {
        let shop = other ?? self.shop
        return telegram.messages(in: (person ?? shop.anna).id, of: shop.simulated.id).filter(\.isFromBot)
            .map { $0.text ?? "" }
    }

    /// The conversation with a person.
    func conversation(_ person: Person? = nil, of other: Shop? = nil) async throws -> Conversation {
        let shop = other ?? self.shop
        let chat = (person ?? shop.anna).id
        let slice = try await store.conversations(of: shop.business.id, matching: .init(), page: Page(limit: 200))
        return try #require(slice.elements.first { $0.chatID == chat })
    }

    func notes(_ person: Person? = nil, of other: Shop? = nil) async throws -> ConversationNotes {
        let shop = other ?? self.shop
        return try await store.notes(on: try await conversation(person, of: shop).id, of: shop.business.id)
    }

    /// What the pipeline did, the latest first.
    func runs(of other: Shop? = nil) async throws -> [PipelineRun] {
        try await store.pipelineRuns(of: (other ?? shop).business.id, in: nil, page: Page(limit: 200)).elements
    }
}
