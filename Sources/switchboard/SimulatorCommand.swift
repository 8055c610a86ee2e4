import ArgumentParser
import Gateway
import HTTPSurface
import Logging
import ServiceLifecycle
import Simulator
import UnixSignals

/// The command `switchboard simulator`.
struct SimulatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulator",
        abstract: "Run the offline Bot API server alone, with people to play.",
        discussion: """
            Bots, people and what they write are made over HTTP under /simulator/; nothing is stored. A server of yours uses it with
            `switchboard serve --bot-api http://127.0.0.1:8081 --public-url http://127.0.0.1:8080`.

            Examples:
              switchboard simulator &
              curl -d '{"name": "Maier", "username": "maier_bot"}' http://127.0.0.1:8081/simulator/bots
              curl -d '{"first_name": "Anna"}' http://127.0.0.1:8081/simulator/people
              curl -d '{"bot": "maier_bot", "person": ID, "text": "Guten Tag"}' http://127.0.0.1:8081/simulator/say
              curl 'http://127.0.0.1:8081/simulator/chats?bot=maier_bot&person=ID'
              curl -d '{"bot": "maier_bot", "person": ID, "content": {"dice": {"emoji": "🎲", "value": 3}}}' \
                http://127.0.0.1:8081/simulator/send
              curl -d '{"fault": "cut_after", "method": "sendMessage"}' http://127.0.0.1:8081/simulator/faults/calls
            Also there: groups, edit, press, react, block, unblock, membership, migrate, channel-posts, updates, business,
            managed-bots, revoke, faults/deliveries, flood-limits, answers. A request that lacks something is told what.
            """
    )

    @Option(help: "Where to listen, host:port; on loopback alone.") var listen = "127.0.0.1:8081"

    mutating func run() async throws {
        guard let address = Server.Address(listen) else {
            throw Failure(.usage, "--listen must be host:port, such as 127.0.0.1:8081")
        }
        // Whoever reaches it can make bots and speak as anybody.
        guard PublicURL.isLoopback("http://\(address)") else {
            throw Failure(.usage, "--listen must be on loopback, such as 127.0.0.1:8081")
        }
        let server = SimulatorServer(SimulatedTelegram(), host: address.host, port: address.port)
        let services = ServiceGroup(
            services: [server],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "simulator") { _ in SwiftLogNoOpLogHandler() }
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do { try await services.run() } catch { throw ServerProcess.words(error, listen: address) }
            }
            group.addTask {
                // What keeps it from listening is told by the other task.
                guard let port = try? await server.boundPort() else { return }
                Output.line("the simulated Bot API listens on http://\(Server.Address(host: address.host, port: port))")
            }
            try await group.waitForAll()
        }
    }
}
