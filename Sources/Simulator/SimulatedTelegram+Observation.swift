import Telegram

extension SimulatedTelegram {
    /// What became of the updates of one bot so far, or of all.
    public func counts(of botID: Int64? = nil) -> DeliveryCounts {
        read { state in botID.map { state.bots[$0]?.counts ?? .init() } ?? state.totals }
    }

    /// The numbers of the updates that a bot answered with 200 to 299, in the order of the answers.
    ///
    /// An update that was delivered twice stands here twice. Nothing else is acknowledged: a crash test compares this with what
    /// its gateway has stored.
    public func acknowledged(by botID: Int64) -> [Int64] {
        read { state in state.bots[botID]?.acknowledged ?? [] }
    }

    /// How many messages the bot has sent, those that are forgotten or deleted included: doubles are counted by it.
    public func sentCount(by botID: Int64) -> Int { read { state in state.bots[botID]?.sent ?? 0 } }

    /// Waits until the counts of a bot, or of all, are as wanted; at once if they are already.
    ///
    /// - Parameter condition: is called under the lock with every change; it must be quick and not call back.
    /// - Throws: `CancellationError` if the task is cancelled before.
    public func wait(
        for botID: Int64? = nil,
        until condition: @escaping @Sendable (DeliveryCounts) -> Bool
    ) async throws {
        let id = change { state, _ in
            state.nextWaiterID += 1
            return state.nextWaiterID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                change { state, effects in
                    if Task.isCancelled {
                        effects.cancelled.append(continuation)
                    } else {
                        state.waiters[id] = Waiter(botID: botID, condition: condition, continuation: continuation)
                    }
                }
            }
        } onCancel: {
            change { state, effects in
                if let waiter = state.waiters.removeValue(forKey: id) { effects.cancelled.append(waiter.continuation) }
            }
        }
    }

    /// Waits until no update of the bot, or of any bot, waits or is in flight.
    ///
    /// Updates of a bot without a webhook wait forever: so does this.
    public func drained(_ botID: Int64? = nil) async throws {
        try await wait(for: botID) { $0.pending == 0 }
    }
}
