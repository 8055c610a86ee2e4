import GRDB
import Gateway

/// Writes what a job comes to, within the transaction that decided it.
struct JobWriter {
    let job: PipelineJob
    let now: Timestamp

    /// Writes everything, and ends the job.
    func write(_ outcome: inout JobOutcome, _ db: Database) throws {
        try act(&outcome, db)
        for draft in outcome.deliveries { try SQLiteStore.keep(draft, at: now, db) }
        try end(outcome.run, db)
    }

    /// Writes what is changed and sent; what cannot be sent is noted, and the rest is written.
    func act(_ outcome: inout JobOutcome, _ db: Database) throws {
        if let conversation = outcome.run.conversation, !outcome.change.isEmpty {
            let change = outcome.change
            do {
                try db.inSavepoint {
                    try SQLiteStore.apply(change, to: conversation, of: job.business, at: now, db)
                    return .commit
                }
            } catch let error as GatewayError {
                outcome.run.notes.append("not changed: \(error)")
            }
        }
        if let conversation = outcome.release {
            var change = ConversationChange()
            change.handling = .pipeline
            try SQLiteStore.apply(change, to: conversation, of: job.business, at: now, db)
        }
        for sending in outcome.sendings {
            do {
                try send(sending.request, sending, about: sending.shows ?? sending.passesOn, &outcome.run, db)
            } catch let error as GatewayError {
                // What the caller could mend: thrown before anything is written, so the rest stands.
                guard let request = sending.instead?(error.description) else {
                    outcome.run.notes.append("not sent: \(error)")
                    continue
                }
                do {
                    try send(request, sending, about: sending.shows, &outcome.run, db)
                } catch let error as GatewayError {
                    outcome.run.notes.append("not sent: \(error)")
                }
            }
        }
    }

    /// Marks the job as done, and keeps what was done.
    func end(_ run: PipelineRun, _ db: Database) throws {
        try db.cachedStatement(
            sql: "UPDATE raw_update SET state = 'done' WHERE id = ?1 AND business_id = ?2 AND state = 'open'"
        ).execute(arguments: [job.id, job.business.rawValue])
        // Done already, though whoever asked was told that it failed.
        guard db.changesCount > 0 else { return }
        try db.cachedStatement(
            sql: """
                INSERT INTO pipeline_run (update_id, business_id, conversation_id, decided_at, result, pipeline, details)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                """
        ).execute(arguments: [
            job.id, job.business.rawValue, run.conversation?.rawValue, run.decidedAt.milliseconds, run.result.rawValue,
            run.pipeline, run.details,
        ])
    }

    private func send(
        _ request: SendRequest,
        _ sending: JobOutcome.Sending,
        about source: MessageID?,
        _ run: inout PipelineRun,
        _ db: Database
    ) throws {
        let queued = try SQLiteStore.enqueue(request, at: now, db)
        if sending.isAutomatic { run.answers += queued.messages.count }
        // A message that is sent on knows what it shows; a text in its place is told.
        guard request.sourceID == nil, let source else { return }
        for message in queued.messages {
            try db.cachedStatement(
                sql: """
                    UPDATE message SET source_id = ?2
                    WHERE id = ?1 AND (SELECT business_id FROM conversation WHERE id = conversation_id) = ?3
                    """
            ).execute(arguments: [message.rawValue, source.rawValue, job.business.rawValue])
        }
    }
}
