import Gateway
import Storage
import Telegram

/// The database of a `send` run as whoever sends has it: another process than the server.
struct SendStore: Sendable {
    private struct Place: Sendable {
        let business: BusinessID
        let conversation: ConversationID
    }

    private let store: SQLiteStore
    /// Of each chat, in the cast's order.
    private let places: [Place]

    /// The slug of a business, from 1.
    static func slug(_ business: Int) -> String { "sends-\(business)" }

    /// Writes the cast's businesses, bots and conversations into a data directory that no server has open.
    ///
    /// - Parameter owner: whose a bot is, from 0; by itself they take turns.
    /// - Returns: where the updates of each bot go.
    @discardableResult
    static func prepare(
        _ dataDirectory: String,
        _ cast: SendCast,
        businesses: Int,
        owner: ((_ bot: Int) -> Int)? = nil
    ) async throws -> [Webhook] {
        let directory = DataDirectory(dataDirectory)
        let lock = try ServerLock(directory)
        let store = try await SQLiteStore(directory, .expectCurrent)
        let sealer = Sealer(key: try MasterKey(file: directory.masterKey))
        var owners: [BusinessID] = []
        for number in 1...businesses {
            let slug = try Slug(Self.slug(number))
            owners.append(try await store.addBusiness(name: "Sends \(number)", slug: slug, at: .now()).id)
        }
        var bots: [RegisteredBot] = []
        for bot in 0..<cast.bots {
            let owner = owners[(owner?(bot) ?? bot) % owners.count]
            bots.append(
                try await addBot(
                    bot,
                    of: owner,
                    to: store,
                    sealer,
                    token: try cast.token(bot),
                    secret: WebhookSecret(cast.secret(bot))
                )
            )
        }
        var next = 0
        while next < cast.chats {
            let part = next..<min(next + 1024, cast.chats)
            try await accept(
                part.map { chat in
                    let bot = bots[cast.bot(ofChat: chat)]
                    return Intake.record(of: start(chat, cast), for: bot, at: .now())
                },
                store
            )
            next = part.upperBound
        }
        try await store.close()
        withExtendedLifetime(lock) {}
        return bots.enumerated().map { Webhook(path: "/telegram/\($1.hook)", secret: cast.secret($0)) }
    }

    /// What began a chat, as Telegram would have posted it.
    private static func start(_ chat: Int, _ cast: SendCast) -> [UInt8] {
        let person: JSON = ["id": .int(cast.person(chat)), "first_name": .string("Customer \(chat)")]
        var from = person
        from["is_bot"] = false
        var inChat = person
        inChat["type"] = "private"
        let update: JSON = [
            "update_id": .int(cast.firstMessage(chat)),
            "message": [
                "message_id": .int(cast.firstMessage(chat)), "from": from, "chat": inChat,
                "date": .int(Int64(unixSeconds())), "text": "/start",
            ],
        ]
        return update.encoded()
    }

    /// Opens the database, whether a server runs or not.
    static func open(_ dataDirectory: String, _ cast: SendCast) async throws -> SendStore {
        let store = try await SQLiteStore(DataDirectory(dataDirectory), .expectCurrent)
        var known: [Int64: Place] = [:]
        for business in try await store.businesses() {
            var page = Page(.newest, limit: Page.maximum)
            while true {
                let slice = try await store.conversations(of: business.id, matching: ConversationFilter(), page: page)
                for conversation in slice.elements {
                    known[conversation.chatID] = Place(business: business.id, conversation: conversation.id)
                }
                guard let next = slice.next else { break }
                page = Page(.before(next), limit: Page.maximum)
            }
        }
        let places = (0..<cast.chats).compactMap { known[cast.person($0)] }
        guard places.count == cast.chats else {
            throw LoadFailure("only \(places.count) of \(cast.chats) chats are in the database: this is a defect")
        }
        return SendStore(store: store, places: places)
    }

    func close() async throws { try await store.close() }

    /// Writes the message of that number into the chat's outbox.
    ///
    /// - Returns: the number of its row, once it is committed.
    @discardableResult
    func enqueue(_ number: Int64, to chat: Int) async throws -> Int64 {
        let place = places[chat]
        let queued = try await store.enqueue(
            SendRequest(
                business: place.business,
                conversation: place.conversation,
                content: .text(FormattedText(SendText.text(number)))
            ),
            at: .now()
        )
        guard let row = queued.calls.first else { throw LoadFailure("nothing was put into the outbox") }
        return row.rawValue
    }

    /// Writes many messages, one of each chat in turn: as many at once as make full transactions.
    func enqueue(_ numbers: Range<Int64>) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in numbers {
                if number - numbers.lowerBound >= 512 { try await group.next() }
                group.addTask { try await enqueue(number, to: Int(number) % places.count) }
            }
            try await group.waitForAll()
        }
    }
}
