import ArgumentParser
import Gateway
import Storage

/// The command `switchboard audit`.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Show what was changed about businesses, bots, pipelines and webhooks, the latest first.",
        discussion: """
            Each change writes its line itself, and no line is ever changed or taken away. Lines hold ids and counts, nothing that anybody wrote; those of an
            erased business stay: name it by its id.

            Examples:
              switchboard audit --limit 20
              switchboard audit maier
              switchboard audit biz_7 --json
            """
    )

    @Argument(help: "A business, by slug or id (default: all).") var business: String?
    @Option(help: "Go on from where an earlier list ended: its next_cursor.") var after: String?
    @OptionGroup var page: PageOptions
    @OptionGroup var options: CommonOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let start = try after.map { Page.Position.before(try Cursor.key($0)) } ?? .newest
        let slice = try await CommandContext.with(options) { [self] context in
            let only = try await chosen(context.store)
            return try await page.collect(from: start) { try await context.store.audit(of: only, page: $0) }
        }
        if output.json { return Output.json(list: slice.elements.map(\.json), next: slice.next) }
        if slice.elements.isEmpty { return Output.line("nothing yet") }
        var table = TerminalTable(columns: [
            .init(title: "at"), .init(title: "business"), .init(title: "action"), .init(title: "subject"),
            .init(title: "detail"),
        ])
        for entry in slice.elements {
            table.add([
                Output.time(entry.at), entry.business?.description ?? "", entry.action, entry.subject,
                TerminalText.sanitized(entry.detail ?? ""),
            ])
        }
        Output.table(table)
        if let next = slice.next { Output.line("more: --after \(Cursor.text(next))") }
    }

    /// An id is taken as it is: its business may be erased.
    private func chosen(_ store: SQLiteStore) async throws -> BusinessID? {
        guard let business else { return nil }
        if let id = BusinessID(business) { return id }
        return try await store.business(named: business).id
    }
}
