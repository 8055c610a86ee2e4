import Telegram

/// Decides what a webhook's answer does that came when its job was done: pure.
struct LateDecider: Sendable {
    let answer: LateAnswer
    let reading: any WebhookAnswerReading
    /// The business's pipeline; nil if none is in force.
    let loaded: LoadedPipeline?
    let allowance: Int
    let now: Timestamp

    func decide(_ facts: LateFacts) throws(StepFailure) -> JobDecision {
        if let standstill = facts.standstill { throw StepFailure(standstill) }
        guard facts.pipeline == loaded?.number else { return .anotherPipeline }
        return .done(try outcome(facts))
    }

    private func outcome(_ facts: LateFacts) throws(StepFailure) -> JobOutcome {
        guard let loaded else { throw StepFailure("no pipeline is in force") }
        var answersWithinSeconds: Int64? = Pipeline.standardAnswersWithinSeconds
        if case .success(let pipeline) = loaded.pipeline {
            answersWithinSeconds = pipeline.answersWithinSeconds
            guard pipeline.webhooks.contains(where: { $0.step == answer.step }) else {
                throw StepFailure("the pipeline has no such webhook any more")
            }
        }
        let effects = try reading.effects(of: answer.body, facts.context)
        let wanted = try Pipeline.late(effects, facts.context)
        var run = PipelineRun(
            update: answer.message?.rawValue ?? 0,
            conversation: answer.conversation,
            decidedAt: now,
            tookMilliseconds: 0,
            result: .ran
        )
        guard !facts.context.conversation.isHandledByPeople || wanted.effects.isEmpty else {
            throw StepFailure("it came late: people have taken over")
        }
        if wanted.callbackAnswer != nil { run.notes.append("the button was answered already: this came late") }
        var outcome = JobOutcome(run)
        outcome.change = wanted.change
        do {
            outcome.sendings = try JobDecider.edits(
                wanted.edits,
                in: answer.conversation,
                of: answer.business,
                &outcome.run,
                facts.messageNumbered
            )
        } catch {
            throw StepFailure("the message to be changed cannot be looked up")
        }
        if let limit = answersWithinSeconds, !wanted.replies.isEmpty,
            (now.milliseconds - facts.context.message.sentAt.milliseconds) / 1000 > limit
        {
            outcome.run.notes.append("\(wanted.replies.count) not sent: it was written longer ago than `answer_within`")
            return outcome
        }
        if wanted.replies.count > allowance {
            outcome.run.notes.append(AnswerBrake.note(wanted.replies.count - allowance))
        }
        for reply in wanted.replies.prefix(allowance) {
            outcome.sendings.append(
                .init(SendRequest(business: answer.business, conversation: answer.conversation, reply: reply))
            )
        }
        return outcome
    }
}
