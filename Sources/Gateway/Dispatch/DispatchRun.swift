import HeapModule
import Logging

/// One run of the dispatcher: a loop over what it hears of, which alone touches what is in hand.
struct DispatchRun<C: Clock> where C.Duration == Duration {
    /// What is known of a job that was begun and not ended.
    private struct Progress {
        var answers: [Int: StepAnswer] = [:]
        var told: [DeliveryDraft] = []
        var failures = 0
    }

    private struct Timer: Comparable {
        enum Deed {
            case again(PipelineJob)
            case query(PipelineJob)
            case release
            case recovery
        }

        var time: Int64
        var deed: Deed

        static func < (left: Self, right: Self) -> Bool { left.time < right.time }
        static func == (left: Self, right: Self) -> Bool { left.time == right.time }
    }

    private let dispatcher: Dispatcher<C>
    private let mailbox: Mailbox<DispatchEvent>
    private let started: C.Instant
    private var hand: JobHand
    private var handlers = HandlerTurns()
    private var brake = AnswerBrake()
    private var pipelines: [BusinessID: LoadedPipeline] = [:]
    /// Jobs that wait for their business's pipeline to be read.
    private var awaiting: [BusinessID: [PipelineJob]] = [:]
    private var progress: [Int64: Progress] = [:]
    private var timers = Heap<Timer>()
    /// Queries that are not known to be answered.
    private var queries: Set<Int64> = []
    private var lateQueries: [PipelineJob] = []
    private var armed: Int64?
    /// Whether what an earlier server left is known.
    private var isRecovered = false
    private var readAfter = Int64.min
    private var readsUnderWay = 0
    private var handlersRunning = 0
    private var isAnsweringQueries = false
    /// Whether answers that came late are to be looked for.
    private var wantsLate = true
    private var isActingLate = false
    private var isStopping = false

    init(_ dispatcher: Dispatcher<C>, _ mailbox: Mailbox<DispatchEvent>) {
        self.dispatcher = dispatcher
        self.mailbox = mailbox
        started = dispatcher.clock.now
        hand = JobHand()
    }

    private var time: Int64 {
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
            if isStopping, hand.planner.outCount == 0, !isAnsweringQueries, !isActingLate { return }
            look(&group)
        }
    }

    private mutating func look(_ group: inout DiscardingTaskGroup) {
        if !isStopping {
            ring(&group)
            read(&group)
            answerQueries(&group)
            actLate(&group)
            while let job = hand.next() { begin(job, &group) }
        }
        dispatcher.instruments.record(
            deciding: hand.planner.outCount,
            aside: hand.planner.asideCount,
            handlers: handlersRunning
        )
    }

    private mutating func hear(_ event: DispatchEvent, _ group: inout DiscardingTaskGroup) {
        switch event {
        case .committed(let jobs):
            for job in jobs {
                // What an earlier server left of the business comes first: until that is known, everything is read.
                if isRecovered { hand.take(committed: job) } else { hand.fallBehind(job.business) }
                watch(job)
            }
        case .businesses(let result): take(businesses: result)
        case .read(let jobs, let business, let limit):
            readsUnderWay -= 1
            for job in jobs { watch(job) }
            hand.take(read: jobs, of: business, limit: limit)
        case .notRead(let business, let error):
            readsUnderWay -= 1
            hand.retry(business)
            readAfter = time + DispatchLimits.storeRetry
            failed("open jobs not read", error)
        case .decided(let job, let result): take(job, decided: result, &group)
        case .handled(let job, let step, let answer, let told): take(job, step, answer, told, &group)
        case .changed: wantsLate = true
        case .late(let result): take(late: result)
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

    private func failed(_ what: Logger.Message, _ error: any Error) {
        dispatcher.logger.error(what, metadata: [LogKeys.errorKind: "\(error)"])
    }

    // MARK: Time

    /// Does what is due, and sees to it that it is called for the next.
    private mutating func ring(_ group: inout DiscardingTaskGroup) {
        let now = time
        while let timer = timers.min, timer.time <= now {
            timers.removeMin()
            switch timer.deed {
            case .again(let job): hand.again(job)
            case .query(let job): if queries.remove(job.id) != nil { lateQueries.append(job) }
            case .release: release(&group)
            case .recovery: readBusinesses(&group)
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

    private mutating func readBusinesses(_ group: inout DiscardingTaskGroup) {
        let (store, mailbox) = (dispatcher.store, self.mailbox)
        group.addTask { mailbox.post(.businesses(await result { try await store.businessesWithJobs() })) }
    }

    private mutating func take(businesses result: Result<[BusinessID], any Error>) {
        switch result {
        case .success(let businesses):
            isRecovered = true
            for business in businesses { hand.fallBehind(business) }
        case .failure(let error):
            failed("open jobs not looked for", error)
            timers.insert(Timer(time: time + DispatchLimits.storeRetry, deed: .recovery))
        }
    }

    private mutating func read(_ group: inout DiscardingTaskGroup) {
        guard isRecovered, time >= readAfter else { return }
        // A few at once: a read is short, and each opens a business's line again.
        while readsUnderWay < 2, let (business, after, limit) = hand.request() {
            readsUnderWay += 1
            let (store, mailbox) = (dispatcher.store, self.mailbox)
            group.addTask {
                do {
                    let jobs = try await store.openJobs(of: business, after: after, limit: limit)
                    mailbox.post(.read(jobs, business: business, limit: limit))
                } catch {
                    mailbox.post(.notRead(business, error))
                }
            }
        }
    }

    // MARK: Deciding

    private mutating func begin(_ job: PipelineJob, _ group: inout DiscardingTaskGroup) {
        let now = dispatcher.now()
        let decider = JobDecider(
            loaded: pipelines[job.business],
            answers: progress[job.id]?.answers ?? [:],
            told: progress[job.id]?.told ?? [],
            allowance: brake.allowance(job.conversation, at: now),
            job: job,
            now: now
        )
        let (store, mailbox) = (dispatcher.store, self.mailbox)
        group.addTask {
            let decision = await result { try await store.decide(job, at: now) { try decider.decide($0) } }
            mailbox.post(.decided(job, decision))
        }
    }

    private mutating func take(
        _ job: PipelineJob,
        decided result: Result<JobDecision?, any Error>,
        _ group: inout DiscardingTaskGroup
    ) {
        switch result {
        case .success(.done(let outcome)?):
            brake.count(outcome.sendings.count { $0.isAutomatic }, in: job.conversation, at: dispatcher.now())
            dispatcher.instruments.decided(outcome.run.result, after: outcome.run.tookMilliseconds)
            end(job)
        case .success(nil): end(job)
        case .success(.handler(let step, let handler, let context)?):
            hand.setAside(job)
            handlers.add(.init(job: job, step: step, work: .handler(handler), context: context))
            beginHandlers(of: job.business, &group)
        case .success(.webhook(let step, let call, let event, let context)?):
            hand.setAside(job)
            handlers.add(.init(job: job, step: step, work: .webhook(call, event), context: context))
            beginHandlers(of: job.business, &group)
        case .success(.anotherPipeline?):
            hand.setAside(job)
            load(job, &group)
        case .success(.later?):
            hand.setAside(job)
            timers.insert(Timer(time: time + DispatchLimits.laterRetry, deed: .again(job)))
        case .failure(let error): take(job, failure: error, &group)
        }
    }

    private mutating func end(_ job: PipelineJob) {
        queries.remove(job.id)
        progress[job.id] = nil
        hand.finish(job)
    }

    private mutating func take(_ job: PipelineJob, failure error: any Error, _ group: inout DiscardingTaskGroup) {
        failed("job not decided", error)
        guard !isStopping else { return hand.setAside(job) }
        progress[job.id, default: Progress()].failures += 1
        hand.setAside(job)
        let failures = progress[job.id]?.failures ?? 0
        guard failures >= DispatchLimits.tries, !((error as? StoreError)?.isPassing ?? false) else {
            timers.insert(Timer(time: time + DispatchLimits.storeRetry, deed: .again(job)))
            return
        }
        // It fails by itself: the others of its conversation shall not wait for it.
        let (store, mailbox, now) = (dispatcher.store, self.mailbox, dispatcher.now())
        group.addTask {
            let ended = await result { () -> JobDecision? in
                try await store.giveUp(job, reason: "\(error)", at: now)
                return nil
            }
            mailbox.post(.decided(job, ended))
        }
    }

    // MARK: Handlers

    private mutating func beginHandlers(of business: BusinessID, _ group: inout DiscardingTaskGroup) {
        guard !isStopping else { return }
        while let turn = handlers.next(of: business) {
            handlersRunning += 1
            let (mailbox, webhooks, now) = (self.mailbox, dispatcher.webhooks, dispatcher.now)
            group.addTask {
                switch turn.work {
                case .handler(let handler):
                    let answer = await handler.answer(turn.context)
                    mailbox.post(.handled(turn.job, step: turn.step, answer, told: nil))
                case .webhook(let call, let event):
                    let (answer, told) = await Self.tell(call, event, turn, webhooks, now)
                    mailbox.post(.handled(turn.job, step: turn.step, answer, told: told))
                }
            }
        }
    }

    private mutating func take(
        _ job: PipelineJob,
        _ step: Int,
        _ answer: StepAnswer,
        _ told: DeliveryDraft?,
        _ group: inout DiscardingTaskGroup
    ) {
        handlersRunning -= 1
        handlers.finish(step: step, of: job.business)
        // At the end handlers are cancelled: what they say then is not what they would have said.
        guard !isStopping else { return }
        progress[job.id, default: Progress()].answers[step] = answer
        if let told { progress[job.id]?.told.append(told) }
        hand.again(job)
        beginHandlers(of: job.business, &group)
    }

    /// Makes the first try of a webhook.
    private static func tell(
        _ call: WebhookCall,
        _ event: WebhookEvent,
        _ turn: HandlerTurns.Turn,
        _ webhooks: Dispatcher<C>.Webhooks?,
        _ now: @Sendable () -> Timestamp
    ) async -> (StepAnswer, DeliveryDraft?) {
        guard let webhooks else { return (.failure(StepFailure("this server calls no webhooks")), nil) }
        let (answer, end): (StepAnswer, DeliveryEnd)
        do {
            let first = try await webhooks.desk.firstTry(call, event, of: turn.job.business, turn.context)
            (answer, end) = (first.answer, first.end)
        } catch {
            // Nothing was called: it is told later, like one that failed.
            let why = "not called yet: the webhook could not be looked up"
            (answer, end) = (.failure(StepFailure(why)), DeliveryEnd(.waiting(now()), isTry: false, problem: why))
        }
        let draft = DeliveryDraft(
            business: turn.job.business,
            call: call,
            event: event,
            conversation: turn.job.conversation,
            message: turn.job.kind == .message ? MessageID(rawValue: turn.job.id) : nil,
            end: end
        )
        return (answer, draft)
    }

    // MARK: Late answers

    /// Does what webhooks have answered since their jobs were done, one answer after the other.
    private mutating func actLate(_ group: inout DiscardingTaskGroup) {
        guard let webhooks = dispatcher.webhooks, wantsLate, !isActingLate, time >= readAfter else { return }
        (wantsLate, isActingLate) = (false, true)
        let (store, mailbox, clock) = (dispatcher.store, self.mailbox, dispatcher.now)
        let limits = pipelines.mapValues { loaded -> Int64? in
            if case .success(let pipeline) = loaded.pipeline { return pipeline.answersWithinSeconds }
            return Pipeline.standardAnswersWithinSeconds
        }
        let brake = self.brake
        group.addTask {
            let isMore = await result {
                let answers = try await store.lateAnswers(after: nil, limit: DispatchLimits.lateAnswers)
                for answer in answers {
                    let now = clock()
                    let decider = LateDecider(
                        answer: answer,
                        reading: webhooks.reading,
                        answersWithinSeconds: limits[answer.business] ?? Pipeline.standardAnswersWithinSeconds,
                        allowance: brake.allowance(answer.conversation, at: now),
                        now: now
                    )
                    try await store.act(on: answer, at: now) { facts throws(StepFailure) in try decider.decide(facts) }
                }
                return answers.count == DispatchLimits.lateAnswers
            }
            mailbox.post(.late(isMore))
        }
    }

    private mutating func take(late result: Result<Bool, any Error>) {
        isActingLate = false
        switch result {
        case .success(let isMore): if isMore { wantsLate = true }
        case .failure(let error):
            wantsLate = true
            readAfter = time + DispatchLimits.storeRetry
            failed("late answers not acted on", error)
        }
    }

    // MARK: Pipelines

    private mutating func load(_ job: PipelineJob, _ group: inout DiscardingTaskGroup) {
        let business = job.business
        // What a handler of another pipeline has said does not count.
        progress[job.id]?.answers = [:]
        if awaiting[business] != nil {
            awaiting[business]?.append(job)
            return
        }
        awaiting[business] = [job]
        let (store, reading, mailbox) = (dispatcher.store, dispatcher.reading, self.mailbox)
        group.addTask {
            let loaded = await result { () -> LoadedPipeline? in
                guard let version = try await store.activePipeline(of: business) else { return nil }
                let pipeline = Result { () throws(PipelineProblems) in try reading.pipeline(version.text ?? "") }
                return LoadedPipeline(number: version.number, pipeline: pipeline)
            }
            mailbox.post(.loaded(business, loaded))
        }
    }

    private mutating func take(_ business: BusinessID, loaded result: Result<LoadedPipeline?, any Error>) {
        let jobs = awaiting.removeValue(forKey: business) ?? []
        switch result {
        case .success(let loaded):
            if pipelines.count >= DispatchLimits.pipelines, pipelines[business] == nil, let any = pipelines.keys.first {
                pipelines[any] = nil
            }
            pipelines[business] = loaded
            if case .failure(let problems) = loaded?.pipeline {
                dispatcher.logger.error(
                    "pipeline cannot be read",
                    metadata: [
                        LogKeys.businessID: "\(business)", LogKeys.count: "\(problems.all.count)",
                    ]
                )
            }
            for job in jobs { hand.again(job) }
        case .failure(let error):
            failed("pipeline not read", error)
            for job in jobs { timers.insert(Timer(time: time + DispatchLimits.storeRetry, deed: .again(job))) }
        }
    }

    // MARK: Queries

    /// Sees to it that who pressed a button is not left waiting.
    private mutating func watch(_ job: PipelineJob) {
        guard job.kind == .callback, queries.count < DispatchLimits.queries, queries.insert(job.id).inserted else {
            return
        }
        let age = dispatcher.now().milliseconds - job.receivedAt.milliseconds
        let wait = max(0, DispatchLimits.queryWait - age)
        timers.insert(Timer(time: time + wait, deed: .query(job)))
    }

    private mutating func answerQueries(_ group: inout DiscardingTaskGroup) {
        guard !isAnsweringQueries, !lateQueries.isEmpty else { return }
        isAnsweringQueries = true
        let jobs = Array(lateQueries.prefix(DispatchLimits.rowsInWrite))
        lateQueries.removeFirst(jobs.count)
        let (store, mailbox, now) = (dispatcher.store, self.mailbox, dispatcher.now())
        group.addTask {
            mailbox.post(.queriesAnswered(jobs, await result { try await store.answerQueries(jobs, at: now) }))
        }
    }

    // MARK: Giving back

    private mutating func release(_ group: inout DiscardingTaskGroup) {
        let (store, mailbox, now) = (dispatcher.store, self.mailbox, dispatcher.now())
        group.addTask {
            let released = await result {
                try await store.releaseDue(at: now, limit: DispatchLimits.rowsInWrite)
            }
            mailbox.post(.released(released))
        }
    }

    private mutating func take(released result: Result<(count: Int, next: Timestamp?), any Error>) {
        var wait = DispatchLimits.releaseInterval
        switch result {
        case .failure(let error): failed("conversations not given back", error)
        case .success(let (count, next)):
            if count == DispatchLimits.rowsInWrite {
                wait = 0
            } else if let next {
                wait = min(wait, max(0, next.milliseconds - dispatcher.now().milliseconds))
            }
        }
        timers.insert(Timer(time: time + wait, deed: .release))
    }
}

/// What a read or a write gave.
private func result<Value>(_ body: () async throws -> Value) async -> Result<Value, any Error> {
    do { return .success(try await body()) } catch { return .failure(error) }
}
