import Foundation
import GRDB
import Gateway

extension SQLiteStore: BusinessErasure {
    /// So many conversations are looked through in one step: those without messages go with it.
    private static let conversationsInStep = 100

    /// See `BusinessErasure`.
    public func beginErasure(of business: BusinessID, at now: Timestamp) async throws -> Bool {
        try await write(for: business) { db in
            guard
                try Bool.fetchOne(db, sql: "SELECT 1 FROM business WHERE id = ?1", arguments: [business.rawValue])
                    != nil
            else { throw GatewayError.unknownBusiness(business.description) }
            let bots = "SELECT 1 FROM bot WHERE business_id = ?1 AND state <> 'removed'"
            guard try Bool.fetchOne(db, sql: bots, arguments: [business.rawValue]) == nil else { return false }
            try db.execute(
                sql: "UPDATE business SET removing_at = ?2 WHERE id = ?1 AND removing_at IS NULL",
                arguments: [business.rawValue, now.milliseconds]
            )
            return true
        }
    }

    /// See `BusinessErasure`.
    public func eraseStep(of business: BusinessID, rows: Int) async throws -> ErasureStep {
        try await unreferenced { db in
            let isMarked = "SELECT removing_at IS NOT NULL FROM business WHERE id = ?1"
            switch try Bool.fetchOne(db, sql: isMarked, arguments: [business.rawValue]) {
            case nil: return ErasureStep(rows: 0, isDone: true)
            case false?: throw GatewayError.unknownBusiness(business.description)
            case true?: break
            }
            let notes = try Self.erase(Erasure.ofNotes, of: business, rows, db)
            guard notes == 0 else { return ErasureStep(rows: notes, isDone: false) }
            if let gone = try Self.eraseConversations(of: business, rows, db) {
                return ErasureStep(rows: gone, isDone: false)
            }
            return try Self.eraseRest(of: business, rows, db)
        }
    }

    /// Writes in a transaction of its own in which SQLite does not look for rows that refer to a deleted one: `message` has no index for that, so it
    /// would be read from end to end for each conversation.
    ///
    /// The list of what is erased goes from the children to the parents, and a parent goes in the transaction that found no child any more.
    private func unreferenced<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws -> Value {
        do {
            return try await pool.writeWithoutTransaction { [writes] db in
                defer { writes.checkpoint(db) }
                try db.execute(sql: "PRAGMA foreign_keys = OFF")
                let outcome = Result {
                    var value: Value?
                    try db.inTransaction(.immediate) {
                        value = try body(db)
                        return .commit
                    }
                    return value
                }
                try db.execute(sql: "PRAGMA foreign_keys = ON")
                guard let value = try outcome.get() else { throw StoreError.failed("an erasure gave nothing") }
                return value
            }
        } catch let error as GatewayError {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch {
            throw StoreError(error)
        }
    }

    /// Erases messages, and conversations that have none left; nil if there is no conversation.
    private static func eraseConversations(of business: BusinessID, _ rows: Int, _ db: Database) throws -> Int? {
        let conversations = try Int64.fetchAll(
            db,
            sql: "SELECT id FROM conversation WHERE business_id = ?1 LIMIT ?2",
            arguments: [business.rawValue, min(rows, conversationsInStep)]
        )
        guard !conversations.isEmpty else { return nil }
        // Messages are found by the history of their conversation, and those that came last by its tail; some by both.
        let messages = try String.fetchAll(
            db,
            sql: """
                SELECT json_array(conversation_id, message_id) FROM history
                WHERE conversation_id IN (SELECT value FROM json_each(?1))
                UNION ALL
                SELECT json_array(conversation_id, message_id) FROM history_tail
                WHERE conversation_id IN (SELECT value FROM json_each(?1))
                LIMIT ?2
                """,
            arguments: [list(conversations), rows]
        )
        var gone = 0
        for line in Erasure.ofMessages {
            gone += try erase(line, ["[\(messages.joined(separator: ","))]"], db)
        }
        // Fewer than were asked for: there are no more.
        if messages.count < rows {
            for line in Erasure.ofConversations { gone += try erase(line, [list(conversations)], db) }
        }
        return gone
    }

    private static func eraseRest(of business: BusinessID, _ rows: Int, _ db: Database) throws -> ErasureStep {
        let gone = try erase(Erasure.ofBusiness, of: business, rows, db)
        let isThere = "SELECT 1 FROM business WHERE id = ?1"
        let isDone = try Bool.fetchOne(db, sql: isThere, arguments: [business.rawValue]) == nil
        return ErasureStep(rows: gone, isDone: isDone)
    }

    /// Erases at most so many rows, a line's before the next one's.
    private static func erase(
        _ lines: [Erasure.Line],
        of business: BusinessID,
        _ rows: Int,
        _ db: Database
    ) throws -> Int {
        var gone = 0
        for (table, condition) in lines where gone < rows {
            let limited = "rowid IN (SELECT rowid FROM \(table) WHERE \(condition) LIMIT ?2)"
            gone += try erase((table, limited), [business.rawValue, rows - gone], db)
        }
        return gone
    }

    private static func erase(_ line: Erasure.Line, _ arguments: StatementArguments, _ db: Database) throws -> Int {
        try db.execute(sql: "DELETE FROM \(line.table) WHERE \(line.condition)", arguments: arguments)
        return db.changesCount
    }

    private static func list(_ ids: [Int64]) -> String { "[\(ids.map(String.init).joined(separator: ","))]" }
}
