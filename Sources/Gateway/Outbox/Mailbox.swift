import Synchronization

/// Events for one reader, who takes all that wait at once.
///
/// Cancelling the reader does not close it: what was begun is still heard of.
final class Mailbox<Event: Sendable>: Sendable {
    private struct State {
        var waiting: [Event] = []
        var reader: CheckedContinuation<[Event], Never>?
    }

    private let state = Mutex(State())

    func post(_ event: Event) {
        let reader = state.withLock { state -> CheckedContinuation<[Event], Never>? in
            guard let reader = state.reader else {
                state.waiting.append(event)
                return nil
            }
            state.reader = nil
            return reader
        }
        reader?.resume(returning: [event])
    }

    /// Gives all that waits, as soon as something does; one reader at a time.
    func next() async -> [Event] {
        await withCheckedContinuation { continuation in
            let events = state.withLock { state -> [Event] in
                guard state.waiting.isEmpty else {
                    defer { state.waiting.removeAll(keepingCapacity: true) }
                    return state.waiting
                }
                state.reader = continuation
                return []
            }
            if !events.isEmpty { continuation.resume(returning: events) }
        }
    }
}

/// What a read or a write gave.
func result<Value>(_ body: () async throws -> Value) async -> Result<Value, any Error> {
    do { return .success(try await body()) } catch { return .failure(error) }
}
