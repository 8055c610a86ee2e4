import ArgumentParser
import Gateway
import Storage
import Telegram

/// `switchboard-load fill`.
struct FillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fill",
        abstract: "Write businesses, bots and messages straight into a data directory made by `switchboard init`.",
        discussion: """
            No server may run on it. Example:
              switchboard-load fill --data ./data --businesses 1000 --bots 10000 --messages 1000000
            """
    )

    @Option(help: "The data directory.") var data: String
    @Option(help: "How many businesses are added.") var businesses = 20
    @Option(help: "How many bots are added, spread over the businesses.") var bots = 100
    @Option(help: "How many chats write, spread over the bots.") var chats = 2000
    @Option(help: "How many messages are written.") var messages = 0
    @Option(help: "The same seed writes the same messages.") var seed: UInt64 = 1

    mutating func run() async throws {
        try await fill(
            dataDirectory: data,
            messages: messages,
            businesses: businesses,
            bots: bots,
            chats: chats,
            seed: seed
        )
    }
}

/// Writes messages straight into a data directory that no server has open, so that a run meets a database with a past.
///
/// The only part of this program that goes through `Storage`.
///
/// - Parameters:
///   - messages: how many `message` rows, each with its `raw_update` row; spread evenly over bots and chats.
///   - seed: the same seed writes the same rows.
func fill(
    dataDirectory: String,
    messages: Int,
    businesses: Int,
    bots: Int,
    chats: Int,
    seed: UInt64
) async throws {
    let directory = DataDirectory(dataDirectory)
    let lock = try ServerLock(directory)
    let store = try await SQLiteStore(directory, .expectCurrent)
    let sealer = Sealer(key: try MasterKey(file: directory.masterKey))
    let known = try await addBots(bots, businesses: businesses, to: store, sealer)
    let endings = MessageTexts(seed: seed).endings
    // Yesterday: what is older than the retention of raw updates would be pruned while the load runs.
    let start = Timestamp.now().milliseconds - 86_400_000
    let chatsEach = max(1, chats / known.count)
    var written = 0
    while written < messages {
        // As much as may wait at once without a business going over its share.
        let count = min(1024, messages - written)
        let records = (written..<written + count).map { number in
            let bot = known[number % known.count]
            let chat = number / known.count % chatsEach
            let body = pastUpdate(number, chat: 1_000_000 + chat, endings[number % endings.count])
            return Intake.record(of: body, for: bot, at: Timestamp(milliseconds: start + Int64(number)))
        }
        try await accept(records, store)
        written += count
    }
    try await store.close()
    withExtendedLifetime(lock) {}
}

/// A text message as Telegram would have posted it.
private func pastUpdate(_ number: Int, chat: Int, _ ending: MessageTexts.Ending) -> [UInt8] {
    let person = """
        "id":\(chat),"first_name":"Customer","last_name":"\(chat)","username":"customer_\(chat)"
        """
    let start = """
        {"update_id":\(number + 1),\n"message":{"message_id":\(number + 1),"from":{\(person),"is_bot":false,"language_code":"uk"},\
        "chat":{\(person),"type":"private"},"date":\(1_700_000_000 + number / 100),
        """
    return Array(start.utf8) + ending.beforeNumber + Array(String(number).utf8) + ending.afterNumber
}

/// Hands records to the store and waits until all are on the disk.
func accept(_ records: [IntakeRecord], _ store: SQLiteStore) async throws {
    let (outcomes, outcome) = AsyncStream<IntakeOutcome>.makeStream()
    for record in records { store.accept(record) { outcome.yield($0) } }
    var left = records.count
    for await settled in outcomes {
        guard settled == .stored else { throw LoadFailure("an update was not stored: \(settled)") }
        left -= 1
        if left == 0 { return }
    }
}

private func addBots(
    _ count: Int,
    businesses: Int,
    to store: SQLiteStore,
    _ sealer: Sealer
) async throws -> [RegisteredBot] {
    var ids: [BusinessID] = []
    for number in 1...max(businesses, 1) {
        let slug = try Slug("past-\(number)")
        ids.append(try await store.addBusiness(name: "Past \(number)", slug: slug, at: .now()).id)
    }
    return try await withThrowingTaskGroup(of: RegisteredBot.self) { group in
        var bots: [RegisteredBot] = []
        for number in 0..<max(count, 1) {
            // So many at once fill a batch and do not go over a share.
            if number >= 256, let bot = try await group.next() { bots.append(bot) }
            let business = ids[number % ids.count]
            group.addTask { try await addBot(number, of: business, to: store, sealer) }
        }
        for try await bot in group { bots.append(bot) }
        return bots.sorted { $0.id < $1.id }
    }
}

/// Adds a bot that no Telegram knows, or the one with that token.
func addBot(
    _ number: Int,
    of business: BusinessID,
    to store: SQLiteStore,
    _ sealer: Sealer,
    token known: BotToken? = nil,
    secret knownSecret: WebhookSecret? = nil
) async throws -> RegisteredBot {
    let id = known?.botID ?? 1_000_000_000 + Int64(number)
    let token = try known ?? BotToken("\(id):\(RandomText.base64URL(bytes: 26))")
    let secret = knownSecret ?? WebhookSecret(RandomText.base64URL(bytes: 32))
    let draft = BotDraft(
        businessID: business,
        telegramID: id,
        username: "past_\(number)_bot",
        name: "Past \(number)",
        hook: RandomText.base64URL(bytes: 24),
        secretDigest: SecretDigest(of: secret),
        createdAt: .now()
    )
    let bot = try await store.addBot(draft) { id in
        SealedCredentials(
            token: try sealer.seal(token, for: id, version: 1),
            secret: try sealer.seal(secret, for: id, version: 1)
        )
    }
    return RegisteredBot(
        id: bot.id,
        businessID: business,
        hook: bot.hook,
        secret: draft.secretDigest,
        previousSecret: nil,
        runs: true
    )
}
