import Foundation
import Gateway
import Logging
import Telegram

/// Writes log lines to standard error, for people or as JSON.
struct LineLogHandler: LogHandler {
    let format: Settings.LogFormat
    let label: String
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Sends all logging of the process here.
    static func bootstrap(level: Logger.Level, format: Settings.LogFormat) {
        LoggingSystem.bootstrap { LineLogHandler(format: format, label: $0, logLevel: level) }
    }

    func log(event: LogEvent) {
        var facts = metadata
        if let provided = metadataProvider?.get() { facts.merge(provided) { _, new in new } }
        if let own = event.metadata { facts.merge(own) { _, new in new } }
        let sorted = facts.sorted { $0.key < $1.key }
        let time = Timestamp.now().rfc3339
        let line: [UInt8]
        switch format {
        case .json:
            var members = [
                JSON.Member("time", .string(time)), JSON.Member("level", .string(event.level.rawValue)),
                JSON.Member("message", .string(event.message.description)),
            ]
            members += sorted.map { JSON.Member($0.key, .string($0.value.description)) }
            line = JSON.object(members).encoded()
        case .text:
            let level = event.level.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)
            let words = sorted.map { "\($0.key)=\(Self.word($0.value.description))" }
            line = Array(([time, level, event.message.description] + words).joined(separator: " ").utf8)
        }
        // One write a line, so that lines of several threads stay apart.
        // A line that cannot be written, say on a full disk, is lost: the server has better to do than to end for it.
        try? FileHandle.standardError.write(contentsOf: Data(line + [UInt8(ascii: "\n")]))
    }

    /// A value as one word: with spaces, quotes or control characters it is written as a JSON string.
    private static func word(_ value: String) -> String {
        let isPlain =
            !value.isEmpty && value.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "\"" && $0.value != 0x7F }
        return isPlain ? value : JSON.string(value).text
    }
}
