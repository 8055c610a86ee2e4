import DequeModule

/// One update that waits at Telegram for its bot.
struct QueuedUpdate: Sendable {
    let id: Int64
    /// The queue it stands in; one queue is delivered serially.
    let lane: Int64
    /// The body of the request.
    let body: [UInt8]
    /// The date, in Unix seconds, after which it is thrown away.
    let expiresAt: Int64
    /// Whether it was acknowledged before and is posted once more.
    var isRepeat = false
    var failures = 0
    /// What the back-off doubles, in seconds.
    var delaySeconds: Int64 = 1
}

/// The updates of one bot: many lanes behind one window.
///
/// Within a lane the next update goes only after the one before is acknowledged or dropped. Only the first
/// `2 × max_connections` updates, by their number, are in the lanes at all; so a chat whose updates keep failing can
/// fill the window and stall the bot. **Source:** tdlib/telegram-bot-api `WebhookActor::load_updates`, `start_up`.
struct UpdateQueue: Sendable {
    private var unloaded: Deque<QueuedUpdate> = []
    private var lanes: [Int64: Deque<QueuedUpdate>] = [:]
    /// Lanes whose first update may go now; a lane in flight or waiting for a retry is not here.
    private var ready: Deque<Int64> = []
    private(set) var loaded = 0
    private(set) var inFlight = 0
    private(set) var bytes = 0

    /// All that wait, those in flight included.
    var count: Int { loaded + unloaded.count }

    mutating func append(_ update: QueuedUpdate) {
        unloaded.append(update)
        bytes += update.body.count
    }

    /// The next update that may go, now in flight; nil if none may.
    ///
    /// - Parameter dropped: raised by the updates that were found expired.
    mutating func claim(maxConnections: Int, now: Int64, dropped: inout Int) -> QueuedUpdate? {
        load(window: 2 * maxConnections, now: now, dropped: &dropped)
        guard inFlight < maxConnections, let lane = ready.popFirst() else { return nil }
        inFlight += 1
        return lanes[lane]?.first
    }

    private mutating func load(window: Int, now: Int64, dropped: inout Int) {
        while loaded < window, let update = unloaded.popFirst() {
            if update.expiresAt < now {
                bytes -= update.body.count
                dropped += 1
                continue
            }
            loaded += 1
            if lanes[update.lane, default: []].isEmpty { ready.append(update.lane) }
            lanes[update.lane, default: []].append(update)
        }
    }

    /// Takes an update in flight away, acknowledged or dropped; its lane goes on.
    mutating func finish(_ update: QueuedUpdate) {
        inFlight -= 1
        loaded -= 1
        bytes -= update.body.count
        _ = lanes[update.lane]?.popFirst()
        if lanes[update.lane]?.isEmpty ?? true { lanes[update.lane] = nil } else { ready.append(update.lane) }
    }

    /// Gives the connection of a failed update back; its lane stands still until `wake`.
    mutating func rest(_ update: QueuedUpdate) {
        inFlight -= 1
        guard lanes[update.lane]?.isEmpty == false else { return }
        lanes[update.lane]?[0] = update
    }

    /// Lets a lane that rested go on.
    mutating func wake(lane: Int64) { ready.append(lane) }

    /// The first updates, for a bot that asks for them itself; expired ones are thrown away.
    ///
    /// Without a webhook none is in a lane.
    mutating func first(_ limit: Int, now: Int64, dropped: inout Int) -> [QueuedUpdate] {
        var found: [QueuedUpdate] = []
        var index = 0
        while found.count < limit, index < unloaded.count {
            if unloaded[index].expiresAt < now {
                bytes -= unloaded.remove(at: index).body.count
                dropped += 1
            } else {
                found.append(unloaded[index])
                index += 1
            }
        }
        return found
    }

    /// Takes away all updates below that number; none if it is far outside of what waits.
    ///
    /// **Source:** tdlib `TQueue.cpp`, `get`: an offset over ten past the end, or 100,000 before the head, is taken as the head.
    mutating func confirm(below offset: Int64) -> Int {
        guard let head = unloaded.first?.id, let tail = unloaded.last.map({ $0.id + 1 }), offset <= tail + 10,
            offset >= head - 100_000
        else { return 0 }
        var count = 0
        while let update = unloaded.first, update.id < offset {
            bytes -= update.body.count
            unloaded.removeFirst()
            count += 1
        }
        return count
    }

    /// Takes away all but the last so many.
    mutating func keepLast(_ kept: Int) -> Int {
        let count = max(unloaded.count - kept, 0)
        for update in unloaded.prefix(count) { bytes -= update.body.count }
        unloaded.removeFirst(count)
        return count
    }

    /// Puts everything back behind the window, as new: a new webhook knows nothing of earlier failures.
    mutating func reload() {
        var all = lanes.values.flatMap { $0 } + unloaded
        all.sort { $0.id < $1.id }
        for index in all.indices {
            all[index].failures = 0
            all[index].delaySeconds = 1
        }
        unloaded = Deque(all)
        lanes = [:]
        ready = []
        loaded = 0
        inFlight = 0
    }

    /// Throws everything away.
    mutating func removeAll() { self = UpdateQueue() }
}
