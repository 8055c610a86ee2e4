/// How fast may be sent, and how much is held in hand.
///
/// **Source:** Telegram's bots FAQ: about one message a second in a chat with short bursts, 20 a minute in a group, about
/// 30 a second for a bot in all. The figures are not binding: a 429 is, and teaches.
public struct PacingLimits: Hashable, Sendable {
    /// At most so many messages in any span of so many milliseconds.
    public struct Window: Hashable, Sendable {
        /// Messages.
        public var count: Int
        /// Milliseconds.
        public var span: Int64

        /// Makes a window of at least one message and one millisecond.
        public init(count: Int, span: Int64) {
            self.count = max(1, count)
            self.span = max(1, span)
        }
    }

    /// Of one bot.
    public var bot = Window(count: 30, span: 1000)
    /// Of one group, beside the chat's own pace.
    public var group = Window(count: 20, span: 60_000)
    /// Milliseconds from one message of a chat to the next in the long run.
    public var chatInterval: Int64 = 1000
    /// How many messages a chat that was quiet takes at once.
    public var chatBurst = 3
    /// How often a 429 may halve the pace of its chat or bot; 0 only waits as long as asked.
    public var slowings = 3
    /// Milliseconds without another 429 after which the pace is doubled again.
    public var recovery: Int64 = 60_000
    /// A bot as a whole is parked when so many of its chats are refused within `botEvidenceSpan` milliseconds.
    ///
    /// A 429 does not say whom it is about.
    public var botEvidence = 3
    /// See `botEvidence`.
    public var botEvidenceSpan: Int64 = 2000
    /// Calls of all that are out at once.
    ///
    /// A business may take another of these slots only while more are free than it has itself. So one business alone comes to half of them,
    /// three that all want more than they get to a quarter each, and however many there are, as many as each has stay free for who comes next.
    ///
    /// **Source:** the dynamic threshold by which switches share a buffer (Choudhury, Hahne 1998): nothing to be set for each, and no slot is
    /// kept from who could use it beyond one share.
    public var inFlight = SendingLimits.out
    /// Calls of one bot that are out at once, so that one slow server does not take all the workers.
    public var inFlightPerBot = 64

    /// Rows in hand of all businesses together.
    public var held = 8192
    /// Rows in hand of one business; fewer when many businesses share `held`, but never fewer than `heldAtLeast`.
    public var heldPerBusiness = 1024
    /// Rows in hand of one bot.
    public var heldPerBot = 512
    /// Rows in hand of one bot that go aside, beyond all the others.
    public var asidesPerBot = 64
    /// Rows in hand of one conversation.
    public var heldPerConversation = 4
    /// What any business may hold even when the others have filled `held`.
    public var heldAtLeast = 8

    /// The usual limits.
    public init() {}
}
