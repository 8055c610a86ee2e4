import GRDB
import Gateway
import Telegram

/// Gives messages what stands in other tables: files, versions, reactions, polls.
///
/// One query for each of them and all the messages, and none where no message can have any. Every query asks for the business again.
struct MessageDetails {
    private let db: Database
    private let business: BusinessID

    init(_ db: Database, _ business: BusinessID) {
        self.db = db
        self.business = business
    }

    /// The messages of the list `?1` that are the business's: `?2`.
    private static let listed = """
        FROM json_each(?1) listed
        CROSS JOIN message ON message.id = listed.value
        CROSS JOIN conversation c ON c.id = message.conversation_id AND c.business_id = ?2
        """

    /// Completes messages of the business, which may be of several conversations.
    func complete(_ messages: inout [Message], versions: Bool) throws {
        let places = Dictionary(uniqueKeysWithValues: messages.indices.map { (messages[$0].id.rawValue, $0) })
        // A text has no file; a service message may.
        try each(of: messages.filter { $0.kind != "text" }, Self.attachments) { row in
            guard let place = places[row["message_id"]] else { return }
            messages[place].attachments.append(Self.attachment(row))
        }
        if versions {
            try each(of: messages.filter { $0.editedAt != nil }, Self.versions) { row in
                guard let place = places[row["message_id"]] else { return }
                messages[place].versions.append(try Self.version(row))
            }
        }
        try each(of: messages.filter { $0.telegramMessageID != nil }, Self.reactions) { row in
            guard let place = places[row["id"]] else { return }
            messages[place].reactions.append(try Self.reaction(row))
        }
        let polls = messages.filter { $0.kind == "poll" }
        try each(of: polls, Self.polls) { row in
            guard let place = places[row["id"]] else { return }
            messages[place].poll = Self.poll(row, of: messages[place])
        }
        try each(of: polls, Self.votes) { row in
            guard let place = places[row["id"]], let vote = try Self.vote(row) else { return }
            messages[place].poll?.votes.append(vote)
        }
    }

    private func each(of messages: [Message], _ sql: String, _ body: (Row) throws -> Void) throws {
        guard !messages.isEmpty else { return }
        let list = "[\(messages.map { String($0.id.rawValue) }.joined(separator: ","))]"
        let rows = try Row.fetchCursor(db.cachedStatement(sql: sql), arguments: [list, business.rawValue])
        while let row = try rows.next() { try body(row) }
    }

    // MARK: Files

    private static let attachments = """
        SELECT attachment.message_id, attachment.position, attachment.kind, attachment.file_id, attachment.file_unique_id,
            attachment.name, attachment.mime, attachment.size, attachment.details
        \(listed)
        CROSS JOIN attachment ON attachment.message_id = message.id
        ORDER BY attachment.message_id, attachment.position
        """

    private static func attachment(_ row: Row) -> Attachment {
        Attachment(
            kind: row["kind"],
            fileID: row["file_id"],
            fileUniqueID: row["file_unique_id"],
            name: row["name"],
            mime: row["mime"],
            size: row["size"],
            details: row["details"],
            position: row["position"]
        )
    }

    // MARK: Versions

    private static let versions = """
        SELECT v.message_id, v.kind, v.text, v.extra, v.attachments, v.edited_at
        \(listed)
        CROSS JOIN message_version v ON v.message_id = message.id
        ORDER BY v.message_id, v.number
        """

    private static func version(_ row: Row) throws -> MessageVersion {
        MessageVersion(
            kind: row["kind"],
            text: row["text"],
            extra: row["extra"],
            attachments: try attachments(row["attachments"]),
            editedAt: (row["edited_at"] as Int64?).map(Timestamp.init(milliseconds:))
        )
    }

    /// The files of a version: a JSON array in the shape of `Attachment.json`.
    private static func attachments(_ text: String?) throws -> [Attachment] {
        guard let text else { return [] }
        guard let elements = try? JSONDocument(Array(text.utf8)).root.elements else {
            throw StoreError.damaged("files of a message before its edit")
        }
        return try elements.enumerated().map { position, shape in
            guard let attachment = Attachment(shape, position: position) else {
                throw StoreError.damaged("a file of a message before its edit")
            }
            return attachment
        }
    }

    // MARK: Reactions

    /// By the number in the chat where the message was written: a group that has become a supergroup counts anew.
    private static let reactions = """
        SELECT message.id, r.actor_id, r.actor_role, r.actor_name, r.kind, r.value, r.count, r.reacted_at
        \(listed)
        CROSS JOIN reaction r ON r.chat_id = message.chat_id AND r.telegram_message_id = message.telegram_message_id
        ORDER BY message.id, r.actor_id = 0 DESC, r.reacted_at, r.actor_id, r.position
        """

    private static func reaction(_ row: Row) throws -> MessageReaction {
        let actor: Int64 = row["actor_id"]
        guard let role = Message.Sender.Role(rawValue: row["actor_role"]) else {
            throw StoreError.damaged("role of who reacted")
        }
        return MessageReaction(
            actor: actor == 0 ? nil : .init(role: role, id: actor, name: row["actor_name"]),
            reaction: Reaction(kind: row["kind"], value: row["value"], count: row["count"]),
            at: Timestamp(milliseconds: row["reacted_at"])
        )
    }

    // MARK: Polls

    private static let polls = """
        SELECT message.id, poll.state
        \(listed)
        LEFT JOIN poll ON poll.bot_id = c.bot_id AND poll.poll_id = message.poll_id
        WHERE message.poll_id IS NOT NULL
        """

    /// Until Telegram tells how the poll stands, it stands as it came.
    private static func poll(_ row: Row, of message: Message) -> MessagePoll? {
        if let state: String = row["state"] { return MessagePoll(state: state, votes: []) }
        let details = message.extra.flatMap { try? JSONDocument(Array($0.utf8)).root }
        return (details?["poll"]).map { MessagePoll(state: $0.rawText, votes: []) }
    }

    private static let votes = """
        SELECT message.id, a.voter_id, a.voter_name, a.options
        \(listed)
        CROSS JOIN poll_answer a ON a.bot_id = c.bot_id AND a.poll_id = message.poll_id
        ORDER BY message.id, a.answered_at, a.voter_id
        """

    /// A vote; nil for one that was taken back.
    private static func vote(_ row: Row) throws -> MessagePoll.Vote? {
        let text: String = row["options"]
        guard let elements = try? JSONDocument(Array(text.utf8)).root.elements else {
            throw StoreError.damaged("options of a vote")
        }
        let options = elements.compactMap(\.int64)
        if options.isEmpty { return nil }
        return .init(voterID: row["voter_id"], voterName: row["voter_name"], options: options)
    }
}
