import GRDB
import Gateway

/// Where an entry belongs: its chat, its conversation and its customer, found or made.
///
/// What it remembers is put in at once, so that the next record of the same batch goes by it, and is taken out again if the transaction is
/// rolled back. Belongs to the writer connection, as `IntakeWriter` does.
struct Places {
    /// Where an entry belongs.
    struct Place {
        /// The chat that its number counts in.
        var chatRow: Int64
        var conversation: Int64
    }

    private let connection: OpaquePointer
    private let retitle: HotStatement
    private let upsertChat: HotStatement
    private let findConversation: HotStatement
    private let nameCustomer: HotStatement
    private let addConversation: HotStatement
    private let upsertCustomer: HotStatement
    private let findChat: HotStatement
    private let findPrivate: HotStatement
    private let conversationOfMessage: HotStatement

    private var chats = GenerationCache<ChatKey, KnownChat>(capacity: 32_768)
    private var conversations = GenerationCache<ConversationKey, Int64>(capacity: 32_768)
    private var customers = GenerationCache<CustomerKey, KnownCustomer>(capacity: 32_768)
    private var learnt = Learnt()

    private struct ChatKey: Hashable {
        var bot: Int64
        var chat: Int64
        var space: String
    }

    private struct KnownChat {
        var row: Int64
        /// The chat that has the conversations: this one, or the supergroup that this group has become.
        var home: Int64
        /// What the chat is called, as a hash: a new title is written once, whichever topic tells it.
        var title: Int
    }

    private struct ConversationKey: Hashable {
        var home: Int64
        var thread: Int64
    }

    private struct CustomerKey: Hashable {
        var business: Int64
        var user: Int64
    }

    private struct KnownCustomer {
        var id: Int64
        /// Name and username, as a hash.
        var profile: Int
        /// The language, as a hash; nil where it was not told yet.
        var language: Int?
    }

    /// What the open transaction has put into the caches.
    private struct Learnt {
        var chats: [ChatKey] = []
        var conversations: [ConversationKey] = []
        var customers: [CustomerKey] = []
    }

    init(_ connection: OpaquePointer) throws {
        self.connection = connection
        retitle = try HotStatement(connection, "UPDATE chat SET title = ?2 WHERE id = ?1")
        upsertChat = try HotStatement(
            connection,
            """
            INSERT INTO chat (bot_id, space, telegram_chat_id, kind, title) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (bot_id, space, telegram_chat_id) DO UPDATE SET kind = excluded.kind, title = excluded.title
            RETURNING id, coalesce(successor_id, id)
            """
        )
        findConversation = try HotStatement(
            connection,
            "SELECT id FROM conversation WHERE chat_id = ?1 AND thread = ?2"
        )
        nameCustomer = try HotStatement(
            connection,
            "UPDATE conversation SET customer_id = ?2 WHERE id = ?1 AND customer_id IS NULL"
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
            ON CONFLICT (business_id, telegram_user_id) DO UPDATE SET name = excluded.name,
                username = excluded.username, language = CASE WHEN ?7 THEN excluded.language ELSE language END
            RETURNING id
            """
        )
        findPrivate = try HotStatement(connection, "SELECT id FROM conversation WHERE chat_id = ?1 AND thread = 0")
        findChat = try HotStatement(
            connection,
            "SELECT id FROM chat WHERE bot_id = ?1 AND space = ?2 AND telegram_chat_id = ?3"
        )
        conversationOfMessage = try HotStatement(
            connection,
            "SELECT conversation_id FROM message WHERE telegram_message_id = ?1 AND chat_id = ?2"
        )
    }

    /// Whether the message tells nothing new of its chat and its customer, so that nothing but itself is to be written.
    mutating func know(_ message: IncomingMessage, _ record: IntakeRecord) -> Bool {
        let chat = ChatKey(bot: record.botID.rawValue, chat: message.chatID, space: message.space)
        guard chats.value(chat)?.title == Self.hash(message.chatTitle) else { return false }
        guard let profile = message.customer else { return true }
        let customer = CustomerKey(business: record.businessID.rawValue, user: profile.telegramID)
        guard let known = customers.value(customer) else { return false }
        return Self.says(known, profile)
    }

    /// The chat and the conversation of a message; made, with its customer, where it is the first.
    mutating func place(of message: IncomingMessage, _ record: IntakeRecord) throws -> Place {
        let customer = try message.customer.map { try self.customer($0, record) }
        let chat = try chat(of: message, record)
        if message.messageID == nil, message.threadID == 0, let about = message.replyTo,
            // A button's message may not tell its topic any more.
            let id = try conversationOfMessage.first(.int(about), .int(chat.row), read: { $0.int64(0) })
        {
            return Place(chatRow: chat.row, conversation: id)
        }
        let key = ConversationKey(home: chat.home, thread: message.threadID)
        if let id = conversations.value(key) { return Place(chatRow: chat.row, conversation: id) }
        let owner = message.chatKind == "private" ? customer : nil
        let id = try conversation(chat.home, message.threadID, record, customer: owner)
        conversations.insert(id, for: key)
        learnt.conversations.append(key)
        return Place(chatRow: chat.row, conversation: id)
    }

    /// The row of a chat that is known; nil if no message of it has come.
    func knownChat(_ chat: Int64, space: String, _ bot: BotID) throws -> Int64? {
        try findChat.first(.int(bot.rawValue), .text(space), .int(chat)) { $0.int64(0) }
    }

    /// The conversation in a person's private chat with a bot, if they have written there.
    func privateConversation(with user: Int64, _ bot: BotID) throws -> Int64? {
        guard let chat = try knownChat(user, space: "direct", bot) else { return nil }
        return try findPrivate.first(.int(chat)) { $0.int64(0) }
    }

    /// The row of a customer, made or brought up to date.
    mutating func customer(_ profile: CustomerProfile, _ record: IntakeRecord) throws -> Int64 {
        let key = CustomerKey(business: record.businessID.rawValue, user: profile.telegramID)
        let known = customers.value(key)
        if let known, Self.says(known, profile) { return known.id }
        upsertCustomer.bind(1, record.businessID.rawValue)
        upsertCustomer.bind(2, profile.telegramID)
        upsertCustomer.bind(3, profile.name)
        upsertCustomer.bind(4, profile.username)
        upsertCustomer.bind(5, profile.language)
        upsertCustomer.bind(6, record.receivedAt.milliseconds)
        upsertCustomer.bind(7, profile.tellsLanguage ? 1 : 0)
        guard let id = try upsertCustomer.first({ $0.int64(0) }) else {
            throw StoreError.damaged("a customer was not written")
        }
        let language = profile.tellsLanguage ? Self.hash(profile.language) : known?.language
        let now = KnownCustomer(id: id, profile: Self.hash(profile.name, profile.username), language: language)
        customers.insert(now, for: key)
        learnt.customers.append(key)
        return id
    }

    private mutating func chat(of message: IncomingMessage, _ record: IntakeRecord) throws -> (row: Int64, home: Int64)
    {
        let key = ChatKey(bot: record.botID.rawValue, chat: message.chatID, space: message.space)
        let title = Self.hash(message.chatTitle)
        let chat: (row: Int64, home: Int64)
        if let known = chats.value(key) {
            if known.title == title { return (known.row, known.home) }
            chat = (known.row, known.home)
            try retitle.run(.int(chat.row), .text(message.chatTitle))
        } else {
            chat = try upsert(
                message.chatID,
                space: message.space,
                kind: message.chatKind,
                title: message.chatTitle,
                record.botID
            )
        }
        chats.insert(KnownChat(row: chat.row, home: chat.home, title: title), for: key)
        learnt.chats.append(key)
        return chat
    }

    private func upsert(
        _ chat: Int64,
        space: String,
        kind: String,
        title: String,
        _ bot: BotID
    ) throws -> (row: Int64, home: Int64) {
        let row = try upsertChat.first(.int(bot.rawValue), .text(space), .int(chat), .text(kind), .text(title)) {
            (row: $0.int64(0), home: $0.int64(1))
        }
        guard let row else { throw StoreError.damaged("a chat was not written") }
        return row
    }

    private func conversation(
        _ home: Int64,
        _ thread: Int64,
        _ record: IntakeRecord,
        customer: Int64?
    ) throws -> Int64 {
        if let id = try findConversation.first(.int(home), .int(thread), read: { $0.int64(0) }) {
            // Something may have been sent there first, when nobody knew whom it has.
            if let customer { try nameCustomer.run(.int(id), .int(customer)) }
            return id
        }
        let id = try addConversation.first(
            .int(record.businessID.rawValue),
            .int(record.botID.rawValue),
            .int(home),
            .int(thread),
            .int(customer),
            .int(record.receivedAt.milliseconds)
        ) { $0.int64(0) }
        guard let id else { throw StoreError.damaged("a conversation was not written") }
        return id
    }

    /// The transaction is committed: what was learnt in it holds.
    mutating func keep() { learnt = Learnt() }

    /// The transaction, or a savepoint of it, is rolled back: what was learnt in it is forgotten; the database is asked again.
    mutating func discard() {
        for key in learnt.chats { chats.remove(key) }
        for key in learnt.conversations { conversations.remove(key) }
        for key in learnt.customers { customers.remove(key) }
        learnt = Learnt()
    }

    /// Another process has written, or conversations have moved: nothing remembered is trusted.
    mutating func forgetAll() {
        chats.removeAll()
        conversations.removeAll()
        customers.removeAll()
        learnt = Learnt()
    }

    private static func says(_ known: KnownCustomer, _ profile: CustomerProfile) -> Bool {
        known.profile == hash(profile.name, profile.username)
            && (!profile.tellsLanguage || known.language == hash(profile.language))
    }

    /// Hashes the bytes: two ways to write the same letters are two titles, and a hash of text would have to see that they are one.
    private static func hash(_ texts: String?...) -> Int {
        var hasher = Hasher()
        for text in texts {
            guard var text else {
                hasher.combine(0xFF as UInt8)
                continue
            }
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
            hasher.combine(0xFE as UInt8)
        }
        return hasher.finalize()
    }
}

/// What chats go through: rare, so the statements are prepared when they are needed.
extension Places {
    /// Records what an update says about the bot's place in a chat, unless a later one was told already.
    func record(_ change: MembershipChange, chatRow: Int64, at date: Int64) throws {
        let at = Timestamp(seconds: date).milliseconds
        let isNews = try HotStatement(
            connection,
            "UPDATE chat SET membership_at = ?2 WHERE id = ?1 AND (membership_at IS NULL OR membership_at <= ?2)"
        ).run(.int(chatRow), .int(at))
        guard isNews > 0 else { return }
        let isBlocked = change == .blocked || change == .left
        try HotStatement(
            connection,
            """
            UPDATE conversation SET blocked = ?2
            WHERE chat_id = (SELECT coalesce(successor_id, id) FROM chat WHERE id = ?1) AND blocked <> ?2
            """
        ).run(.int(chatRow), .int(isBlocked ? 1 : 0))
    }

    /// Moves the conversations of a group to the supergroup that it has become.
    ///
    /// The group's row stays: its messages are numbered anew in the supergroup, so both rows tell their numbers apart. What was said in the
    /// supergroup before this was told joins the conversation of the same topic.
    mutating func migrate(_ message: IncomingMessage, _ record: IntakeRecord) throws {
        let rows: (group: Int64, supergroup: Int64)
        if let target = message.migratedTo {
            guard let group = try knownChat(message.chatID, space: message.space, record.botID) else { return }
            let supergroup = try upsert(
                target,
                space: message.space,
                kind: "supergroup",
                title: message.chatTitle,
                record.botID
            )
            rows = (group, supergroup.row)
        } else if let source = message.migratedFrom {
            // A group of which nothing is stored leaves nothing to be moved.
            guard let group = try knownChat(source, space: message.space, record.botID),
                let supergroup = try knownChat(message.chatID, space: message.space, record.botID)
            else { return }
            rows = (group, supergroup)
        } else {
            return
        }
        try ChatMigration(connection).move(rows.group, to: rows.supergroup)
        forgetAll()
    }
}
