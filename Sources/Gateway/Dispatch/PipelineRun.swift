import Telegram

/// What a business's pipeline did with an update.
public struct PipelineRun: Hashable, Sendable {
    /// What came of it.
    public enum Result: String, Hashable, Sendable, CaseIterable {
        /// The steps were gone through.
        case ran
        /// No pipeline is started by such an update, or none may run.
        case notStarted = "not_started"
        /// A member of the staff answered a customer.
        case staffAnswer = "staff_answer"
        /// It could not be decided.
        case failed
    }

    /// What became of a step that ran, or should have.
    public struct StepNote: Hashable, Sendable {
        /// Its place in the pipeline, from 1.
        public var step: Int
        /// Its name; empty for none.
        public var name: String
        /// What it does, in the file's word.
        public var kind: String
        /// `matched` or `failed`.
        public var result: String
        /// Why it failed.
        public var why: String?
    }

    /// The number of the update.
    public var update: Int64
    /// Where it was.
    public var conversation: ConversationID?
    /// When it was decided.
    public var decidedAt: Timestamp
    /// Milliseconds from the update's arrival to the decision.
    public var tookMilliseconds: Int64
    /// What came of it.
    public var result: Result
    /// The version of the pipeline.
    public var pipeline: Int64?
    /// The steps that ran or failed.
    public var steps: [StepNote] = []
    /// How many messages it put into the outbox.
    public var answers = 0
    /// What else is to be said, such as why an answer was not sent; nothing of a customer's text.
    public var notes: [String] = []

    /// Makes a run.
    public init(
        update: Int64,
        conversation: ConversationID?,
        decidedAt: Timestamp,
        tookMilliseconds: Int64,
        result: Result,
        pipeline: Int64? = nil,
        notes: [String] = []
    ) {
        self.update = update
        self.conversation = conversation
        self.decidedAt = decidedAt
        self.tookMilliseconds = tookMilliseconds
        self.result = result
        self.pipeline = pipeline
        self.notes = notes
    }

    /// What is stored beside the numbers, as JSON.
    public var details: String {
        var shape: JSON = [
            "steps": .array(steps.map(\.json)), "answers": .int(Int64(answers)),
            "took_ms": .int(tookMilliseconds),
        ]
        if !notes.isEmpty { shape["notes"] = .array(notes.map { .string($0) }) }
        return shape.text
    }

    /// Takes what `details` wrote; nil if it is something else.
    public init?(
        update: Int64,
        conversation: ConversationID?,
        decidedAt: Timestamp,
        result: String,
        pipeline: Int64?,
        details: String
    ) {
        guard let result = Result(rawValue: result), let shape = try? JSONDocument(Array(details.utf8)).root,
            let took = shape["took_ms"]?.int64
        else { return nil }
        self.init(
            update: update,
            conversation: conversation,
            decidedAt: decidedAt,
            tookMilliseconds: took,
            result: result,
            pipeline: pipeline
        )
        answers = Int(shape["answers"]?.int64 ?? 0)
        steps = shape["steps"]?.elements?.compactMap { StepNote($0) } ?? []
        notes = shape["notes"]?.elements?.compactMap(\.string) ?? []
    }

    /// The shape of `--json`.
    public var json: JSON {
        [
            "update": .int(update), "conversation_id": .optional(conversation?.description),
            "decided_at": .string(decidedAt.rfc3339), "took_ms": .int(tookMilliseconds),
            "result": .string(result.rawValue), "pipeline": .optional(pipeline),
            "steps": .array(steps.map(\.json)), "answers": .int(Int64(answers)),
            "notes": .array(notes.map { .string($0) }),
        ]
    }
}

extension PipelineRun.StepNote {
    /// Takes a step of an outcome; nil if it did not run.
    init?(_ report: PipelineOutcome.Report) {
        switch report.fate {
        case .notMatched, .passedOver: return nil
        case .matched, .failed: break
        }
        step = report.index + 1
        name = report.name
        kind = report.kind
        result = report.fate.word
        why = report.fate.reason
    }

    fileprivate init?(_ shape: JSONView) {
        guard let step = shape["step"]?.int64, let kind = shape["does"]?.string, let result = shape["result"]?.string
        else { return nil }
        self.step = Int(step)
        self.kind = kind
        self.result = result
        name = shape["name"]?.string ?? ""
        why = shape["why"]?.string
    }

    fileprivate var json: JSON {
        var shape: JSON = ["step": .int(Int64(step)), "does": .string(kind), "result": .string(result)]
        if !name.isEmpty { shape["name"] = .string(name) }
        if let why { shape["why"] = .string(why) }
        return shape
    }
}
