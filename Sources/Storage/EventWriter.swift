import GRDB
import Gateway
import Telegram

/// Writes what updates tell beside messages: polls, votes, business accounts, managed bots, what customers do outside conversations.
///
/// None of it is frequent, so its statements are prepared when they are needed. Belongs to the writer connection, as `IntakeWriter` does.
struct EventWriter {
    private let connection: OpaquePointer
    private let findOwner: HotStatement
    /// The owners of connections: an id of a connection never becomes another account's.
    private var owners = GenerationCache<ConnectionKey, Int64>(capacity: 4096)

    private struct ConnectionKey: Hashable {
        var bot: Int64
        var id: String
    }

    init(_ connection: OpaquePointer) throws {
        self.connection = connection
        findOwner = try HotStatement(
            connection,
            "SELECT owner_id FROM business_connection WHERE bot_id = ?1 AND connection_id = ?2 AND state = 'known'"
        )
    }

    private func run(_ sql: String, _ values: HotValue...) throws {
        let statement = try HotStatement(connection, sql)
        statement.bind(all: values)
        try statement.run()
    }

    /// Records how a poll stands; a poll that is closed stays closed.
    func record(_ poll: PollState, _ record: IntakeRecord) throws {
        try run(
            """
            INSERT INTO poll (bot_id, poll_id, state, is_closed, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (bot_id, poll_id) DO UPDATE SET state = excluded.state, is_closed = excluded.is_closed,
                updated_at = excluded.updated_at
            WHERE excluded.is_closed >= is_closed
            """,
            .int(record.botID.rawValue),
            .text(poll.pollID),
            .text(poll.json),
            .int(poll.isClosed ? 1 : 0),
            .int(record.receivedAt.milliseconds)
        )
    }

    /// Records a vote, or that it was taken back.
    func record(_ answer: PollAnswer, _ record: IntakeRecord) throws {
        guard let voter = answer.voter.id else { return }
        guard !answer.optionIDs.isEmpty else {
            return try run(
                "DELETE FROM poll_answer WHERE bot_id = ?1 AND poll_id = ?2 AND voter_id = ?3",
                .int(record.botID.rawValue),
                .text(answer.pollID),
                .int(voter)
            )
        }
        let options = JSON.array(answer.optionIDs.map { .int($0) }).encoded()
        try run(
            """
            INSERT INTO poll_answer (bot_id, poll_id, voter_id, voter_name, options, answered_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (bot_id, poll_id, voter_id) DO UPDATE SET voter_name = excluded.voter_name,
                options = excluded.options, answered_at = excluded.answered_at
            """,
            .int(record.botID.rawValue),
            .text(answer.pollID),
            .int(voter),
            .text(answer.voter.name),
            .text(String(decoding: options, as: UTF8.self)),
            .int(record.receivedAt.milliseconds)
        )
    }

    /// Records a bot that this bot manages.
    func record(_ notice: ManagedBotNotice, _ record: IntakeRecord) throws {
        try run(
            """
            INSERT INTO managed_bot (bot_id, telegram_id, owner_id, owner_name, username, name, told_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (bot_id, telegram_id) DO UPDATE SET owner_id = excluded.owner_id,
                owner_name = excluded.owner_name, username = excluded.username, name = excluded.name,
                told_at = excluded.told_at
            """,
            .int(record.botID.rawValue),
            .int(notice.botID),
            .int(notice.owner.telegramID),
            .text(notice.owner.name),
            .text(notice.username),
            .text(notice.name),
            .int(record.receivedAt.milliseconds)
        )
    }

    /// Records what a customer did outside any conversation.
    func record(_ event: CustomerEvent, id: Int64, customer: Int64?, _ record: IntakeRecord) throws {
        try run(
            """
            INSERT INTO customer_event (id, business_id, bot_id, customer_id, kind, text, details, received_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            """,
            .int(id),
            .int(record.businessID.rawValue),
            .int(record.botID.rawValue),
            .int(customer),
            .text(event.kind),
            .text(event.text),
            .text(event.details),
            .int(record.receivedAt.milliseconds)
        )
    }

    /// Who wrote a message of a business chat, as far as its connection is known; an unknown one is put down to be asked for.
    mutating func role(of message: IncomingMessage, _ record: IntakeRecord) throws -> Message.Sender.Role {
        guard let id = message.businessConnectionID else { return message.sender.role }
        let key = ConnectionKey(bot: record.botID.rawValue, id: id)
        if let owner = owners.value(key) { return message.role(whereOwnerIs: owner) }
        if let owner = try findOwner.first(.int(key.bot), .text(id), read: { $0.int64(0) }) {
            owners.insert(owner, for: key)
            return message.role(whereOwnerIs: owner)
        }
        try run(
            """
            INSERT INTO business_connection (bot_id, connection_id, state, updated_at, ask_at)
            VALUES (?1, ?2, 'wanted', ?3, ?3) ON CONFLICT (bot_id, connection_id) DO NOTHING
            """,
            .int(key.bot),
            .text(id),
            .int(record.receivedAt.milliseconds)
        )
        return message.sender.role
    }

    /// Records an account that a bot may act for, and says of its chats' messages who wrote them.
    func record(_ state: BusinessConnectionState, of bot: BotID, at now: Timestamp) throws {
        let wasKnown = try findOwner.first(.int(bot.rawValue), .text(state.id)) { _ in true } ?? false
        try run(
            """
            INSERT INTO business_connection (bot_id, connection_id, state, owner_id, owner_name, user_chat_id, is_enabled,
                rights, connected_at, updated_at)
            VALUES (?1, ?2, 'known', ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            ON CONFLICT (bot_id, connection_id) DO UPDATE SET state = 'known', owner_id = excluded.owner_id,
                owner_name = excluded.owner_name, user_chat_id = excluded.user_chat_id,
                is_enabled = excluded.is_enabled, rights = excluded.rights, connected_at = excluded.connected_at,
                updated_at = excluded.updated_at, ask_at = NULL
            """,
            .int(bot.rawValue),
            .text(state.id),
            .int(state.owner.telegramID),
            .text(state.owner.name),
            .int(state.userChatID),
            .int(state.isEnabled ? 1 : 0),
            .text(state.rights),
            .int(Timestamp(seconds: state.date).milliseconds),
            .int(now.milliseconds)
        )
        guard !wasKnown else { return }
        // What came before the account was known: as `IncomingMessage.role(whereOwnerIs:)` and `MessageWriter.direction` have it.
        try run(
            """
            UPDATE message SET
                sender_role = CASE WHEN sender_id = ?3 THEN 'owner' ELSE 'customer' END,
                direction = CASE WHEN sender_id = ?3 THEN 'out' ELSE 'in' END
            WHERE sender_role = 'unknown' AND id IN (
                SELECT h.message_id FROM chat JOIN conversation c ON c.chat_id = chat.id
                JOIN history h ON h.conversation_id = c.id
                WHERE chat.bot_id = ?1 AND chat.space = 'business:' || ?2
                UNION
                SELECT h.message_id FROM chat JOIN conversation c ON c.chat_id = chat.id
                JOIN history_tail h ON h.conversation_id = c.id
                WHERE chat.bot_id = ?1 AND chat.space = 'business:' || ?2
            ) AND (sender_id = ?3 OR sender_id = (SELECT telegram_chat_id FROM chat WHERE chat.id = message.chat_id))
            """,
            .int(bot.rawValue),
            .text(state.id),
            .int(state.owner.telegramID)
        )
    }

    /// Another process has written.
    mutating func forgetAll() { owners.removeAll() }
}
