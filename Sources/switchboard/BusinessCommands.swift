import ArgumentParser
import Gateway
import Storage
import Telegram

/// The command `switchboard business`.
struct BusinessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "business",
        abstract: "Add, show, rename, set, suspend, resume and erase businesses.",
        subcommands: [Add.self, List.self, Show.self, Rename.self, Set.self, Suspend.self, Resume.self, Remove.self]
    )

    /// Names a business on the command line.
    struct Reference: ParsableArguments {
        @Argument(help: "The business: its slug or id.")
        var business: String
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a business.",
            discussion: "Example:\n  switchboard business add \"Blumen Maier\" --slug maier"
        )

        @Argument(help: "Its name, for people.") var name: String
        @Option(help: "Its short name for commands (default: made of the name).") var slug: String?
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let name = try BusinessCommand.checked(name)
            guard let slug = try slug.map({ try Slug($0) }) ?? Slug(from: name) else {
                throw GatewayError.nameGivesNoSlug
            }
            let business = try await CommandContext.with(options) { context in
                try await context.store.addBusiness(name: name, slug: slug, at: .now())
            }
            if output.json { return Output.json(business.json) }
            Output.line("added \(business.slug) (\(business.id))")
            Output.line("next: switchboard bot add \(business.slug)")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all businesses.")

        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let businesses = try await CommandContext.with(options) { try await $0.store.businesses() }
            if output.json { return Output.json(list: businesses.map(\.json), next: nil) }
            if businesses.isEmpty { return Output.line("no business yet: `switchboard business add NAME` adds one") }
            var table = TerminalTable(columns: [
                .init(title: "id"), .init(title: "slug"), .init(title: "name", flexible: true), .init(title: "state"),
                .init(title: "since"),
            ])
            for business in businesses {
                table.add([
                    business.id.description, business.slug.text, business.name, business.state.rawValue,
                    Output.time(business.createdAt),
                ])
            }
            Output.table(table)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one business with its bots.")

        @OptionGroup var reference: Reference
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let (business, bots) = try await CommandContext.with(options) { [reference] context in
                let business = try await context.store.business(named: reference.business)
                return (business, try await context.store.bots(of: business.id))
            }
            if output.json {
                var shape = business.json
                shape["bots"] = .array(bots.map { $0.json(publicURL: nil) })
                return Output.json(shape)
            }
            Output.line(
                "\(TerminalText.sanitized(business.name)) (\(business.slug), \(business.id)): \(business.state.rawValue)"
            )
            Output.line("since \(Output.time(business.createdAt))")
            if bots.isEmpty { return Output.line("no bot yet: `switchboard bot add \(business.slug)` adds one") }
            Output.table(BotCommand.table(bots))
        }
    }

    struct Rename: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give a business another name; slug and id stay.")

        @OptionGroup var reference: Reference
        @Argument(help: "The new name.") var name: String
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let name = try BusinessCommand.checked(name)
            try await BusinessCommand.change(reference, options, output, "renamed") {
                try await $0.renameBusiness($1, to: name)
            }
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change how a business's calls are treated.",
            discussion: """
                Telegram has no key by which it would know a repeated call: of a message that was sent without hearing an answer, nobody knows whether it
                arrived. `retry` (the default) sends it once more, so that none is lost and one may come twice. `keep` leaves it as a dead call
                for people to decide, so that none comes twice and one may be lost: see `switchboard dead`.

                Example:
                  switchboard business set maier --on-unknown keep
                """
        )

        @OptionGroup var reference: Reference
        @Option(help: "What is done with a message that was sent without an answer: retry or keep.") var onUnknown:
            Business.OnUnknown
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            try await BusinessCommand.change(reference, options, output, "set") { [onUnknown] in
                try await $0.setOnUnknown(onUnknown, of: $1)
            }
        }
    }

    struct Suspend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Suspend a business: its bots receive and store, but run and send nothing."
        )

        @OptionGroup var reference: Reference
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            try await BusinessCommand.change(reference, options, output, "suspended") {
                try await $0.setState(.suspended, of: $1)
            }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End the suspension of a business.")

        @OptionGroup var reference: Reference
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            try await BusinessCommand.change(reference, options, output, "resumed") {
                try await $0.setState(.active, of: $1)
            }
        }
    }

    private static func change(
        _ reference: Reference,
        _ options: CommonOptions,
        _ output: OutputOptions,
        _ done: String,
        _ body: (SQLiteStore, BusinessID) async throws -> Business
    ) async throws {
        let business = try await CommandContext.with(options) { context in
            try await body(context.store, try await context.store.business(named: reference.business).id)
        }
        if output.json { return Output.json(business.json) }
        Output.line("\(done) \(business.slug) (\(business.id))")
    }

    /// A name of 1 to 200 characters without control characters.
    private static func checked(_ name: String) throws(GatewayError) -> String {
        let trimmed = String(name.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
        let isPlain = trimmed.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        guard (1...200).contains(trimmed.count), isPlain else { throw .badName }
        return trimmed
    }
}

extension Business.OnUnknown: ExpressibleByArgument {}
