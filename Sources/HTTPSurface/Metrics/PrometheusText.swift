import Gateway

/// How Prometheus' text format is written.
///
/// **Source:** prometheus.io, "Exposition formats", text format 0.0.4.
enum PrometheusText {
    /// What the text says that it is.
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// A label of swift-metrics as a name: what does not fit is an underscore, and a counter ends with `_total`.
    static func name(_ label: String, isCounter: Bool) -> String {
        let name = fitting(label, extra: ":")
        return isCounter && !name.hasSuffix("_total") ? name + "_total" : name
    }

    /// Labels as they stand between the braces, by name; empty for none, and of a name that comes twice the first.
    static func labels(_ dimensions: [(String, String)]) -> String {
        var seen: Set<String> = []
        return dimensions.map { (fitting($0.0), $0.1) }.filter { seen.insert($0.0).inserted }
            .sorted { $0.0 < $1.0 }.map { "\($0.0)=\"\(escaped($0.1, quotes: true))\"" }.joined(separator: ",")
    }

    /// One line.
    static func line(_ name: String, _ labels: String, _ value: Double) -> String {
        labels.isEmpty ? "\(name) \(number(value))" : "\(name){\(labels)} \(number(value))"
    }

    /// A metric with all its lines, each ended.
    static func block(_ name: String, _ kind: MetricDescription.Kind, _ help: String?, _ lines: [String]) -> String {
        let type =
            switch kind {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        var all = ["# TYPE \(name) \(type)"]
        if let help { all.insert("# HELP \(name) \(escaped(help, quotes: false))", at: 0) }
        return (all + lines).joined(separator: "\n") + "\n"
    }

    /// A number as Go reads it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        // Whole numbers without a fraction, as far as a double tells them apart.
        if value == value.rounded(), abs(value) < 9_007_199_254_740_992 { return String(Int64(value)) }
        return "\(value)"
    }

    private static func fitting(_ text: String, extra: String = "") -> String {
        let fitting = text.map { character in
            character.isASCII && (character.isLetter || character.isNumber || extra.contains(character))
                ? character : "_"
        }
        guard let first = fitting.first, !first.isNumber else { return "_" + String(fitting) }
        return String(fitting)
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        let text = text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return quotes ? text.replacing("\"", with: "\\\"") : text
    }
}
