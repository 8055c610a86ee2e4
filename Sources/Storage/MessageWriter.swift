import GRDB
import Gateway
import Telegram

/// Writes messages, what they were before, their files and the reactions to them.
///
/// Belongs to the writer connection, as `IntakeWriter` does.
struct MessageWriter {
    private let connection: OpaquePointer
    private let addMessage: HotStatement
    private let addAttachment: HotStatement
    private let findMessage: HotStatement
    private let addVersion: HotStatement
    private let changeMessage: HotStatement
    private let dropAttachments: HotStatement
    private let delete: HotStatement
    private let latestReaction: HotStatement
    private let dropReactions: HotStatement
    private let addReaction: HotStatement

    /// What is written in a message's row beside what it brings itself.
    struct Row {
        var id: Int64
        var place: Places.Place
        var role: Message.Sender.Role
        var receivedAt: Timestamp
    }

    private struct Stored {
        var id: Int64
        var kind: String
        var text: String?
        var extra: String?
        var editedAt: Int64?
        /// The files, by their lasting ids.
        var files: String
    }

    init(_ connection: OpaquePointer) throws {
        self.connection = connection
        addMessage = try HotStatement(
            connection,
            """
            INSERT INTO message (conversation_id, id, chat_id, telegram_message_id, direction, sender_role, sender_id,
                sender_name, kind, text, extra, reply_to, sent_at, received_at, state, album_id, poll_id, edited_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 'received', ?15, ?16, ?17)
            ON CONFLICT (telegram_message_id, chat_id) WHERE telegram_message_id IS NOT NULL DO NOTHING
            """
        )
        addAttachment = try HotStatement(
            connection,
            """
            INSERT INTO attachment (message_id, position, kind, file_id, file_unique_id, name, mime, size, details)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            """
        )
        findMessage = try HotStatement(
            connection,
            """
            SELECT id, kind, text, extra, edited_at, coalesce((
                SELECT group_concat(file_unique_id, ' ')
                FROM (SELECT file_unique_id FROM attachment WHERE message_id = message.id ORDER BY position)
            ), '')
            FROM message WHERE telegram_message_id = ?1 AND chat_id = ?2
            """
        )
        addVersion = try HotStatement(
            connection,
            """
            INSERT INTO message_version (message_id, number, kind, text, extra, attachments, edited_at, received_at)
            VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM message_version WHERE message_id = ?1), ?2, ?3, ?4, ?5,
                ?6, ?7)
            """
        )
        changeMessage = try HotStatement(
            connection,
            """
            UPDATE message SET kind = ?2, text = ?3, extra = ?4, edited_at = ?5, poll_id = coalesce(?6, poll_id)
            WHERE id = ?1
            """
        )
        dropAttachments = try HotStatement(connection, "DELETE FROM attachment WHERE message_id = ?1")
        delete = try HotStatement(
            connection,
            """
            UPDATE message SET deleted_at = ?3 WHERE telegram_message_id = ?1 AND chat_id = ?2 AND deleted_at IS NULL
            """
        )
        latestReaction = try HotStatement(
            connection,
            """
            SELECT max(reacted_at) FROM reaction WHERE chat_id = ?1 AND telegram_message_id = ?2 AND actor_id = ?3
            """
        )
        dropReactions = try HotStatement(
            connection,
            "DELETE FROM reaction WHERE chat_id = ?1 AND telegram_message_id = ?2 AND actor_id = ?3"
        )
        addReaction = try HotStatement(
            connection,
            """
            INSERT INTO reaction (chat_id, telegram_message_id, actor_id, position, actor_role, actor_name, kind, value,
                count, reacted_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
            """
        )
    }

    /// Adds a message with its files; false if the chat has one with its number.
    func add(_ message: IncomingMessage, _ row: Row) throws -> Bool {
        addMessage.bind(1, row.place.conversation)
        addMessage.bind(2, row.id)
        addMessage.bind(3, row.place.chatRow)
        addMessage.bind(4, message.messageID)
        addMessage.bind(5, Self.direction(row.role, message).rawValue)
        addMessage.bind(6, row.role.rawValue)
        addMessage.bind(7, message.sender.id)
        addMessage.bind(8, message.sender.name)
        addMessage.bind(9, message.kind)
        addMessage.bind(10, message.text)
        addMessage.bind(11, message.extra)
        addMessage.bind(12, message.replyTo)
        addMessage.bind(13, Timestamp(seconds: message.date).milliseconds)
        addMessage.bind(14, row.receivedAt.milliseconds)
        addMessage.bind(15, message.albumID)
        addMessage.bind(16, message.pollID)
        addMessage.bind(17, Self.editedAt(message))
        guard try addMessage.run() > 0 else { return false }
        for file in message.attachments { try add(file, to: row.id) }
        return true
    }

    /// Keeps the first form of a message of which only an edit was known: Telegram may deliver it late.
    func addFirstForm(_ message: IncomingMessage, _ row: Row) throws {
        guard message.editedAt == nil, let stored = try stored(message, row), stored.editedAt != nil,
            !Self.isSame(stored, message), try !hasFirstForm(stored.id)
        else { return }
        try addVersion.run(
            .int(stored.id),
            .text(message.kind),
            .text(message.text),
            .text(message.extra),
            .text(Self.json(message.attachments)),
            .int(nil),
            .int(row.receivedAt.milliseconds)
        )
    }

    /// Makes a message what an edit says it is now; what it was becomes a version.
    ///
    /// An edit that changes nothing leaves no trace.
    ///
    /// - Returns: whether the message was not known, and is added.
    func edit(_ message: IncomingMessage, _ row: Row) throws -> Bool {
        guard let stored = try stored(message, row) else { return try add(message, row) }
        guard !Self.isSame(stored, message) else { return false }
        let at = Self.editedAt(message)
        if let last = stored.editedAt, let at, at < last {
            // Older than what is known: another form that it had in between.
            try addVersion.run(
                .int(stored.id),
                .text(message.kind),
                .text(message.text),
                .text(message.extra),
                .text(Self.json(message.attachments)),
                .int(at),
                .int(row.receivedAt.milliseconds)
            )
            return false
        }
        try addVersion.run(
            .int(stored.id),
            .text(stored.kind),
            .text(stored.text),
            .text(stored.extra),
            .text(try storedAttachments(stored.id)),
            .int(stored.editedAt),
            .int(row.receivedAt.milliseconds)
        )
        try changeMessage.run(
            .int(stored.id),
            .text(message.kind),
            .text(message.text),
            .text(message.extra),
            .int(at ?? row.receivedAt.milliseconds),
            .text(message.pollID)
        )
        try dropAttachments.run(.int(stored.id))
        for file in message.attachments { try add(file, to: stored.id) }
        return false
    }

    /// Marks messages as deleted; their content stays.
    func delete(_ numbers: [Int64], chatRow: Int64, at now: Timestamp) throws {
        for number in numbers { try delete.run(.int(number), .int(chatRow), .int(now.milliseconds)) }
    }

    /// Puts what somebody has on a message in the place of what they had, unless something later is known.
    func react(_ change: ReactionChange, chatRow: Int64) throws {
        let actor = change.actor?.id ?? 0
        let at = Timestamp(seconds: change.date).milliseconds
        let last = try latestReaction.first(.int(chatRow), .int(change.messageID), .int(actor)) { $0.optionalInt64(0) }
        if let last, let known = last, known > at { return }
        try dropReactions.run(.int(chatRow), .int(change.messageID), .int(actor))
        for (position, reaction) in change.reactions.enumerated() {
            try addReaction.run(
                .int(chatRow),
                .int(change.messageID),
                .int(actor),
                .int(Int64(position)),
                .text((change.actor?.role ?? .unknown).rawValue),
                .text(change.actor?.name ?? ""),
                .text(reaction.kind),
                .text(reaction.value),
                .int(reaction.count),
                .int(at)
            )
        }
    }

    private func add(_ file: Attachment, to message: Int64) throws {
        try addAttachment.run(
            .int(message),
            .int(Int64(file.position)),
            .text(file.kind),
            .text(file.fileID),
            .text(file.fileUniqueID),
            .text(file.name),
            .text(file.mime),
            .int(file.size),
            .text(file.details)
        )
    }

    private func stored(_ message: IncomingMessage, _ row: Row) throws -> Stored? {
        try findMessage.first(.int(message.messageID), .int(row.place.chatRow)) { found in
            Stored(
                id: found.int64(0),
                kind: found.text(1),
                text: found.optionalText(2),
                extra: found.optionalText(3),
                editedAt: found.optionalInt64(4),
                files: found.text(5)
            )
        }
    }

    private func hasFirstForm(_ message: Int64) throws -> Bool {
        try HotStatement(connection, "SELECT 1 FROM message_version WHERE message_id = ?1 AND edited_at IS NULL")
            .first(.int(message)) { _ in true } ?? false
    }

    /// The files of a message as a version keeps them.
    private func storedAttachments(_ message: Int64) throws -> String? {
        let files = try HotStatement(
            connection,
            """
            SELECT kind, file_id, file_unique_id, name, mime, size, details, position FROM attachment
            WHERE message_id = ?1 ORDER BY position
            """
        ).all(.int(message)) { row in
            Attachment(
                kind: row.text(0),
                fileID: row.text(1),
                fileUniqueID: row.text(2),
                name: row.optionalText(3),
                mime: row.optionalText(4),
                size: row.optionalInt64(5),
                details: row.optionalText(6),
                position: Int(row.int64(7))
            )
        }
        return Self.json(files)
    }

    private static func json(_ files: [Attachment]) -> String? {
        files.isEmpty ? nil : String(decoding: JSON.array(files.map(\.json)).encoded(), as: UTF8.self)
    }

    private static func isSame(_ stored: Stored, _ message: IncomingMessage) -> Bool {
        stored.kind == message.kind && stored.text == message.text && stored.extra == message.extra
            && stored.files == message.attachments.map(\.fileUniqueID).joined(separator: " ")
    }

    private static func editedAt(_ message: IncomingMessage) -> Int64? {
        message.editedAt.map { Timestamp(seconds: $0).milliseconds }
    }

    /// In a business chat the owner's own words, and what a bot says for them, go out.
    static func direction(_ role: Message.Sender.Role, _ message: IncomingMessage) -> Message.Direction {
        message.businessConnectionID != nil && (role == .owner || role == .bot) ? .outgoing : .incoming
    }
}
