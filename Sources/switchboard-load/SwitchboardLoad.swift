import ArgumentParser

/// The load and proof program.
@main
struct SwitchboardLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "switchboard-load",
        abstract: "Load and proof of Switchboard over its public surface.",
        subcommands: [
            IntakeCommand.self, SendCommand.self, RoundtripCommand.self, FairCommand.self, FillCommand.self,
            UpdatesCommand.self,
            FloorCommand.self,
            TelegramCommand.self, ProgramCommand.self,
        ]
    )
}
