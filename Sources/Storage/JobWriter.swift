import GRDB
import Gateway

/// Writes what a job comes to, within the transaction that decided it.
struct JobWriter {
    let job: PipelineJob
    let now: Timestamp

    /// Writes everything; what cannot be sent is noted, and the rest is written.
    func write(_ outcome: inout JobOutcome, _ db: Database) throws {
        if let conversation = outcome.run.conversation, !outcome.change.isEmpty {
            try SQLiteStore.apply(outcome.change, to: conversation, of: job.business, at: now, db)
        }
        if let conversation = outcome.release {
            var change = ConversationChange()
            change.handling = .pipeline
            try SQLiteStore.apply(change, to: conversation, of: job.business, at: now, db)
        }
        for sending in outcome.sendings {
            do {
                let queued = try SQLiteStore.enqueue(sending.request, at: now, db)
                if sending.isAutomatic { outcome.run.answers += queued.messages.count }
            } catch let error as GatewayError {
                // What the caller could mend: thrown before anything is written, so the rest stands.
                outcome.run.notes.append("not sent: \(error)")
                guard let request = outcome.refusal?(error.description) else { continue }
                do { _ = try SQLiteStore.enqueue(request, at: now, db) } catch is GatewayError { continue }
            }
        }
        for forward in outcome.forwards { try self.forward(to: forward, &outcome.run, db) }
        try end(outcome.run, db)
    }

    /// Marks the job as done, and keeps what was done.
    func end(_ run: PipelineRun, _ db: Database) throws {
        try db.cachedStatement(sql: "UPDATE raw_update SET state = 'done' WHERE id = ?1 AND business_id = ?2")
            .execute(arguments: [job.id, job.business.rawValue])
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

    private func forward(to forward: StepEffects.Forward, _ run: inout PipelineRun, _ db: Database) throws {
    }
}
