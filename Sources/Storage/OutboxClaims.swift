import GRDB
import Gateway
import Telegram

/// Takes rows of the outbox for their calls, within an open transaction.
struct OutboxClaims {
    private let db: Database

    init(_ db: Database) { self.db = db }

    /// What is to be known of a row to make its call; `own` is the conversation's chat, which may have a successor.
    private static let columns = """
        o.id, o.business_id, o.bot_id, o.conversation_id, o.method, o.parameters, o.messages, o.attempts, o.migrated, o.created_at,
        o.numbered_in, o.first_message_id, o.unknowns = 0 AND business.on_unknown = 'retry' AS retries, c.thread, chat.id AS chat_row,
        chat.space, chat.telegram_chat_id
        """
    private static let from = """
        FROM outbox o
        CROSS JOIN conversation c ON c.id = o.conversation_id
        CROSS JOIN chat own ON own.id = c.chat_id
        CROSS JOIN chat ON chat.id = coalesce(own.successor_id, own.id)
        CROSS JOIN bot ON bot.id = o.bot_id
        CROSS JOIN business ON business.id = o.business_id
        """

    /// Why a row cannot be sent as it was asked for.
    enum Outdated: Error {
        /// It is about messages that have no number in the chat any more.
        case messages
    }

    /// Marks a row as being sent; nil if it may not be.
    ///
    /// - Throws: `Outdated` for a row that can never be sent.
    func claim(_ claim: OutboxClaim) throws -> ClaimedCall? {
        // Read first: the row tells as which try it goes out.
        let statement = try db.cachedStatement(
            sql: """
                SELECT \(Self.columns) \(Self.from)
                WHERE o.id = ?1 AND o.state = 'queued' AND bot.token_version = ?2 AND \(SQLiteStore.mayBeSentBy)
                """
        )
        guard let row = try Row.fetchOne(statement, arguments: [claim.id.rawValue, claim.tokenVersion]) else {
            return nil
        }
        var call = try Self.call(row, more: 1)
        if let numberedIn: Int64 = row["numbered_in"], numberedIn != (row["chat_row"] as Int64) {
            call.parameters = try withoutAnswered(call.parameters, of: claim.id, firstMessage: row["first_message_id"])
        }
        try db.cachedStatement(
            sql: "UPDATE outbox SET state = 'sending', attempts = attempts + 1 WHERE id = ?1"
        ).execute(arguments: [claim.id.rawValue])
        return call
    }

    /// The calls that were being made when an earlier server died.
    func interrupted(limit: Int) throws -> [ClaimedCall] {
        try Row.fetchAll(
            db,
            sql: "SELECT \(Self.columns) \(Self.from) WHERE o.state = 'sending' ORDER BY o.id LIMIT ?1",
            arguments: [limit]
        ).map { try Self.call($0, more: 0) }
    }

    /// A group has become a supergroup since the row was written, and messages are numbered anew there.
    ///
    /// A message is sent all the same, only as an answer to nothing; what is about messages of then would now be about others.
    private func withoutAnswered(_ parameters: String, of id: OutboxID, firstMessage: Int64?) throws -> String {
        var call = JSON(try JSONDocument(Array(parameters.utf8)).root)
        guard let firstMessage, call["reply_parameters"] != nil else { throw Outdated.messages }
        call["reply_parameters"] = nil
        try db.execute(
            sql: "UPDATE outbox SET parameters = ?2, numbered_in = NULL WHERE id = ?1",
            arguments: [id.rawValue, call.text]
        )
        try db.execute(sql: "UPDATE message SET reply_to = NULL WHERE id = ?1", arguments: [firstMessage])
        return call.text
    }

    private static func call(_ row: Row, more: Int) throws -> ClaimedCall {
        let space: String = row["space"]
        let target = OutgoingCall.target(space: space, chatID: row["telegram_chat_id"], thread: row["thread"])
        guard let target else { throw StoreError.damaged("a call goes where none can") }
        let attempts: Int = row["attempts"]
        return ClaimedCall(
            id: OutboxID(rawValue: row["id"]),
            business: BusinessID(rawValue: row["business_id"]),
            bot: BotID(rawValue: row["bot_id"]),
            conversation: ConversationID(rawValue: row["conversation_id"]),
            target: target,
            space: space,
            method: row["method"],
            parameters: row["parameters"],
            messages: row["messages"],
            attempts: attempts + more,
            wasMigrated: row["migrated"],
            retriesUnknown: row["retries"],
            createdAt: Timestamp(milliseconds: row["created_at"])
        )
    }
}
