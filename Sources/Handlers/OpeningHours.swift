import Foundation
import Gateway

/// Times of the week in a time zone, by the clock on the wall there.
///
/// So they are right over daylight saving by themselves: on the day of the change 09:00 is 09:00. A stretch that ends at or before its beginning
/// goes over midnight and belongs to the day on which it begins. A wall-clock time that occurs twice counts both times.
struct OpeningHours: Hashable, Sendable {
    /// Days as they are written, Monday first.
    static let dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    /// Days, 0 is Monday.
    let days: Set<Int>
    /// Minutes from midnight.
    let from: Int
    /// Minutes from midnight, up to 1440.
    let to: Int
    /// Where the clock hangs.
    private let calendar: Calendar

    init(days: Set<Int>, from: Int, to: Int, zone: TimeZone) {
        self.days = days
        self.from = from
        self.to = to
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        self.calendar = calendar
    }

    /// Whether a moment is within them; the end itself is not.
    func contain(_ moment: Timestamp) -> Bool {
        let date = Date(timeIntervalSince1970: Double(moment.milliseconds) / 1000)
        let parts = calendar.dateComponents([.weekday, .hour, .minute], from: date)
        // Sunday is 1 in Foundation.
        let day = ((parts.weekday ?? 1) + 5) % 7
        let minute = (parts.hour ?? 0) * 60 + (parts.minute ?? 0)
        if from < to { return days.contains(day) && (from..<to).contains(minute) }
        return (days.contains(day) && minute >= from) || (days.contains((day + 6) % 7) && minute < to)
    }

    /// Minutes from midnight of `HH:MM`; nil if it is none.
    static func minutes(_ text: String) -> Int? {
        guard let match = text.wholeMatch(of: /([0-9]{2}):([0-9]{2})/), let hour = Int(match.1),
            let minute = Int(match.2),
            minute < 60, hour * 60 + minute <= 1440
        else { return nil }
        return hour * 60 + minute
    }

    /// Days of `mon-fri`, `sat` or `daily`; a stretch may go over Sunday.
    ///
    /// Nil if it is none.
    static func days(_ text: String) -> Set<Int>? {
        let text = text.lowercased()
        if text == "daily" { return Set(0..<7) }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map {
            dayNames.firstIndex(of: String($0))
        }
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] else { return nil }
        return Set((0...((last - first + 7) % 7)).map { (first + $0) % 7 })
    }

    /// A time zone of the tz database; nil for others, abbreviations too: they do not tell when daylight saving begins.
    static func zone(_ text: String) -> TimeZone? {
        guard text == "UTC" || (text.contains("/") && !text.contains("..") && !text.hasPrefix("/")) else { return nil }
        return TimeZone(identifier: text)
    }
}
