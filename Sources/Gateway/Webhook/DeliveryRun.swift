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
    private var inFlight: [DeliveryID: DueEndpoint] = [:]
    /// Rows that the database takes no end of: called again they would be settled as little, so they wait for the next start.
    private var lost: Set<DeliveryID> = []
    /// Ends that are not written yet; their rows stay in flight until they are.
    private var ends: [DeliverySettlement] = []
    private var isStopping = false
    private var lastLook: C.Instant?
    /// How long that took.
    private var lookCost = Duration.zero
    private var lastHousekeeping: C.Instant?
    /// The webhook that had the last turn of a look.
    private var lastTurn: WebhookEndpointID?
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
                        renewal: due.endpoint.renewal,
                        isSuccess: isSuccess,
                        at: sender.now()
                    )
                    ends.append(
                        DeliverySettlement(id: due.id, of: due.endpoint.business, at: due.endpoint.url, end: end)
                    )
                }
                isOnlyChange = false
            }
            guard await write(&group) else { continue }
            guard !isStopping else { continue }
            await keepHouse(&group)
            let pause = max(isOnlyChange ? DeliveryLimits.betweenLooks : .zero, lookCost * DeliveryLimits.looksOfTime)
            if let lastLook, lastLook.duration(to: sender.clock.now) < pause {
                tick(after: pause - lastLook.duration(to: sender.clock.now), &group)
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
            // What is being told may be taken still.
            let given = try await sender.store.giveUpForOff(
                limit: DeliveryLimits.rowsInWrite,
                without: lost.union(inFlight.keys),
                at: sender.now()
            )
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
            // The one behind the last begins: who has just been told waits behind the others.
            let sorted = look.endpoints.sorted { $0.id < $1.id }
            let start = lastTurn.flatMap { last in sorted.firstIndex { $0.id > last } } ?? 0
            var waiting = sorted[start...] + sorted[..<start]
            // Where fewer are due than there is room for, since those are being told, the room goes to the next ones.
            while true {
                let wanted = wanted(of: &waiting, now)
                if wanted.isEmpty { break }
                let due = try await sender.store.due(wanted, without: lost.union(inFlight.keys), at: now)
                for delivery in due { begin(delivery, &group) }
            }
            let opening = sender.gate.nextOpening(of: look.endpoints.lazy.map(\.id), after: now)
            // A webhook that is due already says nothing of its later events, and those need not wait for what is being told.
            let later =
                inFlight.isEmpty ? nil : try await sender.store.nextDelivery(of: Set(inFlight.values), after: now)
            let next = [look.nextAt, opening, later].compactMap { $0 }.min()
            if let lastLook { lookCost = min(lastLook.duration(to: sender.clock.now), DeliveryLimits.longestLook) }
            let wait = next.map { Duration.milliseconds($0.milliseconds - now.milliseconds) }
            tick(
                after: min(max(wait ?? DeliveryLimits.housekeeping, .milliseconds(1)), DeliveryLimits.housekeeping),
                &group
            )
        } catch {
            lookCost = .zero
            logger.warning("deliveries not read", metadata: [LogKeys.errorKind: "\(error)"])
            tick(after: DeliveryLimits.storeRetry, &group)
        }
    }

    /// Takes webhooks that may be told something, each once, until there is no room for more calls.
    ///
    /// A business may take another call only while more are free than it has itself: see `PacingLimits.inFlight`.
    private mutating func wanted(of waiting: inout ArraySlice<DueEndpoint>, _ now: Timestamp) -> [DueEndpoint: Int] {
        var room = DeliveryLimits.calls - inFlight.count
        var wanted: [DueEndpoint: Int] = [:]
        var ofBusiness: [BusinessID: Int] = [:]
        while room > 0, let endpoint = waiting.popFirst() {
            let (business, more) = (endpoint.business, ofBusiness[endpoint.business] ?? 0)
            let own = WebhookGate.retriesOfBusiness - sender.gate.room(of: business)
            let share = min(WebhookGate.retriesOfBusiness - own, max(0, (room + 1 - own) / 2)) - more
            let count = min(sender.gate.room(endpoint, at: now), share, room)
            guard count > 0 else { continue }
            wanted[endpoint] = count
            ofBusiness[business] = more + count
            room -= count
            lastTurn = endpoint.id
        }
        return wanted
    }

    private mutating func begin(_ due: DueDelivery, _ group: inout DiscardingTaskGroup) {
        let entry = sender.gate.enter(
            due.endpoint.id,
            of: due.endpoint.business,
            as: .retry,
            renewal: due.endpoint.renewal,
            at: sender.now()
        )
        guard entry == .go else { return }
        inFlight[due.id] = DueEndpoint(id: due.endpoint.id, business: due.endpoint.business)
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
