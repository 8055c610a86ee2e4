import Gateway
import Logging
import ServiceLifecycle
import Simulator
import Storage

/// The sender of the demo: it calls the simulator, whose address is known once it listens.
struct DemoSender: Service {
    let simulator: SimulatorServer
    let store: SQLiteStore
    let sealer: Sealer
    let logger: Logger

    func run() async throws {
        let botAPI = "http://127.0.0.1:\(try await simulator.boundPort())"
        try await CommandContext.withTelegram(botAPI, connections: SendingLimits.out) { telegram in
            let sender = OutboxSender(
                store: store,
                telegram: telegram,
                sealer: sealer,
                clock: ContinuousClock(),
                logger: logger
            )
            try await sender.run()
        }
    }
}
