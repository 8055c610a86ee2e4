import ArgumentParser
import Foundation
import Gateway
import Storage
import Telegram

extension BotCommand {
    struct Profile: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show or set what customers see of a bot: name, description, about, commands.",
            discussion: """
                Without options it shows the profile. With options it sets what differs, and shows the difference. --language makes all of this of one
                language; customers of other languages see the profile for all. An empty text takes that of the language away.

                The file of --commands has a line for each, as @BotFather takes them: command - what it does

                Examples:
                  switchboard bot profile @maier_bot
                  switchboard bot profile @maier_bot --about "Flowers, fresh every day" --commands ./commands.txt
                  switchboard bot profile @maier_bot --language de --description "Schreiben Sie uns!"
                """
        )

        /// No longer file of commands can be right.
        private static let longestFile = 1 << 20

        @OptionGroup var reference: Reference
        @Option(help: "The name: up to 64 characters.") var name: String?
        @Option(help: "What an empty chat shows: up to 512 characters.") var description: String?
        @Option(help: "The text of the profile page: up to 120 characters.") var about: String?
        @Option(help: "A file with the commands of the menu.") var commands: String?
        @Option(help: "The language, two letters (default: for all).") var language: String?
        @OptionGroup var server: ServerOptions
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let change = try ProfileChange(
                name: name,
                description: description,
                about: about,
                commands: try commands.map(Self.menu),
                language: language ?? ""
            )
            let (bot, outcome) = try await CommandContext.with(options, server.flags) { [reference] context in
                let bot = try await context.store.bot(named: reference.bot)
                let address = try await context.serverAddress()
                let sealer = try await context.sealer()
                let outcome = try await CommandContext.withTelegram(address.botAPI) { telegram in
                    try await BotProfiles(store: context.store, telegram: telegram, sealer: sealer)
                        .apply(change, to: bot.id)
                }
                return (bot, outcome)
            }
            if output.json { return Output.json(Self.shape(bot, change.language, outcome.profile, outcome.changed)) }
            change.isEmpty ? show(bot, outcome.profile) : show(bot, outcome.changed)
        }

        private static func menu(_ path: String) throws -> [BotMenuCommand] {
            guard let file = FileHandle(forReadingAtPath: path) else {
                throw Failure(
                    .usage,
                    "--commands: the file \(path) cannot be read: \(String(cString: strerror(errno)))"
                )
            }
            defer { try? file.close() }
            let bytes = try file.read(upToCount: longestFile) ?? Data()
            return try ProfileChange.commands(String(decoding: bytes, as: UTF8.self))
        }

        private func show(_ bot: Bot, _ profile: BotProfile) {
            Output.line("\(bot.title) (\(bot.id)), \(language.map { "language \($0)" } ?? "all languages")")
            Output.line("name         \(TerminalText.sanitized(profile.name))")
            Output.line("description  \(TerminalText.sanitized(profile.description))")
            Output.line("about        \(TerminalText.sanitized(profile.about))")
            for command in profile.commands {
                Output.line("command      /\(TerminalText.sanitized("\(command.command) - \(command.description)"))")
            }
            if profile.commands.isEmpty { Output.line("command      none") }
        }

        private func show(_ bot: Bot, _ changed: [ProfileDifference]) {
            if changed.isEmpty { return Output.line("\(bot.title) (\(bot.id)) has this profile already") }
            Output.line("changed \(bot.title) (\(bot.id)), \(language.map { "language \($0)" } ?? "all languages")")
            for difference in changed {
                for line in difference.before.split(separator: "\n") {
                    Output.line("- \(difference.field): \(TerminalText.sanitized(String(line)))")
                }
                for line in difference.after.split(separator: "\n") {
                    Output.line("+ \(difference.field): \(TerminalText.sanitized(String(line)))")
                }
            }
        }

        private static func shape(
            _ bot: Bot,
            _ language: String,
            _ profile: BotProfile,
            _ changed: [ProfileDifference]
        ) -> JSON {
            [
                "bot_id": .string(bot.id.description), "language": .optional(language.isEmpty ? nil : language),
                "name": .string(profile.name), "description": .string(profile.description),
                "about": .string(profile.about),
                "commands": .array(
                    profile.commands.map {
                        ["command": .string($0.command), "description": .string($0.description)]
                    }
                ),
                "changed": .array(changed.map { .string($0.field) }),
            ]
        }
    }
}
