import Foundation
import GRDB
import Gateway
import Telegram

extension SQLiteStore: JobStore {
    /// See `JobStore`.
    public func lateAnswerChanges() -> AsyncStream<Void> { lateAnswerFeed.listen() }

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
    public func openJobs(_ jobs: OpenJobs) async throws -> [PipelineJob] {
        try await read { db in
            // Other conversations' jobs are passed over in the index alone.
            let part = "AND conversation_id = ?4 AND id <= ?5 AND kind <> '\(UpdateKind.preCheckoutQuery.rawValue)'"
            let statement = try db.cachedStatement(
                sql: """
                    SELECT id, conversation_id, received_at, kind FROM raw_update INDEXED BY raw_update_open
                    WHERE business_id = ?1 AND state = 'open' AND id > ?2 \(jobs.only == nil ? "" : part) ORDER BY id LIMIT ?3
                    """
            )
            var arguments: StatementArguments = [jobs.business.rawValue, jobs.after, jobs.limit]
            if let only = jobs.only { arguments += [only.conversation.rawValue, only.through] }
            return try Row.fetchAll(statement, arguments: arguments).map { row in
                PipelineJob(
                    id: row[0],
                    business: jobs.business,
                    conversation: ConversationID(rawValue: row[1]),
                    receivedAt: Timestamp(milliseconds: row[2]),
                    kind: Self.kind(row[3])
                )
            }
        }
    }

    /// See `JobStore`.
    public func consider(
        _ job: PipelineJob,
        at now: Timestamp,
        _ decide: @escaping @Sendable (JobFacts) throws -> JobDecision
    ) async throws -> JobDecision? {
        try await read { db in
            try Self.itsOwnFailure { try Self.facts(job, at: now, db).map(decide) }
        }
    }

    /// See `JobStore`.
    public func decide(
        _ job: PipelineJob,
        at now: Timestamp,
        _ decide: @escaping @Sendable (JobFacts) throws -> JobDecision,
        then: @escaping @Sendable (Result<JobDecision?, any Error>) -> Void
    ) {
        write(for: job.business, changes: Self.changes) { db -> JobDecision? in
            try Self.itsOwnFailure {
                guard let facts = try Self.facts(job, at: now, db) else { return nil }
                let decision = try decide(facts)
                guard case .done(var outcome) = decision else { return decision }
                try JobWriter(job: job, now: now).write(&outcome, db)
                return .done(outcome)
            }
        } then: {
            then($0)
        }
    }

    /// Tells a job's own failure, which no waiting mends, from those of the database, which are everybody's, and pass.
    private static func itsOwnFailure<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch  where !StoreError.isOfTheEngine(error) {
            throw GatewayError.cannotDecide(
                why: "\((error as? GatewayError)?.description ?? StoreError(error).description)"
            )
        }
    }

    /// What a decision has written that others wait for.
    private static func changes(_ decision: JobDecision?) -> Changes {
        guard case .done(let outcome)? = decision else { return [] }
        var changes: Changes = []
        if !outcome.sendings.isEmpty { changes.insert(.outbox) }
        if !outcome.deliveries.isEmpty { changes.insert(.deliveries) }
        return changes
    }

    /// See `JobStore`.
    public func giveUp(_ job: PipelineJob, reason: String, told: [DeliveryDraft], at now: Timestamp) async throws {
        try await write(for: job.business, changes: { _ in [.outbox, .deliveries] }) { db in
            var run = PipelineRun(
                update: job.id,
                conversation: job.conversation,
                decidedAt: now,
                tookMilliseconds: max(0, now.milliseconds - job.receivedAt.milliseconds),
                result: .failed,
                notes: [reason]
            )
            // It may have joined another since.
            let place = try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT conversation_id FROM raw_update WHERE id = ?1 AND business_id = ?2"),
                arguments: [job.id, job.business.rawValue]
            ).map(ConversationID.init(rawValue:))
            run.conversation = place ?? run.conversation
            // Each for itself: what keeps the job from being decided may keep one of these from being done.
            for var draft in told {
                draft.conversation = place ?? draft.conversation
                if try db.attempt({ _ = try Self.keep(draft, at: now, db) }) != nil {
                    run.notes.append("what \(draft.call.step) was told could not be kept")
                }
            }
            _ = try db.attempt { try Self.answerQuery(job, at: now, db) }
            try JobWriter(job: job, now: now).end(run, db)
        }
    }

    /// See `JobStore`.
    public func answerQueries(_ jobs: [PipelineJob], at now: Timestamp) async throws {
        try await write(changes: { _ in .outbox }) { db in
            for job in jobs { try Self.answerQuery(job, at: now, db) }
        }
    }

    /// Answers a query with nothing, if it waits still.
    private static func answerQuery(_ job: PipelineJob, at now: Timestamp, _ db: Database) throws {
        guard let facts = try facts(job, at: now, db), facts.standstill == nil,
            let query = facts.openQuery(job, at: now)
        else { return }
        try db.cachedStatement(sql: "UPDATE raw_update SET answered_at = ?2 WHERE id = ?1 AND business_id = ?3")
            .execute(arguments: [job.id, now.milliseconds, job.business.rawValue])
        let request = SendRequest(
            business: job.business,
            conversation: job.conversation,
            content: .answerCallback(id: query),
            since: job.receivedAt
        )
        // A conversation that cannot be written to: there is nobody to be answered.
        do { _ = try enqueue(request, at: now, db) } catch is GatewayError {}
    }

    /// See `JobStore`.
    public func act(
        on answer: LateAnswer,
        at now: Timestamp,
        _ decide: @escaping @Sendable (LateFacts) throws(StepFailure) -> JobDecision
    ) async throws -> JobDecision? {
        try await write(for: answer.business, changes: Self.changes) { db in
            let statement = try db.cachedStatement(
                sql:
                    "SELECT conversation_id FROM delivery WHERE id = ?1 AND business_id = ?2 AND late_answer IS NOT NULL"
            )
            let row = try Row.fetchOne(statement, arguments: [answer.id.rawValue, answer.business.rawValue])
            guard let row else { return nil }
            guard row[0] == answer.conversation.rawValue else { return .anotherConversation }
            var problem: String?
            var decision: JobDecision?
            do {
                decision = try decide(try Self.facts(answer, at: now, db))
                guard case .done(let outcome) = decision else { return decision }
                try db.inSavepoint {
                    problem = try Self.write(outcome, answer, at: now, db)
                    return .commit
                }
            } catch  where !StoreError.isOfTheEngine(error) {
                decision = nil
                let why = (error as? StepFailure)?.description ?? StoreError(error).description
                problem = "the answer came late and was not acted on: \(why)"
            }
            try Self.closeLateAnswer(answer.id, of: answer.business, problem: problem, db)
            return decision
        }
    }

    /// Writes what a late answer does; gives what is to be said about it.
    private static func write(
        _ decided: JobOutcome,
        _ answer: LateAnswer,
        at now: Timestamp,
        _ db: Database
    ) throws -> String? {
        var outcome = decided
        let job = PipelineJob(
            id: answer.message?.rawValue ?? 0,
            business: answer.business,
            conversation: answer.conversation,
            receivedAt: now,
            kind: .message
        )
        try JobWriter(job: job, now: now).act(&outcome, db)
        try noteLate(outcome.run, answer, db)
        return outcome.run.notes.isEmpty ? nil : outcome.run.notes.joined(separator: "; ")
    }

    /// Adds to what is kept of the update that an answer is about.
    private static func noteLate(_ run: PipelineRun, _ answer: LateAnswer, _ db: Database) throws {
        let row = try Row.fetchOne(
            db,
            sql: "SELECT * FROM pipeline_run WHERE update_id = ?1 AND business_id = ?2",
            arguments: [answer.message?.rawValue, answer.business.rawValue]
        )
        guard let row else { return }
        var known = try Self.run(row)
        known.answers += run.answers
        known.notes.append("\(answer.step) answered late: \(run.answers) answer(s)")
        known.notes += run.notes
        try db.execute(
            sql: "UPDATE pipeline_run SET details = ?2 WHERE update_id = ?1 AND business_id = ?3",
            arguments: [known.update, known.details, answer.business.rawValue]
        )
    }

    /// What is known of an answer that came late.
    private static func facts(_ answer: LateAnswer, at now: Timestamp, _ db: Database) throws -> LateFacts {
        guard let message = answer.message else { throw StepFailure("its message is not there") }
        let subject = try subject(message, of: answer.business, db)
        let business = try business(answer.business, db)
        let states = try Row.fetchOne(
            db,
            sql: """
                SELECT bot.state, business.state, business.removing_at, c.chat_id, c.release_at,
                    (SELECT number FROM active_pipeline WHERE business_id = c.business_id)
                FROM conversation c JOIN bot ON bot.id = c.bot_id JOIN business ON business.id = c.business_id
                WHERE c.id = ?1 AND c.business_id = ?2
                """,
            arguments: [answer.conversation.rawValue, answer.business.rawValue]
        )
        guard let states else { throw StepFailure("its conversation is not there") }
        var context: PipelineContext
        do throws(PipelineContext.Incoming.NotStarted) {
            context = try subject.context(businessName: business.name, now: now)
        } catch {
            throw StepFailure(error.description)
        }
        if let release: Int64 = states[4], release <= now.milliseconds {
            context.conversation.isHandledByPeople = false
        }
        let chatRow: Int64 = states[3]
        return LateFacts(
            context: context,
            standstill: standstill(bot: states[0], business: states[1], removing: (states[2] as Int64?) != nil),
            pipeline: states[5],
            messageNumbered: { try numbered($0, chatRow: chatRow, db) }
        )
    }

    /// See `JobStore`.
    public func releaseDue(at now: Timestamp, limit: Int) async throws -> (count: Int, next: Timestamp?) {
        let due = "SELECT min(release_at) FROM conversation WHERE release_at IS NOT NULL"
        let next = try await read { try Int64.fetchOne($0, sql: due) }
        guard let next, next <= now.milliseconds else { return (0, next.map(Timestamp.init(milliseconds:))) }
        let count: Int = try await write(changes: { _ in [] }) { db in
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

    private static func kind(_ update: String) -> PipelineJob.Kind {
        switch update {
        case UpdateKind.callbackQuery.rawValue: .callback
        case UpdateKind.preCheckoutQuery.rawValue: .checkout
        default: .message
        }
    }

    /// What is known of an open job; nil if it is done.
    private static func facts(_ job: PipelineJob, at now: Timestamp, _ db: Database) throws -> JobFacts? {
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
        let chatRow: Int64 = row[16]
        let message = try stored(record, job, chatRow: chatRow, db)
        let standstill = standstill(bot: row[5], business: row[9], removing: (row[10] as Int64?) != nil)
        return JobFacts(
            record: record,
            message: message,
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
            chatIDs: try chatIDs(chatRow, db),
            answers: try answered(record, by: message, job.business, db),
            isFirstContact: { try isFirstContact(MessageID(rawValue: job.id), in: conversation, db) },
            more: .init(
                subject: {
                    guard let message else { return nil }
                    return (try business(job.business, db), try subject(message, of: job.business, db))
                },
                isHeld: { try isHeld(conversation, of: job.business, at: now, db) },
                messageNumbered: { try numbered($0, chatRow: chatRow, db) }
            )
        )
    }

    /// Why nothing runs; nil if it does.
    private static func standstill(bot: String, business: String, removing: Bool) -> String? {
        switch (bot, business) {
        case ("removed", _): "the bot was removed"
        case _ where removing: "the business is being removed"
        case ("paused", _): "the bot is paused"
        case (_, "suspended"): "the business is suspended"
        default: nil
        }
    }

    /// The message that an update brought, or changed.
    private static func stored(
        _ record: IntakeRecord,
        _ job: PipelineJob,
        chatRow: Int64,
        _ db: Database
    ) throws -> MessageID? {
        guard let message = record.message else { return nil }
        // An edit changes another update's message, and one that came before its original has made it.
        guard let number = message.messageID else { return MessageID(rawValue: job.id) }
        return try numbered(number, chatRow: chatRow, db)
    }

    private static func numbered(_ number: Int64, chatRow: Int64, _ db: Database) throws -> MessageID? {
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

    /// What a chat is called at Telegram, and was before it became a supergroup.
    private static func chatIDs(_ chatRow: Int64, _ db: Database) throws -> Set<Int64> {
        let statement = try db.cachedStatement(
            sql:
                "SELECT telegram_chat_id FROM chat WHERE id = ?1 UNION ALL SELECT telegram_chat_id FROM chat WHERE successor_id = ?1"
        )
        return try Int64.fetchSet(statement, arguments: [chatRow])
    }

    /// The customer's conversation that a message in a chat of the staff answers.
    private static func answered(
        _ record: IntakeRecord,
        by message: MessageID?,
        _ business: BusinessID,
        _ db: Database
    ) throws -> ConversationID? {
        guard let written = record.message, written.kind != "service", written.chatKind != "private",
            written.replyTo != nil, let message
        else { return nil }
        return try original(answeredBy: message, of: business, db)?.conversation
    }
}
