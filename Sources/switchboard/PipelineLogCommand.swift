import ArgumentParser
import Gateway
import Storage

extension PipelineCommand {
    struct Log: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what the pipeline did with each message, the newest first.",
            discussion: """
                Which steps ran, what failed and why, how many answers went into the outbox, and how long after its arrival. Kept as long as raw
                updates are (`switchboard retention`). Nothing of what customers wrote is in it (an update has the number of its message),
                unless a program's answer was refused that repeats it.

                Examples:
                  switchboard pipeline log maier --limit 20
                  switchboard pipeline log maier --conversation cnv_12 --json
                """
        )

        @OptionGroup var reference: BusinessCommand.Reference
        @Option(help: "Of this conversation alone.") var conversation: String?
        @Option(help: "Go on from where an earlier list ended: its next_cursor.") var after: String?
        @OptionGroup var page: PageOptions
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let start = try after.map { Page.Position.before(try Cursor.key($0)) } ?? .newest
            let slice = try await CommandContext.with(options) { [self] context in
                let business = try await context.store.business(named: reference.business)
                let only = try await chosen(context, business)
                return try await page.collect(from: start) { page in
                    try await context.store.pipelineRuns(of: business.id, in: only, page: page)
                }
            }
            if output.json { return Output.json(list: slice.elements.map(\.json), next: slice.next) }
            if slice.elements.isEmpty { return Output.line("nothing yet") }
            for run in slice.elements { Output.line(Self.line(run)) }
            if let next = slice.next { Output.line("more: --after \(Cursor.text(next))") }
        }

        private func chosen(_ context: CommandContext, _ business: Business) async throws -> ConversationID? {
            guard let conversation else { return nil }
            guard let id = ConversationID(conversation) else { throw GatewayError.unknownConversation(conversation) }
            return try await context.store.conversation(id, business: business.id).id
        }

        /// A line for people.
        static func line(_ run: PipelineRun) -> String {
            let place = run.conversation.map { "  \($0)" } ?? ""
            let version = run.pipeline.map { " by version \($0)" } ?? ""
            let steps = run.steps.map { step in
                let name = step.name.isEmpty ? "" : " \(TerminalText.sanitized(step.name))"
                let why = step.why.map { " (\(TerminalText.sanitized($0)))" } ?? ""
                return "step \(step.step)\(name): \(step.kind)\(step.result == "failed" ? " failed" : "")\(why)"
            }
            let done = steps.isEmpty && run.result == .ran ? ["no step matched"] : steps
            let answers = run.answers > 0 ? ["\(run.answers) answer(s)"] : []
            let notes = run.notes.map(TerminalText.sanitized)
            let what = (done + answers + notes + ["\(run.tookMilliseconds) ms"]).joined(separator: "; ")
            let word = run.result.rawValue.replacing("_", with: " ")
            return "\(Output.time(run.decidedAt))\(place)  update \(run.update)  \(word)\(version): \(what)"
        }
    }
}
