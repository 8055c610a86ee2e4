import Histogram
import Telegram

/// Every figure of one `send` run.
struct SendReport: Sendable {
    var throughput: ThroughputResult?
    var latency: LatencyResult?
    var crash: CrashResult?
    var flood: FloodResult?

    /// What is not as it must be, in words.
    var faults: [String] {
        var faults: [String] = []
        if let throughput, !throughput.isRight { faults.append("throughput: the rows are not the calls") }
        if let latency, !latency.isRight { faults.append("latency: not every message was sent once") }
        if let crash, !crash.isRight {
            faults.append(
                "crash: \(crash.verdict.lost) messages lost, \(crash.verdict.unexplained) doubles unexplained"
            )
        }
        if let flood, !flood.isRight {
            faults.append(
                "flood: the others' p99 is \(flood.ratio.fixed(2)) of that without (at most \(FloodResult.limit)), or not all was sent once; try more with --repeat"
            )
        }
        return faults.map { $0 + "; the data directory is kept to find out why" }
    }
}

// MARK: For people

extension SendReport {
    /// What a part has come to.
    func lines(_ part: SendOptions.Part) -> [String] {
        switch part {
        case .throughput: throughput.map(Self.lines) ?? []
        case .latency: latency.map(Self.lines) ?? []
        case .crash: crash.map(Self.lines) ?? []
        case .flood: flood.map(Self.lines) ?? []
        }
    }

    private static func lines(_ result: ThroughputResult) -> [String] {
        let seconds = result.bySecond.sorted()
        let slowest = seconds.first ?? 0
        return [
            "throughput: \(result.perSecond.fixed(0)) a second for \(result.seconds.fixed(1)) s (slowest second \(slowest)), "
                + "server \(result.serverMicroseconds.fixed(0)) µs of CPU a send, Telegram \(result.telegramMicroseconds.fixed(0)) µs, "
                + "memory \(result.memory.residentBytes.megabytes.fixed(0)) MB, \(result.memory.peakResidentBytes.megabytes.fixed(0)) MB at most",
            "  " + words(result.verdict) + ", \(result.sentRows) rows sent" + (result.isRight ? ": right" : ": WRONG"),
        ]
    }

    private static func lines(_ result: LatencyResult) -> [String] {
        let loop = result.loop
        return [
            "latency at \(loop.perSecond.fixed(0)) a second: from commit to call \(words(loop.toCall)); to settled \(words(loop.toSettled)); "
                + "server \(loop.serverMicroseconds.fixed(0)) µs of CPU a send",
            "  " + words(result.verdict) + (result.isRight ? ": right" : ": WRONG"),
        ]
    }

    private static func lines(_ result: CrashResult) -> [String] {
        let verdict = result.verdict
        return [
            "crash: \(result.kills) kills, \(verdict.sendingAtKills) calls under way at them, \(verdict.answersLost) answers lost, "
                + "\(verdict.cutBefore) cut before: \(verdict.lost) lost, \(verdict.doubles) doubles, \(verdict.unexplained) of them unexplained",
            "  " + words(verdict) + ", \(result.sentRows) rows sent" + (result.isRight ? ": right" : ": WRONG"),
        ]
    }

    private static func lines(_ result: FloodResult) -> [String] {
        func list(_ values: [Double]) -> String { values.map { $0.fixed(1) }.joined(separator: " ") }
        return [
            "flood at \(result.perSecond.fixed(0)) a second: the others' p99 without \(list(result.calm)) ms, with \(list(result.flooded)) ms: "
                + "ratio \(result.ratio.fixed(3)), the calm ones are \(result.noise.fixed(2)) apart",
            "  " + words(result.verdict) + (result.isRight ? ": right" : ": WRONG"),
        ]
    }

    private static func words(_ histogram: Histogram<UInt64>) -> String {
        let values = [50, 99, 99.9].map { OpenLoopResult.milliseconds(histogram, $0).fixed(1) }
        return "p50 \(values[0]) p99 \(values[1]) p99.9 \(values[2]) ms"
    }

    private static func words(_ verdict: SendAccount.Verdict) -> String {
        var words = ["\(verdict.asked) messages, \(verdict.delivered) delivered"]
        let rest = [
            (verdict.lost, "lost"), (verdict.doubles, "doubled"), (verdict.kept, "kept as dead letters"),
            (verdict.waiting, "waiting"), (verdict.strangers, "of nobody"),
        ]
        for (count, word) in rest where count > 0 { words.append("\(count) \(word)") }
        for (status, count) in verdict.refusals.sorted(by: { $0.key < $1.key }) {
            words.append("\(count) answered \(status)")
        }
        return words.joined(separator: ", ")
    }
}

// MARK: For programs

extension SendReport {
    /// One object with every figure; times in milliseconds where the name says nothing else.
    func json(_ options: SendOptions) -> JSON {
        [
            "command": "send",
            "options": [
                "bots": .int(Int64(options.bots)), "businesses": .int(Int64(options.businesses)),
                "chats": .int(Int64(options.chats)), "seconds": .int(Int64(options.seconds)),
                "kills": .int(Int64(options.kills)), "cuts": .double(options.cuts),
                "repeat": .int(Int64(options.repeat)), "flood_limits": .bool(options.floodLimits),
                "seed": .int(Int64(clamping: options.seed)),
            ],
            "throughput": throughput.map(Self.json) ?? .null,
            "latency": latency.map(Self.json) ?? .null,
            "crash": crash.map(Self.json) ?? .null,
            "flood": flood.map(Self.json) ?? .null,
            "ratios": ["flood": .figure(flood?.ratio)],
            "right": .bool(faults.isEmpty),
        ]
    }

    private static func json(_ result: ThroughputResult) -> JSON {
        [
            "per_second": .figure(result.perSecond), "seconds": .figure(result.seconds),
            "calls": .int(Int64(result.calls)), "by_second": .array(result.bySecond.map { .int(Int64($0)) }),
            "server_cpu_microseconds": .figure(result.serverMicroseconds),
            "telegram_cpu_microseconds": .figure(result.telegramMicroseconds),
            "resident_bytes": .int(Int64(result.memory.residentBytes)),
            "peak_bytes": .int(Int64(result.memory.peakResidentBytes)),
            "sent_rows": .int(Int64(result.sentRows)), "account": json(result.verdict), "right": .bool(result.isRight),
        ]
    }

    private static func json(_ result: LatencyResult) -> JSON {
        [
            "per_second": .figure(result.loop.perSecond), "to_call": json(result.loop.toCall),
            "to_settled": json(result.loop.toSettled),
            "server_cpu_microseconds": .figure(result.loop.serverMicroseconds), "account": json(result.verdict),
            "right": .bool(result.isRight),
        ]
    }

    private static func json(_ result: CrashResult) -> JSON {
        [
            "kills": .int(Int64(result.kills)), "sent_rows": .int(Int64(result.sentRows)),
            "account": json(result.verdict), "right": .bool(result.isRight),
        ]
    }

    private static func json(_ result: FloodResult) -> JSON {
        [
            "per_second": .figure(result.perSecond), "calm_p99": .array(result.calm.map { .figure($0) }),
            "flooded_p99": .array(result.flooded.map { .figure($0) }), "ratio": .figure(result.ratio),
            "calm_spread": .figure(result.noise), "account": json(result.verdict), "right": .bool(result.isRight),
        ]
    }

    private static func json(_ histogram: Histogram<UInt64>) -> JSON {
        [
            "p50": .figure(OpenLoopResult.milliseconds(histogram, 50)),
            "p99": .figure(OpenLoopResult.milliseconds(histogram, 99)),
            "p99_9": .figure(OpenLoopResult.milliseconds(histogram, 99.9)),
            "max": .figure(OpenLoopResult.milliseconds(histogram, 100)),
        ]
    }

    private static func json(_ verdict: SendAccount.Verdict) -> JSON {
        [
            "asked": .int(Int64(verdict.asked)), "delivered": .int(Int64(verdict.delivered)),
            "lost": .int(Int64(verdict.lost)), "kept": .int(Int64(verdict.kept)),
            "waiting": .int(Int64(verdict.waiting)), "doubles": .int(Int64(verdict.doubles)),
            "unexplained": .int(Int64(verdict.unexplained)), "answers_lost": .int(Int64(verdict.answersLost)),
            "cut_before": .int(Int64(verdict.cutBefore)), "sending_at_kills": .int(Int64(verdict.sendingAtKills)),
            "refusals": .object(
                verdict.refusals.sorted { $0.key < $1.key }.map { .init("\($0.key)", .int(Int64($0.value))) }
            ),
        ]
    }
}
