/// When a failed update is posted again.
///
/// **Source:** tdlib/telegram-bot-api `WebhookActor::on_update_error`.
enum RetryPolicy {
    /// A longer `Retry-After` is taken as this many seconds.
    static let maximumRetryAfterSeconds: Int64 = 3600

    /// Notes one more failure and gives the seconds to wait.
    ///
    /// Without `Retry-After`: 0, 2, 4, 8, 16, 32, then 60 to 64, then 60 to 120 each time. With it: what it asks; the failure
    /// counts, but the row does not grow. There is no last try: only the expiry ends it.
    static func noteFailure(
        of update: inout QueuedUpdate,
        retryAfterSeconds: Int64,
        random: inout some RandomNumberGenerator
    ) -> Int64 {
        let asked = min(max(retryAfterSeconds, 0), maximumRetryAfterSeconds)
        defer { update.failures += 1 }
        if asked > 0 { return asked }
        guard update.failures > 0 else { return 0 }
        let ceiling = Int64.random(in: 60...120, using: &random)
        update.delaySeconds = min(ceiling, update.delaySeconds * 2)
        return update.delaySeconds
    }
}
