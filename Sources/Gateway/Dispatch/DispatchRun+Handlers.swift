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

    /// Does what webhooks have answered since their jobs were done, one answer after the other.
    mutating func actLate(_ group: inout DiscardingTaskGroup) {
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

    mutating func take(late result: Result<Bool, any Error>) {
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
