import Foundation

/// The two times of the simulation: a clock that waits are measured on, and the date that messages carry.
struct Timepiece: Sendable {
    /// What has passed on the clock since the simulation was made.
    let elapsed: @Sendable () -> Duration
    /// Waits until that much has passed.
    let sleep: @Sendable (_ until: Duration) async throws -> Void
    /// The date, in Unix seconds.
    let now: @Sendable () -> Int64

    /// Without `now` the date starts as the machine's and goes with the clock, so a clock driven by hand moves it too.
    init<C: Clock<Duration>>(clock: C, now: (@Sendable () -> Int64)?) {
        let start = clock.now
        let elapsed: @Sendable () -> Duration = { start.duration(to: clock.now) }
        self.elapsed = elapsed
        sleep = { try await clock.sleep(until: start.advanced(by: $0), tolerance: nil) }
        let startDate = Int64(Date().timeIntervalSince1970)
        self.now = now ?? { startDate + elapsed().components.seconds }
    }
}
