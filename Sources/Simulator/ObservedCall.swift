/// A call of the Bot API and what became of it, as whoever measures is told.
public struct ObservedCall: Hashable, Sendable {
    /// The bot by its token; nil if the token names none.
    public let botID: Int64?
    /// The method, in small letters.
    public let method: String
    /// The call's `text`; empty if it has none.
    public let text: String
    /// The status of the answer; 0 where a fault cut the connection before the call was carried out.
    public let status: Int
    /// Whether Telegram has done what was asked.
    public let isCarriedOut: Bool
    /// Whether the answer was written as it is; false where a fault withheld or spoiled it.
    public let isAnswered: Bool

    init(_ call: BotCall, status: Int, isCarriedOut: Bool, isAnswered: Bool) {
        botID = Int64(call.token.prefix { $0 != ":" })
        method = call.method
        text = call.parameters["text"]
        self.status = status
        self.isCarriedOut = isCarriedOut
        self.isAnswered = isAnswered
    }
}
