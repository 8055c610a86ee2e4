import NIOCore
import NIOPosix

/// One phase of load against one server.
struct Phase: Sendable {
    var connections: Int
    var pace: Pace
    /// Load before anything is measured; what is acknowledged in it counts for the check of the rows.
    var warmUp: Duration
    var measured: Duration
}

/// What came of a phase.
struct PhaseResult: Sendable {
    var server: String
    var connections: Int
    /// Nil for a closed loop.
    var offeredPerSecond: Double?
    var seconds: Double
    var tally: Tally
    /// Processor time in the measured part.
    var serverProcessorSeconds: Double
    var clientProcessorSeconds: Double
    var before: ProcessUsage
    var after: ProcessUsage

    var perSecond: Double { Double(tally.requests) / seconds }
    var serverMicroseconds: Double { serverProcessorSeconds * 1e6 / Double(max(1, tally.requests)) }
    var clientMicroseconds: Double { clientProcessorSeconds * 1e6 / Double(max(1, tally.requests)) }
}

/// The sources of one target's updates, one per event loop, over all phases.
struct TargetSession: Sendable {
    let target: Target
    let process: Int32
    fileprivate let sources: [NIOLoopBound<UpdateSource>]
}

/// How many of a target's updates were sent and acknowledged so far, each counted once.
struct UpdateCounts: Sendable, Equatable {
    var sent = 0
    var acknowledged = 0
}

/// Sends updates over raw NIO on event loops of its own.
struct LoadClient: Sendable {
    /// Answers that are late are waited for this long after a phase.
    private static let patience = Duration.seconds(30)

    private let loops: [any EventLoop]

    init(group: MultiThreadedEventLoopGroup) { loops = Array(group.makeIterator()) }

    /// Makes the sources of a target that is not yet under load.
    func open(
        _ target: Target,
        process: Int32,
        texts: MessageTexts,
        traffic: TrafficSettings
    ) async throws -> TargetSession {
        let shards = min(loops.count, target.webhooks.count)
        guard shards > 0 else { throw LoadFailure("\(target.name) has no bot; use --bots 1 or more") }
        let wallOffset = unixSeconds() - LoopRun.now() / 1_000_000_000
        var sources: [NIOLoopBound<UpdateSource>] = []
        for shard in 0..<shards {
            let loop = loops[shard]
            sources.append(
                try await loop.submit {
                    NIOLoopBound(
                        UpdateSource(
                            target: target,
                            texts: texts,
                            settings: traffic,
                            shard: shard,
                            of: shards,
                            wallOffset: wallOffset
                        ),
                        eventLoop: loop
                    )
                }.get()
            )
        }
        return TargetSession(target: target, process: process, sources: sources)
    }

    /// Counts over all of a target's sources.
    func counts(of session: TargetSession) async throws -> UpdateCounts {
        var counts = UpdateCounts()
        for source in session.sources {
            let (sent, acknowledged) = try await source.eventLoop.submit {
                (source.value.sentCount, source.value.acknowledgedCount)
            }.get()
            counts.sent += sent
            counts.acknowledged += acknowledged
        }
        return counts
    }

    /// When each update was sent and acknowledged, by its number; empty without a cast.
    func times(of session: TargetSession) async throws -> [Int64: UpdateTimes] {
        var all: [Int64: UpdateTimes] = [:]
        for source in session.sources {
            let times = try await source.eventLoop.submit { source.value.times }.get()
            all.merge(times) { $1 }
        }
        return all
    }

    /// Runs one phase to its last answer.
    ///
    /// - Throws: `LoadFailure` if the server cannot be reached, has gone away, or answered nothing with 200.
    func run(_ phase: Phase, against session: TargetSession) async throws -> PhaseResult {
        let runs = try await makeRuns(phase, session)
        do {
            let result = try await measure(phase, session, runs)
            for run in runs { try await run.eventLoop.submit { run.value.close() }.get() }
            return result
        } catch {
            for run in runs { run.eventLoop.execute { run.value.close() } }
            throw error
        }
    }

    private func makeRuns(_ phase: Phase, _ session: TargetSession) async throws -> [NIOLoopBound<LoopRun>] {
        // Fewer connections than loops: the first loops take one each.
        let shares = session.sources.indices.map { index in
            phase.connections / session.sources.count + (index < phase.connections % session.sources.count ? 1 : 0)
        }
        var runs: [NIOLoopBound<LoopRun>] = []
        for (source, share) in zip(session.sources, shares) where share > 0 {
            var plan = LoopRun.Plan(
                host: session.target.host,
                port: session.target.port,
                connections: share,
                pace: phase.pace
            )
            if case .open(let perSecond) = phase.pace {
                plan.pace = .open(perSecond: perSecond * Double(share) / Double(phase.connections))
            }
            let loop = source.eventLoop
            let seed = UInt64(runs.count + 1)
            runs.append(
                try await loop.submit { [plan] in
                    NIOLoopBound(LoopRun(loop: loop, source: source.value, plan: plan, seed: seed), eventLoop: loop)
                }.get()
            )
        }
        return runs
    }

    private func measure(
        _ phase: Phase,
        _ session: TargetSession,
        _ runs: [NIOLoopBound<LoopRun>]
    ) async throws -> PhaseResult {
        let name = session.target.name
        let before = try usage(of: session)
        do {
            for run in runs { try await run.eventLoop.flatSubmit { run.value.connectAll() }.get() }
        } catch let error as NIOConnectionError {
            throw LoadFailure("cannot connect to \(name) at \(session.target.host):\(session.target.port): \(error)")
        }
        let start = ContinuousClock.now
        let from = LoopRun.now() + phase.warmUp.nanoseconds
        let end = from + phase.measured.nanoseconds
        var finished: [EventLoopFuture<Void>] = []
        for run in runs {
            finished.append(run.eventLoop.flatSubmit { run.value.start(measureFrom: from, end: end) })
        }
        try await sleep(until: start + phase.warmUp, session)
        let atStart = (try usage(of: session), ownProcessorSeconds())
        if case .settle = phase.pace {
            // Done when there is nothing left to send again, not when the time is over.
        } else {
            try await sleep(until: start + phase.warmUp + phase.measured, session)
        }
        let atEnd = (try usage(of: session), ownProcessorSeconds())
        try await wait(for: finished, atMost: phase.measured + Self.patience, runs)
        var tally = Tally()
        for run in runs { tally.add(try await run.eventLoop.submit { run.value.tally }.get()) }
        let offered: Double? = if case .open(let perSecond) = phase.pace { perSecond } else { nil }
        return PhaseResult(
            server: name,
            connections: phase.connections,
            offeredPerSecond: offered,
            seconds: Double(phase.measured.nanoseconds) / 1e9,
            tally: tally,
            serverProcessorSeconds: atEnd.0.processorSeconds - atStart.0.processorSeconds,
            clientProcessorSeconds: atEnd.1 - atStart.1,
            before: before,
            after: try usage(of: session)
        )
    }

    /// Sleeps, but not beyond the server's end.
    private func sleep(until deadline: ContinuousClock.Instant, _ session: TargetSession) async throws {
        while ContinuousClock.now < deadline {
            try await Task.sleep(until: min(deadline, ContinuousClock.now + .seconds(1)))
            _ = try usage(of: session)
        }
    }

    private func usage(of session: TargetSession) throws -> ProcessUsage {
        guard let usage = ProcessUsage.of(process: session.process) else {
            throw LoadFailure("\(session.target.name) has ended while it was under load")
        }
        return usage
    }

    /// Waits for the last answers; gives up on those that do not come.
    private func wait(
        for finished: [EventLoopFuture<Void>],
        atMost limit: Duration,
        _ runs: [NIOLoopBound<LoopRun>]
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // Woken early by an interrupt, or when all is done and giving up does nothing any more.
                try? await Task.sleep(for: limit)
                for run in runs { run.eventLoop.execute { run.value.giveUp() } }
            }
            for future in finished { try await future.get() }
            group.cancelAll()
        }
        try Task.checkCancellation()
    }
}

extension Duration {
    /// Whole nanoseconds of a duration that is not negative.
    fileprivate var nanoseconds: UInt64 {
        UInt64(components.seconds) * 1_000_000_000 + UInt64(components.attoseconds / 1_000_000_000)
    }
}
