import Telegram

/// How fast a bot may send before it is answered 429.
///
/// **Source:** Telegram's bots FAQ: about one message a second in a chat, with short bursts, 20 a minute in a group and about 30 a
/// second in all. The exact figures are not contractual; the bursts are inferred.
public struct FloodLimits: Hashable, Sendable {
    /// Messages a second in one private chat.
    public var perChat: Double
    /// So many messages may come at once in a chat before its rate counts.
    public var chatBurst: Int
    /// Messages a minute in one group or channel.
    public var perGroupMinute: Double
    /// Messages a second of one bot.
    public var perBot: Double

    /// Makes limits; without arguments those that Telegram names.
    public init(perChat: Double = 1, chatBurst: Int = 5, perGroupMinute: Double = 20, perBot: Double = 30) {
        self.perChat = perChat
        self.chatBurst = chatBurst
        self.perGroupMinute = perGroupMinute
        self.perBot = perBot
    }
}

/// Counts what was sent, as a bucket that empties at an even rate.
struct FloodMeter: Sendable {
    /// When the bucket will be empty.
    private var emptyAt = Duration.zero

    /// How long to wait before one more of this weight may go; zero if it may now.
    func wait(interval: Duration, burst: Int, now: Duration) -> Duration {
        max(max(emptyAt, now) + interval - now - interval * burst, .zero)
    }

    mutating func count(interval: Duration, now: Duration) { emptyAt = max(emptyAt, now) + interval }
}

extension SimulatedTelegram {
    /// Limits how fast bots may send, or with nil no longer; without limits from the start.
    public func setFloodLimits(_ limits: FloodLimits?) {
        change { state, _ in state.floodLimits = limits }
    }
}

extension Simulation {
    /// Counts messages about to be sent; refuses with 429 all of them if they are too many.
    mutating func checkFlood(_ key: ChatKey, of botID: Int64, messages: Int = 1) throws(Reply) {
        guard let limits = floodLimits else { return }
        let now = time.elapsed()
        let isGroup = key.id < 0
        let chatInterval = Duration.seconds(isGroup ? 60 / limits.perGroupMinute : 1 / limits.perChat)
        let chatBurst = isGroup ? Int(limits.perGroupMinute) : limits.chatBurst
        let botInterval = Duration.seconds(1 / limits.perBot)
        let bot = bots[botID]?.flood ?? FloodMeter()
        let chat = bots[botID]?.chats[key]?.flood ?? FloodMeter()
        let wait = max(
            chat.wait(interval: chatInterval, burst: max(chatBurst, messages), now: now),
            bot.wait(interval: botInterval, burst: max(Int(limits.perBot), messages), now: now)
        )
        guard wait == .zero else {
            let (seconds, attoseconds) = wait.components
            throw .tooMany(retryAfterSeconds: seconds + (attoseconds > 0 ? 1 : 0))
        }
        for _ in 0..<messages {
            bots[botID]?.flood.count(interval: botInterval, now: now)
            bots[botID]?.chats[key]?.flood.count(interval: chatInterval, now: now)
        }
    }
}
