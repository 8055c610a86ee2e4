import Telegram

/// A `getUpdates` call that waits for updates.
struct LongPoll: Sendable {
    let id: UInt64
    let offset: Int64
    let limit: Int
    /// When it is answered with nothing.
    let until: Duration
    /// What it is to be answered, once that is known, and after which wait.
    var outcome: Outcome?
    /// Who waits for it.
    var continuation: CheckedContinuation<Outcome, Never>?

    struct Outcome: Sendable {
        let reply: Reply
        var delay: Duration = .zero
    }
}

/// How a call is answered.
enum CallAnswer: Sendable {
    case now(Reply)
    case later(LongPoll.Outcome)
    case poll(id: UInt64, botID: Int64, until: Duration)
}

/// `getUpdates`, and what it and webhooks do to each other.
///
/// **Source:** telegram-bot-api `process_get_updates_query`, `do_get_updates`, `abort_long_poll`, `fail_query_conflict`.
extension Simulation {
    /// No answer is longer.
    private static let maximumAnswerBytes = 4 << 20

    mutating func getUpdates(_ botID: Int64, _ parameters: Parameters, _ effects: inout Effects) -> CallAnswer {
        guard bots[botID]?.webhook == nil else {
            let text =
                "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            return .later(conflict(text, botID))
        }
        let now = time.elapsed()
        let offset = parameters["offset"].isEmpty ? 0 : parameters.number("offset")
        var limit = parameters.int("limit", default: 100, in: 1...100)
        var timeout = parameters.int("timeout", default: 0, in: 0...50)
        takeAllowedUpdates(botID, parameters)
        if let (last, at) = bots[botID]?.lastPoll, last == offset {
            if timeout < 3, now < at + .seconds(3) { timeout = 3 }
            if now < at + .milliseconds(500) { limit = 1 }
        }
        bots[botID]?.lastPoll = (offset, now)
        if let reply = updates(botID, offset: offset, limit: limit, orEmpty: timeout == 0) { return .now(reply) }
        abortPoll(
            of: botID,
            "terminated by other getUpdates request; make sure that only one bot instance is running",
            &effects
        )
        nextWaiterID += 1
        let poll = LongPoll(id: nextWaiterID, offset: offset, limit: limit, until: now + .seconds(timeout))
        bots[botID]?.polls[poll.id] = poll
        bots[botID]?.waitingPoll = poll.id
        return .poll(id: poll.id, botID: botID, until: poll.until)
    }

    /// The updates from that number on; nil if there are none and none is no answer.
    private mutating func updates(_ botID: Int64, offset: Int64, limit: Int, orEmpty: Bool) -> Reply? {
        let now = time.now()
        var gone = 0
        var dropped = 0
        if offset < 0 { dropped += bots[botID]?.queue.keepLast(Int(clamping: -offset)) ?? 0 }
        if offset > 0 { gone += bots[botID]?.queue.confirm(below: offset) ?? 0 }
        let found = bots[botID]?.queue.first(limit, now: now, dropped: &dropped) ?? []
        count(botID) {
            $0.pending -= gone + dropped
            $0.dropped += dropped
            $0.delivered += gone
        }
        guard !found.isEmpty || orEmpty else { return nil }
        var total = 0
        let taken = found.prefix { update in
            total += update.body.count
            return total <= Self.maximumAnswerBytes || total == update.body.count
        }
        return .success(.array(taken.map { .raw($0.body) }))
    }

    /// Answers the waiting poll of a bot, if there is something for it.
    mutating func wakePoll(of botID: Int64, _ effects: inout Effects, isOver: Bool = false) {
        guard let id = bots[botID]?.waitingPoll, let poll = bots[botID]?.polls[id],
            let reply = updates(botID, offset: poll.offset, limit: poll.limit, orEmpty: isOver)
        else { return }
        bots[botID]?.waitingPoll = nil
        resolve(id, of: botID, .init(reply: reply), &effects)
    }

    /// Refuses the waiting poll of a bot.
    mutating func abortPoll(of botID: Int64, _ text: String, _ effects: inout Effects) {
        guard let id = bots[botID]?.waitingPoll else { return }
        bots[botID]?.waitingPoll = nil
        resolve(id, of: botID, conflict(text, botID), &effects)
    }

    /// Answers the waiting poll of a bot with an error.
    mutating func failPoll(of botID: Int64, _ reply: Reply, _ effects: inout Effects) {
        guard let id = bots[botID]?.waitingPoll else { return }
        bots[botID]?.waitingPoll = nil
        resolve(id, of: botID, .init(reply: reply), &effects)
    }

    private mutating func resolve(
        _ id: UInt64,
        of botID: Int64,
        _ outcome: LongPoll.Outcome,
        _ effects: inout Effects
    ) {
        guard let poll = bots[botID]?.polls[id] else { return }
        if let continuation = poll.continuation {
            bots[botID]?.polls[id] = nil
            effects.polls.append((continuation, outcome))
        } else {
            bots[botID]?.polls[id]?.outcome = outcome
        }
    }

    /// A conflict; a second one within three seconds is answered three seconds late.
    private mutating func conflict(_ text: String, _ botID: Int64) -> LongPoll.Outcome {
        let now = time.elapsed()
        let reply = Reply.failure(409, "Conflict: " + text)
        if now < bots[botID]?.nextConflictAt ?? .zero { return .init(reply: reply, delay: .seconds(3)) }
        bots[botID]?.nextConflictAt = now + .seconds(3)
        return .init(reply: reply)
    }

    /// Makes somebody wait for a poll's outcome, or gives it to them at once.
    mutating func wait(
        for id: UInt64,
        of botID: Int64,
        _ continuation: CheckedContinuation<LongPoll.Outcome, Never>,
        _ effects: inout Effects
    ) {
        if let outcome = bots[botID]?.polls[id]?.outcome {
            bots[botID]?.polls[id] = nil
            effects.polls.append((continuation, outcome))
        } else if bots[botID]?.polls[id] != nil {
            bots[botID]?.polls[id]?.continuation = continuation
        } else {
            effects.polls.append((continuation, .init(reply: .failure(500, "Internal Server Error: restart"))))
        }
    }

    /// Ends a poll whose time is over, or whose server stops.
    mutating func endPoll(_ id: UInt64, of botID: Int64, isStopping: Bool, _ effects: inout Effects) {
        guard bots[botID]?.waitingPoll == id else { return }
        if isStopping {
            bots[botID]?.waitingPoll = nil
            resolve(id, of: botID, .init(reply: .failure(500, "Internal Server Error: restart")), &effects)
        } else {
            wakePoll(of: botID, &effects, isOver: true)
        }
    }
}

extension SimulatedTelegram {
    /// Waits for the outcome of a poll, at most until its time.
    func outcome(ofPoll id: UInt64, of botID: Int64, until: Duration) async -> Reply {
        await withTaskGroup(of: Reply?.self) { group in
            group.addTask {
                let outcome = await withTaskCancellationHandler {
                    await withCheckedContinuation { continuation in
                        self.change { state, effects in state.wait(for: id, of: botID, continuation, &effects) }
                    }
                } onCancel: {
                    self.change { state, effects in state.endPoll(id, of: botID, isStopping: true, &effects) }
                }
                return await self.reply(outcome)
            }
            group.addTask {
                // Cancelled means that the outcome came first.
                do { try await self.time.sleep(until) } catch { return nil }
                self.change { state, effects in state.endPoll(id, of: botID, isStopping: false, &effects) }
                return nil
            }
            var found: Reply?
            while found == nil, let next = await group.next() { found = next }
            group.cancelAll()
            return found ?? .failure(500, "Internal Server Error: restart")
        }
    }

    /// An answer after its delay; a server that stops does not wait for it.
    func reply(_ outcome: LongPoll.Outcome) async -> Reply {
        if outcome.delay > .zero {
            do { try await time.sleep(time.elapsed() + outcome.delay) } catch { return outcome.reply }
        }
        return outcome.reply
    }
}
