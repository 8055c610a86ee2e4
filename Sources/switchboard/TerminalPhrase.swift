/// A text for a terminal that is put together of words of ours and of what others wrote.
///
/// What others wrote is made harmless, and isolated where it runs from right to left: neither their letters nor their brackets reorder
/// what we say around them.
struct TerminalPhrase: Equatable, ExpressibleByStringLiteral {
    /// The text: safe to print as it is.
    private(set) var text: String

    /// Takes words of ours.
    init(stringLiteral words: String) { text = words }

    /// Takes what others wrote.
    init(quoting others: some StringProtocol) { text = TerminalText.isolated(TerminalText.sanitized(others)) }

    /// Whether nothing is in it.
    var isEmpty: Bool { text.isEmpty }

    /// Goes on with words of ours: ids, numbers and times, never what others wrote.
    mutating func add(_ words: String) { text += words }

    /// Goes on with what others wrote.
    mutating func add(quoting others: some StringProtocol) { text += Self(quoting: others).text }

    /// Goes on with another phrase.
    mutating func add(_ phrase: TerminalPhrase) { text += phrase.text }
}
