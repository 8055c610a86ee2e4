import Telegram

/// A business's steps, checked and compiled; running them is pure.
public struct Pipeline: Sendable {
    /// A step with what it hangs on.
    public struct Entry: Sendable {
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
        /// What it does.
        public var step: any Step

        /// Makes an entry.
        public init(
            name: String = "",
            line: Int = 0,
            kind: String,
            conditions: [any StepCondition] = [],
            exceptions: [any StepCondition] = [],
            edits: Edits = .never,
            runsForPeople: Bool = false,
            step: any Step
        ) {
            self.name = name
            self.line = line
            self.kind = kind
            self.conditions = conditions
            self.exceptions = exceptions
            self.edits = edits
            self.runsForPeople = runsForPeople
            self.step = step
        }
    }

    /// The steps, in order.
    public var entries: [Entry]
    /// What happens when the owner of a business account writes in a conversation: people take over for this many seconds; nil for nothing.
    public var ownerTakesOverSeconds: Int64?

    /// Makes a pipeline.
    public init(_ entries: [Entry], ownerTakesOverSeconds: Int64? = nil) {
        self.entries = entries
        self.ownerTakesOverSeconds = ownerTakesOverSeconds
    }

    /// Runs the steps in order; what a step has changed, the steps after it see.
    ///
    /// A step that fails is reported, and the next ones run. Once people have taken over, before or within this pipeline, no step runs but one that
    /// releases. Where a step calls a webhook whose answer counts, the outcome is `pending` and the steps after it wait for `resume`.
    public func evaluate(_ context: PipelineContext) -> PipelineOutcome {
        run(from: 0, context, stoppedBy: nil, PipelineOutcome())
    }

    /// Goes on behind the step that an outcome is pending at; an outcome that is not pending comes back as it is.
    ///
    /// The answer's actions are done all or none: one that the conversation cannot take fails the step.
    public func resume(_ pending: PipelineOutcome, with answer: PipelineOutcome.WebhookAnswer) -> PipelineOutcome {
        guard let wait = pending.pending else { return pending }
        var outcome = pending
        outcome.pending = nil
        var context = wait.context
        var stoppedBy = wait.stops ? wait.index : nil
        if !outcome.reports.isEmpty {
            outcome.reports[outcome.reports.count - 1].fate = take(answer, wait.index, &context, &outcome, &stoppedBy)
        }
        return run(from: wait.index + 1, context, stoppedBy: stoppedBy, outcome)
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

    private func take(
        _ answer: PipelineOutcome.WebhookAnswer,
        _ index: Int,
        _ context: inout PipelineContext,
        _ outcome: inout PipelineOutcome,
        _ stoppedBy: inout Int?
    ) -> PipelineOutcome.Fate {
        switch answer {
        case .nothing(let why): return .failed(why)
        case .answered(let effects):
            var next = context
            do throws(StepFailure) {
                for effect in effects { try next.apply(effect) }
            } catch {
                return .failed("the answer was refused: \(error)")
            }
            context = next
            outcome.effects += effects
            if effects.contains(where: \.stops) { stoppedBy = index }
            return .matched
        }
    }

    private func run(
        from first: Int,
        _ context: PipelineContext,
        stoppedBy: Int?,
        _ outcome: PipelineOutcome
    ) -> PipelineOutcome {
        var (context, stoppedBy, outcome) = (context, stoppedBy, outcome)
        for (index, entry) in entries.enumerated().dropFirst(first) {
            let fate: PipelineOutcome.Fate
            if let stoppedBy {
                fate = .passedOver("step \(stoppedBy + 1) ended the pipeline")
            } else if let objection = entry.objection(context) {
                fate = objection
            } else {
                do throws(StepFailure) {
                    let effects = try entry.step.run(context)
                    try context.apply(effects)
                    outcome.effects.append(effects)
                    if let call = effects.webhook, call.mode == .answer {
                        outcome.pending = .init(index: index, call: call, context: context, stops: effects.stops)
                    } else if effects.stops {
                        stoppedBy = index
                    }
                    fate = .matched
                } catch {
                    fate = .failed(error.description)
                }
            }
            outcome.reports.append(
                .init(index: index, name: entry.name, line: entry.line, kind: entry.kind, fate: fate)
            )
            if outcome.pending != nil { return outcome }
        }
        return outcome
    }
}

extension Pipeline.Entry {
    fileprivate func objection(_ context: PipelineContext) -> PipelineOutcome.Fate? {
        if context.conversation.isHandledByPeople, !runsForPeople { return .passedOver("people have taken over") }
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

    /// Where an evaluation stands that waits for a handler's answer.
    public struct Pending: Hashable, Sendable {
        /// The place of the step that called it.
        public let index: Int
        /// What is to be called.
        public let call: WebhookCall
        /// What the step saw.
        public let context: PipelineContext
        /// Whether the pipeline ends with this step, whatever is answered.
        let stops: Bool
    }

    /// What a handler's answer is for the pipeline.
    public enum WebhookAnswer: Hashable, Sendable {
        /// Its actions, in their order; none for an empty answer.
        case answered([StepEffects])
        /// There is none, or none that can be taken: why, for the business.
        case nothing(String)
    }

    /// Nil if all steps have had their turn.
    public var pending: Pending?
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

    /// Messages that change, in order.
    public var edits: [MessageEdit] { effects.flatMap(\.edits) }

    /// Handlers that are told and not listened to.
    public var notifications: [WebhookCall] {
        effects.compactMap(\.webhook).filter { $0.mode == .notify }
    }

    /// Handlers whose answers count, called or to be called.
    public var calls: [WebhookCall] { effects.compactMap(\.webhook).filter { $0.mode == .answer } }

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
            "edits": .array(edits.map(\.json)), "change": change.json,
            "webhooks": .array(
                effects.compactMap(\.webhook).map {
                    ["step": .string($0.step), "url": .string($0.url), "mode": .string($0.mode.rawValue)]
                }
            ),
        ]
    }
}
