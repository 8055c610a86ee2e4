import ArgumentParser
import Foundation
import Gateway
import Handlers
import Storage
import Telegram

/// The command `switchboard pipeline`.
struct PipelineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pipeline",
        abstract: "Check, set, show and try what is answered by itself.",
        discussion: """
            A pipeline is a YAML file of steps: when a message is like this, do that. Every condition and step with an example:
            deploy/pipelines/README.md; whole files beside it. What a running server did with each message: `switchboard pipeline log`.
            """,
        subcommands: [Check.self, Set.self, Show.self, Versions.self, Use.self, Try.self, Log.self]
    )

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a pipeline file: every problem with its line and column.",
            discussion: """
                Needs no data directory. Ends with 1 if there is a problem.

                Example:
                  switchboard pipeline check deploy/pipelines/shop.yaml
                """
        )

        @Argument(help: "The pipeline file.") var file: String
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let text = try PipelineCommand.read(file, "the pipeline file", atMost: PipelineVersion.longestText)
            let webhooks = try await Settings.load(flags: [:], configFile: nil).webhookRules
            let pipeline: Pipeline
            do throws(PipelineProblems) {
                pipeline = try PipelineFile(webhooks: webhooks).pipeline(text)
            } catch {
                guard output.json else { throw PipelineCommand.failure(error, file) }
                Output.json(["ok": false, "problems": .array(error.all.map(\.json))])
                throw ExitCode(Failure.Code.failed.rawValue)
            }
            if output.json {
                return Output.json(["ok": true, "steps": .int(Int64(pipeline.entries.count)), "problems": []])
            }
            Output.line("\(file) is in order: \(pipeline.entries.count) step(s)")
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a pipeline file and make it a business's pipeline.",
            discussion: """
                The file is kept as a new version; the last \(PipelineVersion.kept) versions stay. A file with a problem changes nothing.
                A running server goes by it within a second.

                Example:
                  switchboard pipeline set maier deploy/pipelines/shop.yaml
                """
        )

        @OptionGroup var reference: BusinessCommand.Reference
        @Argument(help: "The pipeline file.") var file: String
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let text = try PipelineCommand.read(file, "the pipeline file", atMost: PipelineVersion.longestText)
            let (business, version, silent) = try await CommandContext.with(options) { [reference, file] context in
                let pipeline = try PipelineCommand.pipeline(text, file, webhooks: context.settings.webhookRules)
                let business = try await context.store.business(named: reference.business)
                let calls = pipeline.webhooks
                let version = try await context.store.setPipeline(text, calling: calls, of: business.id, at: .now())
                return (business, version, try await PipelineCommand.secretless(calls, of: business, context.store))
            }
            if output.json {
                var shape = version.json
                shape["text"] = nil
                return Output.json(shape)
            }
            Output.line("version \(version.number) is the pipeline of \(business.slug)")
            for step in silent {
                let name = TerminalText.sanitized(step)
                Output.line(
                    "\(name) has no secret yet: `switchboard webhook secret \(business.slug) '\(name)'` makes one"
                )
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a business's pipeline, or an earlier version of it.",
            discussion: "Example:\n  switchboard pipeline show maier --version 3 > shop.yaml"
        )

        @OptionGroup var reference: BusinessCommand.Reference
        @Option(help: "An earlier version: its number (default: the active one).") var version: Int64?
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let found = try await CommandContext.with(options) { [reference, version] context in
                let business = try await context.store.business(named: reference.business)
                if let version { return try await context.store.pipelineVersion(version, of: business.id) }
                return try await PipelineCommand.active(context.store, business)
            }
            if output.json { return Output.json(found.json) }
            Output.line((found.text ?? "").trimmingCharacters(in: .newlines))
        }
    }

    struct Versions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the versions of a business's pipeline, the newest first.",
            discussion: "Example:\n  switchboard pipeline versions maier --limit 10"
        )

        @OptionGroup var reference: BusinessCommand.Reference
        @Option(help: "Go on from where an earlier list ended: its next_cursor.") var after: String?
        @OptionGroup var page: PageOptions
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let start = try after.map { Page.Position.before(try Cursor.key($0)) } ?? .newest
            let slice = try await CommandContext.with(options) { [self] context in
                let business = try await context.store.business(named: reference.business)
                return try await page.collect(from: start) { page in
                    try await context.store.pipelineVersions(of: business.id, page: page)
                }
            }
            if output.json { return Output.json(list: slice.elements.map(\.json), next: slice.next) }
            if slice.elements.isEmpty { return Output.line("no pipeline yet: `switchboard pipeline set` sets one") }
            var table = TerminalTable(columns: [
                .init(title: "version", alignment: .right), .init(title: "since"),
                .init(title: "bytes", alignment: .right), .init(title: "active"),
            ])
            for version in slice.elements {
                table.add([
                    String(version.number), Output.time(version.createdAt), String(version.bytes),
                    version.isActive ? "yes" : "",
                ])
            }
            Output.table(table)
            if let next = slice.next { Output.line("more: --after \(Cursor.text(next))") }
        }
    }

    struct Use: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go back to an earlier version of a business's pipeline, or to none.",
            discussion: """
                Example:
                  switchboard pipeline use maier 3
                  switchboard pipeline use maier none     nothing is answered by itself any more
                """
        )

        @OptionGroup var reference: BusinessCommand.Reference
        @Argument(help: "The number of a version, or none.") var version: String
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let number = Int64(version)
            guard number != nil || version == "none" else {
                throw Failure(.usage, "VERSION is a number from `switchboard pipeline versions`, or none")
            }
            let business = try await CommandContext.with(options) { [reference] context in
                let business = try await context.store.business(named: reference.business)
                var calls: [WebhookCall] = []
                if let number {
                    // The version may be from before a condition or a handler went away.
                    let text = try await context.store.pipelineVersion(number, of: business.id).text ?? ""
                    let webhooks = context.settings.webhookRules
                    calls = try PipelineCommand.pipeline(text, "version \(number)", webhooks: webhooks).webhooks
                }
                try await context.store.usePipeline(number, calling: calls, of: business.id, at: .now())
                return business
            }
            if output.json { return Output.json(["version": .optional(number), "active": .bool(number != nil)]) }
            Output.line(
                number.map { "version \($0) is the pipeline of \(business.slug)" } ?? "\(business.slug) has no pipeline"
            )
        }
    }
}

extension PipelineCommand {
    /// The pipeline of a text; each problem is a line of the failure.
    static func pipeline(_ text: String, _ name: String, webhooks: WebhookRules? = nil) throws -> Pipeline {
        do throws(PipelineProblems) { return try PipelineFile(webhooks: webhooks).pipeline(text) } catch {
            throw failure(error, name)
        }
    }

    /// The steps whose webhooks have no secret yet.
    static func secretless(
        _ calls: [WebhookCall],
        of business: Business,
        _ store: SQLiteStore
    ) async throws -> [String] {
        if calls.isEmpty { return [] }
        let secretless = try await store.webhooks(of: business.id).filter { $0.isInForce && $0.secret == nil }
        return secretless.map(\.step).filter { step in calls.contains { $0.step == step } }
    }

    static func failure(_ problems: PipelineProblems, _ name: String) -> Failure {
        Failure(.failed, lines: problems.all.map { "\(name):\($0)" })
    }

    /// The active version, or a failure that says how to set one.
    static func active(_ store: SQLiteStore, _ business: Business) async throws -> PipelineVersion {
        guard let version = try await store.activePipeline(of: business.id) else {
            throw Failure(.notFound, "\(business.slug) has no pipeline: `switchboard pipeline set` sets one")
        }
        return version
    }

    /// A text file of at most so many bytes.
    static func read(_ path: String, _ what: String, atMost limit: Int) throws -> String {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw Failure(.usage, "\(what) \(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { try? file.close() }
        let bytes: Data
        do { bytes = try file.read(upToCount: limit + 1) ?? Data() } catch {
            throw Failure(.usage, "\(what) \(path) cannot be read; give the name of a file")
        }
        guard bytes.count <= limit else { throw Failure(.usage, "\(what) \(path) has more than \(limit) bytes") }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.usage, "\(what) \(path) is no UTF-8: save it as UTF-8")
        }
        return text
    }
}
