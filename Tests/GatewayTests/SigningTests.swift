import Foundation
import Telegram
import Testing

@testable import Gateway

@Suite("Signatures of handler webhooks", .timeLimit(.minutes(1)))
struct SigningTests {
    private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    private static let body = Array(#"{"test": 2432232314}"#.utf8)
    private static let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"

    @Test func `the known answer comes out`() throws {
        let secret = try #require(SigningSecret(Self.secret))
        let signature = secret.signature(id: Self.id, seconds: 1_614_265_330, body: Self.body)
        #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test func `during a rotation both secrets sign, the new one first`() throws {
        let old = try #require(SigningSecret(Self.secret))
        let new = SigningSecret()
        let now = Timestamp(milliseconds: 1_614_265_330_999)
        let headers = SigningSecrets(new, previous: old).headers(id: Self.id, at: now, body: Self.body)
        #expect(headers.map(\.name) == ["webhook-id", "webhook-timestamp", "webhook-signature"])
        #expect(headers.map(\.value).prefix(2) == [Self.id, "1614265330"])
        let signatures = headers[2].value.split(separator: " ")
        #expect(
            signatures.map(String.init) == [
                new.signature(id: Self.id, seconds: 1_614_265_330, body: Self.body),
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ]
        )
        let alone = SigningSecrets(new).headers(id: Self.id, at: now, body: Self.body)
        #expect(alone[2].value.split(separator: " ").count == 1)
    }

    @Test func `a secret has 24 to 64 bytes, is read back as it was shown, and cannot print itself`() throws {
        let made = SigningSecret()
        #expect(made != SigningSecret())
        #expect(SigningSecret(made.reveal()) == made)
        #expect(Data(base64Encoded: String(made.reveal().dropFirst(6)))?.count == 32)
        var dumped = ""
        dump(made, to: &dumped)
        for text in ["\(made)", String(reflecting: made), "\(["x": made])", dumped] {
            #expect(!text.contains(made.reveal().dropFirst(6)), "\(text)")
        }
        for (count, isTaken) in [(23, false), (24, true), (64, true), (65, false), (0, false)] {
            let text = "whsec_" + Data(repeating: 7, count: count).base64EncodedString()
            #expect((SigningSecret(text) != nil) == isTaken, "\(count)")
        }
        #expect(SigningSecret("whsec_not base64!") == nil)
    }

    @Test func `a sealed secret opens for its own webhook and version alone`() throws {
        let sealer = Sealer(key: MasterKey())
        let secret = SigningSecret()
        let endpoint = WebhookEndpointID(rawValue: 4)
        let sealed = try sealer.seal(secret, for: endpoint, version: 2)
        #expect(try sealer.openSigningSecret(sealed, of: endpoint) == secret)
        #expect(throws: GatewayError.badKey(.wrong)) {
            try sealer.openSigningSecret(sealed, of: WebhookEndpointID(rawValue: 5))
        }
        var other = sealed
        other.version = 3
        #expect(throws: GatewayError.badKey(.wrong)) { try sealer.openSigningSecret(other, of: endpoint) }
        #expect(throws: GatewayError.badKey(.wrong)) {
            try Sealer(key: MasterKey()).openSigningSecret(sealed, of: endpoint)
        }
    }
}

@Suite("When an event is tried again", .timeLimit(.minutes(1)))
struct DeliveryScheduleTests {
    private static let noon = Timestamp(milliseconds: 1_795_435_200_000)

    /// Gives the same number again and again.
    struct Fixed: RandomNumberGenerator {
        var value: UInt64
        mutating func next() -> UInt64 { value }
    }

    private static func verdict(
        _ result: Result<WebhookResponse, WebhookFault>,
        tries: Int = 1,
        random: UInt64 = .max / 2
    ) -> WebhookVerdict {
        var generator = Fixed(value: random)
        return WebhookVerdict(result, tries: tries, at: noon, using: &generator)
    }

    private static func wait(_ verdict: WebhookVerdict) -> Double? {
        guard case .again(let wait, _) = verdict else { return nil }
        return wait / .seconds(1)
    }

    /// Within a hundredth of it.
    private static func isNear(_ wait: Double?, _ seconds: Double) -> Bool {
        guard let wait else { return false }
        return abs(wait - seconds) <= seconds / 100
    }

    @Test func `ten tries end after 75 hours, 35 minutes and 5 seconds`() {
        #expect(DeliverySchedule.tries == 10)
        let total: Duration = DeliverySchedule.waits.reduce(Duration.zero) { $0 + $1 }
        #expect(total == Duration.seconds(272_105))
        for tries in 1...9 {
            let base: Double = DeliverySchedule.waits[tries - 1] / .seconds(1)
            let answer = WebhookResponse(status: 500)
            let least = Self.wait(Self.verdict(.success(answer), tries: tries, random: 0))
            let most = Self.wait(Self.verdict(.success(answer), tries: tries, random: .max))
            #expect(Self.isNear(least, base * 0.8))
            #expect(Self.isNear(most, base * 1.2))
        }
        #expect(Self.verdict(.failure(.timeout), tries: 10) == .exhausted(why: WebhookFault.timeout.description))
    }

    @Test(arguments: [200, 201, 204, 299])
    func `2xx is success, with its body`(status: Int) {
        #expect(Self.verdict(.success(.init(status: status, body: [1]))) == .delivered([1]))
    }

    @Test func `410 turns off, everything else that is not 2xx is tried again`() {
        #expect(Self.verdict(.success(.init(status: 410))) == .gone)
        for status in [100, 301, 302, 304, 307, 308, 400, 401, 404, 409, 411, 418, 500, 503, 599] {
            let wait = Self.wait(Self.verdict(.success(WebhookResponse(status: status))))
            #expect(Self.isNear(wait, 5), "\(status)")
        }
        for fault: WebhookFault in [.refused("x"), .unresolved("x"), .tls("x"), .cutOff, .tooLong, .notHTTP] {
            let wait = Self.wait(Self.verdict(.failure(fault)))
            #expect(Self.isNear(wait, 5), "\(fault)")
        }
        #expect(Self.verdict(.failure(.interrupted)) == .interrupted)
    }

    @Test func `429, 502, 504 and a timeout slow down to a minute at least`() {
        for status in [429, 502, 504] {
            let answer = WebhookResponse(status: status)
            let (first, second) = (
                Self.verdict(.success(answer), random: 0), Self.verdict(.success(answer), tries: 2, random: 0)
            )
            #expect(Self.isNear(Self.wait(first), 60), "\(status)")
            #expect(Self.isNear(Self.wait(second), 240), "\(status)")
        }
        let slow = Self.verdict(.failure(.timeout), random: 0)
        #expect(Self.isNear(Self.wait(slow), 60))
    }

    @Test(arguments: [
        ("0", 300.0), ("299", 300), ("450", 450), ("601", 600), ("99999999999999999999999", 300), ("-5", 300),
        ("Mon, 23 Nov 2026 12:07:30 GMT", 450), ("Mon, 23 Nov 2026 12:07:30 +0000", 450),
        ("Monday, 23-Nov-26 12:07:30 GMT", 450), ("Mon Nov 23 12:07:30 2026", 450),
        ("Mon, 23 Nov 2020 12:07:30 GMT", 300), ("Mon, 23 Nov 2099 12:07:30 GMT", 600), ("soon", 300),
        ("Mon, 23 Nov 2026 25:07:30 GMT", 300), ("Mon, 99 Foo 2026 12:07:30 GMT", 300),
    ])
    func `Retry-After counts between the schedule's wait and twice that`(text: String, seconds: Double) {
        let answer = WebhookResponse(status: 503, retryAfter: text)
        let wait = Self.wait(Self.verdict(.success(answer), tries: 2))
        #expect(Self.isNear(wait, seconds), "\(String(describing: wait))")
    }
}
