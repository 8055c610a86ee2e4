import ArgumentParser
import Foundation
import Gateway
import HTTPSurface
import Handlers
import Logging
import ServiceLifecycle
import Simulator
import Storage
import Telegram
import UnixSignals

/// The command `switchboard demo`.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "See the whole thing work on this machine, offline: two businesses, their bots, their customers.",
        discussion: """
            Starts the simulator and the gateway on loopback with a data directory of its own, registers two businesses with a bot each, lets
            customers write, and shows what arrives where. Then the two get pipelines, those of deploy/pipelines: a shop and a support
            desk, and what comes back is shown as the customers see it; then the support desk's answers come from a program of its own,
            deploy/webhooks/handler.py, where there is a python3. Everything is checked. Then it stays up, with addresses to
            try; with --once it ends: exit 0 if all is as it should be.

            Examples:
              switchboard demo
              switchboard demo --once --json
            """
    )

    @Flag(help: "End after the scenario.") var once = false
    @Flag(help: "Print one JSON object a line.") var json = false

    mutating func run() async throws {
        LineLogHandler.bootstrap(level: .error, format: .text)
        let directory = try Self.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory.path) }
        let key = MasterKey()
        try key.write(toNewFile: directory.masterKey)
        let store = try await SQLiteStore(directory, .create)
        do {
            let sealer = Sealer(key: key)
            try await store.setKeyCheck(try sealer.sealCheck())
            try await play(store, sealer, directory)
        } catch {
            try? await store.close()
            throw error
        }
        try await store.close()
    }

    /// Runs simulator and gateway, and the scenario beside them.
    private func play(_ store: SQLiteStore, _ sealer: Sealer, _ directory: DataDirectory) async throws {
        let telegram = SimulatedTelegram(seed: 7)
        let simulator = SimulatorServer(telegram)
        let registry = Registry()
        let (ports, port) = AsyncStream<Int>.makeStream()
        let logger = Logger(label: "switchboard")
        let server = Server(
            address: .init(host: "127.0.0.1", port: 0),
            registry: registry,
            intake: Intake(inbox: store),
            condition: store,
            logger: logger,
            onRunning: { port.yield($0) }
        )
        let client = try WebhookClient(rules: DemoProgram.rules)
        defer { client.shutdown() }
        let gate = WebhookGate()
        let desk = WebhookDesk(directory: store, caller: client, reader: AnswerReader(), sealer: sealer, gate: gate)
        var configuration = ServiceGroupConfiguration(
            services: [
                simulator, RegistryRefresher(registry: registry, source: store, logger: logger),
                DeliverySender(
                    store: store,
                    caller: client,
                    sealer: sealer,
                    gate: gate,
                    clock: ContinuousClock(),
                    logger: logger
                ),
                DemoSender(simulator: simulator, store: store, sealer: sealer, logger: logger),
                Dispatcher(
                    store: store,
                    reading: PipelineFile(),
                    webhooks: .init(desk: desk, reading: AnswerReader()),
                    clock: ContinuousClock(),
                    logger: logger
                ),
                server,
            ],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }
        )
        configuration.maximumGracefulShutdownDuration = .seconds(5)
        let services = ServiceGroup(configuration: configuration)
        let (once, printer) = (self.once, DemoPrinter(json: self.json))
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await services.run()
                // A signal, or the scenario itself, has ended them: what is still shown ends too.
                throw CancellationError()
            }
            group.addTask {
                let botAPI = "http://127.0.0.1:\(try await simulator.boundPort())"
                guard let listening = await ports.first(where: { _ in true }) else { return false }
                let gateway = "http://127.0.0.1:\(listening)"
                let address = ServerAddress(publicURL: try PublicURL(gateway, botAPI: botAPI), botAPI: botAPI)
                try await store.record(address)
                let scenario = DemoScenario(telegram: telegram, store: store, registry: registry, printer: printer)
                try await scenario.run(sealer: sealer, address: address, folder: directory.path)
                if once {
                    await services.triggerGracefulShutdown()
                    return true
                }
                printer.invite(gateway: gateway, simulator: botAPI, data: directory.path)
                try await scenario.showWhatComes()
                return true
            }
            // The first to end, ends all: the scenario by its failure, or the services by a signal.
            var isPlayed = false
            do {
                while let next = try await group.next() { isPlayed = isPlayed || next }
            } catch is CancellationError {
                group.cancelAll()
                // The scenario may have ended at the same moment: how, is still to be heard.
                while let rest = await group.nextResult() {
                    if case .success(true) = rest { isPlayed = true }
                    if case .failure(let error) = rest, !(error is CancellationError) { throw error }
                }
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
            if once, !isPlayed { throw Failure(.failed, "interrupted before the scenario was over") }
        }
    }

    private static func temporaryDirectory() throws -> DataDirectory {
        let root = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        let path = "\(root)/switchboard-demo-\(ProcessInfo.processInfo.processIdentifier)"
        let directory = DataDirectory(path)
        guard try directory.create() else {
            throw StoreError.directoryUnusable(path, why: "it is left from an earlier demo: remove it")
        }
        return directory
    }
}

/// Shows the demo: lines for people, or JSON objects.
struct DemoPrinter: Sendable {
    let json: Bool

    func heading(_ text: String) {
        if !json { Output.line("\n\(text)") }
    }

    func registered(_ business: Business, _ bot: Bot) {
        if json {
            return Output.json(["event": "registered", "business": business.json, "bot": bot.json(publicURL: nil)])
        }
        Output.line("  \(business.name) (\(business.slug)) with \(bot.title)")
    }

    func note(_ text: String) {
        if json { return Output.json(["event": "note", "text": .string(text)]) }
        Output.line("  \(text)")
    }

    /// What somebody writes or does.
    func said(_ who: String, _ text: String) {
        if json { return Output.json(["event": "said", "by": .string(who), "text": .string(text)]) }
        var line: TerminalPhrase = "  "
        line.add(quoting: who)
        line.add(": ")
        line.add(quoting: text)
        Output.line(line.text)
    }

    /// What the bot shows to somebody.
    func saw(_ who: String, _ text: String, buttons: [String]) {
        if json {
            return Output.json([
                "event": "seen", "by": .string(who), "text": .string(text),
                "buttons": .array(buttons.map { .string($0) }),
            ])
        }
        var line: TerminalPhrase = "    → "
        line.add(quoting: who)
        line.add(" sees: ")
        line.add(quoting: text)
        for button in buttons {
            line.add("  [")
            line.add(quoting: button)
            line.add("]")
        }
        Output.line(line.text)
    }

    /// The texts of the buttons below a message.
    static func buttons(_ message: ChatMessage) -> [String] {
        guard case .array(let rows)? = message.json["reply_markup"]?["inline_keyboard"] else { return [] }
        return rows.flatMap { row -> [JSON] in if case .array(let buttons) = row { buttons } else { [] } }
            .compactMap { button in if case .string(let text)? = button["text"] { text } else { nil } }
    }

    func arrived(_ message: Message, at business: Business) {
        if json {
            return Output.json(["event": "message", "business": .string(business.slug.text), "message": message.json])
        }
        var line: TerminalPhrase = "  "
        line.add("\(business.slug)  \(message.conversationID)  ")
        // What happened says itself who did it.
        if message.kind != "service" {
            line.add(quoting: message.sender.name)
            line.add(": ")
        }
        line.add(MessageContent(message).phrase)
        Output.line(line.text)
    }

    func history(_ messages: [Message], of conversation: Conversation, at business: Business) {
        if json {
            return Output.json([
                "event": "history", "business": .string(business.slug.text), "with": .string(conversation.title),
                "messages": .array(messages.map(\.json)),
            ])
        }
        Output.line("\n\(business.name), with \(ConversationsCommand.heading(conversation).text):")
        HistoryCommand.show(messages, isBusinessChat: conversation.space.hasPrefix("business:"))
    }

    func checked(_ what: String, _ isTrue: Bool) {
        if json { return Output.json(["event": "check", "what": .string(what), "ok": .bool(isTrue)]) }
        Output.line("  \(isTrue ? "ok    " : "FAILED")  \(what)")
    }

    func invite(gateway: String, simulator: String, data: String) {
        if json {
            return Output.json([
                "event": "up", "gateway": .string(gateway), "simulator": .string(simulator), "data": .string(data),
            ])
        }
        let program = URL(fileURLWithPath: CommandLine.arguments[0]).path
        // Found by its path, as quickstart.sh does, and not by the shell's.
        let path =
            CommandLine.arguments[0].contains("/")
            ? "\n  export PATH=\"\((program as NSString).deletingLastPathComponent):$PATH\"" : ""
        Output.line(
            """

            The demo stays up until Ctrl-C. What arrives is shown here. In another terminal:\(path)
              export SWITCHBOARD_DATA=\(data)
              switchboard conversations flora
              curl -d '{"first_name": "Ada"}' \(simulator)/simulator/people
              curl -d '{"bot": "flora_bot", "person": ID, "text": "/start"}' \(simulator)/simulator/say
              switchboard pipeline log flora
              curl \(gateway)/readyz
            """
        )
    }
}
