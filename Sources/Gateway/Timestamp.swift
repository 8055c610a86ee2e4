import Foundation

/// A moment in Unix milliseconds, as it is stored.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public let milliseconds: Int64

    /// Wraps milliseconds.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Telegram's dates are whole seconds.
    ///
    /// **Source:** Bot API, `Message.date`.
    public init(seconds: Int64) {
        milliseconds = seconds.multipliedReportingOverflow(by: 1000).overflow ? 0 : seconds * 1000
    }

    /// This moment by the system's clock.
    public static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// The earlier one comes first.
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    /// A moment that much later.
    public func advanced(by duration: Duration) -> Timestamp {
        // A wait that somebody else has named may be any number.
        let (seconds, attoseconds) = duration.components
        let century: Int64 = 3_155_760_000
        let span = min(max(seconds, -century), century) * 1000 + attoseconds / 1_000_000_000_000_000
        let (sum, overflow) = milliseconds.addingReportingOverflow(span)
        return Timestamp(milliseconds: overflow ? (span < 0 ? .min : .max) : sum)
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-23T05:18:00.000Z`.
    public var rfc3339: String {
        let (date, time) = calendar
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))T"
            + "\(padded(time / 3_600_000, 2)):\(padded(time / 60_000 % 60, 2)):\(padded(time / 1000 % 60, 2))"
            + ".\(padded(time % 1000, 3))Z"
    }

    /// The civil date and the milliseconds into the day.
    ///
    /// **Source:** Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    private var calendar: (date: (year: Int64, month: Int64, day: Int64), time: Int64) {
        let dayLength: Int64 = 86_400_000
        let days = milliseconds.quotientAndRemainder(dividingBy: dayLength)
        let time = days.remainder < 0 ? days.remainder + dayLength : days.remainder
        let shifted = (days.remainder < 0 ? days.quotient - 1 : days.quotient) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * dayOfYear + 2) / 153
        let month = march < 10 ? march + 3 : march - 9
        return ((yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * march + 2) / 5 + 1), time)
    }

    private func padded(_ number: Int64, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
