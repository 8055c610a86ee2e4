import Telegram
import Testing

@testable import Gateway

@Suite("What a failure says of a bot")
struct BotHealthTests {
    private static func refusal(_ code: Int, _ text: String, retryAfter: Int? = nil) -> BotAPIError {
        .refused(.init(code: code, text: text, retryAfterSeconds: retryAfter))
    }

    @Test(arguments: [
        (refusal(401, "Unauthorized"), Bot.Health.tokenRevoked, "bot rotate"),
        (refusal(404, "Not Found"), .tokenRevoked, "bot rotate"),
        (refusal(409, "Conflict: terminated by other setWebhook"), .webhookFailed, "another program"),
        (refusal(400, "Bad Request: bad webhook: IP address 10.0.0.1 is reserved"), .webhookFailed, "reserved"),
        (refusal(429, "Too Many Requests: retry after 5", retryAfter: 5), .unverified, "429"),
        (refusal(500, "Internal Server Error: restart"), .unverified, "restart"),
        (BotAPIError.unreachable("no connection"), .unverified, "cannot be reached"),
        (.noAnswer("none in time"), .unverified, "none in time"),
    ])
    func `only Telegram's word makes a bot ill, and the mend is named`(
        error: BotAPIError,
        health: Bot.Health,
        word: String
    ) {
        #expect(BotWebhooks.health(after: error) == health)
        #expect(BotWebhooks.detail(of: error).contains(word))
    }

    @Test func `a setting is made again at once only where the wait is short`() {
        #expect(BotWebhooks.shortWait(after: Self.refusal(429, "Too Many Requests", retryAfter: 1)) == .seconds(1))
        #expect(BotWebhooks.shortWait(after: Self.refusal(429, "Too Many Requests", retryAfter: 6)) == nil)
        #expect(BotWebhooks.shortWait(after: Self.refusal(409, "Conflict")) == .seconds(1))
        #expect(BotWebhooks.shortWait(after: Self.refusal(400, "Bad Request")) == nil)
        #expect(BotWebhooks.shortWait(after: .noAnswer("none in time")) == nil)
    }

    @Test func `routine looks of bots that were set together are spread over more than two hours`() {
        let looks = (1...1000).map { BotWebhooks.routineSpread(BotID(rawValue: $0)) }
        #expect(looks.allSatisfy { $0 > .seconds(22 * 3600) && $0 < .seconds(26 * 3600) })
        let hours = Set(looks.map { $0.components.seconds / 900 })
        #expect(hours.count >= 8)
    }
}
