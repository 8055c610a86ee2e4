import ArgumentParser
import Gateway
import Storage
import Telegram

/// The command `switchboard dead`.
struct DeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead",
        abstract: "Calls that are not tried again by themselves: list, show, replay and drop them.",
        discussion: """
            A call lies here when Telegram refused it (failed), when nothing reaches its chat (blocked), when it was made and not answered (unknown:
            perhaps it was carried out, so a replay may make a second message), when only a part of an album was sent (partial), or when it was tried
            too often (given_up).
            """,
        subcommands: [List.self, Show.self, Replay.self, Drop.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List dead calls, the latest first; texts are not shown.",
            discussion: "Examples:\n  switchboard dead list\n  switchboard dead list maier --limit 500 --json"
        )

        @Argument(help: "Of this business alone: its slug or id.") var business: String?
        @Option(help: "Go on from where an earlier list ended: its next_cursor.") var after: String?
        @OptionGroup var page: PageOptions
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let start = try after.map { Page.Position.before(try Cursor.key($0)) } ?? .newest
            let slice = try await CommandContext.with(options) { [page, business] context in
                var id: BusinessID?
                if let business { id = try await context.store.business(named: business).id }
                return try await page.collect(from: start) { try await context.store.deadLetters(of: id, page: $0) }
            }
            if output.json { return Output.json(list: slice.elements.map { $0.json() }, next: slice.next) }
            if slice.elements.isEmpty { return Output.line("no dead call") }
            var table = TerminalTable(columns: [
                .init(title: "id"), .init(title: "business"), .init(title: "conversation"), .init(title: "method"),
                .init(title: "cause"), .init(title: "tries"), .init(title: "since"),
                .init(title: "reason", flexible: true),
            ])
            for letter in slice.elements {
                table.add([
                    letter.id.description, letter.business.description, letter.conversation.description, letter.method,
                    letter.cause.rawValue, String(letter.attempts), Output.time(letter.diedAt), letter.reason,
                ])
            }
            Output.table(table)
            if let next = slice.next { Output.line("more: --after \(Cursor.text(next))") }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one dead call with its parameters, which hold its text.",
            discussion: "Example:\n  switchboard dead show dead_7 --json"
        )

        @Argument(help: "The dead call: its id.") var id: String
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let id = try DeadCommand.id(id)
            let letter = try await CommandContext.with(options) { try await $0.store.deadLetter(id) }
            if output.json { return Output.json(letter.json(isWhole: true)) }
            Output.line("\(letter.id): \(letter.method) into \(letter.conversation), \(letter.cause.rawValue)")
            Output.line("asked for \(Output.time(letter.createdAt)), given up \(Output.time(letter.diedAt))")
            Output.line("after \(letter.attempts) tries: \(TerminalText.sanitized(letter.reason))")
            if let first = letter.firstMessage { Output.line("message \(first) (\(letter.messages) in all)") }
            Output.line(TerminalText.sanitized(letter.parameters))
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put dead calls back into the outbox, all of them or none.",
            discussion: "Example:\n  switchboard dead replay dead_7 dead_8"
        )

        @Argument(help: "The dead calls: their ids.") var ids: [String]
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let ids = try DeadCommand.ids(ids)
            let rows = try await CommandContext.with(options) { try await $0.store.replay(ids, at: .now()) }
            for (id, row) in zip(ids, rows) {
                if output.json {
                    Output.json(["id": .string(id.description), "outbox_id": .string(row.description)])
                } else {
                    Output.line("\(id) waits in the outbox again, as \(row)")
                }
            }
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget dead calls, all of them or none; the history keeps their messages.",
            discussion: "Example:\n  switchboard dead drop dead_7 dead_8"
        )

        @Argument(help: "The dead calls: their ids.") var ids: [String]
        @OptionGroup var options: CommonOptions

        mutating func run() async throws {
            let ids = try DeadCommand.ids(ids)
            try await CommandContext.with(options) { try await $0.store.drop(ids) }
            for id in ids { Output.line("dropped \(id)") }
        }
    }

    private static func id(_ text: String) throws -> DeadLetterID {
        guard let id = DeadLetterID(text) else { throw GatewayError.unknownDeadLetter(text) }
        return id
    }

    private static func ids(_ texts: [String]) throws -> [DeadLetterID] {
        let ids = try texts.map { try id($0) }
        guard Set(ids).count == ids.count else { throw Failure(.usage, "a dead call is named twice: name each once") }
        return ids
    }
}
