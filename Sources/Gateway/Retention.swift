/// Lets old raw updates go, in steps that ride along with the intake.
///
/// For each age at which something becomes due, it walks through the updates in the order of arrival and stops at the first that is too young; the
/// next round goes on from there. So every update is looked at once for each age, and an interrupted round costs nothing. Where a business has
/// chosen another time, and once a day, the walk begins anew: it then finds what was still open, or had a time of a clock that was wrong.
public struct Retention: Sendable {
    /// No step has more rows.
    static let mostRows = 500
    /// Steps that take longer become smaller.
    static let longestStep = Duration.milliseconds(50)
    private static let fewestRows = 20
    /// A time of receipt that is further ahead is one of a clock that was wrong, and does not hold up the walk.
    private static let mostAhead: Int64 = 3_600_000
    private static let day: Int64 = 86_400_000

    /// What a round has done.
    public struct Report: Hashable, Sendable {
        /// Rows that were changed or removed.
        public var rows = 0
        /// Updates that were looked at.
        public var seen = 0
    }

    private let store: any RetentionStore
    private let now: @Sendable () -> Timestamp
    private let pause: @Sendable (Duration) async throws -> Void
    /// How far the walk for each age in days has come.
    private var cursors: [Int: KeptUpdateID] = [:]
    private var policies: [BusinessID: RetentionPolicy] = [:]
    private var beganAt: Timestamp?
    private var size = Self.mostRows

    /// Makes a walk from the start.
    ///
    /// - Parameters:
    ///   - now: the time by which ages are told.
    ///   - pause: how the time between two steps is spent: as much as the step took.
    public init(
        store: any RetentionStore,
        now: @escaping @Sendable () -> Timestamp = { .now() },
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.store = store
        self.now = now
        self.pause = pause
    }

    /// Lets go all that is due now.
    ///
    /// - Throws: what the store throws; what was done until then is done, and the next round goes on from there.
    public mutating func round() async throws -> Report {
        let now = now()
        try await learnPolicies(at: now)
        let horizons = policies.values.reduce(into: RetentionPolicy.standard.horizons) { $0.formUnion($1.horizons) }
        cursors = cursors.filter { horizons.contains($0.key) }
        var report = Report()
        for horizon in horizons.sorted() { try await walk(horizon, at: now, &report) }
        return report
    }

    private mutating func learnPolicies(at now: Timestamp) async throws {
        let present = try await store.retentionPolicies()
        for (business, policy) in present {
            if let before = policies[business], before != policy { cursors[policy.rawDays] = nil }
        }
        policies = present
        if let beganAt, (0..<Self.day).contains(now.milliseconds - beganAt.milliseconds) { return }
        cursors.removeAll()
        beganAt = now
    }

    private mutating func walk(_ horizon: Int, at now: Timestamp, _ report: inout Report) async throws {
        let clock = ContinuousClock()
        while true {
            try Task.checkCancellation()
            let began = clock.now
            let asked = size
            var cursor = cursors[horizon] ?? KeptUpdateID(rawValue: 0)
            let updates = try await store.updates(after: cursor, limit: asked)
            var step = RetentionStep()
            var reached = 0
            for update in updates {
                let age = now.milliseconds - update.receivedAt.milliseconds
                if age < Int64(horizon) * Self.day, age > -Self.mostAhead { break }
                add(update, to: &step, at: now)
                cursor = update.id
                reached += 1
            }
            report.seen += reached
            if !step.isEmpty { report.rows += try await write(step) }
            cursors[horizon] = cursor
            if reached < asked { return }
            try await pause(began.duration(to: clock.now))
        }
    }

    private func add(_ update: AgedUpdate, to step: inout RetentionStep, at now: Timestamp) {
        let due = (policies[update.businessID] ?? .standard).due(update, at: now)
        if due.row { step.rows.append(update.id) }
        if due.body { step.bodies.append(update.id) }
        if due.number { step.numbers.append(update.id) }
    }

    private mutating func write(_ step: RetentionStep) async throws -> Int {
        let clock = ContinuousClock()
        let began = clock.now
        let rows = try await store.prune(step)
        let took = began.duration(to: clock.now)
        if took > Self.longestStep {
            size = max(size / 2, Self.fewestRows)
        } else if took < Self.longestStep / 4 {
            size = min(size * 2, Self.mostRows)
        }
        return rows
    }
}
