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
    let now: Timestamp

    /// Its decision must not wait longer for it to be known who wrote.
    private static let longestWait: Int64 = 60_000
    /// Telegram takes no answer to a query that is older.
    ///
    /// **Source:** tdlib/telegram-bot-api: a callback query lives for 150 s in the queue of updates.
    static let queryLifetime: Int64 = 150_000
    /// **Source:** Bot API, `answerPreCheckoutQuery`: within ten seconds.
    static let checkoutLifetime: Int64 = 10_000

    func decide(_ facts: JobFacts) throws -> JobDecision {
        let decision = try judge(facts)
        guard case .done(var outcome) = decision else { return decision }
        // What was told was told, whatever has become of its answer.
        outcome.deliveries = told + outcome.deliveries
        return .done(outcome)
    }

    private func judge(_ facts: JobFacts) throws -> JobDecision {
        if let standstill = facts.standstill { return .done(notStarted(standstill, facts)) }
        if job.kind == .checkout, now.milliseconds - job.receivedAt.milliseconds > Self.checkoutLifetime {
            return .done(notStarted("it has expired: Telegram waits ten seconds for an answer to a payment", facts))
        }
        if let target = facts.answers, let message = facts.record.message {
            return .done(StaffAnswer(message, to: target, in: facts, job, at: now).outcome)
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
        if let chat = facts.record.message?.chatID, pipeline.staffChats.contains(chat) {
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
                guard now.milliseconds - job.receivedAt.milliseconds > Self.longestWait else { return .later }
            case .notACustomer(.owner):
                if let seconds = pipeline.ownerTakesOverSeconds, facts.record.message?.isFromOffline == false {
                    var taken = outcome(.notStarted, facts, note: "the owner wrote: people have taken over")
                    taken.change.handling = .people(.init(releaseAfterSeconds: seconds))
                    return .done(taken)
                }
            default: break
            }
            return .done(notStarted(error.description, facts))
        }
        if pipeline.webhooks.contains(where: { $0.holdSeconds != nil }), job.kind == .message,
            try facts.more.heldUntil() != nil
        {
            return .later
        }
        var context = facts.context(incoming, at: now)
        if pipeline.asksFirstContact { context.isFirstContact = try facts.isFirstContact() }
        switch pipeline.evaluate(context, answers: answers) {
        case .handler(let step, let handler, let seen): return .handler(step: step, handler, seen)
        case .webhook(let step, let call, let seen):
            // A payment is no message that could be told.
            guard job.kind != .checkout else { return .handler(step: step, NoWebhook(), seen) }
            return .webhook(step: step, call, try event(call, seen, facts), seen)
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
        for call in evaluated.notifications {
            outcome.deliveries.append(
                DeliveryDraft(
                    business: job.business,
                    call: call,
                    event: try event(call, facts.context(incoming, at: now), facts),
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
                content: content
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
            outcome.run.notes.append(
                "\(evaluated.replies.count - sent.count) not sent: more than \(AnswerBrake.most) automatic answers in a minute; is it a program that answers?"
            )
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
            content: .answerCallback(id: query, answer ?? .init())
        )
        return .init(request, isAutomatic: false)
    }
}

/// A pipeline as the dispatcher keeps it.
struct LoadedPipeline: Sendable {
    /// The version.
    let number: Int64
    /// What it is, or what is wrong with it.
    let pipeline: Result<Pipeline, PipelineProblems>
}

extension SendRequest {
    /// A pipeline's reply in a conversation.
    init(business: BusinessID, conversation: ConversationID, reply: PipelineReply) {
        let content: Content =
            switch reply.content {
            case .text(let text, let preview): .text(text, linkPreview: preview)
            case .media(let kind, .telegram(let file), let caption):
                .media(OutgoingMedia(kind, file, caption: caption))
            case .media(let kind, .own(let name), let caption):
                .media(OutgoingMedia(kind, .own(name: name), caption: caption))
            }
        self.init(business: business, conversation: conversation, content: content, options: reply.options)
    }
}

extension IntakeRecord {
    /// The message that it brings, new or edited.
    public var message: IncomingMessage? {
        switch entry {
        case .message(let message), .edit(let message): message
        default: nil
        }
    }
}

extension IntakeRecord {
    /// The payment that it asks to agree to.
    var checkout: CustomerEvent.Checkout? {
        if case .customerEvent(let event) = entry { return event.checkout }
        return nil
    }

    /// Who wrote, pressed or pays.
    var actor: Message.Sender? {
        if case .customerEvent(let event) = entry { return event.actor }
        return message?.sender
    }

    /// The same as a person.
    var profile: CustomerProfile? {
        if case .customerEvent(let event) = entry { return event.customer }
        return message?.customer
    }
}

extension IncomingMessage {
    /// Whether Telegram sent it by itself, as an away message or a greeting, or at a time set before: then nobody is there.
    ///
    /// **Source:** Bot API, `Message.is_from_offline`.
    var isFromOffline: Bool {
        guard let extra, extra.contains("is_from_offline") else { return false }
        return (try? JSONDocument(Array(extra.utf8)).root)?["is_from_offline"]?.bool ?? false
    }
}

extension JobFacts {
    /// Whether people have it no longer, though the row says so.
    func isReleased(at now: Timestamp) -> Bool {
        guard conversation.isHandledByPeople, let releaseAt else { return false }
        return releaseAt <= now
    }

    /// Telegram's id of the query that is to be answered; nil if it is none, or answered already, or too old.
    func openQuery(_ job: PipelineJob, at now: Timestamp) -> String? {
        guard job.kind == .callback, !isAnswered,
            now.milliseconds - job.receivedAt.milliseconds < JobDecider.queryLifetime
        else { return nil }
        return record.message?.queryID
    }

    /// What the steps look at; without the first contact.
    func context(_ incoming: PipelineContext.Incoming, at now: Timestamp) -> PipelineContext {
        var place = conversation
        if isReleased(at: now) { place.isHandledByPeople = false }
        place.assignee = notes.assignee
        return PipelineContext(
            message: incoming,
            customer: .init(
                telegramID: record.actor?.id ?? 0,
                name: record.actor?.name ?? "",
                username: record.profile?.username,
                language: record.profile?.language
            ),
            conversation: place,
            businessName: businessName,
            bot: bot,
            labels: notes.labels,
            attributes: notes.attributes,
            now: now
        )
    }
}

extension IncomingMessage {
    /// Telegram's id of the query, where a button was pressed.
    public var queryID: String? {
        guard kind == "service", let extra,
            let details = try? JSONDocument(Array(extra.utf8)).root,
            details["service"]?.string == "callback_query"
        else { return nil }
        return details["callback_query"]?["id"]?.string
    }
}

/// In the place of a webhook where there is nothing that it could be told.
private struct NoWebhook: Handler {
    func handle(_ context: PipelineContext) async throws(StepFailure) -> StepEffects {
        throw StepFailure("payments are not told to webhooks: give the step a `when` with another kind")
    }
}
