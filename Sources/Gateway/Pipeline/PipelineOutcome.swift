import Telegram

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
    /// A handler that is told and not listened to.
    public struct Notification: Hashable, Sendable {
        /// The handler.
        public var call: WebhookCall
        /// What its step saw.
        public var seen: PipelineContext
    }

    /// Handlers that are told and not listened to.
    public var notifications: [Notification] = []
    /// One for each step of the pipeline.
    public var reports: [Report] = []

    /// Makes an outcome of nothing.
    public init() {}

    /// What is sent, in order.
    public var replies: [PipelineReply] { effects.flatMap(\.replies) }

    /// What is shown to who pressed a button: the first answer counts, as Telegram takes one.
    public var callbackAnswer: BotCall.CallbackAnswer? { effects.lazy.compactMap(\.callbackAnswer).first }

    /// What is said to who pays: the first answer counts, as Telegram takes one.
    public var checkoutAnswer: StepEffects.CheckoutAnswer? { effects.lazy.compactMap(\.checkoutAnswer).first }

    /// Messages that change, in order.
    public var edits: [MessageEdit] { effects.flatMap(\.edits) }

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
            "checkout": checkoutAnswer.map { ["ok": .bool($0.refusal == nil), "why": .optional($0.refusal)] } ?? nil,
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
