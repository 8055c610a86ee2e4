import Synchronization

/// A clock that stands still until a test moves it.
public final class HandClock: Clock {
    /// A moment, by its distance from the clock's beginning.
    public struct Instant: InstantProtocol {
        /// Since the beginning.
        public var offset: Duration

        /// See `InstantProtocol`.
        public func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        /// See `InstantProtocol`.
        public func duration(to other: Instant) -> Duration { other.offset - offset }
        /// See `Comparable`.
        public static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct State {
        var now = Instant(offset: .zero)
        var sleepers: [Int: (deadline: Instant, woken: AsyncStream<Never>.Continuation)] = [:]
        var next = 0
        var watchers: [AsyncStream<Never>.Continuation] = []
    }

    private let state = Mutex(State())

    /// Makes a clock that stands at its beginning.
    public init() {}

    /// What it shows.
    public var now: Instant { state.withLock(\.now) }
    /// As fine as one likes.
    public var minimumResolution: Duration { .zero }

    /// See `Clock`.
    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let (stream, woken) = AsyncStream.makeStream(of: Never.self)
        let (id, watchers) = state.withLock { state in
            state.next += 1
            if deadline <= state.now { woken.finish() } else { state.sleepers[state.next] = (deadline, woken) }
            defer { state.watchers = [] }
            return (state.next, state.watchers)
        }
        for watcher in watchers { watcher.finish() }
        for await _ in stream {}
        state.withLock { $0.sleepers[id] = nil }
        try Task.checkCancellation()
    }

    /// Returns when somebody sleeps.
    public func untilSomebodySleeps() async {
        let (stream, watcher) = AsyncStream.makeStream(of: Never.self)
        state.withLock { state in
            if state.sleepers.isEmpty { state.watchers.append(watcher) } else { watcher.finish() }
        }
        for await _ in stream {}
    }

    /// Moves the clock on and wakes whoever slept until then.
    public func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.woken)
        }
        for sleeper in due { sleeper.finish() }
    }
}
