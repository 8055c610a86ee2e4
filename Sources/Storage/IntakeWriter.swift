import GRDB
import Gateway

/// Applies intake records within an open transaction: the hot path of every update.
///
/// It belongs to the writer connection and is touched on that connection's queue only. What it remembers between batches
/// (which conversation a chat has, how a customer was last called) changes only by `keep`, after the commit.
struct IntakeWriter {
    private let statements: IntakeStatements
    private var conversations = GenerationCache<ConversationKey, KnownConversation>(capacity: 32_768)
    private var customers = GenerationCache<CustomerKey, KnownCustomer>(capacity: 32_768)
    private var learnt = Learnt()

    private struct ConversationKey: Hashable {
        var bot: Int64
        var chat: Int64
        var thread: Int64
        var space: String
    }

    private struct KnownConversation {
        var chatRow: Int64
        var id: Int64
        /// What the chat was called, as a hash: a new title is written once.
        var title: Int
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

    private struct Learnt {
        var conversations: [(ConversationKey, KnownConversation)] = []
        var customers: [(CustomerKey, KnownCustomer)] = []
    }

    init(_ connection: OpaquePointer) throws { statements = try IntakeStatements(connection) }

    /// Applies records as one set: the numbers of arrival are taken at once, and each conversation is updated once.
    ///
    /// - Throws: `EngineError`; then the transaction, or the savepoint around this call, must be rolled back.
    mutating func apply(_ records: some Collection<IntakeRecord>) throws -> [IntakeOutcome] {
        guard !records.isEmpty else { return [] }
        var arrival = try statements.takeArrivals(records.count)
        var outcomes: [IntakeOutcome] = []
        outcomes.reserveCapacity(records.count)
        var latest: [Int64: (message: Int64, at: Int64)] = [:]
        for record in records {
            outcomes.append(try apply(record, arrival: arrival, latest: &latest))
            arrival += 1
        }
        for (conversation, last) in latest {
            try statements.touch(conversation, message: last.message, at: last.at)
        }
        return outcomes
    }

    private mutating func apply(
        _ record: IntakeRecord,
        arrival: Int64,
        latest: inout [Int64: (message: Int64, at: Int64)]
    ) throws -> IntakeOutcome {
        switch record.entry {
        case .rawOnly(let mark, let detail):
            return try keepRaw(record, arrival: arrival, conversation: nil, mark: mark, detail: detail)
        case .message(let message):
            let conversation = try conversation(of: message, record)
            let outcome = try keepRaw(record, arrival: arrival, conversation: conversation.id, mark: nil, detail: nil)
            guard outcome != .duplicate else { return outcome }
            if try statements.addMessage(message, arrival, conversation.chatRow, conversation.id, record.receivedAt) {
                latest[conversation.id] = (arrival, record.receivedAt.milliseconds)
            }
            return outcome
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

    /// The conversation of a message; made, with its chat and its customer, where it is the first.
    private mutating func conversation(of message: IncomingMessage, _ record: IntakeRecord) throws -> KnownConversation
    {
        let customer = try message.customer.map { try self.customer($0, record) }
        let key = ConversationKey(
            bot: record.botID.rawValue,
            chat: message.chatID,
            thread: message.threadID,
            space: message.space
        )
        let title = message.chatTitle.hashValue
        if let known = conversations.value(key) {
            if known.title == title { return known }
            try statements.retitle(known.chatRow, message.chatTitle)
            let renamed = KnownConversation(chatRow: known.chatRow, id: known.id, title: title)
            learnt.conversations.append((key, renamed))
            return renamed
        }
        let chatRow = try statements.upsertChat(message, record.botID)
        let owner = message.chatKind == "private" ? customer : nil
        let id = try statements.conversation(chatRow, message.threadID, record, customer: owner)
        let known = KnownConversation(chatRow: chatRow, id: id, title: title)
        learnt.conversations.append((key, known))
        return known
    }

    private mutating func customer(_ profile: CustomerProfile, _ record: IntakeRecord) throws -> Int64 {
        let key = CustomerKey(business: record.businessID.rawValue, user: profile.telegramID)
        let hash = profile.hashValue
        if let known = customers.value(key), known.profile == hash { return known.id }
        let id = try statements.upsertCustomer(profile, record)
        learnt.customers.append((key, KnownCustomer(id: id, profile: hash)))
        return id
    }

    /// The transaction is committed: what was learnt in it holds.
    mutating func keep() {
        for (key, value) in learnt.conversations { conversations.insert(value, for: key) }
        for (key, value) in learnt.customers { customers.insert(value, for: key) }
        learnt = Learnt()
    }

    /// The transaction, or a savepoint of it, is rolled back: what was learnt in it is forgotten; the database is asked again.
    mutating func discard() { learnt = Learnt() }

    /// Another process has written: nothing remembered is trusted.
    mutating func forgetAll() {
        conversations.removeAll()
        customers.removeAll()
        learnt = Learnt()
    }
}
