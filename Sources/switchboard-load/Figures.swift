import Telegram

// How measured numbers are written.

extension JSON {
    /// A measured number; digits beyond the third after the point are noise.
    static func figure(_ value: Double?) -> JSON {
        guard let value, value.isFinite else { return .null }
        return .double((value * 1_000).rounded() / 1_000)
    }
}

extension Int {
    var megabytes: Double { Double(self) / 1_048_576 }
}

extension Double {
    /// The number with so many digits after the point.
    func fixed(_ digits: Int) -> String {
        let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
        let scaled = Int64((abs(self) * Double(scale)).rounded())
        let sign = self < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let fraction = String(scaled % Int64(scale))
        return "\(sign)\(scaled / Int64(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}
