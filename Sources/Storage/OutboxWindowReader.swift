import GRDB
import Gateway

/// Reads a window of what waits for a bot: by seeks from conversation to conversation, however many rows each has.
struct OutboxWindowReader {
    private let request: OutboxWindow.Request
    private let now: Int64
    private var seen: Set<Int64> = []
    private(set) var window: OutboxWindow

    /// So many conversations are looked at in one window at the most, though all their rows wait for a time.
    private static let mostLooks = 2048

    init(_ request: OutboxWindow.Request, _ now: Timestamp) {
        self.request = request
        self.now = now.milliseconds
        window = OutboxWindow(bot: request.bot, position: request.position)
    }

    /// Rows beside those that go aside.
    private var taken = 0
    private var isFull: Bool { taken >= request.rows || seen.count >= Self.mostLooks }

    mutating func read(_ db: Database) throws {
        if request.asides > 0 { try takeAsides(db) }
        guard request.rows > 0 else { return }
        for conversation in request.hinted {
            // A hint that does not fit is looked for by a pass.
            guard !isFull else {
                window.cut.append(conversation)
                continue
            }
            try take(conversation.rawValue, db)
        }
        guard var position = request.position else { return }
        position.answers = try pass(0, from: position.answers, db)
        if position.answers == nil { position.bulk = try pass(1, from: position.bulk, db) }
        window.position = position
    }

    /// Goes through the conversations that have rows of a priority; nil when it has come to the end.
    private mutating func pass(_ priority: Int, from start: Int64?, _ db: Database) throws -> Int64? {
        guard var last = start else { return nil }
        let statement = try db.cachedStatement(
            sql: """
                SELECT min(conversation_id) FROM outbox WHERE bot_id = ?1 AND priority = ?2 AND conversation_id > ?3
                """
        )
        while !isFull {
            let next = try Int64.fetchOne(statement, arguments: [request.bot.rawValue, priority, last])
            guard let next else { return nil }
            last = next
            try take(next, db)
        }
        return last
    }

    /// Takes the first rows of a conversation.
    private mutating func take(_ conversation: Int64, _ db: Database) throws {
        guard seen.insert(conversation).inserted else { return }
        let statement = try db.cachedStatement(
            sql: """
                SELECT \(Self.columns)
                WHERE o.conversation_id = ?1 AND o.method NOT IN ('answerCallbackQuery', 'answerPreCheckoutQuery') ORDER BY o.id LIMIT ?2
                """
        )
        let rows = try Row.fetchAll(statement, arguments: [conversation, request.perConversation + 1])
        for (index, row) in rows.enumerated() {
            guard index < request.perConversation, taken < request.rows else {
                return window.cut.append(ConversationID(rawValue: conversation))
            }
            guard !waits(row) else { return }
            window.rows.append(Self.row(row, isAside: false))
            taken += 1
        }
    }

    /// Takes the first rows of those that go aside, whichever conversations they are of.
    private mutating func takeAsides(_ db: Database) throws {
        let statement = try db.cachedStatement(
            sql: """
                SELECT \(Self.columns)
                WHERE o.bot_id = ?1 AND o.method IN ('answerCallbackQuery', 'answerPreCheckoutQuery') ORDER BY o.id LIMIT ?2
                """
        )
        let rows = try Row.fetchAll(statement, arguments: [request.bot.rawValue, request.asides + 1])
        window.hasMoreAsides = rows.count > request.asides
        for row in rows.prefix(request.asides) where !waits(row) { window.rows.append(Self.row(row, isAside: true)) }
    }

    private static let columns = """
        o.id, o.business_id, o.messages, o.priority, o.not_before, o.bot_id, o.conversation_id, o.state, chat.id AS chat_row, chat.kind
        FROM outbox o
        CROSS JOIN conversation c ON c.id = o.conversation_id
        CROSS JOIN chat own ON own.id = c.chat_id
        CROSS JOIN chat ON chat.id = coalesce(own.successor_id, own.id)
        """

    /// Whether a row waits for a time, which is noted then.
    private mutating func waits(_ row: Row) -> Bool {
        let notBefore: Int64 = row["not_before"]
        guard notBefore > now, (row["state"] as String) == "queued" else { return false }
        window.lookAt = min(window.lookAt ?? .init(milliseconds: .max), .init(milliseconds: notBefore))
        return true
    }

    private static func row(_ row: Row, isAside: Bool) -> PacingPlanner.Row {
        PacingPlanner.Row(
            id: OutboxID(rawValue: row["id"]),
            business: BusinessID(rawValue: row["business_id"]),
            bot: BotID(rawValue: row["bot_id"]),
            chat: row["chat_row"],
            isGroup: (row["kind"] as String) != "private",
            conversation: ConversationID(rawValue: row["conversation_id"]),
            priority: (row["priority"] as Int) == 0 ? .answer : .bulk,
            messages: row["messages"],
            isAside: isAside
        )
    }
}
