import Telegram

/// The order of one `roundtrip` run: as many answers as it can give, then how long each takes at half of that.
struct RoundtripRun: Sendable {
    let options: RoundtripOptions
    let stage: RoundtripStage

    /// Load before anything is measured.
    private static let warmUp: UInt64 = 3_000_000_000

    func run() async throws -> RoundtripReport {
        let session = try await stage.session(of: 0..<stage.cast.bots, duplicates: options.duplicates)
        let view = try stage.view()
        var watch = try AnswerWatch(stage.telegram.records, stage.cast)
        var report = RoundtripReport()
        if options.rate == nil {
            let gate = AnswerGate(most: options.waiting)
            let result = try await measure(.answered(gate), session, &watch, view, followsRows: false)
            show(result.line)
            report.most = result
        }
        let rate = options.rate ?? ((report.most?.perSecond ?? 2) / 2).rounded()
        let result = try await measure(.open(perSecond: rate), session, &watch, view, followsRows: true)
        show(result.line)
        report.open = result
        let written = try await stage.client.times(of: session)
        let counts = try await stage.client.counts(of: session)
        report.unacknowledged = counts.sent - counts.acknowledged
        report.verdict = watch.account.judged(written)
        try view.close()
        show("  " + report.verdict.words)
        return report
    }

    private func measure(
        _ pace: Pace,
        _ session: TargetSession,
        _ watch: inout AnswerWatch,
        _ view: OutboxView,
        followsRows: Bool
    ) async throws -> RoundtripResult {
        let phase = Phase(
            connections: options.connections,
            pace: pace,
            warmUp: .nanoseconds(Int64(Self.warmUp)),
            measured: .seconds(options.seconds)
        )
        let telegramBefore = try usage()
        let answeredBefore = watch.account.taken.count
        let begin = LoopRun.now() + Self.warmUp
        let end = begin + UInt64(options.seconds) * 1_000_000_000
        let (result, watched) = try await stage.follow(phase, session, watch, followsRows ? view : nil)
        watch = watched
        let written = try await stage.client.times(of: session)
        guard try await watch.untilAnswered(Set(written.keys), view, followsRows: followsRows) else {
            throw LoadFailure(
                "no answer came for \(SendRun.patience): \(watch.account.taken.count) of \(written.count) messages are answered; run again with --keep and read the server's log"
            )
        }
        let calls = watch.account.taken.values
        var bySecond = Array(repeating: 0, count: options.seconds)
        for time in calls where (begin..<end).contains(time) { bySecond[Int((time - begin) / 1_000_000_000)] += 1 }
        let answers = calls.count - answeredBefore
        return RoundtripResult(
            offered: result.offeredPerSecond,
            perSecond: Double(bySecond.reduce(0, +)) / Double(options.seconds),
            bySecond: bySecond,
            legs: AnswerLegs(written, watch, within: begin..<end),
            serverMicroseconds: result.serverProcessorSeconds * 1e6 / Double(max(1, bySecond.reduce(0, +))),
            telegramMicroseconds: (try usage() - telegramBefore) * 1e6 / Double(max(1, answers)),
            residentBytes: result.after.residentBytes,
            complaints: result.tally.complaints
        )
    }

    private func usage() throws -> Double {
        guard let usage = ProcessUsage.of(process: stage.telegram.process) else {
            throw LoadFailure("the simulated Telegram has ended; run again")
        }
        return usage.processorSeconds
    }
}

/// What one pace came to.
struct RoundtripResult: Sendable {
    /// Messages a second that customers meant to write; nil where each waits for answers.
    var offered: Double?
    /// Answers a second that Telegram took.
    var perSecond: Double
    var bySecond: [Int]
    var legs: AnswerLegs
    /// Processor time of the server and of the simulated Telegram for one answer.
    var serverMicroseconds: Double
    var telegramMicroseconds: Double
    var residentBytes: Int
    var complaints: [String]

    var line: String {
        let name = offered.map { "at \($0.fixed(0)) a second" } ?? "as many as it can"
        var line =
            "\(name): \(perSecond.fixed(0)) answers a second (slowest second \(bySecond.min() ?? 0)); \(legs.words); "
            + "server \(serverMicroseconds.fixed(0)) µs of CPU a round trip, Telegram \(telegramMicroseconds.fixed(0)) µs, memory \(residentBytes.megabytes.fixed(0)) MB"
        if !complaints.isEmpty { line += "; " + complaints.joined(separator: ", ") }
        return line
    }

    var json: JSON {
        [
            "offered_per_second": .figure(offered), "per_second": .figure(perSecond),
            "by_second": .array(bySecond.map { .int(Int64($0)) }), "legs": legs.json,
            "server_cpu_microseconds": .figure(serverMicroseconds),
            "telegram_cpu_microseconds": .figure(telegramMicroseconds),
            "resident_bytes": .int(Int64(residentBytes)),
        ]
    }
}

/// Every figure of one `roundtrip` run.
struct RoundtripReport: Sendable {
    var most: RoundtripResult?
    var open: RoundtripResult?
    var verdict = AnswerAccount.Verdict()
    /// Updates that were sent and never got a 200.
    var unacknowledged = 0

    var isRight: Bool { verdict.isRight && unacknowledged == 0 }

    func json(_ options: RoundtripOptions) -> JSON {
        [
            "command": "roundtrip",
            "options": [
                "bots": .int(Int64(options.bots)), "businesses": .int(Int64(options.businesses)),
                "chats": .int(Int64(options.chats)), "seconds": .int(Int64(options.seconds)),
                "waiting": .int(Int64(options.waiting)), "connections": .int(Int64(options.connections)),
                "duplicates": .double(options.duplicates), "webhook": .bool(options.webhook),
                "seed": .int(Int64(clamping: options.seed)),
            ],
            "most": most?.json ?? .null, "open": open?.json ?? .null, "account": verdict.json,
            "unacknowledged": .int(Int64(unacknowledged)), "right": .bool(isRight),
        ]
    }
}
