import GRDB

/// Enters messages into the histories of their conversations, and brings the conversations to the top of their lists.
///
/// One by one, every message would dirty three pages that no other message of its batch touches: in `history`, in `conversation` and in
/// the index of the list. So a big batch only notes its messages in `history_tail`, a few bytes at the end of a small table, and about
/// once a second all that was noted is entered, sorted by conversation, in steps that ride along with the batches. A history is
/// whole at every moment, since readers look into both tables; the list of conversations lags behind by about a second, under load only.
///
/// Belongs to the writer connection, as `IntakeWriter` does.
struct HistoryTail {
    /// Batches below this are entered at once: they come when there is little to do.
    static let leastDeferred = 24

    /// What was noted is entered when it is so old.
    private static let patience = Duration.milliseconds(800)
    /// What was noted is entered when it is so much: readers walk through all of the tail.
    private static let mostNoted = 16_384
    /// How many are entered with one batch: a millisecond or two.
    private static let step = 512
    /// How many rows of the tail are deleted with one batch.
    private static let deletionStep = Int64(2048)

    private struct Entry {
        var conversation: Int64
        var message: Int64
        var at: Int64
    }

    /// Entries that are being entered, in the order of their conversations; then their rows in the tail are deleted.
    private struct Round {
        var entries: [Entry]
        var lastMessage: Int64
        /// How many are entered.
        var entered = 0
        /// Rows of the tail below this are deleted.
        var deletedBelow: Int64
        var isDone: Bool { entered == entries.count && deletedBelow > lastMessage }
    }

    private let enter: HotStatement
    private let enterNoted: HotStatement
    private let note: HotStatement
    private let touch: HotStatement
    private let deleteNoted: HotStatement
    private let noted: HotStatement

    /// Committed notes that no round has.
    private var collected: [Entry] = []
    private var collectedSince: ContinuousClock.Instant?
    private var round: Round?

    /// What the open transaction has noted, and how far it has brought the round.
    private var fresh: [Entry] = []
    private var advanced: Round?

    init(_ connection: OpaquePointer) throws {
        enter = try HotStatement(connection, "INSERT INTO history (conversation_id, message_id) VALUES (?1, ?2)")
        // From the row of the tail: it is gone if the message was erased meanwhile.
        enterNoted = try HotStatement(
            connection,
            """
            INSERT INTO history (conversation_id, message_id)
            SELECT conversation_id, message_id FROM history_tail WHERE message_id = ?1
            ON CONFLICT DO NOTHING
            """
        )
        note = try HotStatement(connection, "INSERT INTO history_tail (message_id, conversation_id) VALUES (?1, ?2)")
        touch = try HotStatement(
            connection,
            """
            UPDATE conversation SET last_message_id = ?1, last_message_at = ?2
            WHERE id = (SELECT conversation_id FROM message WHERE id = ?1) AND last_message_id < ?1
            """
        )
        deleteNoted = try HotStatement(connection, "DELETE FROM history_tail WHERE message_id < ?1")
        noted = try HotStatement(
            connection,
            """
            SELECT tail.message_id, tail.conversation_id, message.received_at
            FROM history_tail tail JOIN message ON message.id = tail.message_id WHERE tail.message_id > ?1
            ORDER BY tail.message_id LIMIT 1
            """
        )
    }

    /// Enters a message at once.
    func enter(_ message: Int64, of conversation: Int64) throws {
        enter.bind(1, conversation)
        enter.bind(2, message)
        try enter.run()
    }

    /// Brings a conversation to the top of its business's list, unless a later message has.
    func touch(message: Int64, at: Int64) throws {
        touch.bind(1, message)
        touch.bind(2, at)
        try touch.run()
    }

    /// Notes a message, to be entered later.
    mutating func note(_ message: Int64, of conversation: Int64, at: Int64) throws {
        note.bind(1, message)
        note.bind(2, conversation)
        try note.run()
        fresh.append(Entry(conversation: conversation, message: message, at: at))
    }

    /// Whether something is noted and not entered.
    var isEmpty: Bool { collected.isEmpty && round == nil }

    /// Goes on with what is to be entered: within the open transaction.
    ///
    /// - Parameter isIdle: nothing else waits: what is noted is entered though it is young and little.
    mutating func advance(isIdle: Bool = false) throws {
        if round == nil { beginRound(isIdle: isIdle) }
        guard var round else { return }
        if round.entered < round.entries.count {
            let end = min(round.entered + Self.step, round.entries.count)
            try enterAll(round.entries[round.entered..<end])
            round.entered = end
        } else {
            round.deletedBelow = min(round.deletedBelow + Self.deletionStep, round.lastMessage + 1)
            deleteNoted.bind(1, round.deletedBelow)
            try deleteNoted.run()
        }
        advanced = round
    }

    private mutating func beginRound(isIdle: Bool) {
        guard let since = collectedSince else { return }
        guard isIdle || collected.count >= Self.mostNoted || ContinuousClock.now - since >= Self.patience else {
            return
        }
        var entries = collected
        // Notes come in the order of arrival: the ends tell the range.
        guard let first = entries.first?.message, let last = entries.last?.message else { return }
        entries.sort { ($0.conversation, $0.message) < ($1.conversation, $1.message) }
        round = Round(entries: entries, lastMessage: last, deletedBelow: first)
        collected.removeAll(keepingCapacity: true)
        collectedSince = nil
    }

    private func enterAll(_ entries: ArraySlice<Entry>) throws {
        for index in entries.indices {
            let entry = entries[index]
            enterNoted.bind(1, entry.message)
            try enterNoted.run()
            let isLast = index + 1 == entries.endIndex || entries[index + 1].conversation != entry.conversation
            if isLast { try touch(message: entry.message, at: entry.at) }
        }
    }

    /// The transaction is committed.
    mutating func keep() {
        if !fresh.isEmpty {
            if collectedSince == nil { collectedSince = .now }
            collected.append(contentsOf: fresh)
            fresh.removeAll(keepingCapacity: true)
        }
        if let advanced {
            round = advanced.isDone ? nil : advanced
            self.advanced = nil
        }
    }

    /// The transaction is rolled back.
    mutating func discard() {
        fresh.removeAll(keepingCapacity: true)
        advanced = nil
    }

    /// Takes up what a server that has died has noted and not entered.
    mutating func recover() throws {
        var last: Int64 = 0
        while true {
            noted.bind(1, last)
            let entry = try noted.first {
                Entry(conversation: $0.int64(1), message: $0.int64(0), at: $0.int64(2))
            }
            guard let entry else { break }
            collected.append(entry)
            last = entry.message
        }
        if !collected.isEmpty { collectedSince = .now }
    }
}
