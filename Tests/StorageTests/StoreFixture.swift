import Dispatch
import Foundation
import GRDB
import Telegram
import Testing

@testable import Gateway
@testable import Storage

/// A store in a directory of its own, with what a test needs to fill it.
struct StoreFixture: Sendable {
    let directory: DataDirectory
    let store: SQLiteStore
    let sealer = Sealer(key: MasterKey())

    /// When everything in these tests happens, if a test does not say otherwise.
    static let noon = Timestamp(milliseconds: 1_795_435_200_000)

    /// Runs with a new store; afterwards it is closed and its directory removed.
    static func with<Value>(
        limits: FairTurns<WriteCoalescer.Waiting>.Limits = .init(),
        _ body: (StoreFixture) async throws -> Value
    ) async throws -> Value {
        try await withDirectory { path in
            let directory = DataDirectory(path)
            let store = try await SQLiteStore(directory, .create, limits: limits)
            return try await closing(store) {
                try await body(StoreFixture(directory: directory, store: store))
            }
        }
    }

    /// Runs with the path of a new directory, and removes it afterwards.
    static func withDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
        let path = FileManager.default.temporaryDirectory.path + "/switchboard-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(path)
    }

    /// Closes a store whatever becomes of the body.
    static func closing<Value>(_ store: SQLiteStore, _ body: () async throws -> Value) async throws -> Value {
        let value: Value
        do {
            value = try await body()
        } catch {
            try? await store.close()
            throw error
        }
        try await store.close()
        return value
    }

    /// Runs with a second store on the same directory, as a command beside the server has it.
    func withAnotherStore<Value>(_ body: (StoreFixture) async throws -> Value) async throws -> Value {
        let other = try await SQLiteStore(directory, .expectCurrent)
        return try await Self.closing(other) { try await body(StoreFixture(directory: directory, store: other)) }
    }
}

/// Businesses and bots.
extension StoreFixture {
    func addBusiness(_ slug: String = "maier") async throws -> Business {
        try await store.addBusiness(name: "Business \(slug)", slug: try Slug(slug), at: Self.noon)
    }

    /// A token that Telegram might have given out.
    static func token(_ telegramID: Int64 = 7_000_001) throws -> BotToken {
        try BotToken("\(telegramID):AAtopSecretPartOfTheToken_\(telegramID)")
    }

    /// A webhook's secret that belongs to a bot.
    static func secret(_ telegramID: Int64 = 7_000_001) -> WebhookSecret {
        WebhookSecret("webhook-secret-of-\(telegramID)-not-to-be-seen")
    }

    static func draft(_ business: Business, telegramID: Int64 = 7_000_001, username: String? = nil) -> BotDraft {
        BotDraft(
            businessID: business.id,
            telegramID: telegramID,
            username: username ?? "shop_\(telegramID)_bot",
            name: "Shop \(telegramID)",
            hook: "hook-of-the-bot-number-\(telegramID)-\(UUID().uuidString)",
            secretDigest: SecretDigest(of: secret(telegramID)),
            createdAt: noon
        )
    }

    func addBot(
        _ business: Business,
        telegramID: Int64 = 7_000_001,
        username: String? = nil
    ) async throws -> Bot {
        let draft = Self.draft(business, telegramID: telegramID, username: username)
        let token = try Self.token(telegramID)
        return try await store.addBot(draft) { [sealer] id in
            SealedCredentials(
                token: try sealer.seal(token, for: id, version: 1),
                secret: try sealer.seal(Self.secret(telegramID), for: id, version: 1)
            )
        }
    }

    /// A business with one bot.
    func addShop(_ slug: String = "maier", telegramID: Int64 = 7_000_001) async throws -> Shop {
        let business = try await addBusiness(slug)
        return Shop(business: business, bot: try await addBot(business, telegramID: telegramID))
    }
}

/// A business with a bot.
struct Shop: Sendable {
    var business: Business
    var bot: Bot

    /// The bot as the registry has it.
    var registered: RegisteredBot {
        RegisteredBot(
            id: bot.id,
            businessID: business.id,
            hook: bot.hook,
            secret: SecretDigest(of: StoreFixture.secret(bot.telegramID)),
            previousSecret: nil,
            runs: true
        )
    }

    /// The same business with a bot that no table has.
    var withoutBot: Shop {
        var copy = self
        copy.bot.id = BotID(rawValue: 999_999)
        return copy
    }

    func record(_ body: [UInt8], at now: Timestamp = StoreFixture.noon) -> IntakeRecord {
        Intake.record(of: body, for: registered, at: now)
    }

    func record(_ update: UpdateText, at now: Timestamp = StoreFixture.noon) -> IntakeRecord {
        record(update.body, at: now)
    }
}

/// Writing and reading.
extension StoreFixture {
    /// Hands an update in and waits for what becomes of it.
    func accept(_ record: IntakeRecord) async -> IntakeOutcome {
        await withCheckedContinuation { continuation in
            store.accept(record) { continuation.resume(returning: $0) }
        }
    }

    @discardableResult
    func accept(_ update: UpdateText, _ shop: Shop) async -> IntakeOutcome { await accept(shop.record(update)) }

    /// The value that a query gives first; nil for none.
    func value<Value: DatabaseValueConvertible & Sendable>(_ type: Value.Type, _ sql: String) async throws -> Value? {
        try await store.pool.read { try Value.fetchOne($0, sql: sql) }
    }

    /// How many rows a table has.
    func count(_ table: String) async throws -> Int { try await value(Int.self, "SELECT count(*) FROM \(table)") ?? -1 }

    /// Runs statements in a write of their own.
    func execute(_ sql: String) async throws { try await store.write { try $0.execute(sql: sql) } }

    /// All messages of a conversation's history, the first to arrive first.
    func texts(of conversation: ConversationID, _ business: Business) async throws -> [String] {
        var texts: [String] = []
        var key: Int64 = 0
        while true {
            let page = Page(.after(key), limit: Page.maximum)
            let slice = try await store.messages(of: conversation, business: business.id, page: page, raw: false)
            texts += slice.elements.map { $0.text ?? "" }
            guard let next = slice.next else { return texts }
            key = next
        }
    }

    func conversations(_ business: Business) async throws -> [Conversation] {
        try await store.conversations(of: business.id, matching: .init(), page: Page(limit: Page.maximum)).elements
    }

    /// Holds the writer meanwhile, so that all that is put in line becomes one batch.
    func whileWriterIsHeld<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        let gate = DispatchSemaphore(value: 0)
        // Only when the gate is reached is what was written before wholly over: its last batch would take what comes now along.
        await withCheckedContinuation { reached in
            store.pool.asyncWriteWithoutTransaction { _ in
                reached.resume()
                gate.wait()
            }
        }
        defer { gate.signal() }
        return try await body()
    }

    /// Returns when that many writes wait; the writer must be held.
    func untilWaiting(_ count: Int) async { while store.writes.waiting < count { await Task.yield() } }
}
