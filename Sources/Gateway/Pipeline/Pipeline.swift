import Telegram

/// A business's steps, checked and compiled; running them is pure.
public struct Pipeline: Sendable {
    /// A step with what it hangs on.
    public struct Entry: Sendable {
        /// What does a step's thing.
        public enum Work: Sendable {
            /// At once, within the transaction that decides.
            case step(any Step)
            /// In its own time, outside of it; `stops` ends the pipeline afterwards.
            case handler(any Handler, stops: Bool = false)
            /// By a program of the business; `stops` ends the pipeline afterwards.
            case webhook(WebhookCall, stops: Bool = false)
        }

        /// Which edits a step wants.
        public enum Edits: String, CaseIterable, Sendable {
            /// New messages alone, as without a word.
            case never
            /// New messages and their new versions.
            case also
            /// New versions alone.
            case only
        }

        /// The name for people; empty for none.
        public var name: String
        /// The line of the file where it begins.
        public var line: Int
        /// What it does, in the file's word: `reply`, `label` ….
        public var kind: String
        /// All of these must hold.
        public var conditions: [any StepCondition]
        /// If all of these hold, it does not run; empty for no such exception.
        public var exceptions: [any StepCondition]
        /// Which edits it wants.
        public var edits: Edits
        /// Whether it runs though people have taken over: only what ends that.
        public var runsForPeople: Bool
        /// What does it.
        public var work: Work

        /// Makes an entry.
        public init(
            name: String = "",
            line: Int = 0,
            kind: String,
            conditions: [any StepCondition] = [],
            exceptions: [any StepCondition] = [],
            edits: Edits = .never,
            runsForPeople: Bool = false,
            work: Work
        ) {
            self.name = name
            self.line = line
            self.kind = kind
            self.conditions = conditions
            self.exceptions = exceptions
            self.edits = edits
            self.runsForPeople = runsForPeople
            self.work = work
        }
    }

    /// The steps, in order.
    public var entries: [Entry]
    /// What happens when the owner of a business account writes in a conversation: people take over for this many seconds; nil for nothing.
    public var ownerTakesOverSeconds: Int64?
    /// What was written longer ago gets no automatic answer; nil for no limit.
    public var answersWithinSeconds: Int64?
    /// Chats of the staff: what is written there starts no pipeline.
    public let staffChats: Set<Int64>
    /// Whether `PipelineContext.isFirstContact` is looked at.
    public let asksFirstContact: Bool
    /// Whether a step may wait for a handler's or a program's answer.
    let asksOutside: Bool
    /// Whether a webhook holds its conversation until it was told.
    let holdsConversations: Bool

    /// After an outage, what is older is not answered automatically, where the file says nothing else.
    ///
    /// **Source:** ours: who wrote an hour ago has gone on, and wants people.
    public static let standardAnswersWithinSeconds: Int64 = 3600

    /// Makes a pipeline.
    public init(
        _ entries: [Entry],
        ownerTakesOverSeconds: Int64? = nil,
        answersWithinSeconds: Int64? = Pipeline.standardAnswersWithinSeconds,
        asksFirstContact: Bool = true
    ) {
        self.entries = entries
        self.ownerTakesOverSeconds = ownerTakesOverSeconds
        self.answersWithinSeconds = answersWithinSeconds
        staffChats = Set(
            entries.compactMap { entry in
                if case .step(let step) = entry.work { return step.staffChat }
                return nil
            }
        )
        self.asksFirstContact = asksFirstContact
        holdsConversations = entries.contains { entry in
            if case .webhook(let call, _) = entry.work { return call.holdSeconds != nil }
            return false
        }
        asksOutside = entries.contains { entry in
            switch entry.work {
            case .step: false
            case .handler: true
            case .webhook(let call, _): call.mode == .answer
            }
        }
    }

    /// Why most steps do not run once people have taken over.
    static let peopleHaveIt = "people have taken over"

    /// Runs the steps in order; what a step has changed, the steps after it see.
    ///
    /// A step that fails is reported, and the next ones run. Once people have taken over, before or within this pipeline, no step runs but those that
    /// run for people. Pure: where a handler is to be asked, it ends with that, and is called again from the beginning with the answer; should
    /// the handler's turn not come then, the answer has no effect.
    ///
    /// - Parameter answers: what handlers have answered, by the place of their steps, from 0.
    public func evaluate(_ context: PipelineContext, answers: [Int: StepAnswer]) -> PipelineEvaluation {
        var context = context
        var outcome = PipelineOutcome()
        var stoppedBy: Int?
        for (index, entry) in entries.enumerated() {
            let fate: PipelineOutcome.Fate
            if let stoppedBy {
                fate = .passedOver("step \(stoppedBy + 1) ended the pipeline")
            } else if let objection = entry.objection(context) {
                fate = objection
            } else {
                do throws(StepFailure) {
                    var effects: [StepEffects]
                    switch entry.work {
                    case .step(let step): effects = [try step.run(context)]
                    case .handler(let handler, let stops):
                        guard let answer = answers[index] else { return .handler(step: index, handler, context) }
                        if stops { stoppedBy = index }
                        effects = try answer.get()
                    case .webhook(let call, let stops):
                        let answer = call.mode == .notify ? .success([]) : answers[index]
                        guard let answer else { return .webhook(step: index, call, context) }
                        if stops { stoppedBy = index }
                        // It was called, whatever it said.
                        outcome.effects.append(StepEffects(calling: call))
                        if call.mode == .notify { outcome.notifications.append(.init(call: call, seen: context)) }
                        effects = try answer.get()
                    }
                    // All of what a step wants, or nothing.
                    var next = context
                    for effect in effects { try next.apply(effect) }
                    context = next
                    outcome.effects += effects
                    if effects.contains(where: \.stops) { stoppedBy = index }
                    fate = .matched
                } catch {
                    fate = .failed(error.description)
                }
            }
            outcome.reports.append(
                .init(index: index, name: entry.name, line: entry.line, kind: entry.kind, fate: fate)
            )
        }
        return .complete(outcome)
    }

    /// Runs the steps in order, and asks handlers as their turns come; no webhook is called, and it goes on as after an empty answer.
    public func evaluate(_ context: PipelineContext) async -> PipelineOutcome {
        var answers: [Int: StepAnswer] = [:]
        while true {
            switch evaluate(context, answers: answers) {
            case .complete(let outcome): return outcome
            case .handler(let step, let handler, let seen): answers[step] = await handler.answer(seen)
            case .webhook(let step, _, _): answers[step] = .success([])
            }
        }
    }

    /// What an answer that came late does: the steps after its own have run before it.
    ///
    /// - Throws: `StepFailure` if the conversation cannot take it; nothing is to be done then.
    public static func late(
        _ effects: [StepEffects],
        _ context: PipelineContext
    ) throws(StepFailure) -> PipelineOutcome {
        var (context, outcome) = (context, PipelineOutcome())
        for effect in effects { try context.apply(effect) }
        outcome.effects = effects
        return outcome
    }

    /// The webhooks that its steps call.
    public var webhooks: [WebhookCall] {
        entries.compactMap { entry in
            if case .webhook(let call, _) = entry.work { return call }
            return nil
        }
    }
}

/// How far a pipeline was gone through.
public enum PipelineEvaluation: Sendable {
    /// To its end.
    case complete(PipelineOutcome)
    /// To the step with that place, from 0: its handler is to be asked about this.
    case handler(step: Int, any Handler, PipelineContext)
    /// To the step with that place: its webhook is to be called about this.
    case webhook(step: Int, WebhookCall, PipelineContext)
}

extension Pipeline.Entry {
    fileprivate func objection(_ context: PipelineContext) -> PipelineOutcome.Fate? {
        if context.conversation.isHandledByPeople, !runsForPeople { return .passedOver(Pipeline.peopleHaveIt) }
        switch (edits, context.message.isEdit) {
        case (.never, true): return .notMatched("it is an edit, and the step has no `edits: also`")
        case (.only, false): return .notMatched("it is no edit, and the step has `edits: only`")
        default: break
        }
        for condition in conditions {
            if let why = condition.objection(context) { return .notMatched(why) }
        }
        guard !exceptions.isEmpty, exceptions.allSatisfy({ $0.objection(context) == nil }) else { return nil }
        return .notMatched("everything under `unless` holds")
    }
}

extension PipelineContext {
    /// Makes the context what the next step shall see.
    fileprivate mutating func apply(_ effects: StepEffects) throws(StepFailure) {
        var next = self
        next.labels.formUnion(effects.addedLabels)
        next.labels.subtract(effects.removedLabels)
        guard next.labels.count <= Label.maximumCount || next.labels.count <= labels.count else {
            throw StepFailure("the conversation has \(Label.maximumCount) labels already: remove one first")
        }
        for (name, value) in effects.attributes { next.attributes[name] = value }
        for isOfCustomer in [true, false] {
            let count = next.attributes.keys.count { $0.isOfCustomer == isOfCustomer }
            guard count <= AttributeName.maximumCount || next.attributes.count <= attributes.count else {
                throw StepFailure("there are \(AttributeName.maximumCount) attributes already: remove one first")
            }
        }
        if let assignee = effects.assignee { next.conversation.assignee = assignee }
        if effects.releases { next.conversation.isHandledByPeople = false }
        if effects.handOff != nil { next.conversation.isHandledByPeople = true }
        self = next
    }
}
