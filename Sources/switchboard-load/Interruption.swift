import UnixSignals

/// Runs until it is done, or until SIGINT or SIGTERM comes; then it is cancelled.
///
/// - Returns: nil if a signal came.
func unlessInterrupted<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value? {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    let outcome: Result<Value?, any Error> = await withTaskGroup(of: Result<Value?, any Error>.self) { tasks in
        tasks.addTask {
            do { return .success(try await body()) } catch { return .failure(error) }
        }
        tasks.addTask {
            for await _ in signals { break }
            return .success(nil)
        }
        let first = await tasks.next() ?? .success(nil)
        tasks.cancelAll()
        return first
    }
    return try outcome.get()
}
