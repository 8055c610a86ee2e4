import Synchronization

/// How many customers wait for an answer, and how many may: none writes more while so many do.
final class AnswerGate: Sendable {
    private let most: Int
    private let waiting = Mutex(0)

    init(most: Int) { self.most = most }

    /// Whether one more may write; then it waits.
    func mayBegin() -> Bool {
        waiting.withLock { waiting in
            guard waiting < most else { return false }
            waiting += 1
            return true
        }
    }

    /// So many wait no more.
    func answered(_ count: Int) { waiting.withLock { $0 -= count } }
}
