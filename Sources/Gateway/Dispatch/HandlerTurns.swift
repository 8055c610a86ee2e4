import DequeModule

/// Says which handlers and webhooks may begin: so many of a business at once, and so many of one step of it; each step's in order.
struct HandlerTurns {
    /// How many run at once.
    struct Limits: Hashable, Sendable {
        /// Of one business.
        var ofBusiness = 32
        /// Of one step of a business.
        var ofStep = 16
    }

    /// A handler's or a webhook's run for a job.
    struct Turn: Sendable {
        enum Work: Sendable {
            case handler(any Handler)
            case webhook(WebhookCall, WebhookEvent)
        }

        var job: PipelineJob
        /// The version of the pipeline.
        var pipeline: Int64?
        /// The step's place in the pipeline, from 0.
        var step: Int
        var work: Work
        var context: PipelineContext
    }

    private struct StepLine {
        var waiting: Deque<Turn> = []
        var running = 0
    }

    private struct Line {
        var steps: [Int: StepLine] = [:]
        var running = 0
        /// Steps that have somebody waiting, in turn.
        var turns: Deque<Int> = []
    }

    let limits: Limits
    private var lines: [BusinessID: Line] = [:]

    init(limits: Limits = Limits()) { self.limits = limits }

    /// Takes a run that is wanted.
    mutating func add(_ turn: Turn) {
        let business = turn.job.business
        var line = lines[business] ?? Line()
        if line.steps[turn.step]?.waiting.isEmpty ?? true { line.turns.append(turn.step) }
        line.steps[turn.step, default: StepLine()].waiting.append(turn)
        lines[business] = line
    }

    /// The next run of a business that may begin; nil if none may now.
    mutating func next(of business: BusinessID) -> Turn? {
        guard let line = lines[business], line.running < limits.ofBusiness else { return nil }
        for _ in 0..<line.turns.count {
            guard let step = lines[business]?.turns.popFirst() else { return nil }
            guard (line.steps[step]?.running ?? 0) < limits.ofStep,
                let turn = lines[business]?.steps[step]?.waiting.popFirst()
            else {
                lines[business]?.turns.append(step)
                continue
            }
            if lines[business]?.steps[step]?.waiting.isEmpty == false { lines[business]?.turns.append(step) }
            lines[business]?.steps[step]?.running += 1
            lines[business]?.running += 1
            return turn
        }
        return nil
    }

    /// A run has ended.
    mutating func finish(step: Int, of business: BusinessID) {
        lines[business]?.running -= 1
        lines[business]?.steps[step]?.running -= 1
        if let line = lines[business]?.steps[step], line.running == 0, line.waiting.isEmpty {
            lines[business]?.steps[step] = nil
        }
        if lines[business]?.steps.isEmpty == true { lines[business] = nil }
    }
}
