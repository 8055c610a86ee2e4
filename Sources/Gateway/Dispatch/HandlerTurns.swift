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
            case webhook(WebhookCall, WebhookEvent, about: MessageID?)
        }

        var job: PipelineJob
        /// The version of the pipeline.
        var pipeline: Int64?
        /// The step's place in the pipeline, from 0.
        var step: Int
        var work: Work
        var context: PipelineContext
        /// Since when it waits.
        var since: Timestamp
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

        mutating func add(_ turn: Turn) {
            steps[turn.step, default: StepLine()].waiting.append(turn)
            if steps[turn.step]?.waiting.count == 1 { turns.append(turn.step) }
        }

        mutating func next(_ limits: Limits) -> Turn? {
            guard running < limits.ofBusiness else { return nil }
            for _ in 0..<turns.count {
                guard let step = turns.popFirst() else { return nil }
                guard steps[step]?.running ?? 0 < limits.ofStep, let turn = steps[step]?.waiting.popFirst() else {
                    turns.append(step)
                    continue
                }
                if steps[step]?.waiting.isEmpty == false { turns.append(step) }
                steps[step]?.running += 1
                running += 1
                return turn
            }
            return nil
        }
    }

    let limits: Limits
    private var lines: [BusinessID: Line] = [:]

    init(limits: Limits = Limits()) { self.limits = limits }

    // Lines are changed where they are: a copy in hand would have their queues copied with every change.

    /// Takes a run that is wanted.
    mutating func add(_ turn: Turn) { lines[turn.job.business, default: Line()].add(turn) }

    /// The next run of a business that may begin; nil if none may now.
    mutating func next(of business: BusinessID) -> Turn? { lines[business]?.next(limits) }

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
