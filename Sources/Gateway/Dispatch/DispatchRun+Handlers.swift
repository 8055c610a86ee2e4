import DequeModule
import HeapModule
import Logging

/// Handlers, webhooks, and the pipelines that name them.
extension DispatchRun {
    // MARK: Handlers

    /// Lets a job wait for a handler's or a webhook's turn.
    mutating func wait(
        _ job: PipelineJob,
        _ pipeline: Int64?,
        _ step: Int,
        _ work: HandlerTurns.Turn.Work,
        _ context: PipelineContext,
        _ group: inout DiscardingTaskGroup
    ) {
        hand.setAside(job, isAtHandler: true)
        let now = dispatcher.now()
        handlers.add(.init(job: job, pipeline: pipeline, step: step, work: work, context: context, since: now))
        beginHandlers(of: job.business, &group)
    }

    mutating func beginHandlers(of business: BusinessID, _ group: inout DiscardingTaskGroup) {
        guard !isStopping else { return }
        while let turn = handlers.next(of: business) {
            handlersRunning += 1
            let (mailbox, webhooks, now, clock) = (self.mailbox, dispatcher.webhooks, dispatcher.now, dispatcher.clock)
            let time = now()
            let isOld = time.milliseconds - turn.since.milliseconds > DispatchLimits.handlerWait
            let decider = isOld ? decider(turn.job, pipelines[business], at: time) : nil
            group.addTask { [store = dispatcher.store] in
                guard let turn = await Self.renewed(turn, decider, store, at: time) else {
                    return mailbox.post(.outOfDate(turn))
                }
                switch turn.work {
                case .handler(let handler):
                    let answer = await Self.ask(handler, turn.context, clock)
                    mailbox.post(.handled(turn, answer, told: nil))
                case .webhook(let call, let event, let message):
                    let (answer, told) = await Self.tell(call, event, about: message, turn, webhooks, now)
                    mailbox.post(.handled(turn, answer, told: told))
                }
            }
        }
    }

    /// A turn with what is known now, if the same is to be asked still.
    ///
    /// - Parameter decider: nil for a turn that has not waited for long: it is as it was.
    private static func renewed(
        _ turn: HandlerTurns.Turn,
        _ decider: JobDecider?,
        _ store: any JobStore,
        at now: Timestamp
    ) async -> HandlerTurns.Turn? {
        guard let decider else { return turn }
        guard decider.loaded?.number == turn.pipeline else { return nil }
        // Where it cannot be looked at, it is decided anew, and that failure is told.
        let decision = try? await store.consider(turn.job, at: now) { try decider.decide($0) }
        var renewed = turn
        switch decision {
        case .handler(turn.step, let handler, let context):
            (renewed.work, renewed.context) = (.handler(handler), context)
        case .webhook(turn.step, let call, let event, let message, let context):
            (renewed.work, renewed.context) = (.webhook(call, event, about: message), context)
        default: return nil
        }
        return renewed
    }

    mutating func take(outOfDate turn: HandlerTurns.Turn, _ group: inout DiscardingTaskGroup) {
        handlersRunning -= 1
        handlers.finish(step: turn.step, of: turn.job.business)
        guard !isStopping else { return }
        hand.again(turn.job)
        beginHandlers(of: turn.job.business, &group)
    }

    mutating func take(
        _ turn: HandlerTurns.Turn,
        _ answer: StepAnswer,
        _ told: DeliveryDraft?,
        _ group: inout DiscardingTaskGroup
    ) {
        let (job, step, pipeline) = (turn.job, turn.step, turn.pipeline)
        handlersRunning -= 1
        handlers.finish(step: step, of: job.business)
        // At the end handlers are cancelled: what they say then is not what they would have said.
        guard !isStopping else { return }
        // It may be done already, where it was asked about twice.
        guard hand.has(job) else { return beginHandlers(of: job.business, &group) }
        if progress[job.id]?.pipeline != pipeline { progress[job.id]?.answers = [:] }
        progress[job.id, default: Progress()].answers[step] = answer
        progress[job.id]?.pipeline = pipeline
        if let told {
            // Asked again, as by another version of the pipeline, it is the same event: what it came to at last counts.
            progress[job.id]?.told.removeAll { $0.event.id == told.event.id }
            progress[job.id]?.told.append(told)
        }
        hand.again(job)
        beginHandlers(of: job.business, &group)
    }

    /// Asks a handler, and waits no longer than it may take; one that does not heed its cancellation keeps its turn until it ends.
    static func ask(_ handler: any Handler, _ context: PipelineContext, _ clock: C) async -> StepAnswer {
        await withTaskGroup(of: StepAnswer?.self) { group in
            group.addTask { await handler.answer(context) }
            group.addTask {
                do { try await clock.sleep(for: DispatchLimits.handlerTime) } catch { return nil }
                return .failure(StepFailure("the handler took longer than \(DispatchLimits.handlerTime)"))
            }
            var answer: StepAnswer?
            while answer == nil, let next = await group.next() { answer = next }
            group.cancelAll()
            return answer ?? .failure(StepFailure("the handler was interrupted"))
        }
    }

    /// Makes the first try of a webhook.
    static func tell(
        _ call: WebhookCall,
        _ event: WebhookEvent,
        about message: MessageID?,
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
            message: message,
            end: end
        )
        return (answer, draft)
    }

    // MARK: Late answers

    /// Looks for what webhooks have answered since their jobs were done; each answer is a new job of its conversation.
    mutating func lookForLate(_ group: inout DiscardingTaskGroup) {
        let free = DispatchLimits.lateInHand - late.count
        guard dispatcher.webhooks != nil, wantsLate, !isLookingForLate, free > 0 else { return }
        (wantsLate, isLookingForLate) = (false, true)
        // Dynamic thresholds, as in the lanes: whose answers wait long keep nobody's else out.
        let part = max(1, free / DispatchLimits.partOfLate)
        var look = LateLook(limit: min(DispatchLimits.lateAnswers, part))
        look.known = late.values.map(\.id)
        look.businesses = Self.full(late.values.map(\.business), part)
        look.conversations = Self.full(late.values.map(\.conversation), max(1, part / DispatchLimits.partOfLate))
        let (store, mailbox) = (dispatcher.store, self.mailbox)
        group.addTask { [look] in
            let found = await result { try await store.lateAnswers(look) }
            mailbox.post(.lateFound(found, look))
        }
    }

    /// Those that have so many.
    private static func full<ID: Hashable>(_ ids: [ID], _ part: Int) -> [ID] {
        ids.reduce(into: [:]) { $0[$1, default: 0] += 1 }.filter { $0.value >= part }.map(\.key)
    }

    mutating func take(late result: Result<[LateAnswer], any Error>, _ look: LateLook) {
        isLookingForLate = false
        switch result {
        case .failure(let error):
            timers.insert(Timer(time: time + DispatchLimits.storeRetry, deed: .late))
            failed("late answers not looked for", error)
        case .success(let answers):
            for answer in answers {
                late[answer.job.id] = answer
                hand.take(late: answer.job)
            }
            let isFull = answers.count == look.limit
            hasMoreLate = isFull || !look.businesses.isEmpty || !look.conversations.isEmpty
            if isFull { wantsLate = true }
        }
    }

    /// Does what a webhook has answered late: its conversation's turn has come.
    mutating func act(_ job: PipelineJob, _ group: inout DiscardingTaskGroup) {
        guard let webhooks = dispatcher.webhooks, let answer = late[job.id] else { return end(job) }
        let now = dispatcher.now()
        let loaded = pipelines[job.business]
        let decider = LateDecider(
            answer: answer,
            reading: webhooks.reading,
            loaded: loaded,
            allowance: brake.allowance(job.conversation, at: now),
            now: now
        )
        let (store, mailbox) = (dispatcher.store, self.mailbox)
        group.addTask {
            let done = await result {
                try await store.act(on: answer, at: now) { facts throws(StepFailure) in try decider.decide(facts) }
            }
            mailbox.post(.decided(job, done, pipeline: loaded?.number))
        }
    }

    /// One in hand less: others may come.
    mutating func endLate(_ job: PipelineJob) {
        late[job.id] = nil
        // Not for each of many: a look is a read.
        if hasMoreLate, late.count < DispatchLimits.lateAnswers || late.count % 8 == 0 { wantsLate = true }
    }

    // MARK: Pipelines

    mutating func load(_ job: PipelineJob, _ group: inout DiscardingTaskGroup) {
        let business = job.business
        if awaiting[business] != nil {
            awaiting[business]?.append(job)
            return
        }
        awaiting[business] = [job]
        let (store, reading, mailbox) = (dispatcher.store, dispatcher.reading, self.mailbox)
        group.addTask {
            mailbox.post(.loaded(business, await result { try await Self.loaded(business, store, reading) }))
        }
    }

    /// The pipeline of a business that is in force; nil if there is none.
    private static func loaded(
        _ business: BusinessID,
        _ store: any JobStore,
        _ reading: any PipelineReading
    ) async throws -> LoadedPipeline? {
        guard let version = try await store.activePipeline(of: business) else { return nil }
        let pipeline = Result { () throws(PipelineProblems) in try reading.pipeline(version.text ?? "") }
        return LoadedPipeline(number: version.number, pipeline: pipeline)
    }

    /// Keeps a pipeline that was read; the one that was read longest ago goes, unless a job of its business is in hand.
    private mutating func keep(_ loaded: LoadedPipeline?, of business: BusinessID) {
        if let loaded {
            if pipelines.updateValue(loaded, forKey: business) == nil { readInTurn.append(business) }
        } else if pipelines.removeValue(forKey: business) != nil {
            readInTurn.removeAll { $0 == business }
        }
        for _ in 0..<readInTurn.count where pipelines.count > dispatcher.pipelinesKept {
            guard let oldest = readInTurn.popFirst() else { return }
            if hand.planner.held(of: oldest) > 0 { readInTurn.append(oldest) } else { pipelines[oldest] = nil }
        }
    }

    mutating func take(_ business: BusinessID, loaded result: Result<LoadedPipeline?, any Error>) {
        let jobs = awaiting.removeValue(forKey: business) ?? []
        switch result {
        case .success(let loaded):
            keep(loaded, of: business)
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
}
