import Telegram

/// How deliveries to a bot misbehave, by the seed of the simulation.
public struct DeliveryFaults: Hashable, Sendable {
    /// How probably an acknowledged update is posted once more, as if the answer had been lost.
    public var duplicateProbability: Double
    /// How probably the connection is cut once the request is written, before the answer is read; the update is retried.
    public var cutProbability: Double
    /// How probably a post begins late.
    public var delayProbability: Double
    /// By how much it is late then.
    public var delay: Duration

    /// Makes faults; without arguments none.
    public init(
        duplicateProbability: Double = 0,
        cutProbability: Double = 0,
        delayProbability: Double = 0,
        delay: Duration = .zero
    ) {
        self.duplicateProbability = duplicateProbability
        self.cutProbability = cutProbability
        self.delayProbability = delayProbability
        self.delay = delay
    }
}

/// How one answer of the Bot API misbehaves.
public enum CallFault: Hashable, Sendable {
    /// The call is not carried out, and answered with this error; with 429 `retryAfterSeconds` is told too.
    case refusal(status: Int, description: String, retryAfterSeconds: Int? = nil)
    /// The call is carried out that much later.
    case delay(Duration)
    /// The connection is closed without an answer; the call is not carried out.
    case cutBefore
    /// The call is carried out, then the connection is closed: the answer is lost.
    case cutAfter
    /// The call is carried out; the answer's `Content-Length` is off by so many bytes, and the connection is closed after it.
    case lyingLength(off: Int)
    /// A front end answers with a page of HTML and this status, after the call was carried out or without that.
    ///
    /// **Source:** the hosted service does so at times, with 502.
    case frontEnd(status: Int, isCarriedOut: Bool)
}

/// Faults that wait for calls.
struct PendingFault: Sendable {
    let fault: CallFault
    let method: String?
    let botID: Int64?
    var times: Int
    let probability: Double
}

extension SimulatedTelegram {
    /// Makes the deliveries to a bot misbehave from now on.
    public func setFaults(_ faults: DeliveryFaults, ofBot id: Int64) throws(SimulatorError) {
        try change { (state, _) throws(SimulatorError) in
            _ = try state.bot(id)
            state.bots[id]?.faults = faults
        }
    }

    /// Lets calls of bots fail.
    ///
    /// Of several faults that fit a call the oldest counts.
    ///
    /// - Parameters:
    ///   - fault: how.
    ///   - method: of this method alone, in any case; of all if absent.
    ///   - id: of this bot alone; of all if absent.
    ///   - times: so many calls; then it is over.
    ///   - probability: how probably a call that fits fails.
    public func failCalls(
        _ fault: CallFault,
        method: String? = nil,
        ofBot id: Int64? = nil,
        times: Int = 1,
        probability: Double = 1
    ) {
        change { state, _ in
            state.callFaults.append(
                PendingFault(
                    fault: fault,
                    method: method?.lowercased(),
                    botID: id,
                    times: times,
                    probability: probability
                )
            )
        }
    }

    /// Lets no call fail any more.
    public func clearCallFaults() { change { state, _ in state.callFaults = [] } }
}

extension Simulation {
    /// The fault that hits a call, if one does.
    mutating func takeFault(token: String, method: String) -> CallFault? {
        guard !callFaults.isEmpty else { return nil }
        let botID = Int64(token.prefix { $0 != ":" })
        for index in callFaults.indices {
            let pending = callFaults[index]
            guard pending.method == nil || pending.method == method, pending.botID == nil || pending.botID == botID,
                pending.probability >= 1 || random.chance(pending.probability)
            else { continue }
            callFaults[index].times -= 1
            if callFaults[index].times <= 0 { callFaults.remove(at: index) }
            return pending.fault
        }
        return nil
    }
}
