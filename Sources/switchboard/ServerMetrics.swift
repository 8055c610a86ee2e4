import ArgumentParser
import Gateway
import HTTPSurface
import Logging
import ServiceLifecycle
import Storage

/// The instruments of `serve`, and the listener that shows them where one is set.
struct ServerMetrics {
    let instruments: Instruments
    private let kept: (PrometheusMetrics, Server.Address)?

    /// Without a listener nothing is counted: nobody would see it.
    init(_ settings: Settings) {
        guard let address = settings.metricsListen else {
            instruments = .none
            kept = nil
            return
        }
        let metrics = PrometheusMetrics()
        instruments = Instruments(metrics, businesses: settings.metricsBusinesses)
        kept = (metrics, address)
    }

    /// What is to run beside the server: the listener, or nothing.
    func services(for store: SQLiteStore, _ directory: DataDirectory, _ logger: Logger) -> [any Service] {
        guard let (metrics, address) = kept else { return [] }
        return [
            MetricsServer(
                address: address,
                metrics: metrics,
                sources: [
                    ProcessSource(version: Switchboard.configuration.version), WriteBacklogSource(store),
                    StoreFilesSource(directory), StoreTablesSource(store),
                ],
                logger: logger,
                onRunning: { port in
                    logger.notice(
                        "metrics served",
                        metadata: [LogKeys.address: "\(address.host)", LogKeys.port: "\(port)"]
                    )
                }
            )
        ]
    }
}
