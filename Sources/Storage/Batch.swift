import GRDB
import Gateway

/// One transaction's worth of waiting writes.
struct Batch {
    private let intake: [(record: IntakeRecord, then: @Sendable (IntakeOutcome) -> Void)]
    private let closures: [WriteCoalescer.ClosureJob]

    /// What a run of the batch came to, before and after its commit.
    private struct Run {
        var outcomes: [IntakeOutcome] = []
        var results: [Result<any Sendable, any Error>] = []
    }

    /// A set of intake records failed by the values of one: run one by one.
    private struct SetFailed: Error {}

    init(_ jobs: [WriteCoalescer.Job]) {
        var intake: [(record: IntakeRecord, then: @Sendable (IntakeOutcome) -> Void)] = []
        intake.reserveCapacity(jobs.count)
        var closures: [WriteCoalescer.ClosureJob] = []
        for job in jobs {
            switch job {
            case .intake(let record, let then): intake.append((record, then))
            case .closure(let closure): closures.append(closure)
            }
        }
        self.intake = intake
        self.closures = closures
    }

    /// Writes everything in one transaction, then answers everyone.
    ///
    /// - Returns: whether it was committed.
    @discardableResult
    func write(_ db: Database, _ connection: WriterConnection, _ onChange: () -> Void) -> Bool {
        let outcome = Result { try commit(db, connection) }
        // The registry hears of a change before the one who made it hears that it is done; and of one that another process has made
        // though this batch has failed.
        let othersHaveCommitted = (try? connection.with(db) { $0.takeChangeOfOthers() }) ?? false
        if othersHaveCommitted || !closures.isEmpty { onChange() }
        switch outcome {
        case .success(let run):
            for (waiter, outcome) in zip(intake, run.outcomes) { waiter.then(outcome) }
            for (closure, result) in zip(closures, run.results) { closure.finish(result) }
            return true
        case .failure(let error):
            let failure = StoreError(error)
            for waiter in intake { waiter.then(.unavailable(failure, retryAfterSeconds: 5)) }
            for closure in closures { closure.finish(.failure(failure)) }
            return false
        }
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
            try writer.begin.run()
            do {
                try writer.look()
                run.outcomes = oneByOne ? try applyOneByOne(writer) : try applyAsSet(writer)
                run.results = try runClosures(db, writer)
                try writer.intake.enterNoted(isIdle: intake.isEmpty)
                try writer.commit.run()
            } catch {
                writer.intake.discard()
                // After some failures of the engine the transaction is rolled back already.
                if db.isInsideTransaction { try writer.rollback.run() }
                throw error
            }
            writer.intake.keep()
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

    private func applyOneByOne(_ writer: WriterConnection.Members) throws -> [IntakeOutcome] {
        try intake.map { waiter in
            do {
                return try applyAlone(waiter.record, writer)
            } catch  where !StoreError.isOfTheEngine(error) {
                // Understood, but not to be stored as what it is: the body at least is kept, and marked.
                var raw = waiter.record
                raw.entry = .rawOnly(.failed, detail: StoreError(error).description)
                do {
                    return try applyAlone(raw, writer)
                } catch  where !StoreError.isOfTheEngine(error) {
                    return .unavailable(StoreError(error), retryAfterSeconds: 5)
                }
            }
        }
    }

    private func applyAlone(_ record: IntakeRecord, _ writer: WriterConnection.Members) throws -> IntakeOutcome {
        try writer.savepoint.run()
        do {
            let outcomes = try writer.intake.apply(CollectionOfOne(record))
            try writer.release.run()
            return outcomes[0]
        } catch {
            // Forgetting what earlier records taught is no harm: the database is asked again.
            writer.intake.discard()
            try undoSavepoint(writer, after: error)
            throw error
        }
    }

    private func runClosures(
        _ db: Database,
        _ writer: WriterConnection.Members
    ) throws -> [Result<any Sendable, any Error>] {
        var results: [Result<any Sendable, any Error>] = []
        for closure in closures {
            try writer.savepoint.run()
            do {
                let value = try closure.run(db)
                try writer.release.run()
                results.append(.success(value))
            } catch {
                try undoSavepoint(writer, after: error)
                results.append(.failure(error))
            }
        }
        return results
    }

    /// Takes back what was done since the savepoint; a failure of the engine ends the whole transaction instead.
    private func undoSavepoint(_ writer: WriterConnection.Members, after error: any Error) throws {
        if StoreError.isOfTheEngine(error) { throw error }
        try writer.rollbackToSavepoint.run()
        try writer.release.run()
    }
}
