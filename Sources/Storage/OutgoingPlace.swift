import GRDB
import Gateway
import Telegram

/// Where a request goes, as the database has it now.
struct OutgoingPlace {
    let conversation: Int64
    let bot: Int64
    let botTelegramID: Int64
    let botName: String
    /// The chat as it is now: for a group that has become a supergroup, that.
    let chatRow: Int64
    let space: String
    let target: MessageTarget

    /// Finds the place; for a chat that nothing is known of its rows are made.
    init(_ request: SendRequest, at now: Timestamp, _ db: Database) throws {
        try SQLiteStore.refuseRemoved(request.business, db)
        let (id, name) =
            switch request.destination {
            case .conversation(let id): (id.rawValue, id.description)
            case .chat(let chat, let thread, let bot):
                (try Self.conversation(chat, thread, of: bot, request.business, at: now, db), "\(chat)")
            }
        let statement = try db.cachedStatement(
            sql: """
                SELECT c.id, c.bot_id, c.thread, chat.id AS chat_row, chat.space, chat.telegram_chat_id,
                    bot.state, bot.telegram_id, bot.name
                FROM conversation c
                JOIN chat own ON own.id = c.chat_id
                JOIN chat ON chat.id = coalesce(own.successor_id, own.id)
                JOIN bot ON bot.id = c.bot_id
                WHERE c.id = ?1 AND c.business_id = ?2
                """
        )
        guard let row = try Row.fetchOne(statement, arguments: [id, request.business.rawValue]) else {
            throw GatewayError.unknownConversation(name)
        }
        conversation = row[0]
        bot = row[1]
        botTelegramID = row[7]
        botName = row[8]
        chatRow = row[3]
        space = row[4]
        guard (row[6] as String) != "removed" else {
            throw GatewayError.cannotWrite("its bot is removed: `switchboard bot add` brings it back")
        }
        let target = OutgoingCall.target(space: space, chatID: row[5], thread: row[2])
        guard let target else {
            throw GatewayError.cannotWrite("the bot is not in this chat and was only asked a question there")
        }
        self.target = target
    }

    // MARK: Chats that nothing has come from

    private static func conversation(
        _ chat: Int64,
        _ thread: Int64?,
        of bot: BotID,
        _ business: BusinessID,
        at now: Timestamp,
        _ db: Database
    ) throws -> Int64 {
        let isTheirs = "SELECT 1 FROM bot WHERE id = ?1 AND business_id = ?2"
        guard try Bool.fetchOne(db.cachedStatement(sql: isTheirs), arguments: [bot.rawValue, business.rawValue]) != nil
        else {
            throw GatewayError.unknownBot(bot.description)
        }
        // The topic "General" has the number 1, and its messages come without one.
        let thread = thread == 1 ? 0 : thread ?? 0
        do throws(InvalidCall) {
            let target = MessageTarget(.id(chat), threadID: thread == 0 ? nil : thread)
            try BotCall.chatAction(target, .typing).validate()
        } catch {
            throw GatewayError.invalidCall(error)
        }
        let home = try home(chat, of: bot, db)
        let known = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT id FROM conversation WHERE chat_id = ?1 AND thread = ?2"),
            arguments: [home, thread]
        )
        if let known { return known }
        try db.cachedStatement(
            sql: """
                INSERT INTO conversation (business_id, bot_id, chat_id, thread, customer_id, created_at)
                VALUES (?1, ?2, ?3, ?4, (SELECT id FROM customer WHERE business_id = ?1 AND telegram_user_id = ?5), ?6)
                """
        ).execute(arguments: [business.rawValue, bot.rawValue, home, thread, chat, now.milliseconds])
        return db.lastInsertedRowID
    }

    /// The row of the chat that has the conversations: this one, or the supergroup that it has become.
    private static func home(_ chat: Int64, of bot: BotID, _ db: Database) throws -> Int64 {
        let known = try Int64.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT coalesce(successor_id, id) FROM chat
                    WHERE bot_id = ?1 AND space = 'direct' AND telegram_chat_id = ?2
                    """
            ),
            arguments: [bot.rawValue, chat]
        )
        if let known { return known }
        // A channel's id has the form of a supergroup's: the first update from there tells.
        let kind = chat > 0 ? "private" : OutgoingCall.isGroup(chat) ? "group" : "supergroup"
        try db.cachedStatement(
            sql: "INSERT INTO chat (bot_id, space, telegram_chat_id, kind, title) VALUES (?1, 'direct', ?2, ?3, '')"
        ).execute(arguments: [bot.rawValue, chat, kind])
        return db.lastInsertedRowID
    }

    // MARK: Messages

    /// Telegram's numbers of messages, where they are of this conversation.
    func numbers(of messages: [MessageID], _ db: Database) throws -> [MessageID: Int64] {
        var numbers: [MessageID: Int64] = [:]
        for id in messages {
            let number = try Int64.fetchOne(
                db,
                // In a supergroup that was a group, numbers have begun anew: one of then would be another message now.
                sql: "SELECT telegram_message_id FROM message WHERE id = ?1 AND conversation_id = ?2 AND chat_id = ?3",
                arguments: [id.rawValue, conversation, chatRow]
            )
            if let number { numbers[id] = number }
        }
        return numbers
    }

    /// The message that a request sends on.
    ///
    /// **Source:** Bot API, `forwardMessage`, `copyMessage`: no service messages, and no chats of business accounts.
    func original(of request: SendRequest, _ db: Database) throws -> SendRequest.Original? {
        guard let id = request.sourceID else { return nil }
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT message.telegram_message_id, message.kind, message.text, message.extra, c.bot_id, chat.space, chat.telegram_chat_id,
                        chat.successor_id IS NOT NULL AS is_former
                    FROM message
                    JOIN conversation c ON c.id = message.conversation_id AND c.business_id = ?2
                    JOIN chat ON chat.id = message.chat_id
                    WHERE message.id = ?1
                    """
            ),
            arguments: [id.rawValue, request.business.rawValue]
        )
        guard let row else { throw GatewayError.unknownMessage(id.description) }
        func refusal(_ why: String) -> GatewayError { .cannotSendOn(id.description, why: why) }
        guard (row["bot_id"] as Int64) == bot else {
            throw refusal("it is another bot's, and a bot sends on only what it sees itself: send its content")
        }
        guard (row["space"] as String) == "direct" else {
            throw refusal("Telegram lets no bot send on from a business account's chats: send its content")
        }
        guard (row["kind"] as String) != "service" else { throw refusal("Telegram sends no service messages on") }
        guard let number: Int64 = row["telegram_message_id"] else { throw refusal("Telegram does not have it yet") }
        guard !(row["is_former"] as Bool) else {
            throw refusal("its group has become a supergroup since, where it has no number: send its content")
        }
        return SendRequest.Original(
            id: id,
            chatID: row["telegram_chat_id"],
            number: number,
            kind: row["kind"],
            text: row["text"],
            extra: row["extra"]
        )
    }

    // MARK: Business accounts

    /// Whether the chat of a business account may be written to now, as far as is known here.
    ///
    /// **Source:** Bot API, `BusinessConnection.is_enabled`, `BusinessBotRights.can_reply`: only chats with a message from the customer in
    /// the last 24 hours.
    func checkConnection(at now: Timestamp, _ db: Database) throws {
        guard let connection = target.businessConnectionID else { return }
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT state, is_enabled, rights FROM business_connection WHERE bot_id = ?1 AND connection_id = ?2
                    """
            ),
            arguments: [bot, connection]
        )
        if let row, (row["state"] as String) != "wanted" {
            guard (row["state"] as String) == "known", row["is_enabled"] as Bool else {
                throw GatewayError.cannotWrite("the business account has disconnected the bot")
            }
            let rights = (row["rights"] as String?).flatMap { try? JSONDocument(Array($0.utf8)).root }
            guard rights?["can_reply"]?.bool == true else {
                throw GatewayError.cannotWrite(
                    "the business account does not let the bot reply: its owner can allow it"
                )
            }
        }
        guard let heard = try lastHeard(db), heard >= now.milliseconds - 24 * 3_600_000 else {
            throw GatewayError.cannotWrite(
                "the customer has not written in the last 24 hours, and Telegram lets a bot reply only until then"
            )
        }
    }

    /// When the customer wrote last.
    private func lastHeard(_ db: Database) throws -> Int64? {
        let times = try ["history", "history_tail"].compactMap { table in
            try Int64.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT coalesce(message.sent_at, message.received_at) FROM \(table) entry
                        CROSS JOIN message ON message.id = entry.message_id
                        WHERE entry.conversation_id = ?1 AND message.direction = 'in'
                            AND message.sender_role IN ('customer', 'unknown')
                        ORDER BY entry.message_id DESC LIMIT 1
                        """
                ),
                arguments: [conversation]
            )
        }
        return times.max()
    }
}
