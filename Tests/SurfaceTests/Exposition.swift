import Foundation
import Testing

/// A text of metrics, read as strictly as the format is written.
///
/// **Source:** prometheus.io, "Exposition formats", text format 0.0.4.
struct Exposition {
    struct Failure: Error, CustomStringConvertible {
        var line: String
        var why: String
        var description: String { "\(why): \(line)" }
    }

    /// A series: name, and labels in the order of their names.
    struct Series: Hashable {
        var name: String
        var labels: [String: String] = [:]
    }

    private(set) var values: [Series: Double] = [:]
    private(set) var types: [String: String] = [:]
    private(set) var helps: [String: String] = [:]

    /// Reads a text; throws at the first line that breaks a rule.
    init(_ text: String) throws {
        guard text.isEmpty || text.hasSuffix("\n") else { throw Failure(line: text, why: "the last line is not ended") }
        var open: String?
        var closed: Set<String> = []
        for line in text.split(separator: "\n").map(String.init) {
            let family = try line.hasPrefix("# ") ? describe(line) : sample(line)
            if family != open {
                if let open { closed.insert(open) }
                guard !closed.contains(family) else {
                    throw Failure(line: line, why: "the lines of a metric are apart")
                }
                open = family
            }
        }
        for (name, type) in types where type == "histogram" { try checkHistogram(name) }
    }

    /// The value of a series; nil if it is not there.
    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        values[Series(name: name, labels: labels)]
    }

    /// The names of all series, with their suffixes.
    var names: Set<String> { Set(values.keys.map(\.name)) }

    private mutating func describe(_ line: String) throws -> String {
        let pattern = /# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)/
        guard let match = line.wholeMatch(of: pattern) else { throw Failure(line: line, why: "no HELP and no TYPE") }
        let name = String(match.2)
        if match.1 == "HELP" {
            guard helps[name] == nil, types[name] == nil else {
                throw Failure(line: line, why: "HELP comes late or twice")
            }
            helps[name] = String(match.3)
        } else {
            guard types[name] == nil else { throw Failure(line: line, why: "TYPE comes twice") }
            guard ["counter", "gauge", "histogram"].contains(match.3) else { throw Failure(line: line, why: "no type") }
            types[name] = String(match.3)
        }
        return name
    }

    private mutating func sample(_ line: String) throws -> String {
        let pattern =
            /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (NaN|[+-]Inf|-?[0-9.]+(?:e[+-][0-9]+)?)/
        guard let match = line.wholeMatch(of: pattern) else { throw Failure(line: line, why: "no sample") }
        var series = Series(name: String(match.1))
        for label in (match.2 ?? "").matches(of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/) {
            guard series.labels.updateValue(String(label.2), forKey: String(label.1)) == nil else {
                throw Failure(line: line, why: "a label comes twice")
            }
        }
        let text = match.3.replacing("Inf", with: "infinity")
        guard let value = Double(text) else { throw Failure(line: line, why: "no number") }
        guard values.updateValue(value, forKey: series) == nil else {
            throw Failure(line: line, why: "a series comes twice")
        }
        let family = types[series.name] == nil ? series.name.replacing(/_(bucket|sum|count)$/, with: "") : series.name
        guard let type = types[family] else { throw Failure(line: line, why: "a sample before its TYPE") }
        guard (type == "histogram") == (family != series.name) else { throw Failure(line: line, why: "a wrong suffix") }
        if type == "counter" {
            guard series.name.hasSuffix("_total"), value >= 0 else { throw Failure(line: line, why: "no counter") }
        }
        return family
    }

    private func checkHistogram(_ name: String) throws {
        var groups: [[String: String]: [(bound: Double, count: Double)]] = [:]
        for (series, value) in values where series.name == name + "_bucket" {
            var labels = series.labels
            let le = labels.removeValue(forKey: "le").map { $0 == "+Inf" ? "infinity" : $0 }
            guard let bound = le.flatMap({ Double($0) }) else { throw Failure(line: name, why: "a bucket without le") }
            groups[labels, default: []].append((bound, value))
        }
        for (labels, buckets) in groups {
            let counts = buckets.sorted { $0.bound < $1.bound }.map(\.count)
            guard counts == counts.sorted() else { throw Failure(line: name, why: "buckets that do not add up") }
            guard buckets.contains(where: { $0.bound == .infinity }), counts.last == value(name + "_count", labels),
                value(name + "_sum", labels) != nil
            else { throw Failure(line: name, why: "a histogram that is not whole") }
        }
    }
}

/// Prometheus' own checker, where it is installed.
enum Promtool {
    static let path = ["/usr/bin/promtool", "/usr/local/bin/promtool"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Runs it; what it found, empty if nothing, and its exit code.
    static func run(_ arguments: String..., input: String = "") throws -> (output: String, code: Int32) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(path))
        process.arguments = arguments
        let (standardInput, output) = (Pipe(), Pipe())
        process.standardInput = standardInput
        process.standardOutput = output
        process.standardError = output
        try process.run()
        // The kernel holds 64 KiB for a program that has not read yet; it reads all before it writes.
        try standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try standardInput.fileHandleForWriting.close()
        let found = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (String(decoding: found, as: UTF8.self), process.terminationStatus)
    }
}
