import GRDB
import Gateway

/// Applies intake records within an open transaction: the hot path of every update.
///
/// It belongs to the writer connection and is touched on that connection's queue only. Each kind of entry has its writer: this one
/// keeps the raw update, tells repetitions, and says which writer is next.
struct IntakeWriter {
    private let statements: IntakeStatements
    private let messages: MessageWriter
    private var places: Places
    private var events: EventWriter
    private var history: HistoryTail
    /// The jobs that the open transaction has made so far.
    private(set) var opened: [PipelineJob] = []

    init(_ connection: OpaquePointer) throws {
        statements = try IntakeStatements(connection)
        messages = try MessageWriter(connection)
        places = try Places(connection)
        events = try EventWriter(connection)
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
        for last in latest.values { try history.touch(message: last.message, at: last.at) }
        return outcomes
    }

    /// What became of a record, and the conversation that has a new message by it.
    private mutating func apply(
        _ record: IntakeRecord,
        arrival: Int64
    ) throws -> (IntakeOutcome, conversation: Int64?) {
        switch record.entry {
        case .message(let message): return try apply(message, isEdit: false, record, arrival: arrival)
        case .edit(let message): return try apply(message, isEdit: true, record, arrival: arrival)
        case .rawOnly(let mark, let detail):
            return (try keepRaw(record, arrival: arrival, conversation: nil, mark: mark, detail: detail), nil)
        case .deletion, .reaction, .poll, .pollAnswer, .businessConnection, .managedBot, .customerEvent:
            let conversation = try conversation(ofQuery: record)
            let outcome = try keepRaw(record, arrival: arrival, conversation: conversation, mark: nil, detail: nil)
            guard outcome != .duplicate else { return (outcome, nil) }
            try applyEvent(record, arrival: arrival)
            if let conversation { open(record, arrival, conversation, .checkout) }
            return (outcome, nil)
        }
    }

    private mutating func apply(
        _ message: IncomingMessage,
        isEdit: Bool,
        _ record: IntakeRecord,
        arrival: Int64
    ) throws -> (IntakeOutcome, conversation: Int64?) {
        // An update that comes again, perhaps days later, must not bring back a name or a title of then.
        if let number = record.updateID, !places.know(message, record), try statements.isSame(record, number: number) {
            return (.duplicate, nil)
        }
        let place = try places.place(of: message, record)
        let outcome = try keepRaw(record, arrival: arrival, conversation: place.conversation, mark: nil, detail: nil)
        guard outcome != .duplicate else { return (outcome, nil) }
        if record.opensJob {
            open(record, arrival, place.conversation, message.kind == "service" ? .callback : .message)
        }
        let row = MessageWriter.Row(
            id: arrival,
            place: place,
            role: try events.role(of: message, record),
            receivedAt: record.receivedAt
        )
        let isNew: Bool
        if isEdit {
            isNew = try messages.edit(message, row)
        } else {
            isNew = try messages.add(message, row)
            if !isNew { try messages.addFirstForm(message, row) }
        }
        if let membership = message.membership {
            try places.record(membership, chatRow: place.chatRow, at: message.date)
        }
        guard message.migratedTo != nil || message.migratedFrom != nil else {
            return (outcome, isNew ? place.conversation : nil)
        }
        // The conversation may be another one afterwards: the message is entered before it moves with the others.
        if isNew { try history.enter(arrival, of: place.conversation) }
        try history.touch(message: arrival, at: record.receivedAt.milliseconds)
        try places.migrate(message, record)
        return (outcome, nil)
    }

    /// The conversation with who asks for something that a pipeline may answer; nil for everything else.
    private func conversation(ofQuery record: IntakeRecord) throws -> Int64? {
        guard record.opensJob, case .customerEvent(let event) = record.entry, let user = event.actor.id else {
            return nil
        }
        return try places.privateConversation(with: user, record.botID)
    }

    private mutating func open(
        _ record: IntakeRecord,
        _ arrival: Int64,
        _ conversation: Int64,
        _ kind: PipelineJob.Kind
    ) {
        opened.append(
            PipelineJob(
                id: arrival,
                business: record.businessID,
                conversation: ConversationID(rawValue: conversation),
                receivedAt: record.receivedAt,
                kind: kind
            )
        )
    }

    private mutating func applyEvent(_ record: IntakeRecord, arrival: Int64) throws {
        switch record.entry {
        case .message, .edit, .rawOnly: return
        case .deletion(let deletion):
            guard let chat = try places.knownChat(deletion.chatID, space: deletion.space, record.botID) else {
                return try statements.mark(arrival, .keptRaw, detail: "no message of this chat is here")
            }
            try messages.delete(deletion.messageIDs, chatRow: chat, at: record.receivedAt)
        case .reaction(let change):
            if let profile = change.customer { _ = try places.customer(profile, record) }
            guard let chat = try places.knownChat(change.chatID, space: change.space, record.botID) else {
                return try statements.mark(arrival, .keptRaw, detail: "no message of this chat is here")
            }
            try messages.react(change, chatRow: chat)
        case .poll(let poll): try events.record(poll, record)
        case .pollAnswer(let answer):
            if let profile = answer.customer { _ = try places.customer(profile, record) }
            try events.record(answer, record)
        case .businessConnection(let state): try events.record(state, of: record.botID, at: record.receivedAt)
        case .managedBot(let notice): try events.record(notice, record)
        case .customerEvent(let event):
            let customer = try event.customer.map { try places.customer($0, record) }
            try events.record(event, id: arrival, customer: customer, record)
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
            digest: nil,
            isOpen: conversation != nil && record.opensJob
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
            digest: BodyDigest.of(record.body),
            isOpen: conversation != nil && record.opensJob
        )
        return isNew ? .conflict : .duplicate
    }

    /// Whether messages are noted and not yet entered into the histories.
    var hasNotedMessages: Bool { !history.isEmpty }

    /// Goes on with entering noted messages into the histories, within the open transaction; see `HistoryTail`.
    mutating func enterNoted(isIdle: Bool) throws { try history.advance(isIdle: isIdle) }

    /// Takes up what a server that has died has noted.
    mutating func recover() throws { try history.recover() }

    /// The transaction is committed: what was learnt in it holds.
    ///
    /// - Returns: the jobs that it has made.
    mutating func keep() -> [PipelineJob] {
        places.keep()
        history.keep()
        defer { opened = [] }
        return opened
    }

    /// What came after the first so many jobs is rolled back.
    mutating func forgetJobs(after count: Int) { opened.removeLast(opened.count - count) }

    /// The transaction, or a savepoint of it, is rolled back: what was learnt in it is forgotten.
    mutating func discard() {
        places.discard()
        history.discard()
    }

    /// Another process has written: nothing remembered is trusted.
    mutating func forgetAll() {
        places.forgetAll()
        events.forgetAll()
    }
}
