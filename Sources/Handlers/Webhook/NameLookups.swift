import DequeModule
import Gateway
import NIOCore
import NIOPosix
import Synchronization

/// Looks names up on threads of its own: a lookup blocks its thread, and one whose name server is dead does so for half a minute.
///
/// A business may take another thread only while more are free than it has itself, as with the slots of the sender (`PacingLimits.inFlight`), and
/// while some stay free for those that have none: whoever has many dead names waits for itself, and the others do not.
final class NameLookups: Sendable {
    /// Names that are looked up at once.
    static let threads = 64
    /// So many stay free for businesses that have none.
    static let reserved = 16

    /// A lookup that waits for its turn.
    private struct Turn {
        /// Nobody waits for it after that.
        let deadline: NIODeadline
        let begin: @Sendable () -> Void
    }

    private struct State {
        var free = NameLookups.threads
        var running: [BusinessID: Int] = [:]
        var waiting: [BusinessID: Deque<Turn>] = [:]
        /// Who has somebody waiting, in turn.
        var turns: Deque<BusinessID> = []

        /// Lookups that may begin now.
        mutating func ready() -> [Turn] {
            var ready: [Turn] = []
            var refused = 0
            while refused < turns.count, let business = turns.popFirst() {
                let own = running[business] ?? 0
                guard own == 0 ? free > 0 : free > max(own, NameLookups.reserved) else {
                    turns.append(business)
                    refused += 1
                    continue
                }
                guard let turn = waiting[business]?.popFirst() else { continue }
                if waiting[business]?.isEmpty == true { waiting[business] = nil } else { turns.append(business) }
                if turn.deadline <= .now() { continue }
                free -= 1
                running[business, default: 0] += 1
                refused = 0
                ready.append(turn)
            }
            return ready
        }

        mutating func end(of business: BusinessID) {
            free += 1
            let left = (running[business] ?? 1) - 1
            running[business] = left > 0 ? left : nil
        }
    }

    private let lookup: WebhookClient.Lookup
    private let pool = NIOThreadPool(numberOfThreads: NameLookups.threads)
    private let state = Mutex(State())

    init(_ lookup: @escaping WebhookClient.Lookup) {
        self.lookup = lookup
        pool.start()
    }

    /// Begins no more; a lookup that hangs is not waited for.
    func shutdown() { pool.shutdownGracefully { _ in } }

    /// Finds the addresses of a name, when it is the business's turn; one that is late by then is left out, and never told.
    func find(
        _ host: String,
        for business: BusinessID,
        before deadline: NIODeadline,
        on loop: any EventLoop,
        _ found: @escaping @Sendable (Result<[IPAddress], any Error>) -> Void
    ) {
        let turn = Turn(deadline: deadline) { [self] in
            pool.runIfActive(eventLoop: loop) { [lookup] in try lookup(host) }.whenComplete { result in
                self.begin { $0.end(of: business) }
                found(result)
            }
        }
        begin { state in
            if state.waiting[business] == nil { state.turns.append(business) }
            state.waiting[business, default: []].append(turn)
        }
    }

    private func begin(after change: (inout State) -> Void) {
        let ready = state.withLock { state in
            change(&state)
            return state.ready()
        }
        for turn in ready { turn.begin() }
    }
}
