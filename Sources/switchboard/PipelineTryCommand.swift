import ArgumentParser
import Foundation
import Gateway
import Handlers
import Storage
import Telegram

extension PipelineCommand {
    struct Try: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what a pipeline would do with a message; sends nothing, changes nothing.",
            discussion: """
                Shows which steps match, why the others do not, and what would be sent. The message is a text, a pressed button, an update of Telegram's
                in a file, or one that is stored (by its id, from `switchboard history … --json`); a stored one is tried with the labels, the attributes and
                the hand-off that its conversation has now.

                Examples:
                  switchboard pipeline try maier shop.yaml --message "What does it cost?"
                  switchboard pipeline try maier shop.yaml --message /start --at 2026-12-24T23:00:00Z --language de
                  switchboard pipeline try maier --active --press order:7 --label vip --attribute size=xl
                  switchboard pipeline try maier --active --stored msg_12 --json
                """
        )

        @OptionGroup var reference: BusinessCommand.Reference
        @Argument(help: "The pipeline file.") var file: String?
        @Flag(help: "Try the business's active pipeline instead of a file.") var active = false
        @Option(help: "A text that a customer may write.") var message: String?
        @Option(help: "The data of a button that a customer may press.") var press: String?
        @Option(help: "A file with an update as Telegram sends it.") var update: String?
        @Option(help: "A stored message: its id.") var stored: String?
        @Option(help: "To this bot: its @username or id (default: the business's first).") var bot: String?
        @Option(help: "At this moment, such as 2026-12-24T23:00:00Z (default: now).") var at: String?
        @Option(help: "The language of the customer's app.") var language: String?
        @Option(help: "A label of the conversation; may be repeated.") var label: [String] = []
        @Option(help: "An attribute as NAME=VALUE; may be repeated.") var attribute: [String] = []
        @Flag(help: "The customer has written before.") var known = false
        @OptionGroup var options: CommonOptions
        @OptionGroup var output: OutputOptions

        /// No update is longer.
        private static let longestUpdate = 1 << 20

        mutating func validate() throws {
            guard (file != nil) != active else { throw ValidationError("give a pipeline file, or --active") }
            guard [message, press, update, stored].count(where: { $0 != nil }) == 1 else {
                throw ValidationError("give one of --message, --press, --update and --stored")
            }
            let isMade = language != nil || !label.isEmpty || !attribute.isEmpty || known || bot != nil
            guard stored == nil || !isMade else {
                throw ValidationError(
                    "a stored message has its own bot, language, labels and attributes: leave them out"
                )
            }
        }

        mutating func run() async throws {
            let (pipeline, context, folder) = try await CommandContext.with(options) { [self] context in
                let business = try await context.store.business(named: reference.business)
                let chosen = try await chosenPipeline(context.store, business)
                let folder = FilesFolders(directory: context.directory.path).folder(of: business.id)
                return (chosen, try await tried(context.store, business), folder)
            }
            switch context {
            case .failure(let why):
                if output.json { return Output.json(["started": false, "why": .string(why.description)]) }
                Output.line("no pipeline is started: \(why)")
            case .success(let context): show(await pipeline.evaluate(context), folder)
            }
        }

        private func chosenPipeline(_ store: SQLiteStore, _ business: Business) async throws -> Pipeline {
            if let file {
                let text = try PipelineCommand.read(file, "the pipeline file", atMost: PipelineVersion.longestText)
                return try PipelineCommand.pipeline(text, file)
            }
            let version = try await PipelineCommand.active(store, business)
            return try PipelineCommand.pipeline(version.text ?? "", "version \(version.number)")
        }

        private func tried(
            _ store: SQLiteStore,
            _ business: Business
        ) async throws -> Result<PipelineContext, PipelineContext.Incoming.NotStarted> {
            let now = try moment()
            if let stored {
                guard let id = MessageID(stored) else { throw GatewayError.unknownMessage(stored) }
                let subject = try await store.pipelineSubject(id, of: business.id)
                return Result { () throws(PipelineContext.Incoming.NotStarted) in
                    try subject.context(businessName: business.name, now: now)
                }
            }
            var context = PipelineContext(
                message: incoming(now),
                customer: .init(telegramID: 1, name: "Anna Example", username: "anna_example", language: language),
                conversation: .init(title: "Anna Example"),
                businessName: business.name,
                bot: try await recipient(store, business),
                isFirstContact: !known,
                labels: Swift.Set(label),
                attributes: try attributes(),
                now: now
            )
            guard let update else { return .success(context) }
            let text = try PipelineCommand.read(update, "the update file", atMost: Self.longestUpdate)
            do throws(PipelineContext.Incoming.NotStarted) {
                try context.take(Self.record(text, business, context.bot, now), language: language)
                return .success(context)
            } catch {
                return .failure(error)
            }
        }

        private func moment() throws -> Timestamp {
            guard let at else { return .now() }
            guard let date = try? Date(at, strategy: .iso8601) else {
                throw Failure(.usage, "--at is a moment such as 2026-12-24T23:00:00Z")
            }
            return Timestamp(milliseconds: Int64(date.timeIntervalSince1970 * 1000))
        }

        private func incoming(_ now: Timestamp) -> PipelineContext.Incoming {
            if let press {
                return .init(
                    kind: "button",
                    text: nil,
                    callbackData: press,
                    callbackID: "1",
                    telegramMessageID: 1,
                    sentAt: now
                )
            }
            return .init(kind: "text", text: message, telegramMessageID: 1, sentAt: now)
        }

        private func recipient(_ store: SQLiteStore, _ business: Business) async throws -> PipelineContext.Recipient {
            let bots = try await store.bots(of: business.id)
            guard let bot else {
                return bots.first.map { .init(id: $0.id, username: $0.username, name: $0.name) }
                    ?? .init(id: BotID(rawValue: 1), username: "", name: business.name)
            }
            let found = try await store.bot(named: bot)
            guard found.businessID == business.id else { throw GatewayError.unknownBot(bot) }
            return .init(id: found.id, username: found.username, name: found.name)
        }

        private func attributes() throws -> [AttributeName: String] {
            try attribute.reduce(into: [:]) { attributes, pair in
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, let name = AttributeName(String(parts[0])) else {
                    throw Failure(.usage, "--attribute is NAME=VALUE, such as size=xl or customer.tier=gold")
                }
                attributes[name] = String(parts[1])
            }
        }

        private static func record(
            _ text: String,
            _ business: Business,
            _ bot: PipelineContext.Recipient,
            _ now: Timestamp
        ) -> IntakeRecord {
            let registered = RegisteredBot(
                id: bot.id,
                businessID: business.id,
                hook: "",
                secret: SecretDigest(of: [UInt8]()),
                previousSecret: nil,
                runs: false
            )
            return Intake.record(of: Array(text.utf8), for: registered, at: now)
        }

        private func show(_ outcome: PipelineOutcome, _ folder: FilesFolder) {
            let missing = outcome.replies.compactMap { Self.missing($0, folder) }
            if output.json {
                var shape = outcome.json
                shape["started"] = true
                shape["notes"] = .array(missing.map { .string($0) })
                return Output.json(shape)
            }
            for report in outcome.reports {
                let name = report.name.isEmpty ? "" : " \(TerminalText.sanitized(report.name))"
                let why = report.fate.reason.map { ": \(TerminalText.sanitized($0))" } ?? ""
                let word = report.fate.word.replacing("_", with: " ")
                Output.line("step \(report.index + 1)\(name) (line \(report.line), \(report.kind)): \(word)\(why)")
            }
            for reply in outcome.replies { Output.line("would send: \(TerminalText.sanitized(reply.json.text))") }
            if outcome.replies.isEmpty { Output.line("would send nothing") }
            if let answer = outcome.callbackAnswer {
                Output.line("would answer the button: \(TerminalText.sanitized(answer.text ?? ""))")
            }
            if let answer = outcome.checkoutAnswer {
                let refusal = answer.refusal.map { "would refuse the payment: \(TerminalText.sanitized($0))" }
                Output.line(refusal ?? "would agree to the payment")
            }
            for call in outcome.effects.compactMap(\.webhook) {
                Output.line(
                    "would call the webhook of step \(TerminalText.sanitized(call.step)) (\(call.mode.rawValue))"
                )
            }
            for forward in outcome.forwards { Output.line("would forward the message to \(forward.chat)") }
            if !outcome.change.isEmpty {
                Output.line("would change: \(TerminalText.sanitized(outcome.change.json.text))")
            }
            for note in missing { Output.line("note: \(TerminalText.sanitized(note))") }
        }

        /// Why a reply's own file could not be sent.
        private static func missing(_ reply: PipelineReply, _ folder: FilesFolder) -> String? {
            guard case .media(_, .own(let name), _) = reply.content else { return nil }
            do throws(FilesFolder.Unusable) {
                _ = try folder.open(name)
                return nil
            } catch {
                return error.description
            }
        }
    }
}

extension PipelineContext {
    /// Takes message, customer and place of an update.
    fileprivate mutating func take(_ record: IntakeRecord, language: String?) throws(Incoming.NotStarted) {
        message = try Incoming(record)
        if let written = record.message { conversation = .init(kind: written.chatKind, title: written.chatTitle) }
        customer = .init(
            telegramID: record.actor?.id ?? 0,
            name: record.actor?.name ?? "",
            username: record.profile?.username,
            language: language ?? record.profile?.language
        )
    }
}
