import Telegram
import Testing

@testable import Gateway

@Suite("The gate of webhooks", .timeLimit(.minutes(1)))
struct WebhookGateTests {
    private static let noon: Int64 = 1_795_435_200_000
    private static let business = BusinessID(rawValue: 1)

    private static func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: noon + seconds * 1000) }

    private static func fail(_ breaker: inout EndpointBreaker, _ count: Int, at now: Int64) {
        for _ in 0..<count {
            breaker.begin(at: now)
            breaker.end(isSuccess: false, at: now)
        }
    }

    @Test func `ten failures in a row open it for 30 s, then one trial goes through`() {
        var breaker = EndpointBreaker()
        Self.fail(&breaker, 9, at: 0)
        #expect(breaker.room(at: 0) == .max)
        Self.fail(&breaker, 1, at: 100_000)
        #expect(breaker.state == .open(until: 130_000))
        #expect(breaker.room(at: 129_999) == 0 && breaker.room(at: 130_000) == 1)
        breaker.begin(at: 130_000)
        #expect(breaker.room(at: 130_001) == 0)
        breaker.end(isSuccess: true, at: 130_002)
        #expect(breaker.state == .closed && breaker.isBlank(at: 60_000))
    }

    @Test func `each trial that fails doubles the wait, to ten minutes at the most`() {
        var breaker = EndpointBreaker()
        Self.fail(&breaker, 10, at: 0)
        var waits: [Int64] = []
        for _ in 0..<7 {
            guard case .open(let until) = breaker.state else { break }
            breaker.begin(at: until)
            breaker.end(isSuccess: false, at: until)
            if case .open(let next) = breaker.state { waits.append((next - until) / 1000) }
        }
        #expect(waits == [60, 120, 240, 480, 600, 600, 600])
    }

    @Test func `70 % of ten tries within 30 s are enough, fewer are not`() {
        for (failures, isOpen) in [(6, false), (7, true)] {
            var breaker = EndpointBreaker()
            for index in 0..<10 {
                breaker.begin(at: 5)
                breaker.end(isSuccess: index >= 10 - failures ? false : true, at: 5)
            }
            #expect((breaker.state != .closed) == isOpen, "\(failures)")
        }
        var slow = EndpointBreaker()
        for index: Int64 in 0..<50 { slow.end(isSuccess: index % 5 == 0, at: index * 10_000) }
        #expect(slow.state == .closed)
    }

    @Test func `a trial that says nothing is followed by another one`() {
        var breaker = EndpointBreaker()
        Self.fail(&breaker, 10, at: 0)
        breaker.begin(at: 30_000)
        breaker.end(isSuccess: nil, at: 30_001)
        #expect(breaker.room(at: 30_001) == 1)
    }

    @Test func `a webhook and a business have their bounds, lanes and later tries apart`() {
        let gate = WebhookGate()
        func enter(_ endpoint: Int64, _ caller: WebhookGate.Caller) -> WebhookGate.Entry {
            gate.enter(WebhookEndpointID(rawValue: endpoint), of: Self.business, as: caller, at: Self.at(0))
        }
        for endpoint: Int64 in 1...4 {
            for _ in 0..<4 { #expect(enter(endpoint, .retry) == .go) }
            #expect(enter(endpoint, .retry) == .busy)
        }
        // Sixteen of the business are under way.
        #expect(enter(5, .retry) == .busy)
        #expect(
            gate.room(
                DueEndpoint(id: WebhookEndpointID(rawValue: 5), business: BusinessID(rawValue: 2)),
                at: Self.at(0)
            ) == 4
        )
        for _ in 0..<WebhookGate.lanes { #expect(enter(1, .lane) == .go) }
        #expect(enter(1, .lane) == .busy)
        gate.leave(WebhookEndpointID(rawValue: 1), of: Self.business, as: .retry, isSuccess: true, at: Self.at(1))
        #expect(enter(1, .retry) == .go)
    }

    @Test func `calls of lanes are bounded over all businesses, and one that has none finds room`() {
        let gate = WebhookGate()
        var open = 0
        for business: Int64 in 1...100 {
            // Two webhooks each: as many as a business wants.
            for endpoint in [business * 2, business * 2 + 1] {
                for _ in 0..<WebhookGate.lanes {
                    let entry = gate.enter(
                        WebhookEndpointID(rawValue: endpoint),
                        of: BusinessID(rawValue: business),
                        as: .lane,
                        at: Self.at(0)
                    )
                    if entry == .go { open += 1 }
                }
            }
            if business == 5 {
                #expect(open < WebhookGate.allLanes, "five that take what they can leave room")
            }
        }
        #expect(open <= WebhookGate.allLanes)
    }

    @Test func `70 % of failures count though each call ends before the next begins`() {
        let gate = WebhookGate()
        let id = WebhookEndpointID(rawValue: 1)
        for number in 0..<12 {
            guard gate.enter(id, of: Self.business, as: .lane, at: Self.at(Int64(number))) == .go else { break }
            let isSuccess = number % 4 == 3
            gate.leave(id, of: Self.business, as: .lane, isSuccess: isSuccess, at: Self.at(Int64(number)))
        }
        #expect(gate.isOpen(id))
        #expect(gate.enter(id, of: Self.business, as: .lane, at: Self.at(60)) == .go, "the trial")
        #expect(gate.enter(id, of: Self.business, as: .lane, at: Self.at(60)) == .probing)
    }

    @Test func `what failed before a webhook was turned on, moved or got another secret is forgotten`() {
        let gate = WebhookGate()
        let id = WebhookEndpointID(rawValue: 1)
        func endpoint(_ renewal: Int64) -> DueEndpoint {
            DueEndpoint(id: id, business: Self.business, renewal: renewal)
        }
        for renewal in Int64(1)...2 {
            for _ in 0..<10 {
                #expect(gate.enter(id, of: Self.business, as: .lane, renewal: renewal, at: Self.at(0)) == .go)
                gate.leave(id, of: Self.business, as: .lane, renewal: renewal, isSuccess: false, at: Self.at(0))
            }
            let entry = gate.enter(id, of: Self.business, as: .lane, renewal: renewal, at: Self.at(1))
            #expect(entry == .open(until: Self.at(30)))
            #expect(gate.room(endpoint(renewal), at: Self.at(1)) == 0)
        }
        #expect(gate.room(endpoint(3), at: Self.at(1)) == WebhookGate.retries)
        #expect(gate.enter(id, of: Self.business, as: .lane, renewal: 3, at: Self.at(1)) == .go)
        // Calls that began before tell nothing about what it is now.
        for _ in 0..<20 {
            _ = gate.enter(id, of: Self.business, as: .lane, renewal: 2, at: Self.at(1))
            gate.leave(id, of: Self.business, as: .lane, renewal: 2, isSuccess: false, at: Self.at(2))
        }
        #expect(!gate.isOpen(id))
        // A row that was read before tells nothing of what was.
        #expect(gate.enter(id, of: Self.business, as: .retry, renewal: 2, at: Self.at(1)) == .go)
    }

    @Test func `a webhook that fails in lanes is not tried by the sender either`() {
        let gate = WebhookGate()
        let id = WebhookEndpointID(rawValue: 1)
        for _ in 0..<10 {
            _ = gate.enter(id, of: Self.business, as: .lane, at: Self.at(0))
            gate.leave(id, of: Self.business, as: .lane, isSuccess: false, at: Self.at(0))
        }
        #expect(gate.enter(id, of: Self.business, as: .retry, at: Self.at(1)) == .open(until: Self.at(30)))
        #expect(gate.room(DueEndpoint(id: id, business: Self.business), at: Self.at(1)) == 0)
        #expect(gate.nextOpening(of: [id], after: Self.at(1)) == Self.at(30))
        #expect(gate.room(DueEndpoint(id: id, business: Self.business), at: Self.at(30)) == 1)
        #expect(gate.isOpen(id))
    }
}
