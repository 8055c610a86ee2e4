import Histogram
import Synchronization

/// What an open loop of messages measured, in microseconds.
struct OpenLoopResult: Sendable {
    /// Messages a second that were written.
    var perSecond: Double
    /// From the commit of a message to its call.
    var toCall = Histogram<UInt64>(highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: .three)
    /// From the commit of a message to the commit of what became of it; within a look, 20 ms.
    var toSettled = Histogram<UInt64>(highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: .three)
    /// What the server used, a message.
    var serverMicroseconds = 0.0

    init(perSecond: Double) { self.perSecond = perSecond }

    static func milliseconds(_ histogram: Histogram<UInt64>, _ percentile: Double) -> Double {
        Double(histogram.valueAtPercentile(percentile)) / 1_000
    }
}

/// Messages that are written at a fixed rate, whatever becomes of those before.
struct OpenLoop: Sendable {
    let store: SendStore
    let cast: SendCast
    let numbers: Range<Int64>
    let perSecond: Double

    /// A committed message.
    struct Committed: Sendable {
        var row: Int64
        /// Nanoseconds of uptime.
        var time: UInt64
    }

    /// Between two transactions of this program: the server writes to the same file, and one waits for the other.
    private static let tick = Duration.milliseconds(10)

    /// Writes them all; each is told when it is committed.
    func run(_ committed: @escaping @Sendable (Int64, Committed) -> Void) async throws {
        let start = LoopRun.now()
        try await withThrowingTaskGroup(of: Void.self) { group in
            var next = numbers.lowerBound
            while next < numbers.upperBound {
                let passed = Double(LoopRun.now() - start) / 1e9
                let due = min(numbers.upperBound, numbers.lowerBound + Int64(passed * perSecond))
                while next < due {
                    let number = next
                    group.addTask {
                        let row = try await store.enqueue(number, to: Int(number) % cast.chats)
                        committed(number, Committed(row: row, time: LoopRun.now()))
                    }
                    next += 1
                }
                try await Task.sleep(for: Self.tick)
            }
            try await group.waitForAll()
        }
    }
}

/// Which messages are committed, for those who follow them.
private final class CommitBook: Sendable {
    private struct State {
        var all: [Int64: OpenLoop.Committed] = [:]
        var new: [Int64: Int64] = [:]
    }

    private let state = Mutex(State())

    func note(_ number: Int64, _ committed: OpenLoop.Committed) {
        state.withLock { state in
            state.all[number] = committed
            state.new[committed.row] = number
        }
    }

    var all: [Int64: OpenLoop.Committed] { state.withLock { $0.all } }

    /// The numbers by their rows that were committed since this was asked last.
    func takeNew() -> [Int64: Int64] {
        state.withLock { state in
            defer { state.new = [:] }
            return state.new
        }
    }
}

/// When rows were seen to be gone from the outbox.
private struct SettleWatch {
    private(set) var settled: [Int64: UInt64] = [:]
    private var open: [Int64: Int64] = [:]

    mutating func look(_ book: CommitBook, _ view: OutboxView) throws {
        // In this order: a row that is committed later is not missed.
        open.merge(book.takeNew()) { $1 }
        let rows = try view.openRows()
        let now = LoopRun.now()
        for (row, number) in open where !rows.contains(row) {
            settled[number] = now
            open[row] = nil
        }
    }
}

extension SendRun {
    /// Seconds of an open loop that are not measured.
    private static let warmUp = 2.0

    /// So many messages a loop writes, those that are not measured included.
    func messages(perSecond: Double, seconds: Int) -> Int64 {
        max(1, Int64(perSecond * (Double(seconds) + Self.warmUp)))
    }

    /// Writes messages at a rate and follows them until all that count are sent.
    ///
    /// - Parameters:
    ///   - numbers: the messages, of those that are watched.
    ///   - followsRows: whether the rows are looked at too.
    ///   - isMeasured: which messages count; those of the first two seconds do not anyway.
    func openLoop(
        _ store: SendStore,
        _ server: RunningServer,
        _ watch: inout CallWatch,
        _ numbers: Range<Int64>,
        perSecond: Double,
        followsRows: Bool,
        isMeasured: @escaping @Sendable (Int64) -> Bool = { _ in true }
    ) async throws -> OpenLoopResult {
        let book = CommitBook()
        let loop = OpenLoop(store: store, cast: cast, numbers: numbers, perSecond: perSecond)
        let (before, callsBefore) = (try usage(server.process), watch.account.deliveries)
        var settles = SettleWatch()
        var awaited = numbers.lowerBound
        async let written: Void = loop.run { book.note($0, $1) }
        let view = followsRows ? try OutboxView(dataDirectory: data) : nil
        try await watch.until { watch in
            if let view { try settles.look(book, view) }
            while awaited < numbers.upperBound, !isMeasured(awaited) || watch.taken(awaited) != nil { awaited += 1 }
            return awaited == numbers.upperBound && (view == nil || settles.settled.count == numbers.count)
        }
        try view?.close()
        try await written
        let after = try usage(server.process)
        var result = OpenLoopResult(perSecond: perSecond)
        let calls = watch.account.deliveries - callsBefore
        result.serverMicroseconds = (after.processorSeconds - before.processorSeconds) * 1e6 / Double(max(1, calls))
        let first = numbers.lowerBound + Int64(perSecond * Self.warmUp)
        for (number, committed) in book.all where number >= first && isMeasured(number) {
            if let time = watch.taken(number) { result.toCall.record(Self.microseconds(committed.time, time)) }
            if let time = settles.settled[number] {
                result.toSettled.record(Self.microseconds(committed.time, time))
            }
        }
        return result
    }

    /// The call may come before this program has heard of the commit.
    private static func microseconds(_ start: UInt64, _ end: UInt64) -> UInt64 {
        min(max((end > start ? end - start : 0) / 1_000, 1), 599_000_000)
    }

    /// From the commit to the call and to the end, at a rate.
    func latency(
        from next: inout Int64,
        rate: Double,
        _ switchboard: SwitchboardProcess,
        _ telegram: TelegramProcess
    ) async throws -> LatencyResult {
        let numbers = next..<next + messages(perSecond: rate, seconds: options.seconds)
        next = numbers.upperBound
        let (result, account) = try await switchboard.serving(botAPI: telegram.address) { server in
            let store = try await SendStore.open(data, cast)
            var watch = try CallWatch(telegram.records, numbers)
            let result = try await openLoop(store, server, &watch, numbers, perSecond: rate, followsRows: true)
            try await store.close()
            return (result, watch.account)
        }
        let rows = try OutboxRows(dataDirectory: data)
        return LatencyResult(loop: result, verdict: account.judged(waiting: rows.open, dead: rows.dead))
    }
}

/// How long a message waits for its call, at a rate.
struct LatencyResult: Sendable {
    var loop: OpenLoopResult
    var verdict: SendAccount.Verdict

    var isRight: Bool { verdict.isRight && verdict.doubles == 0 }
}
