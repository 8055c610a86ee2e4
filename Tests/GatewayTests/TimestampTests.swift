import Foundation
import Testing

@testable import Gateway

@Suite("Moments")
struct TimestampTests {
    private static func foundation(_ milliseconds: Int64) -> String {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        // Whole seconds and the rest apart: a Double of both would round.
        let seconds = milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
        let rest = milliseconds - seconds * 1000
        let whole = formatter.string(from: Date(timeIntervalSince1970: TimeInterval(seconds)))
        return whole.replacing(".000Z", with: "." + String(format: "%03d", Int(rest)) + "Z")
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_435_200_123, "2026-11-23T12:00:00.123Z"), (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"), (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] as [(Int64, String)]
    )
    func `known moments are written in UTC with milliseconds`(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).rfc3339 == text)
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `a moment since 1600 is written as Foundation writes it`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            let milliseconds = Int64.random(in: -11_676_096_000_000...253_402_300_799_999, using: &random)
            #expect(Timestamp(milliseconds: milliseconds).rfc3339 == Self.foundation(milliseconds))
        }
    }

    @Test func `the first and last moment of all do not trap`() {
        #expect(Timestamp(milliseconds: .max).rfc3339.hasSuffix("Z"))
        #expect(Timestamp(milliseconds: .min).rfc3339.hasSuffix("Z"))
    }

    @Test func `seconds become milliseconds, and those beyond all time become none`() {
        #expect(Timestamp(seconds: -3).milliseconds == -3000)
        #expect(Timestamp(seconds: .max).milliseconds == 0)
    }

    @Test func `a later moment is later by the duration`() {
        let start = Timestamp(milliseconds: 5)
        #expect(start.advanced(by: .milliseconds(1999)).milliseconds == 2004)
        #expect(start.advanced(by: .seconds(-1)) < start)
    }

    @Test func `now is between two looks at the clock`() {
        let before = Date().timeIntervalSince1970 * 1000
        let now = Double(Timestamp.now().milliseconds)
        let after = Date().timeIntervalSince1970 * 1000
        #expect(before - 1 <= now && now <= after)
    }
}

/// A generator that gives the same numbers for the same seed.
///
/// **Source:** Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators".
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
