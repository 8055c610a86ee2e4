import DequeModule
import HeapModule
import Logging

/// One run of the dispatcher: a loop over what it hears of, which alone touches what is in hand.
struct DispatchRun<C: Clock> where C.Duration == Duration {
    /// What is known of a job that was begun and not ended.
    struct Progress {
        /// The version of the pipeline that the answers belong to.
        var pipeline: Int64?
        var answers: [Int: StepAnswer] = [:]
        /// Whether it is known that nothing outside is to be asked, as things were then.
        var isConsidered = false
        var since: Timestamp?
        var told: [DeliveryDraft] = []
        var failures = 0
        var reason = ""
    }

    struct Timer: Comparable {
        enum Deed {
            case again(PipelineJob)
            case query(PipelineJob)
            case release
            case recovery
            case late
        }

        var time: Int64
        var deed: Deed

        static func < (left: Self, right: Self) -> Bool { left.time < right.time }
        static func == (left: Self, right: Self) -> Bool { left.time == right.time }
    }

    let dispatcher: Dispatcher<C>
    let mailbox: Mailbox<DispatchEvent>
    let started: C.Instant
    var hand: JobHand
    var handlers = HandlerTurns()
    var brake = AnswerBrake()
    var pipelines: [BusinessID: LoadedPipeline] = [:]
    /// Whose pipelines were read, in that order.
    var readInTurn: Deque<BusinessID> = []
    /// Jobs that wait for their business's pipeline to be read.
    var awaiting: [BusinessID: [PipelineJob]] = [:]
    var progress: [Int64: Progress] = [:]
    var timers = Heap<Timer>()
    /// Queries that are not known to be answered.
    var queries: Set<Int64> = []
    var lateQueries: [PipelineJob] = []
    var armed: Int64?
    /// Whether what an earlier server left is known.
    var isRecovered = false
    var readAfter = Int64.min
    var readsUnderWay = 0
    var handlersRunning = 0
    var isAnsweringQueries = false
    /// Whether answers that came late are to be looked for.
    var wantsLate = true
    var isLookingForLate = false
    /// Late answers in hand, by the numbers of their jobs.
    var late: [Int64: LateAnswer] = [:]
    /// Whether the database has, or may have, more.
    var hasMoreLate = false
    var isStopping = false

    init(_ dispatcher: Dispatcher<C>, _ mailbox: Mailbox<DispatchEvent>) {
        self.dispatcher = dispatcher
        self.mailbox = mailbox
        started = dispatcher.clock.now
        hand = JobHand()
    }

    var time: Int64 {
        let (seconds, attoseconds) = started.duration(to: dispatcher.clock.now).components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    /// Goes on until it is told to stop and nothing is being decided.
    mutating func untilStopped(_ group: inout DiscardingTaskGroup) async {
        readBusinesses(&group)
        timers.insert(Timer(time: 0, deed: .release))
        look(&group)
        while true {
            for event in await mailbox.next() { hear(event, &group) }
            if isStopping, hand.planner.outCount == 0, !isAnsweringQueries { return }
            look(&group)
        }
    }

    mutating func look(_ group: inout DiscardingTaskGroup) {
        if !isStopping {
            ring(&group)
            read(&group)
            answerQueries(&group)
            lookForLate(&group)
            while let job = hand.next() { begin(job, &group) }
        }
        dispatcher.instruments.record(
            deciding: hand.planner.outCount,
            aside: hand.planner.asideCount,
            handlers: handlersRunning
        )
    }

    mutating func hear(_ event: DispatchEvent, _ group: inout DiscardingTaskGroup) {
        switch event {
        case .committed(let jobs):
            for job in jobs {
                // What an earlier server left of the business comes first: until that is known, everything is read.
                if isRecovered { hand.take(committed: job) } else { hand.fallBehind(job.business) }
                watch(job)
            }
        case .businesses(let result): take(businesses: result)
        case .read(let read, let result): take(read, result)
        case .considered(let job, .success(.done?), _):
            progress[job.id, default: Progress()].isConsidered = true
            begin(job, &group)
        case .considered(let job, let result, let pipeline): take(job, decided: result, by: pipeline, &group)
        case .decided(let job, let result, let pipeline): take(job, decided: result, by: pipeline, &group)
        case .handled(let turn, let answer, let told): take(turn, answer, told, &group)
        case .outOfDate(let turn): take(outOfDate: turn, &group)
        case .changed: wantsLate = true
        case .lateFound(let result, let look): take(late: result, look)
        case .loaded(let business, let result): take(business, loaded: result)
        case .queriesAnswered(let jobs, let result):
            isAnsweringQueries = false
            if case .failure(let error) = result {
                failed("queries not answered", error)
                for job in jobs { timers.insert(Timer(time: time + DispatchLimits.storeRetry, deed: .query(job))) }
                for job in jobs { queries.insert(job.id) }
            }
        case .released(let result): take(released: result)
        case .tick(let time): if armed == time { armed = nil }
        case .stop: isStopping = true
        }
    }

    func failed(_ what: Logger.Message, _ error: any Error) {
        dispatcher.logger.error(what, metadata: [LogKeys.errorKind: "\(error)"])
    }

    // MARK: Time

    /// Does what is due, and sees to it that it is called for the next.
    mutating func ring(_ group: inout DiscardingTaskGroup) {
        let now = time
        while let timer = timers.min, timer.time <= now {
            timers.removeMin()
            switch timer.deed {
            case .again(let job): hand.again(onTime: job)
            case .query(let job): if queries.remove(job.id) != nil { lateQueries.append(job) }
            case .release: release(&group)
            case .recovery: readBusinesses(&group)
            case .late: wantsLate = true
            }
        }
        var next = timers.min?.time
        if readAfter > now { next = min(next ?? .max, readAfter) }
        guard let next, armed.map({ next < $0 }) ?? true else { return }
        armed = next
        let (clock, mailbox) = (dispatcher.clock, self.mailbox)
        let deadline = started.advanced(by: .milliseconds(next))
        group.addTask {
            // Woken early only at the end, when nobody listens.
            try? await clock.sleep(until: deadline, tolerance: nil)
            mailbox.post(.tick(next))
        }
    }

    // MARK: Finding jobs

    mutating func readBusinesses(_ group: inout DiscardingTaskGroup) {
        let (store, mailbox) = (dispatcher.store, self.mailbox)
        group.addTask { mailbox.post(.businesses(await result { try await store.businessesWithJobs() })) }
    }

    mutating func take(businesses result: Result<[BusinessID], any Error>) {
        switch result {
        case .success(let businesses):
            isRecovered = true
            for business in businesses { hand.fallBehind(business) }
        case .failure(let error):
            failed("open jobs not looked for", error)
            timers.insert(Timer(time: time + DispatchLimits.storeRetry, deed: .recovery))
        }
    }

    mutating func read(_ group: inout DiscardingTaskGroup) {
        guard isRecovered, time >= readAfter else { return }
        // A few at once: a read is short, and each opens a business's line again.
        while readsUnderWay < 2, let read = hand.request() {
            readsUnderWay += 1
            let (store, mailbox) = (dispatcher.store, self.mailbox)
            group.addTask { mailbox.post(.read(read, await result { try await store.openJobs(read.jobs) })) }
        }
    }

    mutating func take(_ read: JobHand.Read, _ result: Result<[PipelineJob], any Error>) {
        readsUnderWay -= 1
        switch result {
        case .success(let jobs):
            for job in jobs { watch(job) }
            hand.take(jobs, of: read)
        case .failure(let error):
            hand.retry(read)
            readAfter = time + DispatchLimits.storeRetry
            failed("open jobs not read", error)
        }
    }

    // MARK: Deciding

    mutating func begin(_ job: PipelineJob, _ group: inout DiscardingTaskGroup) {
        if job.kind == .lateAnswer { return act(job, &group) }
        let now = dispatcher.now()
        if progress[job.id]?.failures ?? 0 >= DispatchLimits.tries { return giveUp(job, &group) }
        let loaded = pipelines[job.business]
        // What was said to a step of another version is no answer to one of this.
        if let loaded, let version = progress[job.id]?.pipeline, version != loaded.number {
            progress[job.id]?.pipeline = nil
            progress[job.id]?.answers = [:]
        }
        let decider = decider(job, loaded, at: now)
        let (store, mailbox, version) = (dispatcher.store, self.mailbox, loaded?.number)
        // Where handlers may be asked, that is found out beside the writer, which others wait for too.
        if decider.asksOutside, progress[job.id].map({ $0.answers.isEmpty && !$0.isConsidered }) ?? true {
            group.addTask {
                let decision = await result { try await store.consider(job, at: now) { try decider.decide($0) } }
                mailbox.post(.considered(job, decision, pipeline: version))
            }
        } else {
            store.decide(job, at: now) {
                try decider.decide($0)
            } then: {
                mailbox.post(.decided(job, $0, pipeline: version))
            }
        }
    }

    func decider(_ job: PipelineJob, _ loaded: LoadedPipeline?, at now: Timestamp) -> JobDecider {
        JobDecider(
            loaded: loaded,
            answers: progress[job.id]?.answers ?? [:],
            told: progress[job.id]?.told ?? [],
            allowance: brake.allowance(job.conversation, at: now),
            job: job,
            since: progress[job.id]?.since ?? now,
            now: now
        )
    }

    mutating func take(
        _ job: PipelineJob,
        decided result: Result<JobDecision?, any Error>,
        by pipeline: Int64?,
        _ group: inout DiscardingTaskGroup
    ) {
        switch result {
        case .success(.done(let outcome)?):
            brake.count(outcome.sendings.count { $0.isAutomatic }, in: job.conversation, at: dispatcher.now())
            if job.kind != .lateAnswer {
                dispatcher.instruments.decided(outcome.run.result, after: outcome.run.tookMilliseconds)
            }
            if outcome.deliveries.contains(where: { $0.end.next == .gone }) {
                dispatcher.logger.warning(
                    "webhook turned off",
                    metadata: [LogKeys.businessID: "\(job.business)"]
                )
            }
            end(job)
        case .success(nil): end(job)
        case .success(.handler(let step, let handler, let context)?):
            wait(job, pipeline, step, .handler(handler), context, &group)
        case .success(.webhook(let step, let call, let event, let message, let context)?):
            wait(job, pipeline, step, .webhook(call, event, about: message), context, &group)
        case .success(.anotherPipeline?):
            hand.setAside(job)
            load(job, &group)
        case .success(.anotherConversation?):
            guard job.kind == .lateAnswer else { return hand.regroup(job) }
            // It is found anew where it belongs.
            endLate(job)
            wantsLate = true
            hand.finish(job)
        case .success(.later(let wait)?):
            hand.setAside(job)
            if progress[job.id]?.since == nil { progress[job.id, default: Progress()].since = dispatcher.now() }
            timers.insert(Timer(time: time + wait, deed: .again(job)))
        case .failure(let error): take(job, failure: error, &group)
        }
    }

    mutating func end(_ job: PipelineJob) {
        queries.remove(job.id)
        progress[job.id] = nil
        if job.kind == .lateAnswer { endLate(job) }
        hand.finish(job)
    }

    mutating func take(_ job: PipelineJob, failure error: any Error, _ group: inout DiscardingTaskGroup) {
        if case StoreError.overloaded = error {
            // The business is over its share: it waits, and nobody has to look.
            let metadata: Logger.Metadata = [LogKeys.businessID: "\(job.business)"]
            dispatcher.logger.debug("job not decided: over the share", metadata: metadata)
        } else {
            failed("job not decided", error)
        }
        hand.setAside(job)
        guard !isStopping else { return }
        // Only what fails by itself is given up in the end: a failure of the database is everybody's, and passes.
        if let error = error as? GatewayError, job.kind != .lateAnswer {
            progress[job.id, default: Progress()].failures += 1
            progress[job.id]?.reason = error.description
        }
        timers.insert(Timer(time: time + DispatchLimits.storeRetry, deed: .again(job)))
    }

    /// Ends a job that fails by itself: the others of its conversation shall not wait for it.
    mutating func giveUp(_ job: PipelineJob, _ group: inout DiscardingTaskGroup) {
        let (store, mailbox, now) = (dispatcher.store, self.mailbox, dispatcher.now())
        let (reason, told) = (progress[job.id]?.reason ?? "", progress[job.id]?.told ?? [])
        group.addTask {
            let ended = await result { () -> JobDecision? in
                try await store.giveUp(job, reason: reason, told: told, at: now)
                return nil
            }
            mailbox.post(.decided(job, ended, pipeline: nil))
        }
    }
}
