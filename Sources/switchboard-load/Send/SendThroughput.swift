/// How fast a backlog is sent.
struct ThroughputResult: Sendable {
    var seconds: Double
    /// Calls that Telegram carried out in that time.
    var calls: Int
    /// Of each whole second.
    var bySecond: [Int]
    /// What the server and the simulated Telegram used in that time.
    var serverProcessorSeconds: Double
    var telegramProcessorSeconds: Double
    /// The server's memory when all was sent.
    var memory: ProcessUsage
    var verdict: SendAccount.Verdict
    /// Messages of this part that the database shows as sent.
    var sentRows: Int

    var perSecond: Double { Double(calls) / seconds }
    /// Microseconds of the server's processor time.
    var serverMicroseconds: Double { serverProcessorSeconds * 1e6 / Double(max(1, calls)) }
    var telegramMicroseconds: Double { telegramProcessorSeconds * 1e6 / Double(max(1, calls)) }
    var isRight: Bool { verdict.isRight && verdict.doubles == 0 && sentRows == verdict.delivered }
}

extension SendRun {
    private static let warmUp: UInt64 = 2_000_000_000

    func throughput(
        from next: inout Int64,
        _ switchboard: SwitchboardProcess,
        _ telegram: TelegramProcess
    ) async throws -> ThroughputResult {
        let numbers = try await enqueue(options.messagesWaiting, from: &next)
        let before = try OutboxRows(dataDirectory: data)
        // It watches before the server starts: calls are made before that says that it is ready.
        let watch = try CallWatch(telegram.records, numbers)
        var (result, account) = try await switchboard.serving(botAPI: telegram.address) { server in
            try await measureThroughput(of: numbers, watch, server, telegram)
        }
        let after = try OutboxRows(dataDirectory: data)
        result.verdict = account.judged(waiting: after.open, dead: after.dead)
        result.sentRows = after.sent - before.sent
        return result
    }

    private func measureThroughput(
        of numbers: Range<Int64>,
        _ watch: CallWatch,
        _ server: RunningServer,
        _ telegram: TelegramProcess
    ) async throws -> (ThroughputResult, SendAccount) {
        var watch = watch
        try await watch.until { !$0.times.isEmpty }
        let start = LoopRun.now() + Self.warmUp
        try await watch.until { _ in LoopRun.now() >= start }
        let (serverBefore, telegramBefore) = try (usage(server.process), usage(telegram.process))
        let begin = LoopRun.now()
        let end = begin + UInt64(options.seconds) * 1_000_000_000
        // The last messages are those of few chats, which have a pace of their own.
        let enough = numbers.count - min(numbers.count / 5, 2 * cast.chats)
        try await watch.until { LoopRun.now() >= end || $0.account.delivered >= enough }
        let finish = LoopRun.now()
        let (serverAfter, telegramAfter) = try (usage(server.process), usage(telegram.process))
        try await watch.until { $0.account.delivered >= numbers.count }
        let measured = watch.times.filter { (begin..<finish).contains($0) }
        var bySecond = Array(repeating: 0, count: Int((finish - begin) / 1_000_000_000))
        for time in measured {
            let second = Int((time - begin) / 1_000_000_000)
            if second < bySecond.count { bySecond[second] += 1 }
        }
        let result = ThroughputResult(
            seconds: Double(finish - begin) / 1e9,
            calls: measured.count,
            bySecond: bySecond,
            serverProcessorSeconds: serverAfter.processorSeconds - serverBefore.processorSeconds,
            telegramProcessorSeconds: telegramAfter.processorSeconds - telegramBefore.processorSeconds,
            memory: try usage(server.process),
            verdict: SendAccount.Verdict(),
            sentRows: 0
        )
        return (result, watch.account)
    }

    func usage(_ process: Int32) throws -> ProcessUsage {
        guard let usage = ProcessUsage.of(process: process) else {
            throw LoadFailure("a process under load has ended; run again with --keep and read its log")
        }
        return usage
    }
}
