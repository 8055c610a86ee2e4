import Synchronization

/// A clock that stands still until a test moves it.
final class ManualClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration

        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct State {
        var now = Instant(offset: .zero)
        var sleepers: [Int: (deadline: Instant, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var nextID = 0
        var watchers: [AsyncStream<Instant>.Continuation] = []
    }

    private let state = Mutex(State())

    var now: Instant { state.withLock(\.now) }
    var minimumResolution: Duration { .zero }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if deadline <= state.now { return .success(()) }
                    state.sleepers[id] = (deadline, continuation)
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) } else { wakeWatchers() }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
        }
    }

    /// How long the earliest sleeper has still to sleep; waits until there is one.
    func untilNextWaking() async -> Duration {
        let (stream, watcher) = AsyncStream.makeStream(of: Instant.self)
        state.withLock { $0.watchers.append(watcher) }
        wakeWatchers()
        let deadline = await stream.first { _ in true }
        return deadline.map { now.duration(to: $0) } ?? .zero
    }

    private func wakeWatchers() {
        let (deadline, watchers) = state.withLock { state in
            guard let earliest = state.sleepers.values.map(\.deadline).min() else {
                return (state.now, [AsyncStream<Instant>.Continuation]())
            }
            defer { state.watchers = [] }
            return (earliest, state.watchers)
        }
        for watcher in watchers { watcher.yield(deadline) }
    }

    /// Moves the clock on and wakes whoever slept until then.
    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }
}
