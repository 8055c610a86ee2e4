import ArgumentParser
import Gateway
import Storage
import Telegram

/// The command `switchboard bot`.
struct BotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bot",
        abstract: "Register bots, show them, and see to their tokens, webhooks and profiles.",
        subcommands: [
            Add.self, List.self, Show.self, Pause.self, Resume.self, Rotate.self, Remove.self, Webhook.self,
            Profile.self, Link.self,
        ]
    )

    /// Names a bot on the command line.
    struct Reference: ParsableArguments {
        @Argument(help: "The bot: its @username or id.")
        var bot: String
    }

    /// Where the server is, for a database that no server has run on.
    struct ServerOptions: ParsableArguments {
        @Option(
            name: .customLong("public-url"),
            help: "Where Telegram reaches the server; needed only before `serve` has run once."
        )
        var publicURL: String?
        @Option(name: .customLong("bot-api"), help: "The Bot API's URL; needed only before `serve` has run once.")
        var botAPI: String?

        var flags: [Settings.Name: String?] { [.publicURL: publicURL, .botAPI: botAPI] }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register a bot of a business: asks for its token, sets its webhook, prints its link.",
            discussion: """
                The token comes from @BotFather (/newbot or /token). On a terminal it is asked for and not shown; it is never an argument,
                where a list of processes would show it. A bot that this business had removed comes back with its history.

                Examples:
                  switchboard bot add maier
                  switchboard bot add maier --token-file ./token
                  pass show maier-bot | switchboard bot add maier --token-stdin
                """
        )

        @Argument(help: "The business: its slug or id.") var business: String
        @Option(help: "Read the token from this file.") var tokenFile: String?
        @Flag(help: "Read the token from standard input.") var tokenStdin = false
        @OptionGroup var server: ServerOptions
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let source = try TokenSource(file: tokenFile, standardInput: tokenStdin)
            let (bot, address) = try await CommandContext.with(options, server.flags) { [business] context in
                let business = try await context.store.business(named: business)
                let address = try await context.serverAddress()
                let sealer = try await context.sealer()
                let token = try source.read()
                let bot = try await BotCommand.register(token, of: business, context.store, sealer, address)
                return (bot, address)
            }
            if output.json { return Output.json(bot.json(publicURL: address.publicURL)) }
            Output.line("added \(bot.title) (\(bot.id)); its webhook is set")
            if let detail = bot.healthDetail { Output.line("note: \(detail)") }
            Output.line("customers write to it at \(bot.link ?? bot.title)")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the bots of all businesses, or of one.")

        @Argument(help: "The business: its slug or id.") var business: String?
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let (bots, address) = try await CommandContext.with(options) { [business] context in
                var id: BusinessID?
                if let business { id = try await context.store.business(named: business).id }
                return (try await context.store.bots(of: id), try await context.store.serverAddress())
            }
            if output.json { return Output.json(list: bots.map { $0.json(publicURL: address?.publicURL) }, next: nil) }
            if bots.isEmpty { return Output.line("no bot yet: `switchboard bot add BUSINESS` adds one") }
            Output.table(BotCommand.table(bots))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one bot.")

        @OptionGroup var reference: Reference
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let (bot, address) = try await CommandContext.with(options) { [reference] context in
                (try await context.store.bot(named: reference.bot), try await context.store.serverAddress())
            }
            if output.json { return Output.json(bot.json(publicURL: address?.publicURL)) }
            Output.line("\(bot.title) (\(bot.id)) of \(bot.businessID): \(TerminalText.sanitized(bot.name))")
            Output.line("state    \(bot.state.rawValue)")
            let since = bot.healthAt.map { " (\(Output.time($0)))" } ?? ""
            Output.line("health   \(bot.health.rawValue)\(since)")
            if let detail = bot.healthDetail { Output.line("         \(TerminalText.sanitized(detail))") }
            if let link = bot.link { Output.line("link     \(link)") }
            if !bot.wantsWebhook {
                Output.line("webhook  none: `switchboard bot webhook \(bot.id) --set` sets it again")
            } else if let address {
                Output.line("webhook  \(address.publicURL.webhook(bot.hook))")
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pause a bot: it receives and stores, but runs and sends nothing."
        )

        @OptionGroup var reference: Reference
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            try await BotCommand.change(reference, options, output, isPaused: true, "paused")
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a paused bot work again.")

        @OptionGroup var reference: Reference
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            try await BotCommand.change(reference, options, output, isPaused: false, "resumed")
        }
    }

    private static func change(
        _ reference: Reference,
        _ options: CommonOptions,
        _ output: OutputOptions,
        isPaused: Bool,
        _ done: String
    ) async throws {
        let (bot, address) = try await CommandContext.with(options) { context in
            let id = try await context.store.bot(named: reference.bot).id
            return (try await context.store.setPaused(isPaused, of: id), try await context.store.serverAddress())
        }
        if output.json { return Output.json(bot.json(publicURL: address?.publicURL)) }
        Output.line("\(done) \(bot.title) (\(bot.id))")
    }

    /// Registers a bot at the address of the server.
    static func register(
        _ token: BotToken,
        of business: Business,
        _ store: SQLiteStore,
        _ sealer: Sealer,
        _ address: ServerAddress
    ) async throws -> Bot {
        try await withWebhooks(store, sealer, address) { try await BotRegistration($0).add(token, to: business) }
    }

    /// Runs with the care for webhooks at the address of the server.
    static func withWebhooks<Value>(
        _ store: SQLiteStore,
        _ sealer: Sealer,
        _ address: ServerAddress,
        _ body: (BotWebhooks) async throws -> Value
    ) async throws -> Value {
        try await CommandContext.withTelegram(address.botAPI) { telegram in
            try await body(
                BotWebhooks(store: store, telegram: telegram, sealer: sealer, publicURL: address.publicURL)
            )
        }
    }

    /// Bots as a table.
    static func table(_ bots: [Bot]) -> TerminalTable {
        var table = TerminalTable(columns: [
            .init(title: "id"), .init(title: "business"), .init(title: "bot"), .init(title: "name", flexible: true),
            .init(title: "state"), .init(title: "health"),
            .init(title: "link"),
        ])
        for bot in bots {
            table.add([
                bot.id.description, bot.businessID.description, bot.title, bot.name, bot.state.rawValue,
                bot.health.rawValue,
                bot.link ?? "",
            ])
        }
        return table
    }
}
