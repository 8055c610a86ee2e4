import SystemPackage

/// Follows the answers of a run: the calls as the simulated Telegram sees them, and the rows that they settle.
struct AnswerWatch: Sendable {
    private var tail: CallTail
    private(set) var account: AnswerAccount
    /// When each answer was seen to be settled; empty where rows are not followed.
    private(set) var settled: [Int64: UInt64] = [:]
    private var unsettled: Set<Int64> = []

    static let look = Duration.milliseconds(10)

    init(_ records: FilePath, _ cast: SendCast) throws {
        tail = try CallTail(records)
        account = AnswerAccount(cast)
    }

    /// Looks once.
    ///
    /// - Returns: how many messages were answered since.
    mutating func look(_ view: OutboxView? = nil) throws -> Int {
        var answered = 0
        for record in try tail.next() where account.note(record) {
            answered += 1
            if view != nil { unsettled.insert(record.number) }
        }
        if let view, !unsettled.isEmpty {
            // A call that was taken has a row until it is settled.
            let open = try view.openNumbers()
            let now = LoopRun.now()
            for number in unsettled where !open.contains(number) {
                settled[number] = now
                unsettled.remove(number)
            }
        }
        return answered
    }

    /// Looks again and again until the task is cancelled, for the time of a phase.
    mutating func untilCancelled(_ gate: AnswerGate?, _ view: OutboxView?) async throws {
        while !Task.isCancelled {
            let answered = try look(view)
            gate?.answered(answered)
            try? await Task.sleep(for: Self.look)
        }
    }

    /// Looks until these messages are answered and, with a view, the outbox is empty.
    ///
    /// - Returns: false if nothing happens for long.
    mutating func untilAnswered(
        _ written: Set<Int64>,
        _ view: OutboxView? = nil,
        followsRows: Bool = false
    ) async throws -> Bool {
        var last = ContinuousClock.now
        var left = written
        while true {
            if try look(followsRows ? view : nil) > 0 { last = .now }
            left = left.filter { account.taken[$0] == nil }
            let isEmpty = try view.map { try $0.openCount() == 0 } ?? true
            if left.isEmpty, unsettled.isEmpty, isEmpty { return true }
            guard ContinuousClock.now - last < SendRun.patience else { return false }
            try await Task.sleep(for: Self.look)
        }
    }
}
