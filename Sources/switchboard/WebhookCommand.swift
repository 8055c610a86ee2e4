import ArgumentParser
import Foundation
import Gateway
import Handlers
import Storage
import Telegram

/// The command `switchboard webhook`.
struct WebhookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhook",
        abstract:
            "Webhooks that a business's pipeline calls: list and test them, make their secrets, turn them on and off.",
        discussion: """
            A webhook is known by the name of its step. Protocol, actions and samples: deploy/webhooks/README.md.
            Customers' messages come to the server by webhooks too; those are `switchboard bot webhook`.
            """,
        subcommands: [List.self, Test.self, Secret.self, On.self, Off.self]
    )

    /// A business and one of its webhooks.
    struct Reference: ParsableArguments {
        @OptionGroup var owner: BusinessCommand.Reference
        @Argument(help: "The webhook: the name of its step.") var step: String
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the webhooks of a business.",
            discussion: """
                The state is on, off, or "not called": the pipeline in force has no such step, and what waits for it is told when it has again.

                Example:
                  switchboard webhook list maier
                """
        )

        @OptionGroup var reference: BusinessCommand.Reference
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let webhooks = try await CommandContext.with(options) { [reference] context in
                let business = try await context.store.business(named: reference.business)
                return try await context.store.webhooks(of: business.id)
            }
            if output.json { return Output.json(list: webhooks.map(\.json), next: nil) }
            if webhooks.isEmpty { return Output.line("no webhook: a step of the pipeline makes one") }
            var table = TerminalTable(columns: [
                .init(title: "step"), .init(title: "state"), .init(title: "secret"), .init(title: "failing since"),
                .init(title: "url", flexible: true), .init(title: "why off", flexible: true),
            ])
            for webhook in webhooks {
                var (state, why) = ("on", "")
                if !webhook.isInForce { state = "not called" }
                if case .off(let reason) = webhook.state { (state, why) = ("off", reason) }
                table.add([
                    webhook.step, state, webhook.secret == nil ? "none yet" : "yes",
                    webhook.failingSince.map(Output.time) ?? "", webhook.url, why,
                ])
            }
            Output.table(table)
        }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Call a webhook once with an event of type webhook.test, and show what it answers.",
            discussion: """
                Signed and checked as every call is; nothing is kept, no customer gets anything. Ends with 1 if the webhook did not take it, or if \
                what it answers would be refused. This command makes the call, by its own settings: SWITCHBOARD_WEBHOOK_ALLOW has to be known to \
                the running server too.

                Example:
                  switchboard webhook test maier orders
                """
        )

        @OptionGroup var reference: Reference
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        mutating func run() async throws {
            let (result, milliseconds, call, isOff) = try await CommandContext.with(options) { [reference] context in
                let business = try await context.store.business(named: reference.owner.business)
                let webhook = try await context.store.webhook(reference.step, of: business.id)
                let now = Timestamp.now()
                let secrets = try webhook.secrets(at: now, try await context.sealer())
                let event = WebhookEvent(testing: webhook.step, of: business, at: now)
                let call = try await Self.call(of: webhook, context)
                let request = WebhookRequest(
                    of: business.id,
                    url: webhook.url,
                    headers: secrets.headers(id: event.id, at: now, body: event.body),
                    body: event.body,
                    timeout: .seconds(call?.timeoutSeconds ?? WebhookLimits.timeout)
                )
                let client = try WebhookClient(rules: context.settings.webhookRules)
                defer { client.shutdown() }
                let start = ContinuousClock.now
                let result = await client.call(request)
                return (result, Int64((ContinuousClock.now - start) / .milliseconds(1)), call, webhook.state != .on)
            }
            try show(result, milliseconds, isHeard: call?.mode != .notify)
            if isOff, !output.json { Output.line("it is off: `switchboard webhook on` has it called again") }
        }

        /// Why an answer would be refused if it were about a text; nil if it would not.
        private static func refusal(_ answer: [UInt8]) -> String? {
            let now = Timestamp.now()
            let context = PipelineContext(
                message: .init(kind: "text", text: "Hello", telegramMessageID: 1, sentAt: now),
                customer: .init(telegramID: 1, name: "Anna Example", username: nil, language: nil),
                conversation: .init(title: "Anna Example"),
                businessName: "",
                bot: .init(id: BotID(rawValue: 1), username: "", name: ""),
                now: now
            )
            do throws(StepFailure) {
                _ = try AnswerReader().effects(of: answer, context)
                return nil
            } catch {
                return error.description
            }
        }

        /// What the pipeline in force says of it; nil where none calls it.
        private static func call(of webhook: WebhookEndpoint, _ context: CommandContext) async throws -> WebhookCall? {
            let version = try await context.store.activePipeline(of: webhook.business)
            // A pipeline that this version cannot read says nothing: the call is tried all the same.
            let pipeline = try? version.flatMap { try PipelineFile().pipeline($0.text ?? "") }
            return pipeline?.webhooks.first { $0.step == webhook.step }
        }

        private func show(
            _ result: Result<WebhookResponse, WebhookFault>,
            _ milliseconds: Int64,
            isHeard: Bool
        ) throws {
            var generator = SystemRandomNumberGenerator()
            let verdict = WebhookVerdict(result, tries: 1, at: .now(), using: &generator)
            let end = DeliveryEnd(verdict, result, at: .now())
            let refusal = end.next == .done && isHeard ? Self.refusal(end.answer) : nil
            let isTaken = end.next == .done && refusal == nil
            let problem = refusal.map { "its answer would be refused: \($0)" } ?? end.problem
            // What it said to a failure too: that is where one sees why.
            let said = (try? result.get())?.body ?? []
            let answer = String(decoding: said.prefix(WebhookLimits.kept), as: UTF8.self)
            if output.json {
                Output.json([
                    "ok": .bool(isTaken), "status": .optional(end.status.map(Int64.init)),
                    "problem": .optional(problem), "duration_ms": .int(milliseconds), "answer": .string(answer),
                ])
                if !isTaken { throw ExitCode(Failure.Code.failed.rawValue) }
                return
            }
            guard isTaken else {
                if !answer.isEmpty { Output.line(TerminalText.sanitized(answer)) }
                throw Failure(.failed, problem ?? "it was interrupted")
            }
            Output.line("taken with \(end.status ?? 0) after \(milliseconds) ms")
            if !answer.isEmpty { Output.line(TerminalText.sanitized(answer)) }
        }
    }

    struct Secret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the secret that signs the calls of a webhook, and show it once.",
            discussion: """
                With --rotate it makes another one; the old one signs beside it for a while, so that the handler can be changed without a gap.

                Examples:
                  switchboard webhook secret maier orders
                  switchboard webhook secret maier orders --rotate --overlap 2h
                  switchboard webhook secret maier orders --rotate --overlap 0s     the old one is out at once
                """
        )

        @OptionGroup var reference: Reference
        @Flag(help: "Make another secret in place of the present one.") var rotate = false
        @Option(help: "How long the old secret signs too: 90s, 30m, 24h, 7d (default: 24h).") var overlap: String?
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            if overlap != nil, !rotate { throw ValidationError("--overlap belongs to --rotate") }
        }

        mutating func run() async throws {
            let seconds = try overlap.map(WebhookCommand.seconds) ?? WebhookEndpoint.overlap.components.seconds
            let secret = SigningSecret()
            let webhook = try await CommandContext.with(options) { [reference, rotate] context in
                let business = try await context.store.business(named: reference.owner.business)
                let sealer = try await context.sealer()
                return try await context.store.setSecret(
                    of: reference.step,
                    business: business.id,
                    isNew: !rotate,
                    overlap: seconds > 0 ? Timestamp.now().advanced(by: .seconds(seconds)) : nil
                ) { try sealer.seal(secret, for: $0, version: $1) }
            }
            if output.json {
                return Output.json([
                    "step": .string(webhook.step), "secret": .string(secret.reveal()),
                    "previous_secret_until": .optional(webhook.previous?.until.rfc3339),
                ])
            }
            Output.line(secret.reveal())
            Output.line(
                "the secret of \(TerminalText.sanitized(webhook.step)), shown this once: give it to the handler"
            )
            if let until = webhook.previous?.until { Output.line("the old one signs too until \(Output.time(until))") }
        }
    }

    struct On: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Turn a webhook on again; what it missed: `switchboard deliveries replay`.",
            discussion: "Example:\n  switchboard webhook on maier orders"
        )

        @OptionGroup var reference: Reference
        @OptionGroup var options: CommonOptions

        mutating func run() async throws {
            let webhook = try await WebhookCommand.turn(reference, .on, options)
            Output.line("\(TerminalText.sanitized(webhook.step)) is on")
        }
    }

    struct Off: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Turn a webhook off: it is not called, and what waits for it counts as failed within a minute.",
            discussion: "Example:\n  switchboard webhook off maier orders"
        )

        @OptionGroup var reference: Reference
        @OptionGroup var options: CommonOptions

        mutating func run() async throws {
            let webhook = try await WebhookCommand.turn(reference, .off("turned off by hand"), options)
            Output.line("\(TerminalText.sanitized(webhook.step)) is off")
        }
    }

    private static func turn(
        _ reference: Reference,
        _ state: WebhookEndpoint.State,
        _ options: CommonOptions
    ) async throws -> WebhookEndpoint {
        try await CommandContext.with(options) { context in
            let business = try await context.store.business(named: reference.owner.business)
            return try await context.store.setState(state, of: reference.step, business: business.id)
        }
    }

    /// A length of time such as `90s`, `30m`, `24h` or `7d`, at most 30 days.
    private static func seconds(_ text: String) throws -> Int64 {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), count >= 0,
            count <= 30 * 86_400, count * unit <= 30 * 86_400
        else { throw Failure(.usage, "--overlap is a time such as 90s, 30m, 24h or 7d, at most 30d") }
        return count * unit
    }
}
