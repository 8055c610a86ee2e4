/// One bucket: when what it counts may go on.
///
/// Times are milliseconds of a clock that does not go back.
struct Pace: Sendable {
    /// Before it nothing is sent, whatever the buckets say.
    private(set) var parkedUntil = Int64.min
    /// When the messages of the window were sent, the oldest first.
    private var sent = Sent()
    /// The chat's next message in the long run; and when one may go, its burst taken into account.
    private var theoretical = Int64.min
    private var nextInChat = Int64.min
    /// The messages that the window took when the last one was sent: fewer while the pace is slowed.
    private var allowed: Int?
    private var slowedAt = Int64.min
    private var slowings = 0

    /// A ring of the last times, of no more than a window's count.
    private struct Sent: Sendable {
        var times: [Int64] = []
        var oldest = 0

        /// The `back`th time from the newest, counted from 1.
        func time(_ back: Int) -> Int64? {
            guard back <= times.count else { return nil }
            return times[(oldest + times.count - back) % times.count]
        }

        mutating func append(_ time: Int64, atMost count: Int) {
            if times.count < count {
                times.append(time)
            } else {
                times[oldest] = time
                oldest = (oldest + 1) % times.count
            }
        }
    }

    /// How often the pace is halved at that time.
    func slowings(at now: Int64, _ limits: PacingLimits) -> Int {
        guard slowings > 0 else { return 0 }
        let healed = (now - slowedAt) / max(1, limits.recovery)
        return max(0, slowings - Int(min(healed, 64)))
    }

    /// When so many messages may be sent; in the past if at once.
    func earliest(_ count: Int, _ window: PacingLimits.Window?) -> Int64 {
        var earliest = parkedUntil
        guard count > 0 else { return earliest }
        earliest = max(earliest, nextInChat)
        guard let window else { return earliest }
        let most = allowed ?? window.count
        // With `most` in a span, the message before which `most - count` remain has to be out of it.
        if let limiting = sent.time(max(1, most - min(count, most) + 1)) {
            earliest = max(earliest, limiting + window.span)
        }
        return earliest
    }

    /// Counts messages that are sent now.
    mutating func take(
        _ count: Int,
        at now: Int64,
        _ window: PacingLimits.Window?,
        chat: Bool,
        _ limits: PacingLimits
    ) {
        guard count > 0 else { return }
        let halved = slowings(at: now, limits)
        if let window {
            allowed = halved == 0 ? nil : max(1, window.count >> halved)
            for _ in 0..<min(count, window.count) { sent.append(now, atMost: window.count) }
        }
        guard chat else { return }
        theoretical = max(theoretical, now) + Int64(count) * (limits.chatInterval << Int64(halved))
        nextInChat = theoretical
        // A slowed chat has no burst.
        if halved == 0 { nextInChat -= Int64(max(1, limits.chatBurst) - 1) * limits.chatInterval }
    }

    /// Nothing is sent before that time.
    mutating func park(until: Int64) { parkedUntil = max(parkedUntil, until) }

    /// Halves the pace, as a 429 teaches.
    mutating func slow(at now: Int64, _ limits: PacingLimits) {
        slowings = min(limits.slowings, slowings(at: now, limits) + 1)
        slowedAt = now
    }

    /// From when on it is as if nothing had been sent: then it need not be kept.
    func neutral(_ window: PacingLimits.Window?, _ limits: PacingLimits) -> Int64 {
        var time = max(parkedUntil, theoretical)
        if let window, let last = sent.time(1) { time = max(time, last + window.span) }
        if slowings > 0 { time = max(time, slowedAt + Int64(slowings) * limits.recovery) }
        return time
    }
}
