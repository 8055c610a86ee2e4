import ArgumentParser
import Gateway
import Storage
import Telegram

/// Which part of a list is asked for; a long one is read page by page.
struct PageOptions: ParsableArguments {
    @Option(help: "How many at the most.")
    var limit = 50

    mutating func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1") }
    }

    /// Reads pages from a position until the limit is reached or the list ends.
    func collect<Element>(
        from start: Page.Position,
        _ read: (Page) async throws -> Slice<Element>
    ) async throws -> Slice<Element> {
        var position = start
        var elements: [Element] = []
        while true {
            let slice = try await read(Page(position, limit: limit - elements.count))
            elements += slice.elements
            guard let next = slice.next, elements.count < limit else {
                return Slice(elements: elements, next: slice.next)
            }
            if case .after = start { position = .after(next) } else { position = .before(next) }
        }
    }
}

/// The command `switchboard conversations`.
struct ConversationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conversations",
        abstract: "List the conversations of a business, the latest first.",
        discussion: """
            Examples:
              switchboard conversations maier
              switchboard conversations maier --bot @maier_bot --status open --json
            """
    )

    /// The states of a conversation.
    enum Status: String, ExpressibleByArgument, CaseIterable {
        case open, pending, closed
    }

    @Argument(help: "The business: its slug or id.") var business: String
    @Option(help: "Of this bot alone: its @username or id.") var bot: String?
    @Option(help: "Of this status alone: open, pending or closed.") var status: Status?
    @Option(help: "Go on from where an earlier list ended: its next_cursor.") var after: String?
    @OptionGroup var page: PageOptions
    @OptionGroup var options: CommonOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let start = try after.map { Page.Position.before(try Cursor.key($0)) } ?? .newest
        let slice = try await CommandContext.with(options) { [self] context in
            let business = try await context.store.business(named: business)
            var filter = ConversationFilter(status: status?.rawValue)
            if let bot {
                let found = try await context.store.bot(named: bot)
                guard found.businessID == business.id else { throw GatewayError.unknownBot(bot) }
                filter.bot = found.id
            }
            return try await page.collect(from: start) { page in
                try await context.store.conversations(of: business.id, matching: filter, page: page)
            }
        }
        if output.json { return Output.json(list: slice.elements.map(\.json), next: slice.next) }
        if slice.elements.isEmpty { return Output.line("no conversation") }
        var table = TerminalTable(columns: [
            .init(title: "id"), .init(title: "bot"), .init(title: "with", maximumWidth: 28), .init(title: "kind"),
            .init(title: "status"), .init(title: "labels", maximumWidth: 24), .init(title: "last"),
            .init(title: "last message", flexible: true),
        ])
        for conversation in slice.elements { table.add(Self.row(conversation)) }
        Output.table(table)
        if let next = slice.next { Output.line("more: --after \(Cursor.text(next))") }
    }

    /// One line of the list.
    static func row(_ conversation: Conversation) -> [TerminalPhrase] {
        var (id, bot, kind, status, last):
            (TerminalPhrase, TerminalPhrase, TerminalPhrase, TerminalPhrase, TerminalPhrase)
        (id, bot, kind, status, last) = ("", "", "", "", "")
        var labels: TerminalPhrase = ""
        id.add(conversation.id.description)
        bot.add(conversation.botID.description)
        var title = TerminalPhrase(quoting: conversation.title)
        if let thread = conversation.threadID { title.add(" #\(thread)") }
        kind.add(quoting: conversation.kind)
        if let space = spaceWords(conversation) { kind.add(", \(space)") }
        status.add(conversation.status)
        if conversation.handledBy == "people" { status.add(", people have it") }
        if let assignee = conversation.assignee {
            status.add(", ")
            status.add(quoting: assignee)
        }
        if conversation.blocked { status.add(", blocked") }
        for label in conversation.labels {
            if !labels.isEmpty { labels.add(", ") }
            labels.add(quoting: label)
        }
        last.add(conversation.lastMessageAt.map(Output.time) ?? "")
        return [
            id, bot, title, kind, status, labels, last,
            conversation.lastMessage.map { MessageContent($0).phrase } ?? "",
        ]
    }

    /// What sets a chat apart from the bot's own chats; nil for one of these.
    static func spaceWords(_ conversation: Conversation) -> String? {
        switch conversation.space {
        case "direct": nil
        case "guest": "guest"
        default: "business"
        }
    }

    /// What a history begins with: with whom, and what is to be known of the chat.
    static func heading(_ conversation: Conversation) -> TerminalPhrase {
        var heading = TerminalPhrase(quoting: conversation.title)
        heading.add(" (\(conversation.id), ")
        heading.add(quoting: conversation.kind)
        if let space = spaceWords(conversation) { heading.add(", \(space) chat") }
        if let thread = conversation.threadID { heading.add(", topic \(thread)") }
        if conversation.blocked { heading.add(", has blocked the bot") }
        heading.add(")")
        return heading
    }
}

/// The command `switchboard history`.
struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show the messages of a conversation in the order in which they arrived.",
        discussion: """
            Without a cursor these are the latest; --before goes back from there, --after forwards. For people the latest stand last; with --json
            they come first, but after --after.

            ↪ marks an answer, ┌ ├ └ an album, ~~ what was deleted; "before:" is how an edited message read. Raw updates are kept for a while only:
            see `switchboard retention`.

            Examples:
              switchboard history maier cnv_12
              switchboard history maier cnv_12 --limit 1000 --json
            """
    )

    @Argument(help: "The business: its slug or id.") var business: String
    @Argument(help: "The conversation: its id.") var conversation: String
    @Option(help: "What came before: the next_cursor of an earlier list.") var before: String?
    @Option(help: "What came after: a cursor.") var after: String?
    @Flag(help: "Show the raw updates too, while they are kept.") var raw = false
    @OptionGroup var page: PageOptions
    @OptionGroup var options: CommonOptions
    @OptionGroup var output: OutputOptions

    mutating func validate() throws {
        if before != nil, after != nil { throw ValidationError("give --before or --after, not both") }
    }

    mutating func run() async throws {
        var start = Page.Position.newest
        if let before { start = .before(try Cursor.key(before)) }
        if let after { start = .after(try Cursor.key(after)) }
        guard let id = ConversationID(conversation) else { throw GatewayError.unknownConversation(conversation) }
        let (conversation, slice) = try await CommandContext.with(options) { [self, start] context in
            let business = try await context.store.business(named: business)
            let slice = try await page.collect(from: start) { page in
                try await context.store.messages(of: id, business: business.id, page: page, raw: raw)
            }
            return (try await context.store.conversation(id, business: business.id), slice)
        }
        if output.json { return Output.json(list: slice.elements.map(shape), next: slice.next) }
        if slice.elements.isEmpty { return Output.line("no message") }
        Output.line(ConversationsCommand.heading(conversation).text)
        if after == nil, let next = slice.next { Output.line("earlier: --before \(Cursor.text(next))") }
        let messages = after == nil ? slice.elements.reversed() : slice.elements
        Self.show(messages, isBusinessChat: conversation.space.hasPrefix("business:"), raw: raw)
        if after != nil, let next = slice.next { Output.line("more: --after \(Cursor.text(next))") }
    }

    /// A message for programs; a raw body that was asked for and is gone is `null`.
    private func shape(_ message: Message) -> JSON {
        var shape = message.json
        if raw, message.raw == nil { shape["raw"] = .null }
        return shape
    }

    /// Prints messages, the earliest first.
    static func show(_ messages: [Message], isBusinessChat: Bool, raw: Bool = false) {
        var table = TerminalTable(columns: MessageLines.columns)
        for row in MessageLines(messages, isBusinessChat: isBusinessChat, raw: raw).rows { table.add(row) }
        Output.table(table)
    }
}

/// The command `switchboard updates`.
struct UpdatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "updates",
        abstract: "Look at what Telegram delivered.",
        subcommands: [Failed.self]
    )

    struct Failed: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what was kept but not understood, the newest first.",
            discussion: "Example:\n  switchboard updates failed maier --limit 200"
        )

        @Argument(help: "The business: its slug or id (default: all).") var business: String?
        @Option(help: "Go on from where an earlier list ended: its next_cursor.") var after: String?
        @OptionGroup var page: PageOptions
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let start = try after.map { Page.Position.before(try Cursor.key($0)) } ?? .newest
            let slice = try await CommandContext.with(options) { [self] context in
                var id: BusinessID?
                if let business { id = try await context.store.business(named: business).id }
                return try await page.collect(from: start) { [id] page in
                    try await context.store.keptUpdates(of: id, page: page)
                }
            }
            if output.json { return Output.json(list: slice.elements.map(\.json), next: slice.next) }
            if slice.elements.isEmpty { return Output.line("nothing: every update was understood") }
            var table = TerminalTable(columns: [
                .init(title: "id"), .init(title: "bot"), .init(title: "update", alignment: .right),
                .init(title: "kind", maximumWidth: 32), .init(title: "received"),
                .init(title: "bytes", alignment: .right), .init(title: "why", flexible: true),
            ])
            for update in slice.elements {
                let why = update.detail.map { "\(update.mark.words) (\($0))" } ?? update.mark.words
                table.add([
                    update.id.description, update.botID.description, update.updateID.map { String($0) } ?? "",
                    update.kind,
                    Output.time(update.receivedAt), String(update.bytes), why,
                ])
            }
            Output.table(table)
            if let next = slice.next { Output.line("more: --after \(Cursor.text(next))") }
        }
    }
}
