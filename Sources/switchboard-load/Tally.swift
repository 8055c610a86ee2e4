import Histogram

/// What one event loop, or all of them together, saw in one phase.
struct Tally: Sendable {
    /// Requests answered with 200 inside the measured time.
    var requests = 0
    /// How long requests took, in microseconds.
    ///
    /// Of a closed loop those that `requests` counts; of an open one those that were intended in the measured time,
    /// from then on, however late the answer was.
    var latencies = Histogram<UInt64>(highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: .three)
    /// Repeats among all that was sent, warm-up included.
    var repeats = 0
    /// Answers other than 200 by status, warm-up included.
    var otherStatuses: [Int: Int] = [:]
    /// Requests whose connection ended before the answer came.
    var resets = 0
    /// Requests in flight when the phase was given up.
    var unanswered = 0
    /// Answers that this client could not read.
    var unreadable = 0
    /// Connections made again.
    var reconnects = 0
    /// Intended requests of an open loop that were not sent before the phase was given up.
    var unsent = 0

    mutating func record(nanoseconds: UInt64) {
        latencies.record(min(max(nanoseconds / 1_000, 1), 599_000_000))
    }

    mutating func add(_ other: Tally) {
        requests += other.requests
        latencies.add(other.latencies)
        repeats += other.repeats
        otherStatuses.merge(other.otherStatuses, uniquingKeysWith: +)
        resets += other.resets
        unanswered += other.unanswered
        unreadable += other.unreadable
        reconnects += other.reconnects
        unsent += other.unsent
    }

    /// Everything that is not a 200, in words; empty if all went well.
    var complaints: [String] {
        var lines = otherStatuses.sorted { $0.key < $1.key }.map { "\($0.value) × status \($0.key)" }
        if resets > 0 { lines.append("\(resets) × connection ended before the answer") }
        if unanswered > 0 { lines.append("\(unanswered) × no answer in time") }
        if unreadable > 0 { lines.append("\(unreadable) × unreadable answer") }
        if unsent > 0 { lines.append("\(unsent) not sent in time") }
        return lines
    }

    func milliseconds(_ percentile: Double) -> Double { Double(latencies.valueAtPercentile(percentile)) / 1_000 }
}
