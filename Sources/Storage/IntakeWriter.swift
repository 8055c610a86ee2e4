import GRDB
import Gateway

/// Applies intake records within an open transaction: the hot path of every update.
///
/// It belongs to the writer connection and is touched on that connection's queue only. What it remembers between batches
/// (which conversation a chat has, how a customer was last called) is put in at once, so that the next record of the same batch goes by it,
/// and is taken out again if the transaction is rolled back.
struct IntakeWriter {
    private let statements: IntakeStatements
    private var history: HistoryTail
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
        /// What the chat is called, as a hash: a new title is written once, whichever topic tells it.
        var title: Int
    }

    private struct ConversationKey: Hashable {
        var chatRow: Int64
        var thread: Int64
    }

    private struct CustomerKey: Hashable {
        var business: Int64
        var user: Int64
    }

    private struct KnownCustomer {
        var id: Int64
        /// Name, username and language, as a hash.
        var profile: Int
    }

    /// What the open transaction has put into the caches.
    private struct Learnt {
        var chats: [ChatKey] = []
        var conversations: [ConversationKey] = []
        var customers: [CustomerKey] = []
    }

    init(_ connection: OpaquePointer) throws {
        statements = try IntakeStatements(connection)
        history = try HistoryTail(connection)
    }

    /// Applies records as one set: the numbers of arrival are taken at once, and each conversation is updated once, or later.
    ///
    /// - Throws: `EngineError`; then the transaction, or the savepoint around this call, must be rolled back.
    mutating func apply(_ records: some Collection<IntakeRecord>) throws -> [IntakeOutcome] {
        guard !records.isEmpty else { return [] }
        var arrival = try statements.takeArrivals(records.count)
        var outcomes: [IntakeOutcome] = []
        outcomes.reserveCapacity(records.count)
        let isDeferred = records.count >= HistoryTail.leastDeferred
        var latest: [Int64: (message: Int64, at: Int64)] = [:]
        for record in records {
            let (outcome, conversation) = try apply(record, arrival: arrival)
            outcomes.append(outcome)
            if let conversation {
                let at = record.receivedAt.milliseconds
                if isDeferred {
                    try history.note(arrival, of: conversation, at: at)
                } else {
                    try history.enter(arrival, of: conversation)
                    latest[conversation] = (arrival, at)
                }
            }
            arrival += 1
        }
        for (conversation, last) in latest {
            try history.touch(conversation, message: last.message, at: last.at)
        }
        return outcomes
    }

    /// What became of a record, and the conversation that has a new message by it.
    private mutating func apply(
        _ record: IntakeRecord,
        arrival: Int64
    ) throws -> (IntakeOutcome, conversation: Int64?) {
        switch record.entry {
        case .rawOnly(let mark, let detail):
            return (try keepRaw(record, arrival: arrival, conversation: nil, mark: mark, detail: detail), nil)
        case .message(let message):
            // An update that comes again, perhaps days later, must not bring back a name or a title of then.
            if let number = record.updateID, !isKnown(message, record), try statements.isSame(record, number: number) {
                return (.duplicate, nil)
            }
            let conversation = try conversation(of: message, record)
            let outcome = try keepRaw(record, arrival: arrival, conversation: conversation.id, mark: nil, detail: nil)
            guard outcome != .duplicate else { return (outcome, nil) }
            let isNew = try statements.addMessage(
                message,
                arrival,
                conversation.chatRow,
                conversation.id,
                record.receivedAt
            )
            return (outcome, isNew ? conversation.id : nil)
        }
    }

    /// Keeps the body under its number, or beside another update that has the number already.
    private func keepRaw(
        _ record: IntakeRecord,
        arrival: Int64,
        conversation: Int64?,
        mark: UpdateMark?,
        detail: String?
    ) throws -> IntakeOutcome {
        guard let number = record.updateID else {
            let digest = BodyDigest.of(record.body)
            let isNew = try statements.addRaw(
                record,
                arrival,
                number: nil,
                claimed: nil,
                conversation: nil,
                mark: mark,
                detail: detail,
                digest: digest
            )
            return isNew ? .stored : .duplicate
        }
        if try statements.addRaw(
            record,
            arrival,
            number: number,
            claimed: nil,
            conversation: conversation,
            mark: mark,
            detail: detail,
            digest: nil
        ) {
            return .stored
        }
        if try statements.isSame(record, number: number) { return .duplicate }
        let isNew = try statements.addRaw(
            record,
            arrival,
            number: nil,
            claimed: number,
            conversation: conversation,
            mark: .conflict,
            detail: detail,
            digest: BodyDigest.of(record.body)
        )
        return isNew ? .conflict : .duplicate
    }

    /// Whether the message tells nothing new of its chat and its customer, so that nothing but itself is to be written.
    private mutating func isKnown(_ message: IncomingMessage, _ record: IntakeRecord) -> Bool {
        let chat = ChatKey(bot: record.botID.rawValue, chat: message.chatID, space: message.space)
        guard chats.value(chat)?.title == Self.hash(message.chatTitle) else { return false }
        guard let profile = message.customer else { return true }
        let customer = CustomerKey(business: record.businessID.rawValue, user: profile.telegramID)
        return customers.value(customer)?.profile == Self.hash(profile)
    }

    /// The conversation of a message; made, with its chat and its customer, where it is the first.
    private mutating func conversation(
        of message: IncomingMessage,
        _ record: IntakeRecord
    ) throws -> (chatRow: Int64, id: Int64) {
        let customer = try message.customer.map { try self.customer($0, record) }
        let chatRow = try chat(of: message, record)
        let key = ConversationKey(chatRow: chatRow, thread: message.threadID)
        if let id = conversations.value(key) { return (chatRow, id) }
        let owner = message.chatKind == "private" ? customer : nil
        let id = try statements.conversation(chatRow, message.threadID, record, customer: owner)
        conversations.insert(id, for: key)
        learnt.conversations.append(key)
        return (chatRow, id)
    }

    private mutating func chat(of message: IncomingMessage, _ record: IntakeRecord) throws -> Int64 {
        let key = ChatKey(bot: record.botID.rawValue, chat: message.chatID, space: message.space)
        let title = Self.hash(message.chatTitle)
        let row: Int64
        if let known = chats.value(key) {
            if known.title == title { return known.row }
            row = known.row
            try statements.retitle(row, message.chatTitle)
        } else {
            row = try statements.upsertChat(message, record.botID)
        }
        chats.insert(KnownChat(row: row, title: title), for: key)
        learnt.chats.append(key)
        return row
    }

    private mutating func customer(_ profile: CustomerProfile, _ record: IntakeRecord) throws -> Int64 {
        let key = CustomerKey(business: record.businessID.rawValue, user: profile.telegramID)
        let hash = Self.hash(profile)
        if let known = customers.value(key), known.profile == hash { return known.id }
        let id = try statements.upsertCustomer(profile, record)
        customers.insert(KnownCustomer(id: id, profile: hash), for: key)
        learnt.customers.append(key)
        return id
    }

    /// Whether messages are noted and not yet entered into the histories.
    var hasNotedMessages: Bool { !history.isEmpty }

    /// Goes on with entering noted messages into the histories, within the open transaction; see `HistoryTail`.
    mutating func enterNoted(isIdle: Bool) throws { try history.advance(isIdle: isIdle) }

    /// Takes up what a server that has died has noted.
    mutating func recover() throws { try history.recover() }

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

    private static func hash(_ profile: CustomerProfile) -> Int {
        hash(profile.name, profile.username, profile.language)
    }

    /// The transaction is committed: what was learnt in it holds.
    mutating func keep() {
        learnt = Learnt()
        history.keep()
    }

    /// The transaction, or a savepoint of it, is rolled back: what was learnt in it is forgotten; the database is asked again.
    mutating func discard() {
        history.discard()
        for key in learnt.chats { chats.remove(key) }
        for key in learnt.conversations { conversations.remove(key) }
        for key in learnt.customers { customers.remove(key) }
        learnt = Learnt()
    }

    /// Another process has written: nothing remembered is trusted.
    mutating func forgetAll() {
        chats.removeAll()
        conversations.removeAll()
        customers.removeAll()
        learnt = Learnt()
    }
}
