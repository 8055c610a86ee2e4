import Foundation
import Gateway
import Telegram

/// What commands print: JSON for programs, text and tables for people.
enum Output {
    /// Prints one JSON value on one line.
    static func json(_ value: JSON) { write(value.encoded() + [UInt8(ascii: "\n")]) }

    /// Prints a list as `/v1` gives it.
    static func json(list: [JSON], next: Int64?) {
        json(["data": .array(list), "next_cursor": .optional(next.map(Cursor.text))])
    }

    /// Prints a line for people.
    static func line(_ text: String) { write(Array((text + "\n").utf8)) }

    /// Prints a table, as wide as the terminal if it goes to one.
    static func table(_ table: TerminalTable) { line(table.rendered(width: terminalWidth)) }

    /// Prints one line on standard error.
    static func complain(_ text: String) {
        let oneLine = text.replacing("\n", with: " ")
        // There is nowhere else to say it.
        try? FileHandle.standardError.write(contentsOf: Data("switchboard: \(oneLine)\n".utf8))
    }

    /// The columns of the terminal on standard output; nil if that is none.
    static var terminalWidth: Int? {
        var size = winsize()
        guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return nil
        }
        return Int(size.ws_col)
    }

    private static func write(_ bytes: [UInt8]) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(bytes))
        } catch {
            // Whoever reads has gone, as after `| head`, or the disk is full: nothing more can be printed.
            exit(Failure.Code.failed.rawValue)
        }
    }

    /// A moment for people: date and time of day by the system's time zone.
    static func time(_ moment: Timestamp) -> String {
        var seconds = time_t(moment.milliseconds / 1000)
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return moment.rfc3339 }
        var text = [CChar](repeating: 0, count: 32)
        let length = strftime(&text, text.count, "%Y-%m-%d %H:%M:%S", &parts)
        return String(decoding: text.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A later moment for people: the time of day, with the date where it is another day than the moment before.
    static func time(_ moment: Timestamp, since earlier: Timestamp) -> String {
        let (text, before) = (time(moment), time(earlier))
        let (day, clock) = (text.prefix { $0 != " " }, text.drop { $0 != " " }.dropFirst().prefix(5))
        return clock.isEmpty || !before.hasPrefix(day) ? text : String(clock)
    }
}
