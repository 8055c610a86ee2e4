import ArgumentParser
import Gateway
import Storage
import Telegram

/// The command `switchboard retention`.
struct RetentionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retention",
        abstract: "Show or choose how long the raw updates of a business are kept.",
        discussion: """
            A raw update is what Telegram delivered, byte for byte; `history --raw` shows it while it is kept. Histories need none: messages, their edits
            and their files' descriptions stay until they are erased. A running server takes up the change within a minute, and lets old bodies go in
            small steps.

            Examples:
              switchboard retention maier
              switchboard retention maier --raw 1d
            """
    )

    @OptionGroup var reference: BusinessCommand.Reference
    @Option(help: "Keep raw updates for so long: 0d to 365d.") var raw: String?
    @OptionGroup var options: CommonOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let chosen = try raw.map { try RetentionPolicy(raw: $0) }
        let (business, policy) = try await CommandContext.with(options) { [reference] context in
            let business = try await context.store.business(named: reference.business)
            if let chosen { try await context.store.setRetention(chosen, of: business.id) }
            return (business, try await context.store.retention(of: business.id))
        }
        if output.json {
            return Output.json(["business_id": .string(business.id.description), "raw": .string(policy.raw)])
        }
        Output.line("\(business.slug) (\(business.id)): raw updates are kept for \(policy.raw)")
    }
}
