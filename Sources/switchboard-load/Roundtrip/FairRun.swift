import Telegram

/// The order of one `fair` run: the quiet businesses alone and beside a noisy one, in turns.
struct FairRun: Sendable {
    let options: FairOptions
    let stage: RoundtripStage

    /// The noisy business's bots come first; each of the others has one.
    static let noisyBots = 16

    private static let warmUp: UInt64 = 2_000_000_000
    private static let settling = Duration.seconds(8)

    func run() async throws -> FairReport {
        let noisy = try await stage.session(of: 0..<Self.noisyBots)
        let quiet = try await stage.session(of: Self.noisyBots..<stage.cast.bots)
        let view = try stage.view()
        var watch = try AnswerWatch(stage.telegram.records, stage.cast)
        var report = FairReport(limit: options.webhook ? FairReport.limitOfWebhooks : FairReport.limit)
        if options.webhook {
            // What is measured alone has the same database beside it.
            try await begin(noisy, view)
            try await end(view)
        }
        for turn in 0..<2 * options.pairs {
            // Each order as often as the other, so that what only grows with time is no difference.
            let isNoisy = [false, true, true, false][turn % 4]
            var open = 0
            if isNoisy {
                try await begin(noisy, view)
                open = try waiting(view)
            }
            let legs = try await measure(quiet, &watch, view)
            let p99 = OpenLoopResult.milliseconds(legs.toTaken, 99)
            if isNoisy {
                let left = try waiting(view)
                report.noisy.append(p99)
                report.jobs.append((open, left))
                show("beside \(open) to \(left) \(options.webhook ? "due events" : "queued jobs"): \(legs.words)")
                try await end(view)
            } else {
                report.alone.append(p99)
                show("alone: \(legs.words)")
            }
        }
        let written = try await stage.client.times(of: quiet)
        report.verdict = watch.account.judged(written)
        try view.close()
        show("  " + report.verdict.words)
        return report
    }

    private func waiting(_ view: OutboxView) throws -> Int {
        try options.webhook ? view.dueEvents() : view.openJobs()
    }

    /// Lets the noisy business have its queue.
    private func begin(_ session: TargetSession, _ view: OutboxView) async throws {
        if options.webhook {
            try await stage.switchboard.command(["business", "resume", SendStore.slug(1)])
        } else {
            try await stage.switchboard.setPipeline(FairOptions.slow(milliseconds: options.milliseconds), of: 1)
        }
        // Its messages are written as fast as they are taken.
        var hasFilled = false
        while try waiting(view) + (options.webhook ? view.openJobs() : 0) < options.jobs {
            let phase = Phase(connections: 64, pace: .closed, warmUp: .zero, measured: .seconds(1))
            let result = try await stage.client.run(phase, against: session)
            guard result.tally.requests > 0 else {
                throw LoadFailure("the noisy business's messages are not taken; run again with --keep and read the log")
            }
            hasFilled = true
        }
        guard hasFilled else { return }
        if options.webhook { try await untilDecided(view) }
        // Filling leaves the disk with a long log to bring into the file: that is the filling's, and no part of this.
        try await Task.sleep(for: Self.settling)
    }

    /// Lets the rest of it be decided without the slow step, or nothing be told any more.
    private func end(_ view: OutboxView) async throws {
        if options.webhook {
            try await stage.switchboard.command(["business", "suspend", SendStore.slug(1)])
        } else {
            try await stage.switchboard.setPipeline(FairOptions.quick, of: 1)
            try await untilDecided(view)
        }
    }

    private func untilDecided(_ view: OutboxView) async throws {
        var last = (jobs: Int.max, time: ContinuousClock.now)
        while true {
            let jobs = try view.openJobs()
            if jobs == 0 { return }
            if jobs < last.jobs { last = (jobs, .now) }
            guard ContinuousClock.now - last.time < SendRun.patience else {
                throw LoadFailure("\(jobs) jobs are not decided; run again with --keep and read the server's log")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private func measure(
        _ quiet: TargetSession,
        _ watch: inout AnswerWatch,
        _ view: OutboxView
    ) async throws
        -> AnswerLegs
    {
        let phase = Phase(
            connections: 32,
            pace: .open(perSecond: options.rate),
            warmUp: .nanoseconds(Int64(Self.warmUp)),
            measured: .seconds(options.seconds)
        )
        let begin = LoopRun.now() + Self.warmUp
        let end = begin + UInt64(options.seconds) * 1_000_000_000
        (_, watch) = try await stage.follow(phase, quiet, watch, nil)
        let written = try await stage.client.times(of: quiet)
        guard try await watch.untilAnswered(Set(written.keys)) else {
            throw LoadFailure(
                "no answer came for \(SendRun.patience): \(watch.account.taken.count) of \(written.count) messages are answered; run again with --keep and read the server's log"
            )
        }
        return AnswerLegs(written, watch, within: begin..<end)
    }
}

/// Every figure of one `fair` run.
struct FairReport: Sendable {
    init(limit: Double) { self.limit = limit }

    /// Milliseconds of the 99th percentile from message to answer, of each pair.
    var alone: [Double] = []
    var noisy: [Double] = []
    /// How many jobs were queued before and after each noisy measurement.
    var jobs: [(before: Int, after: Int)] = []
    var verdict = AnswerAccount.Verdict()

    /// More is too much: `limit`, or with a dead program `limitOfWebhooks`.
    let limit: Double
    static let limit = 1.5
    static let limitOfWebhooks = 1.2

    /// Of the pairs' ratios the one in the middle.
    var ratio: Double {
        let ratios = zip(noisy, alone).map { $0 / max($1, 0.001) }.sorted()
        guard !ratios.isEmpty else { return .nan }
        let middle = ratios.count / 2
        return ratios.count % 2 == 1 ? ratios[middle] : (ratios[middle - 1] + ratios[middle]) / 2
    }

    /// Whether the noisy one was noisy to the end of each measurement.
    var wasNoisy: Bool { !jobs.isEmpty && jobs.allSatisfy { $0.after > 0 } }

    /// What is not as it must be, in words.
    var fault: String? {
        if !verdict.isRight { return "not every message was answered once and in order" }
        if !wasNoisy { return "the noisy business had no jobs left before the end: give it more with --jobs" }
        if !(ratio <= limit) {
            return
                "the others' p99 is \(ratio.fixed(2)) of that alone (at most \(limit)); try more with --pairs"
        }
        return nil
    }

    var line: String {
        func list(_ values: [Double]) -> String { values.map { $0.fixed(1) }.joined(separator: " ") }
        return
            "p99 from message to answer: alone \(list(alone)) ms, beside the noisy one \(list(noisy)) ms: ratio \(ratio.fixed(3))"
    }

    func json(_ options: FairOptions) -> JSON {
        [
            "command": "fair",
            "options": [
                "webhook": .bool(options.webhook), "quiet": .int(Int64(options.quiet)), "rate": .double(options.rate),
                "jobs": .int(Int64(options.jobs)),
                "milliseconds": .int(Int64(options.milliseconds)), "seconds": .int(Int64(options.seconds)),
                "pairs": .int(Int64(options.pairs)), "seed": .int(Int64(clamping: options.seed)),
            ],
            "alone_p99": .array(alone.map { .figure($0) }), "noisy_p99": .array(noisy.map { .figure($0) }),
            "queued": .array(jobs.map { .array([.int(Int64($0.before)), .int(Int64($0.after))]) }),
            "ratio": .figure(ratio), "account": verdict.json, "right": .bool(fault == nil),
        ]
    }
}
