import Gateway
import Telegram

/// What a message holds, in a phrase for people: its text, its files, or what happened.
///
/// What is not a text stands in brackets, so that nobody's words are taken for a file.
struct MessageContent {
    private let message: Message
    private let extra: JSONView?

    /// Takes a message as it is now.
    init(_ message: Message) {
        self.message = message
        extra = message.extra.flatMap { try? JSONDocument(Array($0.utf8)).root }
    }

    /// Takes a message as it was before an edit.
    init(_ message: Message, before version: MessageVersion) {
        var message = message
        message.kind = version.kind
        message.text = version.text
        message.extra = version.extra
        message.attachments = version.attachments
        self.init(message)
    }

    /// The phrase.
    var phrase: TerminalPhrase {
        switch message.kind {
        case "text": return TerminalPhrase(quoting: message.text ?? "")
        case "service":
            var phrase = TerminalPhrase(quoting: message.words(attachments: message.attachments))
            add(Self.files(message.attachments), to: &phrase)
            return phrase
        default: return content
        }
    }

    /// A file says what it is; of all other kinds the words say it.
    ///
    /// The text follows whole.
    private var content: TerminalPhrase {
        var phrase: TerminalPhrase = ""
        if !message.attachments.contains(where: { $0.kind == message.kind }) {
            var bare = message
            bare.text = nil
            phrase.add("[")
            phrase.add(quoting: bare.words(attachments: message.attachments))
            phrase.add("]")
        }
        add(Self.files(message.attachments), to: &phrase)
        if let text = message.text { add(TerminalPhrase(quoting: text), to: &phrase) }
        return phrase
    }

    private func add(_ more: TerminalPhrase, to phrase: inout TerminalPhrase) {
        if more.isEmpty { return }
        if !phrase.isEmpty { phrase.add(" ") }
        phrase.add(more)
    }

    // MARK: Files

    /// Files as `[photo 1280×720, 120 KB]` and `[document price.pdf, 1.2 MB]`.
    static func files(_ attachments: [Attachment]) -> TerminalPhrase {
        var phrase: TerminalPhrase = ""
        for attachment in attachments {
            phrase.add(phrase.isEmpty ? "[" : " [")
            phrase.add(file(attachment))
            phrase.add("]")
        }
        return phrase
    }

    private static func file(_ attachment: Attachment) -> TerminalPhrase {
        let details = attachment.details.flatMap { try? JSONDocument(Array($0.utf8)).root }
        var phrase = TerminalPhrase(quoting: attachment.kind.replacing("_", with: " "))
        if let emoji = details?["emoji"]?.string {
            phrase.add(" ")
            phrase.add(quoting: emoji)
        }
        if let name = attachment.name {
            phrase.add(" ")
            phrase.add(quoting: name)
        }
        var facts: [String] = []
        // A sticker's measures say nothing to anybody.
        if attachment.kind != "sticker", let width = details?["width"]?.int64, let height = details?["height"]?.int64 {
            facts.append("\(width)×\(height)")
        }
        if let seconds = details?["duration"]?.int64, seconds >= 0 { facts.append(length(seconds)) }
        if let size = attachment.size { facts.append(bytes(size)) }
        if !facts.isEmpty { phrase.add((attachment.name == nil ? " " : ", ") + facts.joined(separator: ", ")) }
        return phrase
    }

    private static func length(_ seconds: Int64) -> String {
        "\(seconds / 60):\(seconds % 60 < 10 ? "0" : "")\(seconds % 60)"
    }

    /// A number of bytes in the units of the thousands: `900 bytes`, `1.2 MB`, `120 KB`.
    static func bytes(_ size: Int64) -> String {
        guard size >= 1000 else { return "\(size) bytes" }
        let units: [(name: String, size: Int64)] = [("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000)]
        // What would be rounded to a thousand of one unit is one of the next.
        let unit = units.last { size >= $0.size - $0.size / 2000 } ?? units[0]
        let tenths = (Double(size) / Double(unit.size) * 10).rounded()
        let isWhole = tenths >= 100 || tenths.truncatingRemainder(dividingBy: 10) == 0
        let number = isWhole ? "\(Int64((Double(size) / Double(unit.size)).rounded()))" : "\(tenths / 10)"
        return "\(number) \(unit.name)"
    }

    // MARK: Where it comes from

    /// `forwarded from Anna: `; empty for what was not forwarded.
    ///
    /// **Source:** Bot API, type `MessageOrigin`.
    var forwardMark: TerminalPhrase {
        guard let origin = extra?["forward_origin"] else { return "" }
        let user = origin["sender_user"]
        let chat = origin["chat"] ?? origin["sender_chat"]
        let names = [user?["first_name"]?.string, user?["last_name"]?.string].compactMap { $0 }
        let name =
            names.isEmpty ? origin["sender_user_name"]?.string ?? chat?["title"]?.string : names.joined(separator: " ")
        var mark: TerminalPhrase = "forwarded from "
        mark.add(quoting: name ?? "somebody")
        mark.add(": ")
        return mark
    }

    /// The part of another message that this one answers; nil if none was chosen.
    var quotedText: String? { extra?["quote"]?["text"]?.string }

    /// Marks an answer to something that is no message of this chat.
    var distantReplyMark: TerminalPhrase {
        if extra?["external_reply"] != nil { return "↪ a message of another chat: " }
        if extra?["reply_to_story"] != nil { return "↪ a story: " }
        return ""
    }
}
