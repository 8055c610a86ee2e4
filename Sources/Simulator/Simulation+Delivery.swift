import Telegram

/// One post of one update, to be made by the service.
struct Delivery: Sendable {
    let botID: Int64
    let generation: Int
    let webhook: Webhook
    var update: QueuedUpdate
    /// Cut the connection once the request is written.
    var isCut: Bool
    /// How long to wait before posting.
    var delay = Duration.zero
}

/// How a post ended.
enum PostOutcome: Sendable {
    /// An answer came; the text is the status line's, such as "500 Internal Server Error".
    case answered(status: Int, statusText: String, retryAfterSeconds: Int64, call: Parameters? = nil)
    /// No answer came, for this reason.
    case failed(String)
}

/// What whoever made the post does next.
enum NextStep: Sendable {
    case post(Delivery)
    /// Wait until so much has passed, then `wake` the lane.
    case rest(until: Duration)
    case done
}

extension Simulation {
    /// Queues an update if Telegram would.
    ///
    /// - Returns: its number; nil if the bot did not ask for the kind, it is over a day old, too long, or too many wait.
    mutating func enqueue(
        _ kind: String,
        _ payload: JSON,
        lane: Int64?,
        to botID: Int64,
        _ effects: inout Effects
    ) throws(SimulatorError) -> Int64? {
        guard bots[botID] != nil else { throw .unknownBot(String(botID)) }
        let now = time.now()
        guard UpdateRules.isAllowed(kind, by: bots[botID]?.allowedUpdates) else { return nil }
        let expiresAt = UpdateRules.expiry(of: kind, payload, now: now)
        let text = payload.encoded(escapingNonASCII: true)
        guard expiresAt > now, text.count <= UpdateRules.maximumPayloadBytes,
            bots[botID]?.queue.count ?? 0 < UpdateRules.maximumQueued,
            (bots[botID]?.queue.bytes ?? 0) + text.count <= UpdateRules.maximumQueuedBytes
        else { return nil }
        let id = takeUpdateID(botID)
        var body = Array("{\"update_id\":\(id),\n".utf8)
        body.append(contentsOf: JSON.string(kind).encoded(escapingNonASCII: true))
        body.append(UInt8(ascii: ":"))
        body.append(contentsOf: text)
        body.append(UInt8(ascii: "}"))
        let update = QueuedUpdate(
            id: id,
            lane: lane ?? UpdateRules.lane(of: kind, payload),
            body: body,
            expiresAt: expiresAt
        )
        bots[botID]?.queue.append(update)
        count(botID) { $0.pending += 1 }
        claim(botID, &effects)
        wakePoll(of: botID, &effects)
        return id
    }

    /// **Source:** tdlib `TQueue.cpp`, `push`; Bot API, `Update`: after a week without updates the next number is random.
    private mutating func takeUpdateID(_ botID: Int64) -> Int64 {
        let now = time.now()
        let isIdle = now - (bots[botID]?.lastUpdateAt ?? 0) >= UpdateRules.idleSeconds && bots[botID]?.queue.count == 0
        bots[botID]?.lastUpdateAt = now
        let next = isIdle ? nil : bots[botID]?.nextUpdateID
        var id = next ?? Int64.random(in: UpdateRules.firstUpdateIDs, using: &random)
        if id > UpdateRules.maximumUpdateID {
            clearQueue(of: botID)
            id = Int64.random(in: UpdateRules.firstUpdateIDs, using: &random)
        }
        bots[botID]?.nextUpdateID = id + 1
        return id
    }

    /// Hands all updates of a bot that may go now to the service.
    mutating func claim(_ botID: Int64, _ effects: inout Effects) {
        while let delivery = claimOne(botID) { effects.deliveries.append(delivery) }
    }

    private mutating func claimOne(_ botID: Int64) -> Delivery? {
        guard outlet != nil, let webhook = bots[botID]?.webhook else { return nil }
        var dropped = 0
        let now = time.now()
        let update = bots[botID]?.queue.claim(
            maxConnections: webhook.maxConnections,
            now: now,
            dropped: &dropped
        )
        if dropped > 0 {
            count(botID) {
                $0.dropped += dropped
                $0.pending -= dropped
            }
        }
        guard let update, let generation = bots[botID]?.generation else { return nil }
        count(botID) {
            $0.inFlight += 1
            if update.failures > 0 { $0.retried += 1 }
        }
        let faults = bots[botID]?.faults ?? DeliveryFaults()
        return Delivery(
            botID: botID,
            generation: generation,
            webhook: webhook,
            update: update,
            isCut: random.chance(faults.cutProbability),
            delay: random.chance(faults.delayProbability) ? faults.delay : .zero
        )
    }

    /// Takes note of how a post ended.
    mutating func settle(_ delivery: Delivery, _ outcome: PostOutcome, _ effects: inout Effects) -> NextStep {
        guard outlet != nil, bots[delivery.botID]?.generation == delivery.generation else {
            count(delivery.botID) { $0.stale += 1 }
            return .done
        }
        switch outcome {
        case .answered(let status, _, _, let call) where (200...299).contains(status):
            if let call { carryOut(call, for: delivery.botID, &effects) }
            return acknowledge(delivery, &effects)
        case .answered(let status, let text, let retryAfter, _):
            if status == 410 {
                let elapsed = time.elapsed()
                let goneSince = bots[delivery.botID]?.goneSince
                if let since = goneSince, elapsed - since > .seconds(23 * 3600) {
                    removeWebhook(of: delivery.botID)
                    return .done
                }
                bots[delivery.botID]?.goneSince = goneSince ?? elapsed
            } else {
                bots[delivery.botID]?.goneSince = nil
            }
            return fail(delivery, "Wrong response from the webhook: \(text)", retryAfter, &effects)
        case .failed(let why):
            return fail(delivery, why, 0, &effects)
        }
    }

    /// Carries out the method that stands in the answer of a webhook; what comes of it is told nobody.
    ///
    /// **Source:** telegram-bot-api `WebhookActor::handle`.
    private mutating func carryOut(_ call: Parameters, for botID: Int64, _ effects: inout Effects) {
        let method = call["method"].lowercased()
        let isIgnored =
            ["", "deletewebhook", "setwebhook", "close", "logout"].contains(method) || method.hasPrefix("get")
        guard !isIgnored else { return }
        do throws(Reply) { _ = try perform(method, botID, call, &effects) } catch { return }
    }

    private mutating func acknowledge(_ delivery: Delivery, _ effects: inout Effects) -> NextStep {
        let id = delivery.botID
        bots[id]?.goneSince = nil
        bots[id]?.acknowledged.append(delivery.update.id)
        count(id) { if delivery.update.isRepeat { $0.repeated += 1 } else { $0.delivered += 1 } }
        if !delivery.update.isRepeat, random.chance(bots[id]?.faults.duplicateProbability ?? 0) {
            // As after a lost answer: the same update once more, before the next one of its queue.
            var again = delivery
            again.update.isRepeat = true
            return .post(again)
        }
        bots[id]?.remember(delivery.update)
        return finish(delivery, &effects) { $0.pending -= 1 }
    }

    private mutating func fail(
        _ delivery: Delivery,
        _ text: String,
        _ retryAfterSeconds: Int64,
        _ effects: inout Effects
    ) -> NextStep {
        let id = delivery.botID
        let now = time.now()
        bots[id]?.lastErrorAt = now
        bots[id]?.lastErrorText = text
        count(id) { $0.failed += 1 }
        var failed = delivery
        let delay = RetryPolicy.noteFailure(
            of: &failed.update,
            retryAfterSeconds: retryAfterSeconds,
            random: &random
        )
        if now + delay > delivery.update.expiresAt {
            return finish(delivery, &effects) {
                $0.dropped += 1
                $0.pending -= 1
            }
        }
        bots[id]?.queue.rest(failed.update)
        if delay == 0 {
            // At once, but behind the queues that were ready before.
            bots[id]?.queue.wake(lane: failed.update.lane)
            count(id) { $0.inFlight -= 1 }
            return goOn(id, &effects)
        }
        count(id) {
            $0.inFlight -= 1
            $0.waiting += 1
        }
        claim(id, &effects)
        return .rest(until: time.elapsed() + .seconds(delay))
    }

    private mutating func finish(
        _ delivery: Delivery,
        _ effects: inout Effects,
        _ change: (inout DeliveryCounts) -> Void
    ) -> NextStep {
        bots[delivery.botID]?.queue.finish(delivery.update)
        count(delivery.botID) {
            $0.inFlight -= 1
            change(&$0)
        }
        return goOn(delivery.botID, &effects)
    }

    /// Gives the next update of the bot to the same task, and further ones to others.
    private mutating func goOn(_ botID: Int64, _ effects: inout Effects) -> NextStep {
        guard let next = claimOne(botID) else { return .done }
        claim(botID, &effects)
        return .post(next)
    }

    /// Lets the lane of an update go on whose wait is over.
    mutating func wake(_ delivery: Delivery, _ effects: inout Effects) {
        guard outlet != nil, bots[delivery.botID]?.generation == delivery.generation else { return }
        bots[delivery.botID]?.queue.wake(lane: delivery.update.lane)
        count(delivery.botID) { $0.waiting -= 1 }
        claim(delivery.botID, &effects)
    }

    /// Begins anew with all that waits: nothing is in flight any more.
    mutating func reload(_ botID: Int64) {
        guard let old = bots[botID]?.counts else { return }
        bots[botID]?.generation += 1
        bots[botID]?.queue.reload()
        count(botID) {
            $0.inFlight -= old.inFlight
            $0.waiting -= old.waiting
        }
    }

    /// Ends deliveries to the bot; what waits stays.
    mutating func removeWebhook(of botID: Int64) {
        reload(botID)
        bots[botID]?.webhook = nil
        bots[botID]?.goneSince = nil
        bots[botID]?.lastErrorAt = nil
        bots[botID]?.lastErrorText = nil
    }

    /// Throws away all that waits for the bot.
    mutating func clearQueue(of botID: Int64) {
        reload(botID)
        let waiting = bots[botID]?.queue.count ?? 0
        bots[botID]?.queue.removeAll()
        count(botID) {
            $0.pending -= waiting
            $0.dropped += waiting
        }
    }

    /// Deliveries go to `outlet` from now on.
    mutating func begin(_ outlet: AsyncStream<Delivery>.Continuation, _ effects: inout Effects) {
        self.outlet = outlet
        for id in bots.keys {
            reload(id)
            claim(id, &effects)
        }
    }

    /// Deliveries have ended; whatever was in flight is not acknowledged.
    mutating func end() {
        outlet = nil
        for id in bots.keys { reload(id) }
    }
}

extension BotState {
    mutating func remember(_ update: QueuedUpdate) {
        if remembered.count == Self.rememberedUpdates { remembered.removeFirst() }
        remembered.append(update)
    }
}
