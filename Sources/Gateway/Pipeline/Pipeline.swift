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
                    let effects: StepEffects
                    switch entry.work {
                    case .step(let step): effects = try step.run(context)
                    case .handler(let handler, let stops):
                        guard let answer = answers[index] else { return .handler(step: index, handler, context) }
                        var answered = try answer.get()
                        if stops { answered.stops = true }
                        effects = answered
                    }
                    try context.apply(effects)
                    outcome.effects.append(effects)
                    if effects.stops { stoppedBy = index }
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

    /// Runs the steps in order, and asks handlers as their turns come.
    public func evaluate(_ context: PipelineContext) async -> PipelineOutcome {
        var answers: [Int: StepAnswer] = [:]
        while true {
            switch evaluate(context, answers: answers) {
            case .complete(let outcome): return outcome
            case .handler(let step, let handler, let seen): answers[step] = await handler.answer(seen)
            }
        }
    }
}

/// How far a pipeline was gone through.
public enum PipelineEvaluation: Sendable {
    /// To its end.
    case complete(PipelineOutcome)
    /// To the step with that place, from 0: its handler is to be asked about this.
    case handler(step: Int, any Handler, PipelineContext)
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

/// What a pipeline decided about one message.
public struct PipelineOutcome: Hashable, Sendable {
    /// What became of a step.
    public enum Fate: Hashable, Sendable {
        case matched
        case notMatched(String)
        case passedOver(String)
        case failed(String)

        /// `matched`, `not_matched`, `passed_over` or `failed`.
        public var word: String {
            switch self {
            case .matched: "matched"
            case .notMatched: "not_matched"
            case .passedOver: "passed_over"
            case .failed: "failed"
            }
        }

        /// Why it did not run; nil if it did.
        ///
        /// Nothing of the message's text is in it.
        public var reason: String? {
            switch self {
            case .matched: nil
            case .notMatched(let why), .passedOver(let why), .failed(let why): why
            }
        }
    }

    /// What became of one step.
    public struct Report: Hashable, Sendable {
        /// Its place, from 0.
        public var index: Int
        /// Its name; empty for none.
        public var name: String
        /// Its line in the file.
        public var line: Int
        /// What it does.
        public var kind: String
        /// What became of it.
        public var fate: Fate

        /// The shape of `--json`.
        public var json: JSON {
            [
                "step": .int(Int64(index + 1)), "name": .optional(name.isEmpty ? nil : name), "line": .int(Int64(line)),
                "does": .string(kind), "result": .string(fate.word), "why": .optional(fate.reason),
            ]
        }
    }

    /// What the steps that ran want, in their order.
    public var effects: [StepEffects] = []
    /// One for each step of the pipeline.
    public var reports: [Report] = []

    /// Makes an outcome of nothing.
    public init() {}

    /// What is sent, in order.
    public var replies: [PipelineReply] { effects.flatMap(\.replies) }

    /// What is shown to who pressed a button: the first answer counts, as Telegram takes one.
    public var callbackAnswer: BotCall.CallbackAnswer? { effects.lazy.compactMap(\.callbackAnswer).first }

    /// The chats of the staff that get the message, each once.
    public var forwards: [StepEffects.Forward] {
        effects.compactMap(\.forward).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// What changes in the store: of several changes of one thing the last.
    public var change: ConversationChange {
        var change = ConversationChange()
        for effect in effects {
            for label in effect.addedLabels { change.labels[label] = true }
            for label in effect.removedLabels { change.labels[label] = false }
            for (name, value) in effect.attributes { change.attributes.updateValue(value, forKey: name) }
            if let assignee = effect.assignee { change.assignee = .some(assignee) }
            if effect.releases { change.handling = .pipeline }
            if let handOff = effect.handOff { change.handling = .people(handOff) }
        }
        return change
    }

    /// The shape of `pipeline try --json`.
    public var json: JSON {
        [
            "steps": .array(reports.map(\.json)), "replies": .array(replies.map(\.json)),
            "callback_answer": callbackAnswer.map {
                ["text": .optional($0.text), "show_alert": .bool($0.alert)]
            } ?? nil,
            "forwards": .array(forwards.map { ["chat_id": .int($0.chat), "thread_id": .optional($0.threadID)] }),
            "change": change.json,
        ]
    }
}
