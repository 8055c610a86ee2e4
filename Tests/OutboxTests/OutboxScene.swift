import AsyncHTTPClient
import Foundation
import GRDB
import Logging
import ServiceLifecycle
import Simulator
import Telegram
import TestClock
import Testing

@testable import Gateway
@testable import Storage

/// All tests of the sender run one after the other: each has a simulator and a database.
@Suite("Sending", .serialized, .timeLimit(.minutes(2)))
struct SendingTests {}

/// The simulated Telegram and a real database, with a business whose bot a customer has written to.
struct OutboxScene: Sendable {
    let telegram: SimulatedTelegram
    let directory: DataDirectory
    let store: SQLiteStore
    let sealer: Sealer
    let clock: HandClock
    let api: BotAPI
    let client: HTTPClient
    let shop: Shop

    static let noon = Timestamp(milliseconds: 1_795_435_200_000)
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A bot of a business, and the person who has written to it.
    struct Shop: Sendable {
        let business: Business
        let bot: Bot
        let simulated: SimulatedBot
        let anna: Person
        let conversation: ConversationID
    }

    static func with(_ body: @escaping @Sendable (OutboxScene) async throws -> Void) async throws {
        let directory = DataDirectory(NSTemporaryDirectory() + "switchboard-outbox-\(UUID().uuidString)")
        try directory.create()
        defer { try? FileManager.default.removeItem(atPath: directory.path) }
        let store = try await SQLiteStore(directory, .create)
        let client = BotAPI.makeClient(connections: 64)
        let outcome: Result<Void, any Error>
        do {
            let clock = HandClock()
            let telegram = SimulatedTelegram(
                clock: clock,
                now: { noon.milliseconds / 1000 + clock.now.offset.components.seconds },
                seed: 5
            )
            try await SimulatorServer(telegram).whileRunning { port in
                let sealer = Sealer(key: MasterKey())
                let shop = try await shop("maier", telegram, store, sealer)
                try await body(
                    OutboxScene(
                        telegram: telegram,
                        directory: directory,
                        store: store,
                        sealer: sealer,
                        clock: clock,
                        api: BotAPI(client: client, base: "http://127.0.0.1:\(port)"),
                        client: client,
                        shop: shop
                    )
                )
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await client.shutdown()
        try await store.close()
        try outcome.get()
    }

    private static func shop(
        _ slug: String,
        _ telegram: SimulatedTelegram,
        _ store: SQLiteStore,
        _ sealer: Sealer
    ) async throws -> Shop {
        let business = try await store.addBusiness(name: slug, slug: try Slug(slug), at: noon)
        let simulated = try telegram.addBot(name: slug, username: "\(slug)_bot")
        let secret = WebhookSecret("the-secret-of-\(slug)")
        let draft = BotDraft(
            businessID: business.id,
            telegramID: simulated.id,
            username: simulated.username,
            name: slug,
            hook: "the-hook-of-the-bot-of-\(slug)",
            secretDigest: SecretDigest(of: secret),
            createdAt: noon
        )
        let bot = try await store.addBot(draft) { id in
            SealedCredentials(
                token: try sealer.seal(simulated.token, for: id, version: 1),
                secret: try sealer.seal(secret, for: id, version: 1)
            )
        }
        let anna = telegram.addPerson(firstName: "Anna")
        try telegram.say("hello", from: anna, to: simulated.id)
        let conversation = try await hear(anna.json, anna.privateChat, 1, bot, store)
        return Shop(business: business, bot: bot, simulated: simulated, anna: anna, conversation: conversation)
    }

    /// Another business with a bot.
    func addShop(_ slug: String) async throws -> Shop { try await Self.shop(slug, telegram, store, sealer) }

    /// Another customer of a bot.
    func addCustomer(_ name: String, of shop: Shop) async throws -> (person: Person, conversation: ConversationID) {
        let person = telegram.addPerson(firstName: name)
        try telegram.say("hello", from: person, to: shop.simulated.id)
        return (person, try await Self.hear(person.json, person.privateChat, person.id, shop.bot, store))
    }

    /// A group that the bot is in.
    func addGroup(_ shop: Shop) async throws -> (group: GroupChat, conversation: ConversationID) {
        let group = telegram.addGroup(title: "Club", isSupergroup: false)
        try telegram.sayInGroup("hello", from: shop.anna, in: group, to: shop.simulated.id)
        let chat: JSON = ["id": .int(group.id), "type": "group", "title": "Club"]
        return (group, try await Self.hear(shop.anna.json, chat, -group.id, shop.bot, store))
    }

    /// Takes an update in, as the webhook does.
    ///
    /// - Returns: its conversation.
    static func hear(
        _ from: JSON,
        _ chat: JSON,
        _ number: Int64,
        _ bot: Bot,
        _ store: SQLiteStore
    ) async throws -> ConversationID {
        let message: JSON = [
            "message_id": .int(1), "from": from, "chat": chat, "date": .int(noon.milliseconds / 1000), "text": "hello",
        ]
        let update: JSON = ["update_id": .int(number), "message": message]
        try await take(update, bot, store)
        let row = try await store.pool.read { try Int64.fetchOne($0, sql: "SELECT max(id) FROM conversation") }
        return ConversationID(rawValue: try #require(row))
    }

    static func take(_ update: JSON, _ bot: Bot, _ store: SQLiteStore) async throws {
        let registered = RegisteredBot(
            id: bot.id,
            businessID: bot.businessID,
            hook: bot.hook,
            secret: SecretDigest(of: WebhookSecret("any")),
            previousSecret: nil,
            runs: true
        )
        let record = Intake.record(of: update.encoded(), for: registered, at: noon)
        let outcome = await withCheckedContinuation { continuation in
            store.accept(record) { continuation.resume(returning: $0) }
        }
        #expect(outcome == .stored)
    }

    var now: Timestamp { Self.noon.advanced(by: clock.now.offset) }

    /// Runs a sender while the body runs, then stops it gracefully.
    func sending<Value: Sendable>(
        limits: PacingLimits = PacingLimits(),
        through other: (any OutboxStore)? = nil,
        instruments: OutboxInstruments = Instruments.none.outbox,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let sender = OutboxSender(
            store: other ?? store,
            telegram: api,
            sealer: sealer,
            limits: limits,
            clock: clock,
            now: { now },
            logger: Self.silent,
            instruments: instruments
        )
        let services = ServiceGroup(services: [sender], logger: Self.silent)
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

    /// Queues a text.
    @discardableResult
    func queue(
        _ text: String,
        in conversation: ConversationID? = nil,
        of other: Shop? = nil,
        priority: PacingPlanner.Priority = .answer
    ) async throws -> QueuedCalls {
        let shop = other ?? self.shop
        return try await store.enqueue(
            SendRequest(
                business: shop.business.id,
                conversation: conversation ?? shop.conversation,
                content: .text(FormattedText(text)),
                priority: priority
            ),
            at: now
        )
    }

    @discardableResult
    func queue(_ content: SendRequest.Content, in conversation: ConversationID? = nil) async throws -> QueuedCalls {
        try await store.enqueue(
            SendRequest(
                business: shop.business.id,
                conversation: conversation ?? shop.conversation,
                content: content
            ),
            at: now
        )
    }

    /// Returns when the condition holds: it is asked again with every commit.
    func until(_ condition: @Sendable () async throws -> Bool) async throws {
        let changes = store.commitFeed.listen()
        if try await condition() { return }
        for await _ in changes { if try await condition() { return } }
    }

    /// Returns when nothing waits in the outbox any more; meanwhile the clock goes on.
    func untilEmpty() async throws { try await whileTimeGoesOn { try await until { try await count("outbox") == 0 } } }

    /// Runs with a clock that goes on whenever somebody waits for it.
    func whileTimeGoesOn<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    await clock.untilSomebodySleeps()
                    clock.advance(by: .milliseconds(50))
                    await Task.yield()
                }
            }
            let value = try await body()
            group.cancelAll()
            clock.advance(by: .milliseconds(1))
            return value
        }
    }

    func count(_ table: String, _ condition: String = "true") async throws -> Int {
        try await store.pool.read {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table) WHERE \(condition)") ?? -1
        }
    }

    /// The value that a query gives first.
    func value<Value: DatabaseValueConvertible & Sendable>(_ type: Value.Type, _ sql: String) async throws -> Value? {
        try await store.pool.read { try Value.fetchOne($0, sql: sql) }
    }

    /// What the customer sees of the bot, the first first.
    func seen(_ person: Person? = nil, of other: Shop? = nil) -> [String] {
        let shop = other ?? self.shop
        return telegram.messages(in: (person ?? shop.anna).id, of: shop.simulated.id).filter(\.isFromBot).map {
            $0.text ?? ""
        }
    }

    func message(_ id: MessageID, of other: Shop? = nil, in conversation: ConversationID? = nil) async throws -> Message
    {
        let shop = other ?? self.shop
        let slice = try await store.messages(
            of: conversation ?? shop.conversation,
            business: shop.business.id,
            page: Page(.after(id.rawValue - 1), limit: 1),
            raw: false
        )
        return try #require(slice.elements.first { $0.id == id })
    }
}

extension Person {
    var json: JSON { ["id": .int(id), "is_bot": false, "first_name": .string(firstName)] }
    var privateChat: JSON { ["id": .int(id), "type": "private", "first_name": .string(firstName)] }
}
