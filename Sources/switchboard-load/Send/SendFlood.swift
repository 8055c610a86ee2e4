import Telegram

/// The other bots' times with and without one that is refused by 429.
struct FloodResult: Sendable {
    /// Milliseconds of the 99th percentile, of each pair.
    var calm: [Double] = []
    var flooded: [Double] = []
    var verdict = SendAccount.Verdict()
    var perSecond: Double

    init(perSecond: Double) { self.perSecond = perSecond }

    /// More is too much.
    static let limit = 1.10

    /// Of the pairs' ratios the one in the middle.
    var ratio: Double {
        let ratios = zip(flooded, calm).map { $0 / max($1, 0.001) }.sorted()
        guard !ratios.isEmpty else { return .nan }
        let middle = ratios.count / 2
        return ratios.count % 2 == 1 ? ratios[middle] : (ratios[middle - 1] + ratios[middle]) / 2
    }

    /// How far the calm ones are apart: what a ratio can mean here.
    var noise: Double { (calm.max() ?? 1) / max(calm.min() ?? 1, 0.001) }
    var isRight: Bool {
        verdict.isRight && verdict.doubles == 0 && (verdict.refusals[429] ?? 0) > 0 && ratio <= Self.limit
    }
}

extension SendRun {
    func flood(
        from next: inout Int64,
        rate: Double,
        _ switchboard: SwitchboardProcess,
        _ telegram: TelegramProcess
    ) async throws -> FloodResult {
        let each = messages(perSecond: rate, seconds: options.pairSeconds)
        let numbers = next..<next + Int64(2 * options.repeat) * each
        next = numbers.upperBound
        var (result, account) = try await switchboard.serving(botAPI: telegram.address) { server in
            let store = try await SendStore.open(data, cast)
            var watch = try CallWatch(telegram.records, numbers)
            var result = FloodResult(perSecond: rate)
            for turn in 0..<2 * options.repeat {
                // Each order as often as the other, so that what only grows with time is no difference.
                let isFlooded = [false, true, true, false][turn % 4]
                if isFlooded { try await refuse(telegram) }
                let first = numbers.lowerBound + Int64(turn) * each
                let loop = try await openLoop(
                    store,
                    server,
                    &watch,
                    first..<first + each,
                    perSecond: rate,
                    followsRows: false
                ) { [cast] in cast.bot(ofChat: Int($0) % cast.chats) != 0 }
                if isFlooded { try await telegram.control("faults/clear", [:]) }
                let p99 = OpenLoopResult.milliseconds(loop.toCall, 99)
                if isFlooded { result.flooded.append(p99) } else { result.calm.append(p99) }
            }
            try await store.close()
            // The refused one has learnt to be slow, and sends the rest at its own pace.
            try await watch.until { $0.account.delivered == numbers.count }
            return (result, watch.account)
        }
        let rows = try OutboxRows(dataDirectory: data)
        result.verdict = account.judged(waiting: rows.open, dead: rows.dead)
        return result
    }

    /// The first bot is refused whatever it sends.
    private func refuse(_ telegram: TelegramProcess) async throws {
        try await telegram.control(
            "faults/calls",
            [
                "fault": "refusal", "status": 429, "description": "Too Many Requests: retry after 2",
                "retry_after": "2",
                "bot": .int(cast.botID(0)), "method": "sendMessage", "times": 1_000_000_000,
            ]
        )
    }
}
