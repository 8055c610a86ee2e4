import Synchronization

/// Whether a webhook that fails again and again is left alone for a while.
///
/// **Source:** Convoy's circuit breaker: of 10 tries or more within 30 s, 70 % failed; ten failures in a row count too, since calls that hang are few
/// in 30 s. How long it is left alone is ours: 30 s, twice that after each trial that fails, at most 10 minutes.
struct EndpointBreaker: Sendable {
    static let window: Int64 = 30_000
    static let leastTries = 10
    static let failureShare = 0.7
    static let shortest: Int64 = 30_000
    static let longest: Int64 = 600_000

    enum State: Hashable, Sendable {
        case closed
        /// Nothing is tried before this many milliseconds.
        case open(until: Int64)
        /// One trial is under way.
        case probing
    }

    private(set) var state = State.closed
    private var wait = Self.shortest
    private var windowStart: Int64 = 0
    private var tries = 0
    private var failures = 0
    private var inRow = 0

    /// Whether nothing is known that would be missed.
    func isBlank(at now: Int64) -> Bool {
        state == .closed && inRow == 0 && (failures == 0 || now - windowStart >= Self.window)
    }

    /// How many tries may begin: all, one as a trial, or none.
    func room(at now: Int64) -> Int {
        switch state {
        case .closed: .max
        case .open(let until): until <= now ? 1 : 0
        case .probing: 0
        }
    }

    /// A try begins.
    mutating func begin(at now: Int64) {
        if case .open(let until) = state, until <= now { state = .probing }
    }

    /// A try has ended; nil for one that says nothing about the handler.
    mutating func end(isSuccess: Bool?, at now: Int64) {
        guard let isSuccess else {
            if state == .probing { state = .open(until: now) }
            return
        }
        if isSuccess {
            // One that was under way when it opened tells as much as a trial.
            (state, wait, inRow) = (.closed, Self.shortest, 0)
            return note(failed: false, now)
        }
        inRow += 1
        switch state {
        case .probing:
            wait = min(wait * 2, Self.longest)
            state = .open(until: now + wait)
        case .open: break
        case .closed:
            note(failed: true, now)
            let isShare = tries >= Self.leastTries && Double(failures) >= Self.failureShare * Double(tries)
            if isShare || inRow >= Self.leastTries { state = .open(until: now + wait) }
        }
    }

    private mutating func note(failed: Bool, _ now: Int64) {
        if now - windowStart >= Self.window { (windowStart, tries, failures) = (now, 0, 0) }
        tries += 1
        failures += failed ? 1 : 0
    }
}

/// Who may call which webhook now: so many at once, and none that is left alone for a while.
///
/// Lanes and the sender of later tries share one.
public final class WebhookGate: Sendable {
    /// Who calls.
    public enum Caller: Sendable {
        /// A pipeline that waits for the answer.
        case lane
        /// A later try.
        case retry
    }

    /// What somebody who wants to call is told.
    public enum Entry: Hashable, Sendable {
        /// Call, and say `leave` afterwards.
        case go
        /// So many call already.
        case busy
        /// One trial is under way, after failures.
        case probing
        /// It is left alone until then.
        case open(until: Timestamp)
    }

    /// Calls of lanes at once, of all businesses: each has a connection.
    ///
    /// A business may take another only while more are free than it has itself, as with the slots of the sender (`PacingLimits.inFlight`).
    static let allLanes = 256
    /// Calls of one webhook at once, of lanes and of later tries.
    static let lanes = 32
    /// See `lanes`.
    static let retries = 4
    /// Later tries of one business at once.
    static let retriesOfBusiness = 16

    private struct Traffic {
        var lanes = 0
        var retries = 0
        var breaker = EndpointBreaker()
        /// Which webhook it was that the breaker knows; see `WebhookEndpoint.renewal`.
        var renewal: Int64 = 0

        /// Forgets what failed when the webhook was another.
        mutating func note(renewal seen: Int64) {
            guard seen > renewal else { return }
            (renewal, breaker) = (seen, EndpointBreaker())
        }
    }

    private struct State {
        var endpoints: [WebhookEndpointID: Traffic] = [:]
        /// Later tries of businesses.
        var businesses: [BusinessID: Int] = [:]
        /// Calls of their lanes.
        var lanes: [BusinessID: Int] = [:]
        var freeLanes = WebhookGate.allLanes
    }

    private let state = Mutex(State())

    /// Makes a gate with nobody in it.
    public init() {}

    /// Asks to call a webhook.
    public func enter(
        _ endpoint: WebhookEndpointID,
        of business: BusinessID,
        as caller: Caller,
        renewal: Int64 = 0,
        at now: Timestamp
    )
        -> Entry
    {
        state.withLock { state in
            var traffic = state.endpoints[endpoint] ?? Traffic()
            traffic.note(renewal: renewal)
            guard traffic.breaker.room(at: now.milliseconds) > 0 else {
                guard case .open(let until) = traffic.breaker.state else { return .probing }
                return .open(until: Timestamp(milliseconds: until))
            }
            switch caller {
            case .lane:
                guard traffic.lanes < Self.lanes, state.freeLanes > state.lanes[business] ?? 0 else { return .busy }
                traffic.lanes += 1
                state.lanes[business, default: 0] += 1
                state.freeLanes -= 1
            case .retry:
                guard traffic.retries < Self.retries, state.businesses[business] ?? 0 < Self.retriesOfBusiness else {
                    return .busy
                }
                traffic.retries += 1
                state.businesses[business, default: 0] += 1
            }
            traffic.breaker.begin(at: now.milliseconds)
            state.endpoints[endpoint] = traffic
            return .go
        }
    }

    /// Says that a call has ended, and how: nil where it says nothing about the handler.
    ///
    /// - Parameter renewal: which webhook it was when the call began.
    public func leave(
        _ endpoint: WebhookEndpointID,
        of business: BusinessID,
        as caller: Caller,
        renewal: Int64 = 0,
        isSuccess: Bool?,
        at now: Timestamp
    ) {
        state.withLock { state in
            guard var traffic = state.endpoints[endpoint] else { return }
            switch caller {
            case .lane:
                traffic.lanes -= 1
                state.freeLanes += 1
                let left = (state.lanes[business] ?? 1) - 1
                state.lanes[business] = left > 0 ? left : nil
            case .retry:
                traffic.retries -= 1
                let left = (state.businesses[business] ?? 1) - 1
                state.businesses[business] = left > 0 ? left : nil
            }
            if renewal >= traffic.renewal { traffic.breaker.end(isSuccess: isSuccess, at: now.milliseconds) }
            let isIdle = traffic.lanes == 0 && traffic.retries == 0 && traffic.breaker.isBlank(at: now.milliseconds)
            state.endpoints[endpoint] = isIdle ? nil : traffic
        }
    }

    /// How many later tries of a webhook may begin.
    func room(_ endpoint: DueEndpoint, at now: Timestamp) -> Int {
        state.withLock { state in
            let ofBusiness = Self.retriesOfBusiness - (state.businesses[endpoint.business] ?? 0)
            guard var traffic = state.endpoints[endpoint.id] else { return max(0, min(Self.retries, ofBusiness)) }
            traffic.note(renewal: endpoint.renewal)
            let ofEndpoint = min(Self.retries - traffic.retries, traffic.breaker.room(at: now.milliseconds))
            return max(0, min(ofEndpoint, ofBusiness))
        }
    }

    /// How many later tries of a business may begin.
    func room(of business: BusinessID) -> Int {
        state.withLock { max(0, Self.retriesOfBusiness - ($0.businesses[business] ?? 0)) }
    }

    /// When one of these that is left alone now may be tried again.
    func nextOpening(of endpoints: some Sequence<WebhookEndpointID>, after now: Timestamp) -> Timestamp? {
        state.withLock { state in
            endpoints.compactMap { endpoint -> Int64? in
                guard case .open(let until)? = state.endpoints[endpoint]?.breaker.state, until > now.milliseconds
                else { return nil }
                return until
            }.min().map(Timestamp.init(milliseconds:))
        }
    }

    /// Whether a webhook is left alone now.
    func isOpen(_ endpoint: WebhookEndpointID) -> Bool {
        state.withLock { state in
            guard let breaker = state.endpoints[endpoint]?.breaker else { return false }
            return breaker.state != .closed
        }
    }
}
