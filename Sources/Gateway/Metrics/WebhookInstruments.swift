import Metrics

/// Counts what the listener of the webhooks does; what is stored is counted where it is written.
public struct WebhookInstruments: Sendable {
    private let unauthorized: Counter
    private let unknownHook: Counter
    private let wrongMethod: Counter
    private let tooLarge: Counter
    private let unavailable: Counter
    private let connections: Meter
    private let slow: Counter
    private let businesses: BusinessInstruments

    init(_ factory: any MetricsFactory, _ businesses: BusinessInstruments) {
        unauthorized = MetricDescription.intakeRefused.counter(factory, "401")
        unknownHook = MetricDescription.intakeRefused.counter(factory, "404")
        wrongMethod = MetricDescription.intakeRefused.counter(factory, "405")
        tooLarge = MetricDescription.intakeRefused.counter(factory, "413")
        unavailable = MetricDescription.intakeRefused.counter(factory, "503")
        connections = MetricDescription.webhookConnections.meter(factory)
        connections.set(0)
        slow = MetricDescription.slowConnections.counter(factory)
        self.businesses = businesses
    }

    /// A webhook was answered with another status than 200.
    ///
    /// - Parameter status: 401, 404, 405, 413 or 503; the lane gives no other.
    public func refused(status: Int) {
        switch status {
        case 401: unauthorized.increment()
        case 404: unknownHook.increment()
        case 405: wrongMethod.increment()
        case 413: tooLarge.increment()
        default: unavailable.increment()
        }
    }

    /// An update of a business could not be stored; the answer itself is counted by `refused`.
    public func notStored(of business: BusinessID) { businesses.refused(business) }

    /// A connection was taken.
    public func connectionOpened() { connections.increment() }

    /// A connection has ended, however.
    public func connectionClosed() { connections.decrement() }

    /// A connection is closed because its client is too slow or was idle for too long.
    public func connectionWasSlow() { slow.increment() }
}
