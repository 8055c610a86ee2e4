import Telegram

/// What the words for a message are made of.
///
/// Every text of a person is cut short and brought onto one line. None is made safe for a terminal: whoever prints does that.
struct Telling {
    /// What stands in `extra` under the kind's name.
    var details: JSONView?
    /// The whole `extra`.
    var extra: JSONView?
    /// Who did it.
    var sender: Message.Sender
    /// The message's text, cut short.
    var text: String?
    /// The first of its files.
    var file: Attachment?

    private static let longestText = 80

    /// A text on one line, cut short.
    static func short(_ text: String) -> String {
        let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return line.count > longestText ? line.prefix(longestText) + "…" : line
    }

    /// “1 winner”, “2 winners”.
    static func counted(_ count: Int64, _ noun: String) -> String { count == 1 ? "1 \(noun)" : "\(count) \(noun)s" }

    /// The sender's name.
    var who: String { sender.name.isEmpty ? "somebody" : Self.short(sender.name) }

    /// The same for what stands inside.
    func inside(_ name: String) -> Telling {
        var inner = self
        inner.details = details?[named: name]
        return inner
    }

    /// Whether a user is the sender.
    func isAbout(_ user: JSONView?) -> Bool { user?["id"]?.int64 != nil && user?["id"]?.int64 == sender.id }

    /// A member that is a text.
    func string(_ name: String) -> String? { details?[named: name]?.string.map(Self.short) }

    /// A member that is a text, in quotation marks, with a space before; nothing if there is none.
    func quoted(_ name: String) -> String { string(name).map { " “\($0)”" } ?? "" }

    /// The details themselves, if they are a text.
    var ownText: String { details?.string.map(Self.short) ?? "" }

    /// A member that is a whole number.
    func number(_ name: String) -> Int64? { details?[named: name]?.int64 }

    /// A member that is a number, as it is written.
    func raw(_ name: String) -> String { details?[named: name].flatMap { $0.double == nil ? nil : $0.rawText } ?? "?" }

    /// How many elements a member has.
    func count(_ name: String) -> Int {
        details?[named: name]?.elements.map { $0.reduce(0) { count, _ in count + 1 } } ?? 0
    }

    /// A member that counts things.
    func counted(_ name: String, _ noun: String) -> String { Self.counted(number(name) ?? 0, noun) }

    /// A member that counts Telegram Stars.
    func stars(_ name: String) -> String { counted(name, "Star") }

    /// A price: the numbers of currencies are in their smallest units.
    ///
    /// **Source:** Bot API, `SuccessfulPayment.total_amount`, `SuggestedPostPrice.amount`.
    func amount(_ name: String = "total_amount") -> String {
        let number = number(name) ?? 0
        return switch string("currency") ?? "" {
        case "XTR": Self.counted(number, "Star")
        case "TON": Self.counted(number, "nanotoncoin")
        case let currency: "\(number) smallest units of \(currency)"
        }
    }

    /// A member that is a person.
    func person(_ name: String) -> String { inside(name).name ?? "somebody" }

    /// The name of the person that the details are.
    var name: String? { details.flatMap { Projection.personName($0) }.map(Self.short) }

    /// A member that is a chat: its title, or the name of its person.
    func chat(_ name: String) -> String { inside(name).string("title") ?? person(name) }

    /// A member, or the details themselves, that are several persons.
    func people(_ name: String?) -> String {
        let list = name.map { details?[named: $0] } ?? details
        let names = (list?.elements.map(Array.init) ?? []).map {
            Projection.personName($0).map(Self.short) ?? "somebody"
        }
        switch names.count {
        case 0: return "nobody"
        case 1...3: return names.joined(separator: ", ")
        default: return names.prefix(3).joined(separator: ", ") + " and \(names.count - 3) more"
        }
    }

    /// A member that is a time.
    func moment(_ name: String) -> String {
        number(name).map { Timestamp(seconds: $0).rfc3339 } ?? "some time"
    }

    /// A member that is a number of seconds.
    func length(_ name: String) -> String {
        let seconds = number(name) ?? 0
        return switch seconds {
        case 86_400... where seconds % 86_400 == 0: Self.counted(seconds / 86_400, "day")
        case 3600... where seconds % 3600 == 0: Self.counted(seconds / 3600, "hour")
        case 60... where seconds % 60 == 0: Self.counted(seconds / 60, "minute")
        default: Self.counted(seconds, "second")
        }
    }

    /// The name of the file.
    var named: String { file?.name.map { " “\(Self.short($0))”" } ?? "" }

    private var ofFile: Telling {
        var inner = self
        inner.details = file?.details.flatMap { try? JSONDocument(Array($0.utf8)).root }
        return inner
    }

    /// How long the file plays.
    var ofLength: String {
        let inner = ofFile
        return inner.number("duration") == nil ? "" : " of \(inner.length("duration"))"
    }

    /// The emoji of a sticker.
    var emoji: String { ofFile.string("emoji").map { " \($0)" } ?? "" }

    /// Whether somebody is in the chat according to `ChatMember`.
    static func isMember(_ member: JSONView?) -> Bool {
        switch member?["status"]?.string {
        case "creator", "administrator", "member": true
        case "restricted": member?["is_member"]?.bool != false
        default: false
        }
    }

    /// Whether the member was in the chat before.
    var wasMember: Bool { Self.isMember(details?["old_chat_member"]) }

    /// Whether the member is in the chat now.
    var isMember: Bool { Self.isMember(details?["new_chat_member"]) }

    /// The new status of the member.
    var newStatus: String? { details?["new_chat_member"]?["status"]?.string }
}

extension JSONChildren {
    /// The first of the values.
    var firstElement: JSONView? {
        var children = self
        return children.next()
    }
}

extension Message {
    /// What it is in one short line for people: the text of a text message, or what was sent, or what happened.
    ///
    /// It may hold names and words of customers, and whatever characters they chose: a terminal needs it made safe.
    public var words: String { words(attachments: []) }

    /// `words`, with what the files tell.
    public func words(attachments: [Attachment]) -> String {
        if kind == "text" { return text ?? "" }
        let details = extra.flatMap { try? JSONDocument(Array($0.utf8)).root }
        var telling = Telling(
            details: nil,
            extra: details,
            sender: sender,
            text: text.map(Telling.short),
            file: attachments.min { $0.position < $1.position }
        )
        if kind == "service" {
            guard let name = details?["service"]?.string, let service = ServiceKind.byName[name] else {
                return "something happened"
            }
            telling.details = details?[named: name]
            return service.words(telling)
        }
        guard let content = ContentKind.byName[kind] else { return "something that this version does not know" }
        telling.details = details?[named: kind]
        let words = content.words(telling)
        return telling.text.map { $0.isEmpty ? words : "\(words): \($0)" } ?? words
    }
}
