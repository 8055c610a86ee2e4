import ArgumentParser
import Gateway
import Storage

/// The command `switchboard hand-off`.
struct HandOffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hand-off",
        abstract: "Let people take a conversation over: nothing is answered by itself until it is released.",
        discussion: """
            The steps that show messages to the staff still run. How the staff answers: deploy/pipelines/README.md, at work.

            Examples:
              switchboard hand-off maier cnv_12
              switchboard hand-off maier cnv_12 --for 2h --assign Anna
            """
    )

    @OptionGroup var reference: BusinessCommand.Reference
    @Argument(help: "The id of a conversation, from `switchboard conversations`.") var conversation: String
    @Option(name: .customLong("for"), help: "Give it back by itself after 90s, 30m, 2h, 7d (default: when released).")
    var time: String?
    @Option(help: "Who takes care of it.") var assign: String?
    @OptionGroup var options: CommonOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        var change = ConversationChange()
        change.handling = .people(.init(releaseAfterSeconds: try seconds()))
        if let assign {
            guard (1...64).contains(assign.count) else { throw Failure(.usage, "--assign is 1 to 64 characters") }
            change.assignee = .some(assign)
        }
        try await ConversationChanging.run(change, reference, conversation, options, output)
    }

    private func seconds() throws -> Int64? {
        guard let time else { return nil }
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = time.last.flatMap({ units[$0] }), let count = Int64(time.dropLast()), count > 0,
            count <= 90 * 86_400 / unit
        else { throw Failure(.usage, "--for is a time such as 90s, 30m, 2h or 7d, at most 90d") }
        return count * unit
    }
}

/// The command `switchboard release`.
struct ReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Give a conversation back to the pipeline.",
        discussion: "Example:\n  switchboard release maier cnv_12"
    )

    @OptionGroup var reference: BusinessCommand.Reference
    @Argument(help: "The id of a conversation, from `switchboard conversations`.") var conversation: String
    @OptionGroup var options: CommonOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        var change = ConversationChange()
        change.handling = .pipeline
        change.assignee = .some(nil)
        try await ConversationChanging.run(change, reference, conversation, options, output)
    }
}

/// What the commands that change a conversation have in common.
private enum ConversationChanging {
    static func run(
        _ change: ConversationChange,
        _ reference: BusinessCommand.Reference,
        _ conversation: String,
        _ options: CommonOptions,
        _ output: OutputOptions
    ) async throws {
        let changed = try await CommandContext.with(options) { context in
            guard let id = ConversationID(conversation) else { throw GatewayError.unknownConversation(conversation) }
            let business = try await context.store.business(named: reference.business)
            try await context.store.apply(change, to: id, of: business.id, at: .now())
            return try await context.store.conversation(id, business: business.id)
        }
        if output.json { return Output.json(changed.json) }
        let who = changed.handledBy == "people" ? "people have" : "the pipeline has"
        Output.line("\(who) \(changed.id)")
    }
}
