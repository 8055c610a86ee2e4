/// When an event is tried again whose handler did not take it.
///
/// **Source:** Standard Webhooks 1.0.0, "Deliverability": at once, then after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 hours; jitter; an
/// answered Retry-After is honoured; 429, 502 and 504 slow down. Jitter of 20 % and the bounds of Retry-After are Svix' (`worker.rs`).
public enum DeliverySchedule {
    /// What lies between a try and the next.
    public static let waits: [Duration] = [
        .seconds(5), .seconds(300), .seconds(1800), .seconds(2 * 3600), .seconds(5 * 3600), .seconds(10 * 3600),
        .seconds(14 * 3600), .seconds(20 * 3600), .seconds(24 * 3600),
    ]

    /// How often an event is tried, the first time included.
    public static let tries = waits.count + 1

    /// A handler that asks us to slow down, or does not answer in time, gets this long at least.
    static let leastWhenSlow = Duration.seconds(60)

    /// From 0.8 up to 1.2, of the random number's upper bits.
    static func jitter(using generator: inout some RandomNumberGenerator) -> Double {
        0.8 + 0.4 * Double(generator.next() >> 11) / 9_007_199_254_740_992
    }

    /// How long to wait after a try that failed; nil if it was the last one.
    ///
    /// - Parameters:
    ///   - tries: how many there were, this one included.
    ///   - retryAfter: what the answer named; it counts between the schedule's wait and twice that.
    ///   - slowsDown: whether the answer asks for less.
    public static func wait(
        after tries: Int,
        retryAfter: Duration?,
        slowsDown: Bool,
        using generator: inout some RandomNumberGenerator
    ) -> Duration? {
        guard tries >= 1, tries <= waits.count else { return nil }
        let base = slowsDown ? max(waits[tries - 1], leastWhenSlow) : waits[tries - 1]
        if let retryAfter { return min(max(retryAfter, base), base * 2) }
        let wait = base * jitter(using: &generator)
        return slowsDown ? max(wait, leastWhenSlow) : wait
    }
}

/// A `Retry-After` header.
public enum RetryAfter {
    /// What it asks for, seconds or a date; nil if it is neither.
    ///
    /// A date that is past is a wait of nothing.
    ///
    /// **Source:** RFC 9110, 10.2.3 and 5.6.7: the three forms of a date that a recipient must take; `+0000` for GMT is RFC 5322's.
    public static func wait(_ text: String, at now: Timestamp) -> Duration? {
        let text = text.filter { $0 != "\t" }
        if let seconds = Int64(text), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return .seconds(min(seconds, 366 * 86_400))
        }
        guard let date = date(text) else { return nil }
        return .milliseconds(max(0, date.milliseconds &- now.milliseconds))
    }

    private static func date(_ text: String) -> Timestamp? {
        let modern =
            /[A-Za-z]{3,9}, ([0-9]{1,2})[ -]([A-Za-z]{3})[ -]([0-9]{2}|[0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) (?:GMT|UTC|[+-]0000)/
        let asctime = /[A-Za-z]{3} ([A-Za-z]{3}) ([ 0-9][0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([0-9]{4})/
        if let match = text.wholeMatch(of: modern) {
            return moment(match.3, match.2, match.1, [match.4, match.5, match.6])
        }
        if let match = text.wholeMatch(of: asctime) {
            return moment(match.6, match.1, match.2.drop { $0 == " " }, [match.3, match.4, match.5])
        }
        return nil
    }

    private static let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    private static func moment(
        _ year: Substring,
        _ month: Substring,
        _ day: Substring,
        _ time: [Substring]
    ) -> Timestamp? {
        let clock = time.compactMap { Int64($0) }
        guard var year = Int64(year), let month = months.firstIndex(of: month.lowercased()), let day = Int64(day),
            (1...31).contains(day), clock.count == 3, clock[0] < 24, clock[1] < 60, clock[2] <= 60
        else { return nil }
        // RFC 850's years of two digits are those nearest to our time.
        if year < 100 { year += year < 70 ? 2000 : 1900 }
        let days = Self.days(year, Int64(month) + 1, day)
        return Timestamp(seconds: days * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2])
    }

    /// Days since 1970-01-01.
    ///
    /// **Source:** Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
