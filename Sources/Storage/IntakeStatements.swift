import GRDB
import Gateway

/// The statements of the hot path, prepared once.
struct IntakeStatements {
    private let takeArrivals: HotStatement
    private let addRaw: HotStatement
    private let findRaw: HotStatement
    private let addMessage: HotStatement
    private let retitle: HotStatement
    private let upsertChat: HotStatement
    private let findConversation: HotStatement
    private let addConversation: HotStatement
    private let upsertCustomer: HotStatement

    init(_ connection: OpaquePointer) throws {
        takeArrivals = try HotStatement(connection, "UPDATE arrival SET next = next + ?1 RETURNING next - ?1")
        // Each conflict that may be is named: any other, such as a number of arrival given twice, must fail and not look like a repetition.
        addRaw = try HotStatement(
            connection,
            """
            INSERT INTO raw_update (id, business_id, bot_id, update_id, claimed_update_id, kind, telegram_chat_id,
                telegram_message_id, conversation_id, received_at, state, mark, mark_detail, digest, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'done', ?11, ?12, ?13, ?14)
            ON CONFLICT (bot_id, update_id) WHERE update_id IS NOT NULL DO NOTHING
            ON CONFLICT (bot_id, digest) WHERE digest IS NOT NULL DO NOTHING
            """
        )
        findRaw = try HotStatement(
            connection,
            """
            SELECT kind = ?3 AND telegram_chat_id IS ?4 AND telegram_message_id IS ?5
            FROM raw_update WHERE bot_id = ?1 AND update_id = ?2
            """
        )
        addMessage = try HotStatement(
            connection,
            """
            INSERT INTO message (conversation_id, id, chat_id, telegram_message_id, direction, sender_role, sender_id,
                sender_name, kind, text, extra, reply_to, sent_at, received_at, state)
            VALUES (?1, ?2, ?3, ?4, 'in', ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 'received')
            ON CONFLICT (telegram_message_id, chat_id) WHERE telegram_message_id IS NOT NULL DO NOTHING
            """
        )
        retitle = try HotStatement(connection, "UPDATE chat SET title = ?2 WHERE id = ?1")
        upsertChat = try HotStatement(
            connection,
            """
            INSERT INTO chat (bot_id, space, telegram_chat_id, kind, title) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (bot_id, space, telegram_chat_id) DO UPDATE SET kind = excluded.kind, title = excluded.title
            RETURNING id
            """
        )
        findConversation = try HotStatement(
            connection,
            "SELECT id FROM conversation WHERE chat_id = ?1 AND thread = ?2"
        )
        addConversation = try HotStatement(
            connection,
            """
            INSERT INTO conversation (business_id, bot_id, chat_id, thread, customer_id, created_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id
            """
        )
        upsertCustomer = try HotStatement(
            connection,
            """
            INSERT INTO customer (business_id, telegram_user_id, name, username, language, created_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (business_id, telegram_user_id)
            DO UPDATE SET name = excluded.name, username = excluded.username, language = excluded.language
            RETURNING id
            """
        )
    }

    /// Takes that many numbers of arrival and gives the first.
    func takeArrivals(_ count: Int) throws -> Int64 {
        takeArrivals.bind(1, Int64(count))
        guard let first = try takeArrivals.first({ $0.int64(0) }) else {
            throw StoreError.damaged("table arrival is empty")
        }
        return first
    }

    /// Adds a raw update; false if its key is taken.
    func addRaw(
        _ record: IntakeRecord,
        _ arrival: Int64,
        number: Int64?,
        claimed: Int64?,
        conversation: Int64?,
        mark: UpdateMark?,
        detail: String?,
        digest: [UInt8]?
    ) throws -> Bool {
        addRaw.bind(1, arrival)
        addRaw.bind(2, record.businessID.rawValue)
        addRaw.bind(3, record.botID.rawValue)
        addRaw.bind(4, number)
        addRaw.bind(5, claimed)
        addRaw.bind(6, record.kind)
        addRaw.bind(7, record.chatID)
        addRaw.bind(8, record.messageID)
        addRaw.bind(9, conversation)
        addRaw.bind(10, record.receivedAt.milliseconds)
        addRaw.bind(11, mark?.rawValue)
        addRaw.bind(12, detail)
        if let digest { addRaw.bind(13, digest) } else { addRaw.bindNull(13) }
        addRaw.bind(14, record.body)
        return try addRaw.run() > 0
    }

    /// Whether the update that has the number is this one delivered again.
    func isSame(_ record: IntakeRecord, number: Int64) throws -> Bool {
        findRaw.bind(1, record.botID.rawValue)
        findRaw.bind(2, number)
        findRaw.bind(3, record.kind)
        findRaw.bind(4, record.chatID)
        findRaw.bind(5, record.messageID)
        return try findRaw.first { $0.int64(0) == 1 } ?? false
    }

    /// Adds a message; false if the chat has one with its number.
    func addMessage(
        _ message: IncomingMessage,
        _ arrival: Int64,
        _ chatRow: Int64,
        _ conversation: Int64,
        _ receivedAt: Timestamp
    ) throws -> Bool {
        addMessage.bind(1, conversation)
        addMessage.bind(2, arrival)
        addMessage.bind(3, chatRow)
        addMessage.bind(4, message.messageID)
        addMessage.bind(5, message.sender.role.rawValue)
        addMessage.bind(6, message.sender.id)
        addMessage.bind(7, message.sender.name)
        addMessage.bind(8, message.kind)
        addMessage.bind(9, message.text)
        addMessage.bind(10, message.extra)
        addMessage.bind(11, message.replyTo)
        addMessage.bind(12, Timestamp(seconds: message.date).milliseconds)
        addMessage.bind(13, receivedAt.milliseconds)
        return try addMessage.run() > 0
    }

    /// Gives a chat its new title.
    func retitle(_ chatRow: Int64, _ title: String) throws {
        retitle.bind(1, chatRow)
        retitle.bind(2, title)
        try retitle.run()
    }

    /// The row of a chat, made or brought up to date.
    func upsertChat(_ message: IncomingMessage, _ bot: BotID) throws -> Int64 {
        upsertChat.bind(1, bot.rawValue)
        upsertChat.bind(2, message.space)
        upsertChat.bind(3, message.chatID)
        upsertChat.bind(4, message.chatKind)
        upsertChat.bind(5, message.chatTitle)
        guard let id = try upsertChat.first({ $0.int64(0) }) else { throw StoreError.damaged("a chat was not written") }
        return id
    }

    /// The row of a conversation, made if it is not there.
    func conversation(_ chatRow: Int64, _ thread: Int64, _ record: IntakeRecord, customer: Int64?) throws -> Int64 {
        findConversation.bind(1, chatRow)
        findConversation.bind(2, thread)
        if let id = try findConversation.first({ $0.int64(0) }) { return id }
        addConversation.bind(1, record.businessID.rawValue)
        addConversation.bind(2, record.botID.rawValue)
        addConversation.bind(3, chatRow)
        addConversation.bind(4, thread)
        addConversation.bind(5, customer)
        addConversation.bind(6, record.receivedAt.milliseconds)
        guard let id = try addConversation.first({ $0.int64(0) }) else {
            throw StoreError.damaged("a conversation was not written")
        }
        return id
    }

    /// The row of a customer, made or brought up to date.
    func upsertCustomer(_ profile: CustomerProfile, _ record: IntakeRecord) throws -> Int64 {
        upsertCustomer.bind(1, record.businessID.rawValue)
        upsertCustomer.bind(2, profile.telegramID)
        upsertCustomer.bind(3, profile.name)
        upsertCustomer.bind(4, profile.username)
        upsertCustomer.bind(5, profile.language)
        upsertCustomer.bind(6, record.receivedAt.milliseconds)
        guard let id = try upsertCustomer.first({ $0.int64(0) }) else {
            throw StoreError.damaged("a customer was not written")
        }
        return id
    }
}
