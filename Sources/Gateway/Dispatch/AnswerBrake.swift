/// Keeps two programs that answer each other from doing so for ever: so many automatic answers go to a conversation in a minute, no more.
///
/// **Source:** ours; Telegram asks for no more than one message a second to a chat, and no person writes for longer at that pace.
struct AnswerBrake {
    /// Automatic answers to one conversation in `window`.
    static let most = 40
    /// In milliseconds.
    static let window: Int64 = 60_000
    /// Conversations that are remembered.
    private static let remembered = 20_000

    private struct Count {
        var began: Int64
        var answers: Int
    }

    /// What is kept of answers that did not go.
    static func note(_ count: Int) -> String {
        "\(count) not sent: more than \(most) automatic answers in a minute; is it a program that answers?"
    }

    private var counts: [ConversationID: Count] = [:]

    /// How many automatic answers may go now.
    func allowance(_ conversation: ConversationID, at now: Timestamp) -> Int {
        guard let count = counts[conversation], now.milliseconds - count.began < Self.window else { return Self.most }
        return max(0, Self.most - count.answers)
    }

    /// Automatic answers were put into the outbox.
    mutating func count(_ answers: Int, in conversation: ConversationID, at now: Timestamp) {
        guard answers > 0 else { return }
        if counts.count >= Self.remembered {
            counts = counts.filter { now.milliseconds - $0.value.began < Self.window }
            // More than that many conversations in one minute: those that were answered least are forgotten.
            if counts.count >= Self.remembered { counts = counts.filter { $0.value.answers > Self.most / 4 } }
        }
        if let count = counts[conversation], now.milliseconds - count.began < Self.window {
            counts[conversation]?.answers += answers
        } else {
            counts[conversation] = Count(began: now.milliseconds, answers: answers)
        }
    }
}
