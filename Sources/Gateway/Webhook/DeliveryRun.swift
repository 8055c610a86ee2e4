import Logging

/// One run of the sender: what is in flight, what is to be written, when to look again.
struct DeliveryRun<C: Clock> where C.Duration == Duration {
    /// What the sender hears of.
    enum Event: Sendable {
        /// Rows may have come.
        case changed
        /// A time that was waited for has come.
        case tick
        case ended(DueDelivery, DeliveryEnd, isSuccess: Bool?)
        case stop
    }

    private let sender: DeliverySender<C>
    private let mailbox: Mailbox<Event>
    private var inFlight: [DeliveryID: WebhookEndpointID] = [:]
    /// Rows that the database takes no end of: called again they would be settled as little, so they wait for the next start.
    private var lost: Set<DeliveryID> = []
    /// Ends that are not written yet; their rows stay in flight until they are.
    private var ends: [DeliverySettlement] = []
    private var isStopping = false
    private var lastLook: C.Instant?
    private var lastHousekeeping: C.Instant?
    /// The next tick on its way.
    private var tickAt: C.Instant?

    init(_ sender: DeliverySender<C>, _ mailbox: Mailbox<Event>) {
        self.sender = sender
        self.mailbox = mailbox
    }

    private var logger: Logger { sender.logger }

    mutating func untilStopped(_ group: inout DiscardingTaskGroup) async {
        mailbox.post(.tick)
        while !(isStopping && inFlight.isEmpty) {
            var isOnlyChange = true
            for event in await mailbox.next() {
                switch event {
                case .changed: continue
                case .tick: if let tickAt, tickAt <= sender.clock.now { self.tickAt = nil }
                case .stop: isStopping = true
                case .ended(let due, let end, let isSuccess):
                    sender.gate.leave(
                        due.endpoint.id,
                        of: due.endpoint.business,
                        as: .retry,
                        isSuccess: isSuccess,
                        at: sender.now()
                    )
                    ends.append(DeliverySettlement(id: due.id, of: due.endpoint.business, end: end))
                }
                isOnlyChange = false
            }
            guard await write(&group) else { continue }
            guard !isStopping else { continue }
            await keepHouse(&group)
            if isOnlyChange, let lastLook, lastLook.duration(to: sender.clock.now) < DeliveryLimits.betweenLooks {
                tick(after: DeliveryLimits.betweenLooks, &group)
            } else {
                await look(&group)
            }
        }
    }

    /// Writes what has ended; false if the database does not take it now.
    private mutating func write(_ group: inout DiscardingTaskGroup) async -> Bool {
        while !ends.isEmpty {
            var bytes = 0
            let some = Array(
                ends.prefix(DeliveryLimits.rowsInWrite).prefix { end in
                    defer { bytes += end.end.answer.count }
                    return bytes < DeliveryLimits.bytesInWrite
                }
            )
            do {
                let progress = try await sender.store.settle(some, at: sender.now())
                for webhook in progress.turnedOff { note(webhook) }
                for end in some { inFlight[end.id] = nil }
                lost.formUnion(progress.faults)
                for id in progress.faults {
                    logger.error("delivery not taken by the database", metadata: [LogKeys.deliveryID: "\(id)"])
                }
                ends.removeFirst(some.count)
            } catch {
                logger.warning("deliveries not settled", metadata: [LogKeys.errorKind: "\(error)"])
                // When it stops, the rows are as they were, and are tried once more after the next start.
                if isStopping {
                    for end in some { inFlight[end.id] = nil }
                    ends.removeFirst(some.count)
                    continue
                }
                tick(after: DeliveryLimits.storeRetry, &group)
                return false
            }
        }
        return true
    }

    private mutating func note(_ webhook: WebhookEndpoint) {
        logger.warning(
            "webhook turned off",
            metadata: [LogKeys.businessID: "\(webhook.business)", LogKeys.webhookID: "\(webhook.id)"]
        )
        lastHousekeeping = nil
    }

    private mutating func keepHouse(_ group: inout DiscardingTaskGroup) async {
        if let lastHousekeeping, lastHousekeeping.duration(to: sender.clock.now) < DeliveryLimits.housekeeping {
            return
        }
        do {
            let given = try await sender.store.giveUpForOff(limit: DeliveryLimits.rowsInWrite, at: sender.now())
            let pruned = try await sender.store.pruneDeliveries(limit: DeliveryLimits.rowsInWrite, at: sender.now())
            let isMore = given > 0 || pruned == DeliveryLimits.rowsInWrite
            lastHousekeeping = isMore ? nil : sender.clock.now
            if isMore { mailbox.post(.tick) }
        } catch {
            logger.warning("deliveries not cleaned up", metadata: [LogKeys.errorKind: "\(error)"])
            lastHousekeeping = sender.clock.now
        }
    }

    private mutating func look(_ group: inout DiscardingTaskGroup) async {
        lastLook = sender.clock.now
        let now = sender.now()
        do {
            let look = try await sender.store.look(at: now)
            let wanted = wanted(of: look.endpoints, now)
            if !wanted.isEmpty {
                let due = try await sender.store.due(wanted, without: lost.union(inFlight.keys), at: now)
                for delivery in due { begin(delivery, &group) }
            }
            let opening = sender.gate.nextOpening(of: look.endpoints.lazy.map(\.id), after: now)
            let next = [look.nextAt, opening].compactMap { $0 }.min()
            let wait = next.map { Duration.milliseconds($0.milliseconds - now.milliseconds) }
            tick(
                after: min(max(wait ?? DeliveryLimits.housekeeping, .milliseconds(1)), DeliveryLimits.housekeeping),
                &group
            )
        } catch {
            logger.warning("deliveries not read", metadata: [LogKeys.errorKind: "\(error)"])
            tick(after: DeliveryLimits.storeRetry, &group)
        }
    }

    /// How many events of which webhooks may be tried: one of each in turn, until their businesses or all together have as many as they may.
    private func wanted(of endpoints: [DueEndpoint], _ now: Timestamp) -> [DueEndpoint: Int] {
        var room = DeliveryLimits.calls - inFlight.count
        var ofBusiness: [BusinessID: Int] = [:]
        var able = endpoints.compactMap { endpoint -> (endpoint: DueEndpoint, room: Int)? in
            let count = sender.gate.room(endpoint.id, of: endpoint.business, at: now)
            return count > 0 ? (endpoint, count) : nil
        }
        var wanted: [DueEndpoint: Int] = [:]
        while room > 0, !able.isEmpty {
            able = able.filter { entry in
                let business = entry.endpoint.business
                guard room > 0, wanted[entry.endpoint] ?? 0 < entry.room,
                    ofBusiness[business] ?? 0 < sender.gate.room(of: business)
                else { return false }
                wanted[entry.endpoint, default: 0] += 1
                ofBusiness[business, default: 0] += 1
                room -= 1
                return true
            }
        }
        return wanted
    }

    private mutating func begin(_ due: DueDelivery, _ group: inout DiscardingTaskGroup) {
        let entry = sender.gate.enter(due.endpoint.id, of: due.endpoint.business, as: .retry, at: sender.now())
        guard entry == .go else { return }
        inFlight[due.id] = due.endpoint.id
        group.addTask { [sender, mailbox] in
            let (end, isSuccess) = await sender.make(due)
            mailbox.post(.ended(due, end, isSuccess: isSuccess))
        }
    }

    /// Wakes the run then, if nothing wakes it before.
    private mutating func tick(after wait: Duration, _ group: inout DiscardingTaskGroup) {
        let at = sender.clock.now.advanced(by: wait)
        if let tickAt, tickAt <= at { return }
        tickAt = at
        group.addTask { [clock = sender.clock, mailbox] in
            // Cancelled with the run: then nobody waits for it.
            try? await clock.sleep(until: at, tolerance: nil)
            mailbox.post(.tick)
        }
    }
}
