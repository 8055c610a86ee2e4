import Telegram

/// What kills, cut connections and lost answers did.
struct CrashResult: Sendable {
    var kills: Int
    var verdict: SendAccount.Verdict
    /// Messages of this part that the database shows as sent.
    var sentRows: Int

    /// A message that came may be a dead letter all the same: nobody told that it came.
    var isRight: Bool { verdict.isRight && sentRows <= verdict.delivered }
}

extension SendRun {
    func crash(
        from next: inout Int64,
        _ switchboard: SwitchboardProcess,
        _ telegram: TelegramProcess
    ) async throws -> CrashResult {
        // Enough for all the kills, at whatever speed.
        let numbers = try await enqueue(options.backlog ?? max(20_000, options.kills * 5000), from: &next)
        let before = try OutboxRows(dataDirectory: data)
        try await misbehave(telegram)
        var watch = try CallWatch(telegram.records, numbers)
        var random = SeededRandom(seed: options.seed)
        var kills = 0
        while kills < options.kills, watch.account.delivered < numbers.count * 9 / 10 {
            // After so many calls of this server, so that it is always in the middle of something.
            let calls = 200 + random.below(2 * numbers.count / (3 * options.kills))
            let target = watch.account.deliveries + calls
            watch = try await switchboard.serving(botAPI: telegram.address) { [watch] server in
                var watch = watch
                try await watch.until { $0.account.deliveries >= target || $0.account.delivered >= numbers.count }
                try await kill(server)
                return watch
            }
            kills += 1
            try watch.look()
            watch.killed(sending: try OutboxRows(dataDirectory: data).sending)
        }
        let account = try await switchboard.serving(botAPI: telegram.address) { [watch] server in
            var watch = watch
            let view = try OutboxView(dataDirectory: data)
            // What is given up is never delivered, so it is the rows that tell.
            try await watch.until { _ in try view.openCount() == 0 }
            try view.close()
            return watch.account
        }
        try await telegram.control("faults/clear", [:])
        let after = try OutboxRows(dataDirectory: data)
        return CrashResult(
            kills: kills,
            verdict: account.judged(waiting: after.open, dead: after.dead),
            sentRows: after.sent - before.sent
        )
    }

    /// Answers are lost after the call was carried out, or the connection is cut before.
    private func misbehave(_ telegram: TelegramProcess) async throws {
        guard options.cuts > 0 else { return }
        let faults: [[JSON.Member]] = [
            [.init("fault", "cut_after")], [.init("fault", "cut_before")],
            [.init("fault", "front_end"), .init("status", 502), .init("is_carried_out", true)],
        ]
        for fault in faults {
            let share = options.cuts / (fault.count > 1 ? 4 : 1)
            let rest: [JSON.Member] = [
                .init("method", "sendMessage"), .init("times", 1_000_000_000), .init("probability", .double(share)),
            ]
            try await telegram.control("faults/calls", .object(fault + rest))
        }
    }

    private func kill(_ server: RunningServer) async throws {
        guard killAtOnce(server.process) else { throw LoadFailure("the server ended before it was killed") }
        while ProcessUsage.of(process: server.process) != nil { try await Task.sleep(for: .milliseconds(5)) }
    }
}
