import GRDB
import Gateway

/// The statements that keep raw updates, prepared once.
struct IntakeStatements {
    private let takeArrivals: HotStatement
    private let addRaw: HotStatement
    private let findRaw: HotStatement
    private let mark: HotStatement

    init(_ connection: OpaquePointer) throws {
        takeArrivals = try HotStatement(connection, "UPDATE arrival SET next = next + ?1 RETURNING next - ?1")
        // Each conflict that may be is named: any other, such as a number of arrival given twice, must fail and not look like a repetition.
        addRaw = try HotStatement(
            connection,
            """
            INSERT INTO raw_update (id, business_id, bot_id, update_id, claimed_update_id, kind, telegram_chat_id,
                telegram_message_id, conversation_id, received_at, state, mark, mark_detail, digest, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?15, ?11, ?12, ?13, ?14)
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
        mark = try HotStatement(connection, "UPDATE raw_update SET mark = ?2, mark_detail = ?3 WHERE id = ?1")
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
        digest: [UInt8]?,
        isOpen: Bool = false
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
        addRaw.bind(15, isOpen ? "open" : "done")
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

    /// Marks a raw update that turned out not to be for the history.
    func mark(_ arrival: Int64, _ reason: UpdateMark, detail: String) throws {
        try mark.run(.int(arrival), .text(reason.rawValue), .text(detail))
    }
}
