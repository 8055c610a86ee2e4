import Logging
import Telegram

/// One run of the sender: a loop over what it hears of, which alone touches what is in hand.
struct SenderRun<C: Clock> where C.Duration == Duration {
    private let sender: OutboxSender<C>
    private let mailbox: Mailbox<SenderEvent>
    private let started: C.Instant
    private var hand: OutboxHand
    /// Drawn and not yet claimed.
    private var drawn: [OutboxID] = []
    /// Answered and not yet written.
    private var judged: [Judgement] = []
    private var isWriting = false
    private var isReading = false
    private var isStopping = false
    /// Whether what an earlier server left is settled.
    private var isRecovered = false
    private var wantsNews = true
    private var version: Int64?
    private var last: OutboxID?
    /// How many rows were ever put into the outbox.
    private var total: Int64?
    /// No read, or no write, before these times, after one that failed.
    private var readAfter = Int64.min
    private var writeAfter = Int64.min
    private var armed: Int64?
    /// Writes that failed since it was told to stop.
    private var failuresAtEnd = 0
    private static var mostFailuresAtEnd: Int { 8 }

    init(_ sender: OutboxSender<C>, _ mailbox: Mailbox<SenderEvent>) {
        self.sender = sender
        self.mailbox = mailbox
        started = sender.clock.now
        hand = OutboxHand(limits: sender.limits)
    }

    private var time: Int64 {
        let (seconds, attoseconds) = started.duration(to: sender.clock.now).components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    /// Goes on until it is told to stop and nothing is in flight.
    mutating func untilStopped(_ group: inout DiscardingTaskGroup) async {
        mailbox.post(.changed)
        while true {
            for event in await mailbox.next() { hear(event, &group) }
            if isStopping, !isWriting, judged.isEmpty, hand.outCount == drawn.count { return }
            if failuresAtEnd >= Self.mostFailuresAtEnd {
                // What is not written stays as being sent: the next start finds it, and its end is unknown.
                let metadata: Logger.Metadata = [LogKeys.count: "\(judged.count)"]
                return sender.logger.error("outbox not settled at the end", metadata: metadata)
            }
            read(&group)
            draw(&group)
            write(&group)
        }
    }

    private mutating func hear(_ event: SenderEvent, _ group: inout DiscardingTaskGroup) {
        switch event {
        case .changed: wantsNews = true
        case .tick(let time): if armed == time { armed = nil }
        case .stop: isStopping = true
        case .interrupted(let result): take(interrupted: result)
        case .news(let result): take(news: result)
        case .windows(let requests, let result): take(windows: result, for: requests)
        case .answered(let call, let tokenVersion, let result): take(call, tokenVersion, result, &group)
        case .written(let claims, let judgements, let result): take(written: result, claims, judgements, &group)
        }
    }

    // MARK: Reading

    /// Reads what is wanted most, one thing at a time.
    private mutating func read(_ group: inout DiscardingTaskGroup) {
        guard !isReading, !isStopping else { return }
        let now = time
        guard now >= readAfter else { return wake(at: readAfter, &group) }
        let (store, mailbox) = (sender.store, self.mailbox)
        if !isRecovered {
            // What is being settled would be found again.
            guard judged.isEmpty, !isWriting else { return }
            isReading = true
            group.addTask {
                mailbox.post(.interrupted(await result { try await store.interruptedCalls(limit: 200) }))
            }
        } else if wantsNews {
            (isReading, wantsNews) = (true, false)
            let (last, version) = (self.last, self.version)
            group.addTask {
                mailbox.post(.news(await result { try await store.outboxNews(after: last, knownVersion: version) }))
            }
        } else {
            let requests = hand.requests(now: now)
            guard !requests.isEmpty else { return }
            isReading = true
            let wall = sender.now()
            group.addTask {
                let windows = await result { try await store.windows(requests, at: wall) }
                mailbox.post(.windows(requests, windows))
            }
        }
    }

    /// What an earlier server left between call and answer has an unknown end.
    private mutating func take(interrupted result: Result<[ClaimedCall], any Error>) {
        isReading = false
        switch result {
        case .failure(let error): failed("interrupted calls not read", error)
        case .success(let calls):
            isRecovered = calls.isEmpty
            for call in calls {
                let end = BotAPIError.noAnswer("the server ended before the answer came")
                judged.append(Judgement(call, .failure(end), at: sender.now()))
            }
            if !calls.isEmpty {
                sender.logger.warning("calls without an answer", metadata: [LogKeys.count: "\(calls.count)"])
            }
        }
    }

    private mutating func take(news result: Result<OutboxNews, any Error>) {
        isReading = false
        switch result {
        case .failure(let error):
            wantsNews = true
            failed("outbox not looked at", error)
        case .success(let news):
            version = news.version
            last = news.last
            if let bots = news.bots { hand.take(bots) }
            if let total { sender.instruments.queued(Int(max(0, news.total - total))) }
            total = news.total
            for row in news.rows {
                if row.isAside { hand.hintAside(row.bot) } else { hand.hint(row.bot, row.conversation) }
            }
            if news.isMore { wantsNews = true }
        }
    }

    private mutating func take(
        windows result: Result<[OutboxWindow], any Error>,
        for requests: [OutboxWindow.Request]
    ) {
        isReading = false
        switch result {
        case .failure(let error):
            hand.retry(requests)
            failed("outbox not read", error)
        case .success(let windows):
            let (now, wall) = (time, sender.now().milliseconds)
            for window in windows { hand.take(window, now: now) { $0.milliseconds - wall } }
        }
    }

    private mutating func failed(_ what: Logger.Message, _ error: any Error) {
        readAfter = time + SendingLimits.storeRetry
        sender.logger.error(what, metadata: [LogKeys.errorKind: "\(error)"])
    }

    // MARK: Sending

    /// Milliseconds between two looks, at the least.
    private static var breath: Int64 { 1 }

    /// Draws what may be sent now, and sees to it that it is asked again in time.
    private mutating func draw(_ group: inout DiscardingTaskGroup) {
        guard isRecovered, !isStopping else { return }
        let room = sender.limits.inFlight - hand.outCount
        guard room > 0 else { return }
        let (ids, next) = hand.draw(room, now: time)
        drawn += ids
        for id in ids { sender.instruments.paced(.milliseconds(hand.wait(of: id))) }
        // What is due already waits for a read or a write that is under way: looked for again soon, and not at once for ever.
        if let next { wake(at: max(next, time + Self.breath), &group) }
    }

    private mutating func wake(at time: Int64, _ group: inout DiscardingTaskGroup) {
        if let armed, armed <= time { return }
        armed = time
        let (clock, mailbox) = (sender.clock, self.mailbox)
        let deadline = started.advanced(by: .milliseconds(time))
        group.addTask {
            // Woken early only at the end, when nobody listens.
            try? await clock.sleep(until: deadline, tolerance: nil)
            mailbox.post(.tick(time))
        }
    }

    /// Claims and settles in one write, one write at a time: what comes meanwhile goes with the next.
    private mutating func write(_ group: inout DiscardingTaskGroup) {
        guard !isWriting, !(judged.isEmpty && (drawn.isEmpty || isStopping)) else { return }
        guard time >= writeAfter else { return wake(at: writeAfter, &group) }
        let settled = Array(judged.prefix(SendingLimits.rowsInWrite))
        judged.removeFirst(settled.count)
        let claimed = isStopping ? [] : Array(drawn.prefix(SendingLimits.rowsInWrite))
        drawn.removeFirst(claimed.count)
        var claims: [OutboxClaim] = []
        for id in claimed {
            // A bot that was stopped meanwhile: its row goes back.
            guard let bot = hand.bot(of: id) else {
                hand.finish(id, .settled, now: time)
                continue
            }
            claims.append(OutboxClaim(id: id, tokenVersion: bot.token.version))
        }
        guard !claims.isEmpty || !settled.isEmpty else { return }
        isWriting = true
        let (store, mailbox, now, ready) = (sender.store, self.mailbox, sender.now(), claims)
        group.addTask {
            let progress = await result { try await store.advance(ready, settled.map(\.settlement), at: now) }
            mailbox.post(.written(ready.map(\.id), settled, progress))
        }
    }

    private mutating func take(
        written result: Result<OutboxProgress, any Error>,
        _ claims: [OutboxID],
        _ judgements: [Judgement],
        _ group: inout DiscardingTaskGroup
    ) {
        isWriting = false
        switch result {
        case .failure(let error):
            // The database failed, not a row: nothing of it is written, and all of it is tried again, before what came since.
            if isStopping { failuresAtEnd += 1 }
            writeAfter = time + SendingLimits.storeRetry
            judged = judgements + judged
            drawn = claims + drawn
            sender.logger.error("outbox not written", metadata: [LogKeys.errorKind: "\(error)"])
        case .success(let progress):
            let faults = Set(progress.faults.map(\.id))
            for fault in progress.faults { tell(fault) }
            for judgement in judgements {
                if faults.contains(judgement.settlement.id) {
                    hand.finish(judgement.settlement.id, .settled, now: time)
                } else {
                    conclude(judgement)
                }
            }
            var refused = Set(claims)
            for call in progress.calls {
                refused.remove(call.id)
                begin(call, &group)
            }
            // Sent, dropped, or refused for a token of before: where it may be sent still, it is read again.
            for id in refused { hand.giveBack(id, now: time) }
        }
    }

    private func tell(_ fault: OutboxProgress.Fault) {
        let metadata: Logger.Metadata = [LogKeys.outboxID: "\(fault.id)", LogKeys.errorKind: "\(fault.reason)"]
        if fault.isBuried {
            sender.logger.error("outbox row not taken by the database: it lies with the dead calls", metadata: metadata)
        } else {
            sender.logger.error(
                "outbox row not taken by the database: it stays until the next start",
                metadata: metadata
            )
        }
    }

    private mutating func conclude(_ judgement: Judgement) {
        if let tried = judgement.tried {
            let age = Duration.milliseconds(max(0, sender.now().milliseconds - tried.createdAt.milliseconds))
            sender.instruments.settled(tried.outcome, of: tried.business, age: age)
        }
        let (id, now) = (judgement.settlement.id, time)
        switch judgement.ending {
        case .settled:
            switch judgement.settlement.outcome {
            case .migrated: hand.giveBackChat(of: id, now: now)
            case .again: hand.giveBack(id, now: now)
            default: hand.finish(id, .settled, now: now)
            }
        case .again(let wait): hand.finish(id, .again(at: now + wait), now: now)
        case .tooManyRequests(let wait): hand.finish(id, .tooManyRequests(wait: wait), now: now)
        }
    }

    private mutating func begin(_ call: ClaimedCall, _ group: inout DiscardingTaskGroup) {
        if call.isStale(at: sender.now()) { return judged.append(Judgement(stale: call)) }
        let opened: (token: BotToken, version: Int64)?
        do throws(GatewayError) {
            opened = try hand.token(of: call.bot, sender.sealer)
        } catch {
            sender.logger.error(
                "token not opened",
                metadata: [LogKeys.botID: "\(call.bot)", LogKeys.errorKind: "\(error)"]
            )
            hand.stop(call.bot)
            opened = nil
        }
        // Told to stop, or the bot was: nothing was sent, so the row waits again.
        guard let opened, !isStopping else { return unclaim(call) }
        let (telegram, mailbox, instruments) = (sender.telegram, self.mailbox, sender.instruments)
        group.addTask {
            let began = ContinuousClock.now
            instruments.began()
            defer { instruments.ended(after: ContinuousClock.now - began) }
            let result: Result<JSONView, BotAPIError>
            do throws(BotAPIError) {
                result = .success(try await telegram.make(call, opened.token))
            } catch {
                result = .failure(error)
            }
            mailbox.post(.answered(call, tokenVersion: opened.version, result))
        }
    }

    private mutating func unclaim(_ call: ClaimedCall) {
        judged.append(Judgement(unclaimed: call.id, at: sender.now()))
    }

    private mutating func take(
        _ call: ClaimedCall,
        _ tokenVersion: Int64,
        _ result: Result<JSONView, BotAPIError>,
        _ group: inout DiscardingTaskGroup
    ) {
        let judgement = Judgement(call, result, at: sender.now())
        judged.append(judgement)
        if case .tooManyRequests(let wait) = judgement.ending { hand.park(call.id, until: time + wait, now: time) }
        guard let reason = judgement.tokenIsRevoked else { return }
        hand.stop(call.bot, tokenVersion: tokenVersion)
        let (store, logger, now) = (sender.store, sender.logger, sender.now())
        let detail = "\(reason): get the present token from @BotFather (/token), then `switchboard bot rotate`"
        let check = BotCheck(health: .tokenRevoked, detail: detail, tokenVersion: tokenVersion)
        group.addTask {
            do {
                _ = try await store.record(check, of: call.bot, at: now)
                logger.warning("token revoked", metadata: [LogKeys.botID: "\(call.bot)"])
            } catch {
                logger.error("token's end not recorded", metadata: [LogKeys.errorKind: "\(error)"])
            }
        }
    }
}
