import Telegram

/// Decides about one job: pure, from what is known in the transaction that writes the decision.
struct JobDecider: Sendable {
    /// The pipeline that was read last; nil if there is none.
    let loaded: LoadedPipeline?
    /// What handlers have said about this job.
    let answers: [Int: StepAnswer]
    /// The events that webhooks were told about this job.
    let told: [DeliveryDraft]
    /// How many automatic answers may go to the conversation now.
    let allowance: Int
    let job: PipelineJob
    /// When it was looked at first.
    let since: Timestamp
    let now: Timestamp

    /// Its decision must not wait longer for it to be known who wrote.
    private static let longestWait: Int64 = 60_000
    /// Telegram takes no answer to a query that is older.
    ///
    /// **Source:** tdlib/telegram-bot-api: a callback query lives for 150 s in the queue of updates.
    static let queryLifetime: Int64 = 150_000
    /// **Source:** Bot API, `answerPreCheckoutQuery`: within ten seconds.
    static let checkoutLifetime: Int64 = 10_000

    /// Whether the pipeline may ask handlers or webhooks before it ends.
    var asksOutside: Bool {
        if case .success(let pipeline)? = loaded?.pipeline { pipeline.asksOutside } else { false }
    }

    func decide(_ facts: JobFacts) throws -> JobDecision {
        let decision = try judge(facts)
        guard case .done(var outcome) = decision else { return decision }
        // What was told was told, whatever has become of its answer; and its conversation may have joined another since.
        outcome.deliveries = told + outcome.deliveries
        for index in outcome.deliveries.indices { outcome.deliveries[index].conversation = job.conversation }
        return .done(outcome)
    }

    private func judge(_ facts: JobFacts) throws -> JobDecision {
        guard facts.conversation.id == job.conversation else { return .anotherConversation }
        if let standstill = facts.standstill { return .done(notStarted(standstill, facts)) }
        if job.kind == .checkout, now.milliseconds - job.receivedAt.milliseconds > Self.checkoutLifetime {
            return .done(notStarted("it has expired: Telegram waits ten seconds for an answer to a payment", facts))
        }
        guard facts.pipeline == loaded?.number else { return .anotherPipeline }
        guard let loaded else { return .done(notStarted("no pipeline is in force", facts)) }
        let pipeline: Pipeline
        switch loaded.pipeline {
        case .success(let read): pipeline = read
        case .failure:
            let why = "this version of the program cannot read the pipeline: see `switchboard pipeline check`"
            return .done(outcome(.failed, facts, note: why))
        }
        if !pipeline.staffChats.isDisjoint(with: facts.chatIDs), facts.record.message?.space == "direct" {
            if let target = facts.answers, let message = facts.record.message {
                return .done(StaffAnswer(message, to: target, in: facts, job, at: now).outcome)
            }
            return .done(notStarted("it is a chat of the staff", facts))
        }
        return try decide(facts, pipeline)
    }

    private func decide(_ facts: JobFacts, _ pipeline: Pipeline) throws -> JobDecision {
        let incoming: PipelineContext.Incoming
        do throws(PipelineContext.Incoming.NotStarted) {
            incoming = try PipelineContext.Incoming(facts.record, owner: facts.owner)
        } catch {
            switch error {
            case .notACustomer(.unknown) where facts.owner == nil && facts.record.message?.businessConnectionID != nil:
                guard now.milliseconds - since.milliseconds > Self.longestWait else {
                    return .later(milliseconds: DispatchLimits.laterRetry)
                }
            case .notACustomer(.owner):
                if let seconds = pipeline.ownerTakesOverSeconds, facts.record.isNewMessage,
                    facts.record.message?.isFromOffline == false
                {
                    var taken = outcome(.notStarted, facts, note: "the owner wrote: people have taken over")
                    taken.change.handling = .people(.init(releaseAfterSeconds: seconds))
                    return .done(taken)
                }
            default: break
            }
            return .done(notStarted(error.description, facts))
        }
        // A button's waiting is ended beside this, after eight seconds.
        if pipeline.holdsConversations, job.kind != .checkout, try facts.more.isHeld() {
            return .later(milliseconds: DispatchLimits.heldRetry)
        }
        var context = facts.context(incoming, at: now)
        if pipeline.asksFirstContact { context.isFirstContact = try facts.isFirstContact() }
        switch pipeline.evaluate(context, answers: answers) {
        case .handler(let step, let handler, let seen): return .handler(step: step, handler, seen)
        case .webhook(let step, let call, let seen):
            // A payment is no message that could be told.
            guard job.kind != .checkout else { return .handler(step: step, NoWebhook(), seen) }
            return .webhook(step: step, call, try event(call, seen, facts), about: facts.message, seen)
        case .complete(let evaluated): return .done(try outcome(evaluated, incoming, facts, pipeline))
        }
    }

    // MARK: Outcomes

    private func run(_ result: PipelineRun.Result, _ facts: JobFacts) -> PipelineRun {
        PipelineRun(
            update: job.id,
            conversation: facts.conversation.id,
            decidedAt: now,
            tookMilliseconds: max(0, now.milliseconds - job.receivedAt.milliseconds),
            result: result,
            pipeline: facts.pipeline
        )
    }

    private func outcome(_ result: PipelineRun.Result, _ facts: JobFacts, note: String) -> JobOutcome {
        var run = run(result, facts)
        run.notes = [note]
        var outcome = JobOutcome(run)
        if let query = facts.openQuery(job, at: now) { outcome.sendings = [answer(query, nil, facts)] }
        return outcome
    }

    private func notStarted(_ why: String, _ facts: JobFacts) -> JobOutcome {
        // Nothing is sent while it stands still.
        guard facts.standstill == nil else {
            var run = run(.notStarted, facts)
            run.notes = [why]
            return JobOutcome(run)
        }
        return outcome(.notStarted, facts, note: why)
    }

    private func outcome(
        _ evaluated: PipelineOutcome,
        _ incoming: PipelineContext.Incoming,
        _ facts: JobFacts,
        _ pipeline: Pipeline
    ) throws -> JobOutcome {
        var outcome = JobOutcome(run(.ran, facts))
        for notification in evaluated.notifications {
            let call = notification.call
            outcome.deliveries.append(
                DeliveryDraft(
                    business: job.business,
                    call: call,
                    event: try event(call, notification.seen, facts),
                    conversation: facts.conversation.id ?? job.conversation,
                    message: facts.message,
                    end: DeliveryEnd(.waiting(now), isTry: false)
                )
            )
        }
        outcome.run.steps = evaluated.reports.compactMap(PipelineRun.StepNote.init)
        if facts.conversation.isHandledByPeople, !facts.isReleased(at: now) {
            let passedOver = evaluated.reports.count { $0.fate == .passedOver(Pipeline.peopleHaveIt) }
            if passedOver > 0 {
                outcome.run.notes.append("\(passedOver) step(s) did not run: \(Pipeline.peopleHaveIt)")
            }
        }
        outcome.change = evaluated.change
        // Given back by time, and nobody has looked since: what the steps saw is written.
        if facts.isReleased(at: now), outcome.change.handling == nil { outcome.change.handling = .pipeline }
        outcome.sendings += evaluated.forwards.map { forward($0, incoming, facts) }
        if let query = facts.openQuery(job, at: now) {
            outcome.sendings.append(answer(query, evaluated.callbackAnswer, facts))
        }
        if let id = facts.record.checkout?.id, let said = evaluated.checkoutAnswer {
            let content = SendRequest.Content.answerCheckout(id: id, refusal: said.refusal)
            let request = SendRequest(
                business: job.business,
                conversation: facts.conversation.id ?? job.conversation,
                content: content,
                since: job.receivedAt
            )
            outcome.sendings.append(.init(request, isAutomatic: false))
        }
        guard let conversation = facts.conversation.id else { return outcome }
        outcome.sendings += try Self.edits(
            evaluated.edits,
            in: conversation,
            of: job.business,
            &outcome.run,
            facts.more.messageNumbered
        )
        guard !evaluated.replies.isEmpty else { return outcome }
        let asked = facts.record.message?.messageID == nil ? job.receivedAt : incoming.sentAt
        if let limit = pipeline.answersWithinSeconds, (now.milliseconds - asked.milliseconds) / 1000 > limit {
            outcome.run.notes.append(
                "\(evaluated.replies.count) not sent: it was written longer ago than `answer_within`"
            )
            return outcome
        }
        let sent = evaluated.replies.prefix(allowance)
        if sent.count < evaluated.replies.count {
            outcome.run.notes.append(AnswerBrake.note(evaluated.replies.count - sent.count))
        }
        for reply in sent {
            let request = SendRequest(business: job.business, conversation: conversation, reply: reply)
            outcome.sendings.append(.init(request))
        }
        return outcome
    }

    /// Shows the message to the staff: with its origin, or as a text where Telegram does not send such a message on.
    private func forward(
        _ forward: StepEffects.Forward,
        _ incoming: PipelineContext.Incoming,
        _ facts: JobFacts
    ) -> JobOutcome.Sending {
        let place = SendRequest.Destination.chat(forward.chat, threadID: forward.threadID, of: facts.bot.id)
        let who = facts.record.actor?.name ?? ""
        let did = job.kind == .checkout ? "pays" : "pressed"
        let what = incoming.callbackData.map { "\(did) \($0)" } ?? incoming.text ?? "[\(incoming.kind)]"
        let business = job.business
        let text = SendRequest(business: business, to: place, content: .text(FormattedText("\(who): \(what)")))
        // A pressed button is no message that could be sent on.
        guard job.kind == .message, let message = facts.message else {
            return .init(text, showing: facts.message, isAutomatic: false)
        }
        let request = SendRequest(business: business, to: place, content: .forward(message))
        return .init(request, showing: message, isAutomatic: false) { _ in text }
    }

    /// What a webhook is told.
    private func event(_ call: WebhookCall, _ seen: PipelineContext, _ facts: JobFacts) throws -> WebhookEvent {
        guard let (business, subject) = try facts.more.subject() else {
            throw GatewayError.unknownMessage("of update \(job.id)")
        }
        return WebhookEvent(
            subject,
            seen,
            of: business,
            step: call.step,
            update: KeptUpdateID(rawValue: job.id)
        )
    }

    /// Messages that change; what is not there any more is noted.
    static func edits(
        _ edits: [MessageEdit],
        in conversation: ConversationID,
        of business: BusinessID,
        _ run: inout PipelineRun,
        _ messageNumbered: (Int64) throws -> MessageID?
    ) throws -> [JobOutcome.Sending] {
        var sendings: [JobOutcome.Sending] = []
        for edit in edits {
            let target: MessageID? =
                switch edit.target {
                case .message(let id): id
                case .pressed(let number): try messageNumbered(number)
                }
            guard let target else {
                run.notes.append("not changed: the message is not there")
                continue
            }
            let content: SendRequest.Content =
                switch edit.content {
                case .text(let text, let preview, let keyboard):
                    .editText(target, text, linkPreview: preview, keyboard)
                case .keyboard(let keyboard): .editKeyboard(target, keyboard)
                }
            let request = SendRequest(business: business, conversation: conversation, content: content)
            sendings.append(.init(request, isAutomatic: false))
        }
        return sendings
    }

    private func answer(_ query: String, _ answer: BotCall.CallbackAnswer?, _ facts: JobFacts) -> JobOutcome.Sending {
        let request = SendRequest(
            business: job.business,
            conversation: facts.conversation.id ?? job.conversation,
            content: .answerCallback(id: query, answer ?? .init()),
            since: job.receivedAt
        )
        return .init(request, isAutomatic: false)
    }
}

/// In the place of a webhook where there is nothing that it could be told.
private struct NoWebhook: Handler {
    func handle(_ context: PipelineContext) async throws(StepFailure) -> StepEffects {
        throw StepFailure("payments are not told to webhooks: give the step a `when` with another kind")
    }
}
