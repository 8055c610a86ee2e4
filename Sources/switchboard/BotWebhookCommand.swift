import ArgumentParser
import Gateway
import Storage
import Telegram

extension BotCommand {
    struct Webhook: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what Telegram has as a bot's webhook and what it should have; set or delete it.",
            discussion: """
                `serve` keeps webhooks in order by itself, at most \(BotTurns.perMinute) bots a minute. It does not take a bot back from another program that
                has set its own webhook: --set does. --delete keeps the webhook away until --set; Telegram holds updates for a day. Another
                program's webhook is never deleted.

                With --all, more than \(BotTurns.perMinute) bots are asked at a pace of \(BotTurns.perMinute) a minute, and --json prints one object a line as they come.

                Examples:
                  switchboard bot webhook @maier_bot
                  switchboard bot webhook @maier_bot --set
                  switchboard bot webhook --all --json
                """
        )

        @Argument(help: "The bot: its @username or id.") var bot: String?
        @Flag(help: "All bots of the server, one after the other.") var all = false
        @Flag(help: "Set the webhook, whatever Telegram has.") var set = false
        @Flag(help: "Delete the webhook, and keep it away.") var delete = false
        @Flag(help: "Needed for --all --delete: no bot receives anything then.") var yes = false
        @OptionGroup var server: ServerOptions
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (bot != nil) != all else { throw ValidationError("name one bot, or give --all") }
            guard !(set && delete) else { throw ValidationError("give --set or --delete, not both") }
            guard !(all && delete) || yes else {
                throw ValidationError("--all --delete stops every bot of the server: give --yes to do it")
            }
        }

        mutating func run() async throws {
            let command = self
            let (asked, failed) = try await CommandContext.with(options, server.flags) { context in
                let bots =
                    if let name = command.bot { [try await context.store.bot(named: name)] } else {
                        try await context.store.bots(of: nil)
                    }
                let address = try await context.serverAddress()
                let sealer = try await context.sealer()
                return try await BotCommand.withWebhooks(context.store, sealer, address) { webhooks in
                    (bots.count, try await command.handle(bots, webhooks))
                }
            }
            if all, asked == 0, !output.json { Output.line("no bot yet: `switchboard bot add BUSINESS` adds one") }
            if failed > 0 {
                throw Failure(.refusedByTelegram, "\(failed) of \(asked) bots failed, each named above")
            }
        }

        /// Takes one bot after the other; of several, one that fails does not stop the rest.
        ///
        /// - Returns: how many failed.
        private func handle(_ bots: [Bot], _ webhooks: BotWebhooks) async throws -> Int {
            var turns = BotTurns(count: bots.count)
            var failed = 0
            for bot in bots {
                try await turns.next()
                do {
                    show(try await handle(bot, webhooks))
                } catch let error as GatewayError where all && error.category != .misconfigured {
                    failed += 1
                    Output.complain("\(bot.title) (\(bot.id)): \(error)")
                }
            }
            return failed
        }

        /// Does what is asked for one bot, and looks what Telegram has then.
        private func handle(_ bot: Bot, _ webhooks: BotWebhooks) async throws -> WebhookReport {
            if set {
                let outcome = try await webhooks.want(bot.id)
                if let error = outcome.error { throw GatewayError.telegram(error, kept: nil) }
            } else if delete {
                let outcome = try await webhooks.delete(try await webhooks.store.standing(of: bot.id))
                if let error = outcome.error { throw GatewayError.telegram(error, kept: nil) }
            }
            return try await webhooks.look(at: try await webhooks.store.standing(of: bot.id))
        }

        private func show(_ report: WebhookReport) {
            if output.json { return Output.json(report.json) }
            let known = report.known
            Output.line("\(report.bot.title) (\(report.bot.id)): \(report.bot.health.rawValue)")
            Output.line("  telegram   \(report.shownURL.isEmpty ? "none" : TerminalText.sanitized(report.shownURL))")
            Output.line("  wanted     \(report.wanted?.url ?? "none")")
            Output.line("  waiting    \(known.pendingUpdates)")
            if let at = known.lastErrorAt {
                let text = TerminalText.sanitized(known.lastErrorText ?? "")
                Output.line("  last error \(Output.time(Timestamp(seconds: at))): \(text)")
            }
            for difference in report.differences { Output.line("  differs    \(TerminalText.sanitized(difference))") }
            if report.differences.isEmpty { Output.line("  in order") }
        }
    }
}
