import ArgumentParser
import Foundation
import Gateway
import Storage
import Telegram

/// The command `switchboard deliveries`.
struct DeliveriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deliveries",
        abstract: "What a business's webhooks were told: list, show, replay and drop it.",
        discussion: """
            An event is tried \(DeliverySchedule.tries) times within three days; then it stays as failed for 30 days. What was taken stays for 7.

            Examples:
              switchboard deliveries maier --failed
              switchboard deliveries replay maier --from 2026-11-23T00:00:00Z
            """,
        subcommands: [List.self, Show.self, Replay.self, Drop.self],
        defaultSubcommand: List.self
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List deliveries, the latest first; texts are not shown.",
            discussion: "Example:\n  switchboard deliveries list maier --failed --json"
        )

        @OptionGroup var reference: BusinessCommand.Reference
        @Flag(help: "Only those that are not tried any more.") var failed = false
        @Option(help: "Go on from where an earlier list ended: its next_cursor.") var after: String?
        @OptionGroup var page: PageOptions
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let start = try after.map { Page.Position.before(try Cursor.key($0)) } ?? .newest
            let slice = try await CommandContext.with(options) { [self] context in
                let business = try await context.store.business(named: reference.business)
                return try await page.collect(from: start) { page in
                    try await context.store.deliveries(of: business.id, failedOnly: failed, page: page)
                }
            }
            if output.json { return Output.json(list: slice.elements.map { $0.json() }, next: slice.next) }
            if slice.elements.isEmpty { return Output.line(failed ? "no failed delivery" : "no delivery yet") }
            var table = TerminalTable(columns: [
                .init(title: "id"), .init(title: "step"), .init(title: "type"), .init(title: "conversation"),
                .init(title: "state"), .init(title: "tries"), .init(title: "status"), .init(title: "since"),
                .init(title: "next try"), .init(title: "problem", flexible: true),
            ])
            for delivery in slice.elements {
                table.add([
                    delivery.id.description, delivery.step, delivery.event.kind.rawValue,
                    delivery.conversation?.description ?? "", delivery.state.rawValue, String(delivery.attempts),
                    delivery.status.map { String($0) } ?? "", Output.time(delivery.createdAt),
                    delivery.nextAt.map(Output.time) ?? "", delivery.problem ?? "",
                ])
            }
            Output.table(table)
            if let next = slice.next { Output.line("more: --after \(Cursor.text(next))") }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one delivery with what was told, which holds texts, and the beginning of the last answer.",
            discussion: "Example:\n  switchboard deliveries show maier dlv_7"
        )

        @OptionGroup var reference: BusinessCommand.Reference
        @Argument(help: "The delivery: its id, or the webhook-id that the handler got.") var id: String
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let delivery = try await CommandContext.with(options) { [reference, id] context in
                let business = try await context.store.business(named: reference.business)
                return try await context.store.delivery(id, of: business.id)
            }
            if output.json { return Output.json(delivery.json(isWhole: true)) }
            let step = TerminalText.sanitized(delivery.step)
            Output.line("\(delivery.id): \(delivery.event.kind.rawValue) for \(step), \(delivery.state.rawValue)")
            Output.line("webhook-id \(delivery.event.id), since \(Output.time(delivery.createdAt))")
            let status = delivery.status.map { ", last answer \($0)" } ?? ""
            let next = delivery.nextAt.map { ", again at \(Output.time($0))" } ?? ""
            Output.line("\(delivery.attempts) tries\(status)\(next)")
            if let problem = delivery.problem { Output.line("problem: \(TerminalText.sanitized(problem))") }
            Output.line("told: \(TerminalText.sanitized(String(decoding: delivery.event.body, as: UTF8.self)))")
            if !delivery.answer.isEmpty {
                Output.line("answered: \(TerminalText.sanitized(String(decoding: delivery.answer, as: UTF8.self)))")
            }
        }
    }

    /// Which deliveries are meant.
    struct Choice: ParsableArguments {
        @OptionGroup var reference: BusinessCommand.Reference
        @Argument(help: "The deliveries: their ids; none for all failed ones of a time.") var ids: [String] = []
        @Option(help: "Of the failed ones, those from this moment on, such as 2026-11-23T00:00:00Z.") var from: String?
        @Option(help: "Of the failed ones, those before this moment (default: now).") var to: String?
        @Option(help: "Of the failed ones, those of this step alone.") var step: String?

        func validate() throws {
            guard ids.isEmpty == (from != nil) else {
                throw ValidationError("give the ids of deliveries, or --from for the failed ones of a time")
            }
            guard ids.isEmpty || to == nil && step == nil else {
                throw ValidationError("--to and --step belong to --from, not to ids")
            }
        }

        /// Does something with them: all ids or none, and those of a time in steps; how many there were.
        func each(
            _ options: CommonOptions,
            onlyTold: Bool,
            _ act: (SQLiteStore, [DeliveryID], BusinessID) async throws -> Void
        ) async throws -> Int {
            let ids = try ids.map { text in
                guard let id = DeliveryID(text) else { throw GatewayError.unknownDelivery(text) }
                return id
            }
            let (start, end) = (
                try from.map { try Self.moment($0, "--from") }, try to.map { try Self.moment($0, "--to") }
            )
            return try await CommandContext.with(options) { context in
                let business = try await context.store.business(named: reference.business)
                guard let start else {
                    try await act(context.store, ids, business.id)
                    return ids.count
                }
                var count = 0
                var last: DeliveryID?
                repeat {
                    let some = try await context.store.failedDeliveries(
                        of: business.id,
                        step: step,
                        from: start,
                        to: end ?? .now(),
                        onlyTold: onlyTold,
                        after: last,
                        limit: 200
                    )
                    if !some.isEmpty { try await act(context.store, some, business.id) }
                    count += some.count
                    last = some.last
                } while last != nil
                return count
            }
        }

        private static func moment(_ text: String, _ option: String) throws -> Timestamp {
            guard let date = try? Date(text, strategy: .iso8601) else {
                throw Failure(.usage, "\(option) is a moment such as 2026-11-23T00:00:00Z")
            }
            return Timestamp(milliseconds: Int64(date.timeIntervalSince1970 * 1000))
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell deliveries again, from the first try of the schedule on, with the same webhook-id.",
            discussion: """
                What was taken before was acted on: a second time its answer does nothing. With --from those that failed are told again, of webhooks
                that are on.

                Examples:
                  switchboard deliveries replay maier dlv_7 dlv_8
                  switchboard deliveries replay maier --from 2026-11-22T18:00:00Z --to 2026-11-23T06:00:00Z --step orders
                """
        )

        @OptionGroup var choice: Choice
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let count = try await choice.each(options, onlyTold: true) { try await $0.replay($1, of: $2, at: .now()) }
            if output.json { return Output.json(["replayed": .int(Int64(count))]) }
            Output.line("\(count) deliveries are tried again by the running server")
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give deliveries up that wait or failed.",
            discussion: "Example:\n  switchboard deliveries drop maier dlv_7"
        )

        @OptionGroup var choice: Choice
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let count = try await choice.each(options, onlyTold: false) { try await $0.drop($1, of: $2, at: .now()) }
            if output.json { return Output.json(["dropped": .int(Int64(count))]) }
            Output.line("\(count) deliveries are dropped")
        }
    }
}
