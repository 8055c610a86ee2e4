import ArgumentParser
import Gateway
import Handlers
import Storage
import Telegram

extension BusinessCommand {
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Erase a business with everything it ever had: bots, customers, conversations, messages.",
            discussion: """
                First its bots are removed, and their webhooks with them; where Telegram cannot be told, nothing is erased. Then its rows go in small steps, while the
                server runs on for the others, and its files folder. It may be interrupted and run again. There is no way back but a backup.

                Examples:
                  switchboard business remove maier --yes
                  switchboard business remove maier --yes --force     though Telegram cannot be told
                """
        )

        @OptionGroup var reference: Reference
        @Flag(help: "Do it; without this nothing is erased.") var yes = false
        @Flag(help: "Erase it even if Telegram cannot be told: webhooks may stay there, and are refused with 404.")
        var force = false
        @OptionGroup var server: BotCommand.ServerOptions
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let command = self
            let (business, rows) = try await CommandContext.with(options, server.flags) { context in
                let business = try await context.store.business(named: command.reference.business)
                guard command.yes else {
                    throw Failure(
                        .usage,
                        "this erases \(business.slug) (\(business.id)) with everything it ever had: give --yes to do it"
                    )
                }
                return (business, try await command.remove(business, context))
            }
            if output.json {
                return Output.json([
                    "id": .string(business.id.description), "slug": .string(business.slug.text),
                    "erased_rows": .int(Int64(rows)),
                ])
            }
            Output.line("erased \(business.slug) (\(business.id)): \(rows) rows")
        }

        private func remove(_ business: Business, _ context: CommandContext) async throws -> Int {
            // Without bots there is nobody to tell, so neither key nor address is needed.
            let bots = try await context.store.bots(of: business.id)
            let address = try await bots.isEmpty ? context.store.serverAddress() : context.serverAddress()
            let sealer = try await context.sealer(orNone: force || bots.isEmpty)
            let place = address ?? ServerAddress(publicURL: PublicURL(recorded: ""), botAPI: BotAPI.hosted)
            return try await BotCommand.withWebhooks(context.store, sealer, place) { webhooks in
                let removal = BusinessRemoval(store: context.store, webhooks: webhooks)
                return try await removal.remove(business, force: force) {
                    try removeFiles(of: business, context)
                } progress: {
                    tell($0)
                }
            }
        }

        private func removeFiles(of business: Business, _ context: CommandContext) throws {
            do { try FilesFolders(directory: context.directory.path).remove(of: business.id) } catch {
                throw Failure(
                    .failed,
                    "the folder files/\(business.id) in \(context.directory.path) cannot be removed: see who owns it, then run this again"
                )
            }
        }

        private func tell(_ progress: BusinessRemoval.Progress) {
            guard case .bot(let bot, let note) = progress else { return }
            if let note { Output.complain("\(bot.title) (\(bot.id)): \(note)") }
            if !output.json { Output.line("removed \(bot.title) (\(bot.id))") }
        }
    }
}
