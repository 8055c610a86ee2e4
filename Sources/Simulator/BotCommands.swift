import Telegram

/// Finds `/commands` in a text, as Telegram marks them.
///
/// **Source:** tdlib `MessageEntity.cpp`, `match_bot_commands`: 1 to 64 of `A-Z a-z 0-9 _` after a slash that follows neither a word
/// character nor one of `/ < >`, perhaps `@` and a username of 3 to 32; neither stands before what is found.
enum BotCommands {
    /// The entities, with places in UTF-16 units.
    static func entities(in text: String) -> [JSON] {
        let scalars = Array(text.unicodeScalars)
        var found: [JSON] = []
        var index = 0
        var offset = 0
        while index < scalars.count {
            if let end = end(of: index, scalars) {
                found.append(["offset": .int(Int64(offset)), "length": .int(Int64(end - index)), "type": "bot_command"])
                // A command is ASCII: as many units as scalars.
                offset += end - index
                index = end
            } else {
                offset += UTF16.width(scalars[index])
                index += 1
            }
        }
        return found
    }

    private static func end(of start: Int, _ scalars: [Unicode.Scalar]) -> Int? {
        guard scalars[start] == "/" else { return nil }
        if start > 0, isWord(scalars[start - 1]) || isBracket(scalars[start - 1]) { return nil }
        var end = start + 1
        while end < scalars.count, isName(scalars[end]) { end += 1 }
        guard (1...64).contains(end - start - 1) else { return nil }
        if end < scalars.count, scalars[end] == "@" {
            var last = end + 1
            while last < scalars.count, isName(scalars[last]) { last += 1 }
            guard (3...32).contains(last - end - 1) else { return nil }
            end = last
        }
        if end < scalars.count, isWord(scalars[end]) || isBracket(scalars[end]) { return nil }
        return end
    }

    private static func isName(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || (scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil))
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType == .decimal
    }

    private static func isBracket(_ scalar: Unicode.Scalar) -> Bool { scalar == "/" || scalar == "<" || scalar == ">" }
}
