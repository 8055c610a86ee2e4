import HeapModule
import Logging

/// Handlers, webhooks, and the pipelines that name them.
extension DispatchRun {
    // MARK: Handlers

    mutating func beginHandlers(of business: BusinessID, _ group: inout DiscardingTaskGroup) {
        guard !isStopping else { return }
        while let turn = handlers.next(of: business) {
            handlersRunning += 1
            let (mailbox, webhooks, now, clock) = (self.mailbox, dispatcher.webhooks, dispatcher.now, dispatcher.clock)
            group.addTask {
                switch turn.work {
                case .handler(let handler):
                    let answer = await Self.ask(handler, turn.context, clock)
                    mailbox.post(.handled(turn, answer, told: nil))
                case .webhook(let call, let event):
                    let (answer, told) = await Self.tell(call, event, turn, webhooks, now)
                    mailbox.post(.handled(turn, answer, told: told))
                }
            }
        }
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
        if progress[job.id]?.pipeline != pipeline { progress[job.id]?.answers = [:] }
        progress[job.id, default: Progress()].answers[step] = answer
        progress[job.id]?.pipeline = pipeline
        if let told { progress[job.id]?.told.append(told) }
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

    /// Looks for what webhooks have answered since their jobs were done.
    mutating func lookForLate(_ group: inout DiscardingTaskGroup) {
        guard dispatcher.webhooks != nil, wantsLate, !isActingLate else { return }
        (wantsLate, isActingLate) = (false, true)
        let (store, mailbox) = (dispatcher.store, self.mailbox)
        group.addTask {
            let found = await result {
                try await store.lateAnswers(after: nil, limit: DispatchLimits.lateAnswers)
            }
            mailbox.post(.lateFound(found))
        }
    }

    /// Does what they say, one answer after the other, and looks again.
    mutating func take(late result: Result<[LateAnswer], any Error>, _ group: inout DiscardingTaskGroup) {
        guard case .success(let answers) = result, !answers.isEmpty, !isStopping, let webhooks = dispatcher.webhooks
        else {
            isActingLate = false
            if case .failure(let error) = result { failedLate(error) }
            return
        }
        let now = dispatcher.now()
        let deciders = answers.map { answer in
            var limit: Int64? = Pipeline.standardAnswersWithinSeconds
            if case .success(let pipeline)? = pipelines[answer.business]?.pipeline {
                limit = pipeline.answersWithinSeconds
            }
            return LateDecider(
                answer: answer,
                reading: webhooks.reading,
                answersWithinSeconds: limit,
                allowance: brake.allowance(answer.conversation, at: now),
                now: now
            )
        }
        let (store, mailbox) = (dispatcher.store, self.mailbox)
        group.addTask {
            let done = await Gateway.result {
                for decider in deciders {
                    try await store.act(on: decider.answer, at: now) { facts throws(StepFailure) in
                        try decider.decide(facts)
                    }
                }
            }
            mailbox.post(.lateDone(done))
        }
    }

    mutating func take(lateDone result: Result<Void, any Error>) {
        isActingLate = false
        // There may be more; and a look at none costs little.
        wantsLate = true
        if case .failure(let error) = result { failedLate(error) }
    }

    private mutating func failedLate(_ error: any Error) {
        wantsLate = false
        timers.insert(Timer(time: time + DispatchLimits.storeRetry, deed: .late))
        failed("late answers not acted on", error)
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
            let loaded = await result { () -> LoadedPipeline? in
                guard let version = try await store.activePipeline(of: business) else { return nil }
                let pipeline = Result { () throws(PipelineProblems) in try reading.pipeline(version.text ?? "") }
                return LoadedPipeline(number: version.number, pipeline: pipeline)
            }
            mailbox.post(.loaded(business, loaded))
        }
    }

    mutating func take(_ business: BusinessID, loaded result: Result<LoadedPipeline?, any Error>) {
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
}
