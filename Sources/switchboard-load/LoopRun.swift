import NIOCore
import NIOPosix

/// How requests follow each other.
enum Pace: Sendable {
    /// The next request of a connection goes out when the answer to its last one came.
    case closed
    /// Requests are intended at random times with this many a second in the mean, whatever the answers do.
    case open(perSecond: Double)
    /// The next request of a connection goes out when fewer than so many wait for the bot's answer.
    case answered(AnswerGate)
    /// Only updates without a 200, until there are none.
    case settle
}

/// One event loop's share of a phase.
///
/// All of it happens on that loop.
final class LoopRun {
    struct Plan: Sendable {
        var host: String
        var port: Int
        var connections: Int
        var pace: Pace
    }

    /// After an answer other than 200 the connection rests: a server that refuses is not hammered.
    private static let rest = TimeAmount.milliseconds(100)
    private static let gatePause = TimeAmount.milliseconds(2)
    private static let reconnectPause = TimeAmount.milliseconds(20)

    let source: UpdateSource
    private(set) var tally = Tally()
    private let loop: any EventLoop
    private let plan: Plan
    private let bootstrap: ClientBootstrap
    private var connections: [ObjectIdentifier: LoadConnection] = [:]
    private let finished: EventLoopPromise<Void>

    private var isStarted = false
    private var measureFrom = UInt64.max
    private var end = UInt64.max
    /// Connections that may still send.
    private var active: Int
    /// No reconnecting and no sending any more.
    private var isGivenUp = false
    private var isFinished = false

    /// Of an open loop: the time of the next request, and who waits for it.
    private var nextIntended = UInt64.max
    private var meanGap = 0.0
    private var idle: [LoadConnection] = []
    private var isTimerSet = false
    private var random: SeededRandom

    init(loop: any EventLoop, source: UpdateSource, plan: Plan, seed: UInt64) {
        self.loop = loop
        self.source = source
        self.plan = plan
        active = plan.connections
        random = SeededRandom(seed: seed)
        finished = loop.makePromise()
        bootstrap = ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // An answer is one read; a second one would only be told that there is no more.
            .channelOption(.maxMessagesPerRead, value: 1)
            .connectTimeout(.seconds(5))
    }

    static func now() -> UInt64 { NIODeadline.now().uptimeNanoseconds }

    // MARK: From the client

    /// Opens the connections one after another: a burst could overflow the server's backlog.
    func connectAll() -> EventLoopFuture<Void> {
        let opened = loop.makePromise(of: Void.self)
        connect(remaining: plan.connections, opened)
        return opened.futureResult
    }

    private func connect(remaining: Int, _ opened: EventLoopPromise<Void>) {
        guard remaining > 0 else { return opened.succeed(()) }
        connectOne().assumeIsolated().whenComplete { result in
            switch result {
            case .success: self.connect(remaining: remaining - 1, opened)
            case .failure(let error): opened.fail(error)
            }
        }
    }

    private func connectOne() -> EventLoopFuture<Void> {
        let bound = NIOLoopBound(self, eventLoop: loop)
        return
            bootstrap
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(LoadConnection(run: bound.value))
                }
            }
            .connect(host: plan.host, port: plan.port)
            .map { _ in }
    }

    /// Starts to send; the future is done when the last answer of this phase has come.
    func start(measureFrom: UInt64, end: UInt64) -> EventLoopFuture<Void> {
        self.measureFrom = measureFrom
        self.end = end
        isStarted = true
        if case .open(let perSecond) = plan.pace {
            meanGap = 1e9 / perSecond
            nextIntended = Self.now()
            advanceIntended()
        }
        for connection in connections.values { ready(connection, after: 200) }
        return finished.futureResult
    }

    /// Ends the phase although answers are missing; what was in flight counts as unanswered.
    func giveUp() {
        guard !isGivenUp else { return }
        isGivenUp = true
        let now = Self.now()
        while case .open = plan.pace, nextIntended < end {
            // Requests that never got their turn waited at least until now.
            if nextIntended >= measureFrom, nextIntended < now {
                tally.record(nanoseconds: now - nextIntended)
                tally.unsent += 1
            }
            advanceIntended()
        }
        close()
    }

    /// Closes what is left open.
    func close() {
        isGivenUp = true
        for connection in connections.values { connection.close() }
        finish()
    }

    // MARK: From the connections

    func opened(_ connection: LoadConnection) {
        connections[ObjectIdentifier(connection)] = connection
        if isGivenUp { connection.close() } else if isStarted { ready(connection, after: 200) }
    }

    func answered(_ update: SentUpdate, intended: UInt64, status: Int) {
        guard status == 200 else {
            tally.otherStatuses[status, default: 0] += 1
            return source.fail(update)
        }
        source.acknowledge(update)
        let now = Self.now()
        source.time(update, UpdateTimes(intended: intended, acknowledged: now))
        let isInTime = now >= measureFrom && now < end
        if isInTime { tally.requests += 1 }
        let isMeasured = if case .open = plan.pace { intended >= measureFrom } else { isInTime }
        if isMeasured { tally.record(nanoseconds: now - intended) }
    }

    func sawUnreadable() { tally.unreadable += 1 }

    /// The connection is gone, perhaps with a request in flight.
    func lost(_ update: SentUpdate?, by connection: LoadConnection) {
        connections[ObjectIdentifier(connection)] = nil
        idle.removeAll { $0 === connection }
        if let update {
            if isGivenUp { tally.unanswered += 1 } else { tally.resets += 1 }
            source.fail(update)
        }
        guard !isGivenUp, isStarted, !connection.isRetired else { return }
        if Self.now() >= end { retire(connection) } else { reconnect() }
    }

    private func reconnect() {
        tally.reconnects += 1
        connectOne().assumeIsolated().whenFailure { _ in
            self.loop.assumeIsolated().scheduleTask(in: Self.reconnectPause) {
                if self.isGivenUp { return }
                if Self.now() >= self.end { self.retire(nil) } else { self.reconnect() }
            }
        }
    }

    /// The connection can take a request.
    func ready(_ connection: LoadConnection, after status: Int) {
        if isGivenUp { return }
        guard status == 200 else {
            loop.assumeIsolated().scheduleTask(in: Self.rest) {
                if self.connections[ObjectIdentifier(connection)] != nil { self.ready(connection, after: 200) }
            }
            return
        }
        let now = Self.now()
        switch plan.pace {
        case .closed, .settle:
            if now < end { send(on: connection, now: now, intended: now) } else { retire(connection) }
        case .answered:
            idle.append(connection)
            passGate()
        case .open:
            if nextIntended >= end { return retire(connection) }
            if nextIntended <= now {
                let intended = nextIntended
                advanceIntended()
                send(on: connection, now: now, intended: intended)
            } else {
                idle.append(connection)
                setTimer()
            }
        }
    }

    private func send(on connection: LoadConnection, now: UInt64, intended: UInt64) {
        let isSettling = if case .settle = plan.pace { true } else { false }
        guard let (update, isRepeat) = source.next(now: now, settling: isSettling) else { return retire(connection) }
        if isRepeat {
            tally.repeats += 1
            // Nobody answers it once more.
            if case .answered(let gate) = plan.pace { gate.answered(1) }
        }
        connection.send(update, intended: intended)
    }

    /// Sends on idle connections what may be sent, and looks again soon where more could.
    private func passGate() {
        guard case .answered(let gate) = plan.pace, !isGivenUp else { return }
        let now = Self.now()
        if now >= end {
            for connection in idle { retire(connection) }
            return idle.removeAll()
        }
        while !idle.isEmpty, gate.mayBegin(), let connection = idle.popLast() {
            send(on: connection, now: now, intended: now)
        }
        guard !idle.isEmpty, !isTimerSet else { return }
        isTimerSet = true
        loop.assumeIsolated().scheduleTask(in: Self.gatePause) {
            self.isTimerSet = false
            self.passGate()
        }
    }

    /// One connection fewer that may still send; nil if it could not even be made again.
    private func retire(_ connection: LoadConnection?) {
        connection?.isRetired = true
        active -= 1
        if active == 0 { finish() }
    }

    private func finish() {
        guard !isFinished else { return }
        isFinished = true
        finished.succeed(())
    }

    // MARK: The open loop's clock

    /// Exponential gaps: customers do not agree on when to write.
    private func advanceIntended() {
        nextIntended += UInt64(-naturalLogarithm(1 - random.unit()) * meanGap)
    }

    private func setTimer() {
        guard !isTimerSet else { return }
        isTimerSet = true
        loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(nextIntended)) {
            self.isTimerSet = false
            self.sendDue()
        }
    }

    private func sendDue() {
        if isGivenUp { return }
        let now = Self.now()
        while nextIntended <= now, nextIntended < end, let connection = idle.popLast() {
            let intended = nextIntended
            advanceIntended()
            send(on: connection, now: now, intended: intended)
        }
        if nextIntended >= end {
            for connection in idle { retire(connection) }
            idle.removeAll()
        } else if !idle.isEmpty {
            setTimer()
        }
    }
}
