import Gateway
import Telegram

/// What people see of messages: a row for each, and rows beneath it for what it was before, who reacted, and how votes stand.
struct MessageLines {
    /// The columns of the rows.
    static let columns: [TerminalTable.Column] = [
        .init(title: "time"), .init(title: ""), .init(title: "who", maximumWidth: 28),
        .init(title: "text", flexible: true),
    ]

    /// So much of a message is quoted where another answers it.
    private static let quoteWidth = 24

    private let messages: [Message]
    private let showsRoles: Bool
    private let showsRaw: Bool
    /// The messages of the page by Telegram's number; a group that became a supergroup may have one twice.
    private let byNumber: [Int64: [Message]]
    private let albums: [String: (first: MessageID, last: MessageID)]

    /// Makes lines of a page of messages, the earliest first.
    ///
    /// - Parameters:
    ///   - isBusinessChat: both sides of such a chat are people: then everybody's role is told.
    ///   - raw: whether the raw bodies were asked for.
    init(_ messages: [Message], isBusinessChat: Bool = false, raw: Bool = false) {
        self.messages = messages
        showsRoles = isBusinessChat || messages.contains { $0.sender.role == .owner }
        showsRaw = raw
        var byNumber: [Int64: [Message]] = [:]
        var albums: [String: (first: MessageID, last: MessageID)] = [:]
        for message in messages {
            if let number = message.telegramMessageID { byNumber[number, default: []].append(message) }
            if let album = message.albumID { albums[album] = (albums[album]?.first ?? message.id, message.id) }
        }
        self.byNumber = byNumber
        self.albums = albums
    }

    /// The rows of all messages.
    var rows: [[TerminalPhrase]] { messages.flatMap(rows) }

    private func rows(_ message: Message) -> [[TerminalPhrase]] {
        var time: TerminalPhrase = ""
        time.add(Output.time(message.sentAt ?? message.receivedAt))
        var rows = [
            [time, message.direction == .incoming ? "→" : "←", who(message), line(message)]
        ]
        for version in message.versions {
            var before: TerminalPhrase = "before: "
            before.add(MessageContent(message, before: version).phrase)
            rows.append(["", "", "", before])
        }
        if let reactions = Self.reactions(message) { rows.append(["", "", "", reactions]) }
        if let votes = Self.votes(message) { rows.append(["", "", "", votes]) }
        if let run = message.run {
            rows.append(["", "", "pipeline", TerminalPhrase(quoting: PipelineCommand.Log.line(run))])
        }
        if let raw = message.raw {
            rows.append(["", "", "raw", TerminalPhrase(quoting: String(decoding: raw, as: UTF8.self))])
        } else if showsRaw, message.direction == .incoming {
            rows.append(["", "", "raw", "the raw body was pruned"])
        }
        return rows
    }

    /// The sender; a service message says itself who did it.
    private func who(_ message: Message) -> TerminalPhrase {
        if message.kind == "service" { return "" }
        var who = TerminalPhrase(quoting: message.sender.name)
        let role = message.sender.role
        if showsRoles || (role != .customer && role != .unknown) {
            who.add(who.isEmpty ? "(\(role.rawValue))" : " (\(role.rawValue))")
        }
        return who
    }

    private func line(_ message: Message) -> TerminalPhrase {
        var line = albumMark(message)
        line.add(MessageContent(message).forwardMark)
        line.add(replyMark(message))
        if message.deletedAt != nil { line.add("~~") }
        line.add(MessageContent(message).phrase)
        if message.deletedAt != nil { line.add("~~") }
        let sent = message.sentAt ?? message.receivedAt
        if let edited = message.editedAt { line.add(" (edited \(Output.time(edited, since: sent)))") }
        if let deleted = message.deletedAt { line.add(" (deleted \(Output.time(deleted, since: sent)))") }
        if message.state != "received", message.state != "sent" {
            line.add(" (\(message.state)")
            if let error = message.error {
                line.add(": ")
                line.add(quoting: error)
            }
            line.add(")")
        }
        return line
    }

    /// Joins the messages of one album by a line down their left side.
    private func albumMark(_ message: Message) -> TerminalPhrase {
        guard let album = message.albumID.flatMap({ albums[$0] }) else { return "" }
        switch (message.id == album.first, message.id == album.last) {
        case (true, true): return "╶ "
        case (true, false): return "┌ "
        case (false, true): return "└ "
        case (false, false): return "├ "
        }
    }

    private func replyMark(_ message: Message) -> TerminalPhrase {
        let content = MessageContent(message)
        guard let number = message.replyTo else { return content.distantReplyMark }
        let candidates = byNumber[number] ?? []
        let answered = candidates.last { $0.id < message.id } ?? candidates.last
        guard let words = content.quotedText ?? answered.map({ $0.words(attachments: $0.attachments) }) else {
            var mark: TerminalPhrase = "↪ #"
            mark.add("\(number) ")
            return mark
        }
        var mark: TerminalPhrase = "↪ “"
        mark.add(quoting: TerminalText.clipped(TerminalText.sanitized(words), to: Self.quoteWidth))
        mark.add("” ")
        return mark
    }

    // MARK: Beneath a message

    private static func reactions(_ message: Message) -> TerminalPhrase? {
        guard !message.reactions.isEmpty else { return nil }
        var line: TerminalPhrase = "reactions: "
        for (place, entry) in message.reactions.enumerated() {
            if place > 0 { line.add(", ") }
            switch entry.reaction.kind {
            case "emoji": line.add(quoting: entry.reaction.value)
            case "custom_emoji": line.add("custom emoji")
            case "paid": line.add("⭐")
            default: line.add(quoting: entry.reaction.kind)
            }
            if let actor = entry.actor {
                line.add(" ")
                line.add(quoting: actor.name)
            } else {
                line.add("×\(entry.reaction.count)")
            }
        }
        return line
    }

    /// So many voters of an option are named.
    private static let namedVoters = 10

    private static func votes(_ message: Message) -> TerminalPhrase? {
        guard let poll = message.poll, let state = try? JSONDocument(Array(poll.state.utf8)).root,
            let options = state["options"]?.elements
        else { return nil }
        var line: TerminalPhrase = state["is_closed"]?.bool == true ? "votes (closed): " : "votes: "
        for (place, option) in options.enumerated() {
            if place > 0 { line.add(", ") }
            let voters = poll.votes.filter { $0.options.contains(Int64(place)) }
            line.add(quoting: option["text"]?.string ?? "?")
            line.add(" \(max(option["voter_count"]?.int64 ?? 0, Int64(voters.count)))")
            if voters.isEmpty { continue }
            line.add(" (")
            for (position, voter) in voters.prefix(namedVoters).enumerated() {
                if position > 0 { line.add(", ") }
                line.add(quoting: voter.voterName)
            }
            if voters.count > namedVoters { line.add(" and \(voters.count - namedVoters) more") }
            line.add(")")
        }
        return line
    }
}
