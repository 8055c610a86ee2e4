import Foundation
import Gateway

/// The hours of the demo's shop, reckoned apart from the pipeline that tells them.
enum DemoHours {
    /// Whether it is between 9:00 and 18:00 in Berlin, from Monday to Saturday.
    static func areOpen(at moment: Timestamp) -> Bool {
        guard let berlin = TimeZone(identifier: "Europe/Berlin") else { return false }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = berlin
        let date = Date(timeIntervalSince1970: Double(moment.milliseconds) / 1000)
        let (sunday, opening, closing) = (1, 9, 18)
        return calendar.component(.weekday, from: date) != sunday
            && (opening..<closing).contains(calendar.component(.hour, from: date))
    }
}
