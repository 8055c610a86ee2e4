import ArgumentParser
import Foundation

/// The admin command and the server.
@main
struct Switchboard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "switchboard",
        abstract: "A self-hosted gateway for the Telegram bots of many businesses.",
        discussion: """
            Start here:
              switchboard demo --once                                   see the whole thing work, offline
              switchboard init --data ./data                            data directory, database, master key
              switchboard serve --data ./data --public-url https://bots.example.com
              switchboard business add "Blumen Maier" --data ./data     in another terminal, while it runs
              switchboard bot add blumen-maier --data ./data            asks for the token, hidden

            --data may be left out where SWITCHBOARD_DATA is set. Every setting is explained in deploy/switchboard.env.example.
            Exit codes: 0 done, 1 failed, 2 or 64 wrong usage, 3 not found, 4 refused by Telegram, 5 store unavailable.
            """,
        version: "0.1.0",
        subcommands: [
            InitCommand.self, ServeCommand.self, BusinessCommand.self, BotCommand.self, PipelineCommand.self,
            ConversationsCommand.self,
            HistoryCommand.self, SendCommand.self, HandOffCommand.self, ReleaseCommand.self, DeadCommand.self,
            WebhookCommand.self, DeliveriesCommand.self,
            UpdatesCommand.self, RetentionCommand.self, AuditCommand.self,
            MigrateCommand.self, SimulatorCommand.self,
            DemoCommand.self,
        ]
    )

    static func main() async {
        // Everything that is made here is for its owner alone.
        umask(0o077)
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard let failure = Failure(error) else { exit(withError: error) }
            failure.exit()
        }
    }
}
