import ArgumentParser
import Gateway
import Storage
import Telegram

/// A new token, a removal, a link.
extension BotCommand {
    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a bot a new token: history, conversations and hook stay, the old token is forgotten.",
            discussion: """
                Get the new token from @BotFather (/revoke ends the old one, /token shows the present one). It must be of the same bot. The webhook is
                set again with it and with a new secret; the secret before is taken until Telegram has the new one and ten minutes more,
                so that no delivery under way is refused. With --now it ends at once: deliveries that still carry it are refused, and
                Telegram repeats them with the new one. A webhook that was deleted on purpose is set again too.

                Examples:
                  switchboard bot rotate @maier_bot
                  switchboard bot rotate @maier_bot --token-file ./token --now
                """
        )

        @OptionGroup var reference: Reference
        @Option(help: "Read the new token from this file.") var tokenFile: String?
        @Flag(help: "Read the new token from standard input.") var tokenStdin = false
        @Flag(help: "End the old secret at once.") var now = false
        @OptionGroup var server: ServerOptions
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let source = try TokenSource(file: tokenFile, standardInput: tokenStdin)
            let (rotated, address) = try await CommandContext.with(options, server.flags) { [reference, now] context in
                let bot = try await context.store.bot(named: reference.bot)
                let address = try await context.serverAddress()
                let sealer = try await context.sealer()
                let token = try source.read()
                let rotated = try await BotCommand.withWebhooks(context.store, sealer, address) {
                    try await BotRotation($0).rotate(bot, to: token, endsOverlap: now)
                }
                return (rotated, address)
            }
            if rotated.tokenIsSame {
                Output.complain("note: this is the token that it had already; only the secret of its webhook is new")
            }
            if output.json { return Output.json(rotated.bot.json(publicURL: address.publicURL)) }
            Output.line("rotated \(rotated.bot.title) (\(rotated.bot.id)); its webhook is set with a new secret")
            Output.line(
                now
                    ? "the old secret is not taken any more"
                    : "the old secret is taken for ten minutes more, for deliveries under way"
            )
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a bot: its webhook is deleted, its token forgotten, its history kept.",
            discussion: """
                Telegram is told first; where it cannot be reached or refuses, nothing is removed. `bot add` with the same business brings the bot back with
                its history; with another business it is a new bot without it. What still waits to be sent is not sent,
                and `dead list` shows it. To erase the history too: `switchboard business remove`.

                Examples:
                  switchboard bot remove @maier_bot --yes
                  switchboard bot remove @maier_bot --yes --force     though Telegram cannot be told
                """
        )

        @OptionGroup var reference: Reference
        @Flag(help: "Do it; without this nothing is removed.") var yes = false
        @Flag(help: "Remove it even if Telegram cannot be told: its webhook may stay there, and is refused with 404.")
        var force = false
        @OptionGroup var server: ServerOptions
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let removed = try await CommandContext.with(options, server.flags) { [reference, yes, force] context in
                let bot = try await context.store.bot(named: reference.bot)
                guard yes else {
                    throw Failure(
                        .usage,
                        "this removes \(bot.title) (\(bot.id)), its history stays: give --yes to do it"
                    )
                }
                let address = try await context.serverAddress()
                let sealer = try await context.sealer(orNone: force)
                return try await BotCommand.withWebhooks(context.store, sealer, address) {
                    try await BotRemoval($0).remove(bot, force: force)
                }
            }
            if output.json {
                var shape = removed.bot.json(publicURL: nil)
                shape["note"] = .optional(removed.note)
                return Output.json(shape)
            }
            Output.line("removed \(removed.bot.title) (\(removed.bot.id)); its token is forgotten, its history is kept")
            if let note = removed.note { Output.line("note: \(note)") }
        }
    }

    struct Link: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the link that starts a bot, with a payload that tells where a customer came from.",
            discussion: """
                The payload arrives as the message "/start PAYLOAD": 1 to 64 letters, digits, hyphens and underscores.

                Examples:
                  switchboard bot link @maier_bot
                  switchboard bot link @maier_bot --payload flyer-2026
                """
        )

        @OptionGroup var reference: Reference
        @Option(help: "What the bot hears of where the customer came from.") var payload: String?
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let bot = try await CommandContext.with(options) { [reference] context in
                try await context.store.bot(named: reference.bot)
            }
            let link = try bot.link(payload: payload)
            if output.json {
                return Output.json([
                    "bot_id": .string(bot.id.description), "link": .string(link), "payload": .optional(payload),
                ])
            }
            Output.line(link)
        }
    }
}
