import GRDB
import Gateway

/// One transaction's worth of waiting writes.
struct Batch {
    private let intake: [(record: IntakeRecord, then: @Sendable (IntakeOutcome) -> Void)]
    private let closures: [WriteCoalescer.ClosureJob]
    /// When the first of them came; nil if nothing waited.
    private let since: ContinuousClock.Instant?

    /// What a run of the batch came to, before and after its commit.
    private struct Run {
        var outcomes: [IntakeOutcome] = []
        var results: [Result<WriteCoalescer.Written, any Error>] = []
        var report = WriteInstruments.Report()
        var opened: [PipelineJob] = []
        var changes: Changes = []
    }

    /// A set of intake records failed by the values of one: run one by one.
    private struct SetFailed: Error {}

    init(_ jobs: [WriteCoalescer.Waiting]) {
        var intake: [(record: IntakeRecord, then: @Sendable (IntakeOutcome) -> Void)] = []
        intake.reserveCapacity(jobs.count)
        var closures: [WriteCoalescer.ClosureJob] = []
        var since: ContinuousClock.Instant?
        for waiting in jobs {
            let came = waiting.since
            if since.map({ came < $0 }) ?? true { since = came }
            switch waiting.job {
            case .intake(let record, let then): intake.append((record, then))
            case .closure(let closure): closures.append(closure)
            }
        }
        self.intake = intake
        self.closures = closures
        self.since = since
    }

    /// Writes everything in one transaction, then answers everyone.
    ///
    /// - Returns: whether it was committed.
    @discardableResult
    func write(
        _ db: Database,
        _ connection: WriterConnection,
        _ instruments: WriteInstruments,
        _ onChange: (Changes) -> Void,
        _ onJobs: ([PipelineJob]) -> Void
    ) -> Bool {
        let waited = since.map { ContinuousClock.now - $0 }
        let outcome = Result { try commit(db, connection) }
        record(outcome, waited: waited, instruments)
        // The registry hears of a change before the one who made it hears that it is done; and of one that another process has made
        // though this batch has failed.
        let othersHaveCommitted = (try? connection.with(db) { $0.takeChangeOfOthers() }) ?? false
        if othersHaveCommitted { onChange(.all) }
        switch outcome {
        case .success(let run):
            if !othersHaveCommitted, !closures.isEmpty { onChange(run.changes) }
            if !run.opened.isEmpty { onJobs(run.opened) }
            for (waiter, outcome) in zip(intake, run.outcomes) { waiter.then(outcome) }
            for (closure, result) in zip(closures, run.results) {
                switch result {
                case .success(let written): written.tell()
                case .failure(let error): closure.fail(error)
                }
            }
            return true
        case .failure(let error):
            let failure = StoreError(error)
            for waiter in intake { waiter.then(.unavailable(failure, retryAfterSeconds: 5)) }
            for closure in closures { closure.fail(failure) }
            return false
        }
    }

    /// Counts the batch before anybody is answered: whoever has an answer finds it counted.
    private func record(_ outcome: Result<Run, any Error>, waited: Duration?, _ instruments: WriteInstruments) {
        var report: WriteInstruments.Report
        switch outcome {
        case .success(let run):
            report = run.report
            for index in intake.indices {
                report.bytes += intake[index].record.body.count
                switch run.outcomes[index] {
                case .stored:
                    report.stored += 1
                    if case .rawOnly(let mark, _) = intake[index].record.entry { report.marks.append(mark) }
                    if instruments.countsBusinesses { report.owners.append(intake[index].record.businessID) }
                case .duplicate: report.duplicates += 1
                case .conflict:
                    report.conflicts += 1
                    report.marks.append(.conflict)
                case .unavailable: report.failed += 1
                }
            }
        case .failure:
            report = WriteInstruments.Report()
            report.failed = intake.count
        }
        report.size = intake.count + closures.count
        report.waited = waited
        instruments.record(report)
    }

    private func commit(_ db: Database, _ connection: WriterConnection) throws -> Run {
        do {
            return try transaction(db, connection, oneByOne: false)
        } catch is SetFailed {
            return try transaction(db, connection, oneByOne: true)
        }
    }

    private func transaction(_ db: Database, _ connection: WriterConnection, oneByOne: Bool) throws -> Run {
        try connection.with(db) { writer in
            var run = Run()
            let began = ContinuousClock.now
            try writer.begin.run()
            do {
                try writer.look()
                run.outcomes = oneByOne ? try applyOneByOne(writer, &run.report) : try applyAsSet(writer)
                (run.results, run.changes) = try runClosures(db, writer)
                try writer.intake.enterNoted(isIdle: intake.isEmpty)
                let written = ContinuousClock.now
                try writer.commit.run()
                let committed = ContinuousClock.now
                run.report.flush = committed - written
                run.report.transaction = committed - began
                run.report.result = oneByOne ? .oneByOne : .committed
            } catch {
                writer.intake.discard()
                writer.intake.forgetJobs(after: 0)
                // After some failures of the engine the transaction is rolled back already.
                if db.isInsideTransaction { try writer.rollback.run() }
                throw error
            }
            run.opened = writer.intake.keep()
            return run
        }
    }

    private func applyAsSet(_ writer: WriterConnection.Members) throws -> [IntakeOutcome] {
        do {
            return try writer.intake.apply(intake.lazy.map(\.record))
        } catch  where !StoreError.isOfTheEngine(error) {
            throw SetFailed()
        }
    }

    private func applyOneByOne(
        _ writer: WriterConnection.Members,
        _ report: inout WriteInstruments.Report
    ) throws -> [IntakeOutcome] {
        try intake.map { waiter in
            do {
                return try applyAlone(waiter.record, writer)
            } catch  where !StoreError.isOfTheEngine(error) {
                // Understood, but not to be stored as what it is: the body at least is kept, and marked.
                var raw = waiter.record
                raw.entry = .rawOnly(.failed, detail: StoreError(error).description)
                do {
                    let outcome = try applyAlone(raw, writer)
                    if outcome == .stored { report.marks.append(.failed) }
                    return outcome
                } catch  where !StoreError.isOfTheEngine(error) {
                    return .unavailable(StoreError(error), retryAfterSeconds: 5)
                }
            }
        }
    }

    private func applyAlone(_ record: IntakeRecord, _ writer: WriterConnection.Members) throws -> IntakeOutcome {
        try writer.savepoint.run()
        let jobs = writer.intake.opened.count
        do {
            let outcomes = try writer.intake.apply(CollectionOfOne(record))
            try writer.release.run()
            return outcomes[0]
        } catch {
            // Forgetting what earlier records taught is no harm: the database is asked again.
            writer.intake.discard()
            writer.intake.forgetJobs(after: jobs)
            try undoSavepoint(writer, after: error)
            throw error
        }
    }

    private func runClosures(
        _ db: Database,
        _ writer: WriterConnection.Members
    ) throws -> (results: [Result<WriteCoalescer.Written, any Error>], changes: Changes) {
        var results: [Result<WriteCoalescer.Written, any Error>] = []
        var changes: Changes = []
        for closure in closures {
            try writer.savepoint.run()
            do {
                let written = try closure.run(db)
                try writer.release.run()
                if closure.movesConversations { writer.intake.forgetAll() }
                changes.formUnion(written.changes)
                results.append(.success(written))
            } catch {
                try undoSavepoint(writer, after: error)
                results.append(.failure(error))
            }
        }
        return (results, changes)
    }

    /// Takes back what was done since the savepoint; a failure of the engine ends the whole transaction instead.
    private func undoSavepoint(_ writer: WriterConnection.Members, after error: any Error) throws {
        if StoreError.isOfTheEngine(error) { throw error }
        try writer.rollbackToSavepoint.run()
        try writer.release.run()
    }
}
