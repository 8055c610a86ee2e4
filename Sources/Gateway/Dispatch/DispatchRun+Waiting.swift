import HeapModule
import Logging

/// What waits for a time: queries without an answer, conversations that people have.
extension DispatchRun {
    // MARK: Queries

    /// Sees to it that who pressed a button is not left waiting.
    mutating func watch(_ job: PipelineJob) {
        guard job.kind == .callback, queries.count < DispatchLimits.queries, queries.insert(job.id).inserted else {
            return
        }
        let age = dispatcher.now().milliseconds - job.receivedAt.milliseconds
        let wait = max(0, DispatchLimits.queryWait - age)
        timers.insert(Timer(time: time + wait, deed: .query(job)))
    }

    mutating func answerQueries(_ group: inout DiscardingTaskGroup) {
        guard !isAnsweringQueries, !lateQueries.isEmpty else { return }
        isAnsweringQueries = true
        let jobs = Array(lateQueries.prefix(DispatchLimits.rowsInWrite))
        lateQueries.removeFirst(jobs.count)
        let (store, mailbox, now) = (dispatcher.store, self.mailbox, dispatcher.now())
        group.addTask {
            mailbox.post(.queriesAnswered(jobs, await result { try await store.answerQueries(jobs, at: now) }))
        }
    }

    // MARK: Giving back

    mutating func release(_ group: inout DiscardingTaskGroup) {
        let (store, mailbox, now) = (dispatcher.store, self.mailbox, dispatcher.now())
        group.addTask {
            let released = await result {
                try await store.releaseDue(at: now, limit: DispatchLimits.rowsInWrite)
            }
            mailbox.post(.released(released))
        }
    }

    mutating func take(released result: Result<(count: Int, next: Timestamp?), any Error>) {
        var wait = DispatchLimits.releaseInterval
        switch result {
        case .failure(let error): failed("conversations not given back", error)
        case .success(let (count, next)):
            if count == DispatchLimits.rowsInWrite {
                wait = 0
            } else if let next {
                wait = min(wait, max(0, next.milliseconds - dispatcher.now().milliseconds))
            }
        }
        timers.insert(Timer(time: time + wait, deed: .release))
    }
}
