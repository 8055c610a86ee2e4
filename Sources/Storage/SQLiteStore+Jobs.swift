import Foundation
import GRDB
import Gateway

extension SQLiteStore: JobStore {
    /// See `JobStore`.
    public func committedJobs() -> AsyncStream<[PipelineJob]> { jobStream }

    /// See `JobStore`.
    public func businessesWithJobs() async throws -> [BusinessID] {
        try await read { db in
            // One step in the index a business, however many jobs it has.
            let sql = """
                WITH RECURSIVE owner (id) AS (
                    SELECT min(business_id) FROM raw_update INDEXED BY raw_update_open WHERE state = 'open'
                    UNION ALL
                    SELECT (SELECT min(business_id) FROM raw_update INDEXED BY raw_update_open
                        WHERE state = 'open' AND business_id > owner.id)
                    FROM owner WHERE owner.id IS NOT NULL
                )
                SELECT id FROM owner WHERE id IS NOT NULL
                """
            return try Int64.fetchAll(db, sql: sql).map(BusinessID.init(rawValue:))
        }
    }

    /// See `JobStore`.
    public func openJobs(of business: BusinessID, after id: Int64, limit: Int) async throws -> [PipelineJob] {
        try await read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT id, conversation_id, received_at, kind = 'callback_query' FROM raw_update
                        WHERE business_id = ?1 AND state = 'open' AND id > ?2 ORDER BY id LIMIT ?3
                        """
                ),
                arguments: [business.rawValue, id, limit]
            ).map { row in
                PipelineJob(
                    id: row[0],
                    business: business,
                    conversation: ConversationID(rawValue: row[1]),
                    receivedAt: Timestamp(milliseconds: row[2]),
                    isQuery: row[3]
                )
            }
        }
    }

    /// See `JobStore`.
    public func decide(
        _ job: PipelineJob,
        at now: Timestamp,
        _ decide: @escaping @Sendable (JobFacts) throws -> JobDecision
    ) async throws -> JobDecision? {
        let decision: JobDecision?? = try await write(for: job.business) { db in
            guard let facts = try Self.facts(job, db) else { return JobDecision?.none }
            let decision = try decide(facts)
            guard case .done(var outcome) = decision else { return decision }
            try JobWriter(job: job, now: now).write(&outcome, db)
            return .done(outcome)
        }
        return decision ?? nil
    }

    /// See `JobStore`.
    public func giveUp(_ job: PipelineJob, reason: String, at now: Timestamp) async throws {
        try await write(for: job.business) { db in
            let run = PipelineRun(
                update: job.id,
                conversation: job.conversation,
                decidedAt: now,
                tookMilliseconds: max(0, now.milliseconds - job.receivedAt.milliseconds),
                result: .failed,
                notes: [reason]
            )
            try JobWriter(job: job, now: now).end(run, db)
        }
    }

    /// See `JobStore`.
    public func answerQueries(_ jobs: [PipelineJob], at now: Timestamp) async throws {
        try await write { db in
            for job in jobs {
                guard let facts = try Self.facts(job, db), facts.standstill == nil, !facts.isAnswered,
                    let query = facts.record.message?.queryID
                else { continue }
                try db.cachedStatement(sql: "UPDATE raw_update SET answered_at = ?2 WHERE id = ?1 AND business_id = ?3")
                    .execute(arguments: [job.id, now.milliseconds, job.business.rawValue])
                let request = SendRequest(
                    business: job.business,
                    conversation: job.conversation,
                    content: .answerCallback(id: query)
                )
                // A conversation that cannot be written to: there is nobody to be answered.
                do { _ = try Self.enqueue(request, at: now, db) } catch is GatewayError { continue }
            }
        }
    }

    /// See `JobStore`.
    public func releaseDue(at now: Timestamp, limit: Int) async throws -> (count: Int, next: Timestamp?) {
        let due = "SELECT min(release_at) FROM conversation WHERE release_at IS NOT NULL"
        let next = try await read { try Int64.fetchOne($0, sql: due) }
        guard let next, next <= now.milliseconds else { return (0, next.map(Timestamp.init(milliseconds:))) }
        let count: Int = try await write { db in
            try db.execute(
                sql: """
                    UPDATE conversation SET handled_by = 'pipeline', release_at = NULL WHERE id IN
                        (SELECT id FROM conversation WHERE release_at IS NOT NULL AND release_at <= ?1 LIMIT ?2)
                    """,
                arguments: [now.milliseconds, limit]
            )
            return db.changesCount
        }
        let later = try await read { try Int64.fetchOne($0, sql: due) }
        return (count, later.map(Timestamp.init(milliseconds:)))
    }

    /// What is known of an open job; nil if it is done.
    private static func facts(_ job: PipelineJob, _ db: Database) throws -> JobFacts? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT r.body, r.received_at, r.answered_at, r.conversation_id, r.bot_id,
                    bot.state, bot.username, bot.name, business.name, business.state, business.removing_at,
                    (SELECT number FROM active_pipeline WHERE business_id = r.business_id),
                    c.handled_by, c.release_at, c.assignee, c.customer_id, chat.id, chat.kind, chat.title
                FROM raw_update r
                JOIN bot ON bot.id = r.bot_id
                JOIN business ON business.id = r.business_id
                JOIN conversation c ON c.id = r.conversation_id AND c.business_id = r.business_id
                JOIN chat ON chat.id = c.chat_id
                WHERE r.id = ?1 AND r.business_id = ?2 AND r.state = 'open'
                """
        )
        guard let row = try Row.fetchOne(statement, arguments: [job.id, job.business.rawValue]) else { return nil }
        guard let body: Data = row[0] else { throw StoreError.damaged("an open job has no body") }
        let bot = BotID(rawValue: row[4])
        let receivedAt = Timestamp(milliseconds: row[1])
        let record = Intake.record(of: Array(body), for: bot, of: job.business, at: receivedAt)
        let conversation = ConversationID(rawValue: row[3])
        let standstill: String? =
            switch (row[5] as String, row[9] as String, row[10] as Int64?) {
            case ("removed", _, _): "the bot was removed"
            case (_, _, .some): "the business is being removed"
            case ("paused", _, _): "the bot is paused"
            case (_, "suspended", _): "the business is suspended"
            default: nil
            }
        return JobFacts(
            record: record,
            message: try stored(record, job, chatRow: row[16], db),
            conversation: .init(
                id: conversation,
                kind: row[17],
                title: row[18],
                isHandledByPeople: (row[12] as String) == "people",
                assignee: row[14]
            ),
            releaseAt: (row[13] as Int64?).map(Timestamp.init(milliseconds:)),
            businessName: row[8],
            standstill: standstill,
            bot: .init(id: bot, username: row[6], name: row[7]),
            pipeline: row[11],
            owner: try owner(record, db),
            notes: ConversationNotes(
                labels: try labels(of: conversation, db),
                attributes: try attributes(of: conversation, customer: row[15], db),
                assignee: row[14]
            ),
            isAnswered: (row[2] as Int64?) != nil,
            answers: try answered(record, chatRow: row[16], job.business, db),
            isFirstContact: { try isFirstContact(MessageID(rawValue: job.id), in: conversation, db) }
        )
    }

    /// The message that an update brought, or changed.
    private static func stored(
        _ record: IntakeRecord,
        _ job: PipelineJob,
        chatRow: Int64,
        _ db: Database
    ) throws -> MessageID? {
        guard case .edit(let message) = record.entry else { return MessageID(rawValue: job.id) }
        guard let number = message.messageID else { return nil }
        let sql = "SELECT id FROM message WHERE telegram_message_id = ?1 AND chat_id = ?2"
        return try Int64.fetchOne(db.cachedStatement(sql: sql), arguments: [number, chatRow]).map(
            MessageID.init(rawValue:)
        )
    }

    /// The owner of the business account that an update came by.
    private static func owner(_ record: IntakeRecord, _ db: Database) throws -> Int64? {
        guard let connection = record.message?.businessConnectionID else { return nil }
        let sql =
            "SELECT owner_id FROM business_connection WHERE bot_id = ?1 AND connection_id = ?2 AND state = 'known'"
        return try Int64.fetchOne(db.cachedStatement(sql: sql), arguments: [record.botID.rawValue, connection])
    }

    /// The customer's conversation that a message in a chat of the staff answers.
    private static func answered(
        _ record: IntakeRecord,
        chatRow: Int64,
        _ business: BusinessID,
        _ db: Database
    ) throws -> ConversationID? {
        guard let message = record.message, message.kind != "service", message.chatKind != "private",
            let number = message.replyTo
        else { return nil }
        let statement = try db.cachedStatement(
            sql: """
                SELECT forwarded.conversation_id FROM message
                JOIN forwarded ON forwarded.message_id = message.id AND forwarded.business_id = ?3
                WHERE message.telegram_message_id = ?1 AND message.chat_id = ?2
                """
        )
        return try Int64.fetchOne(statement, arguments: [number, chatRow, business.rawValue])
            .map(ConversationID.init(rawValue:))
    }
}
