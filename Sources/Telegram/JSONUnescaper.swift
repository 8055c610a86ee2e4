/// Turns the checked bytes of a string into text.
///
/// The scanner has proven all that is assumed here.
enum JSONUnescaper {
    static func string(_ bytes: [UInt8], _ node: JSONNode) -> String {
        bytes.withUnsafeBufferPointer { all in
            let raw = UnsafeBufferPointer(rebasing: all[Int(node.start)..<Int(node.end)])
            if node.kind == .plainString { return String(decoding: raw, as: UTF8.self) }
            // No escape is shorter than the UTF-8 that it stands for.
            return String(unsafeUninitializedCapacity: raw.count) { unescape(raw, into: $0) }
        }
    }

    static func isHexDigit(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "0") < 10 || (byte | 0x20) &- UInt8(ascii: "a") < 6
    }

    /// The value of four hexadecimal digits; nil if they are not.
    ///
    /// Text beyond ASCII is mostly such digits, and no processor can guess which comes next: so there is no branch
    /// for each, but all four are looked at in one word, the first in its highest byte.
    @inline(__always)
    static func hexUnit(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> UInt16? {
        let high: UInt32 = 0x8080_8080
        let ones: UInt32 = 0x0101_0101
        let word =
            UInt32(bytes[start]) << 24 | UInt32(bytes[start + 1]) << 16
            | UInt32(bytes[start + 2]) << 8 | UInt32(bytes[start + 3])
        let ascii = word & ~high
        let letters = ascii | ones &* 0x20
        // Each sum sets a byte's top bit from one character on, and carries nothing into the next byte.
        let isDigit = (ascii &+ ones &* (0x80 - 0x30)) & ~(ascii &+ ones &* (0x80 - 0x3A))
        let isLetter = (letters &+ ones &* (0x80 - 0x61)) & ~(letters &+ ones &* (0x80 - 0x67))
        guard (isDigit | isLetter) & ~word & high == high else { return nil }
        // The low half of a letter counts from 1, and only letters have bit 6.
        let digits = (ascii & 0x0F0F_0F0F) &+ (ascii >> 6 & ones) &* 9
        let pairs = (digits | digits >> 4) & 0x00FF_00FF
        return UInt16(truncatingIfNeeded: pairs | pairs >> 8)
    }

    private static func unescape(_ raw: UnsafeBufferPointer<UInt8>, into out: UnsafeMutableBufferPointer<UInt8>) -> Int
    {
        var read = 0
        var written = 0
        while read < raw.count {
            let byte = raw[read]
            guard byte == UInt8(ascii: "\\") else {
                out[written] = byte
                read += 1
                written += 1
                continue
            }
            let escape = raw[read + 1]
            read += 2
            if escape == UInt8(ascii: "u") {
                var scalar = UInt32(hexUnit(raw, at: read) ?? 0)
                read += 4
                if scalar & 0xFC00 == 0xD800 {
                    let low = UInt32(hexUnit(raw, at: read + 2) ?? 0)
                    read += 6
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + low & 0x3FF
                }
                written = encode(scalar, into: out, at: written)
            } else {
                out[written] = plain(escape)
                written += 1
            }
        }
        return written
    }

    private static func plain(_ escape: UInt8) -> UInt8 {
        switch escape {
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        default: escape
        }
    }

    private static func encode(_ scalar: UInt32, into out: UnsafeMutableBufferPointer<UInt8>, at start: Int) -> Int {
        switch scalar {
        case ..<0x80:
            out[start] = UInt8(scalar)
            return start + 1
        case ..<0x800:
            out[start] = UInt8(0xC0 | scalar >> 6)
            out[start + 1] = UInt8(0x80 | scalar & 0x3F)
            return start + 2
        case ..<0x10000:
            out[start] = UInt8(0xE0 | scalar >> 12)
            out[start + 1] = UInt8(0x80 | scalar >> 6 & 0x3F)
            out[start + 2] = UInt8(0x80 | scalar & 0x3F)
            return start + 3
        default:
            out[start] = UInt8(0xF0 | scalar >> 18)
            out[start + 1] = UInt8(0x80 | scalar >> 12 & 0x3F)
            out[start + 2] = UInt8(0x80 | scalar >> 6 & 0x3F)
            out[start + 3] = UInt8(0x80 | scalar & 0x3F)
            return start + 4
        }
    }
}

/// Turns the checked bytes of a number into an integer.
enum JSONNumber {
    /// A number without fraction and exponent; nil beyond Int64.
    static func integer(_ bytes: [UInt8], _ node: JSONNode) -> Int64? {
        bytes.withUnsafeBufferPointer { all in
            var cursor = Int(node.start)
            let end = Int(node.end)
            let negative = all[cursor] == UInt8(ascii: "-")
            if negative { cursor += 1 }
            var value: Int64 = 0
            while cursor < end {
                let digit = Int64(all[cursor] &- UInt8(ascii: "0"))
                let (shifted, tooLarge) = value.multipliedReportingOverflow(by: 10)
                // Counting downwards reaches Int64.min too.
                let (sum, beyond) =
                    negative ? shifted.subtractingReportingOverflow(digit) : shifted.addingReportingOverflow(digit)
                if tooLarge || beyond { return nil }
                value = sum
                cursor += 1
            }
            return value
        }
    }

    /// A number with fraction or exponent that is whole all the same: its digits are shifted, nothing is rounded.
    static func wholeValue(_ bytes: [UInt8], _ node: JSONNode) -> Int64? {
        var digits: [UInt8] = []
        var point = 0
        var exponent = 0
        var cursor = Int(node.start)
        let end = Int(node.end)
        let negative = bytes[cursor] == UInt8(ascii: "-")
        if negative { cursor += 1 }
        var afterPoint = false
        while cursor < end, bytes[cursor] | 0x20 != UInt8(ascii: "e") {
            if bytes[cursor] == UInt8(ascii: ".") {
                afterPoint = true
            } else {
                digits.append(bytes[cursor] &- UInt8(ascii: "0"))
                if afterPoint { point += 1 }
            }
            cursor += 1
        }
        if cursor < end {
            let text = String(decoding: bytes[cursor + 1..<end], as: UTF8.self)
            // An exponent beyond Int: only zero can still be whole.
            guard let written = Int(text) else { return digits.allSatisfy { $0 == 0 } ? 0 : nil }
            exponent = written
        }
        return shift(digits, by: exponent.subtractingReportingOverflow(point), negative: negative)
    }

    private static func shift(
        _ digits: [UInt8],
        by power: (partialValue: Int, overflow: Bool),
        negative: Bool
    ) -> Int64? {
        var digits = digits[...]
        while let first = digits.first, first == 0 { digits.removeFirst() }
        if digits.isEmpty { return 0 }
        guard !power.overflow else { return nil }
        var zeros = power.partialValue
        while zeros < 0, digits.last == 0 {
            digits.removeLast()
            zeros += 1
        }
        // 19 digits are the most that Int64 holds.
        guard zeros >= 0, zeros <= 19, digits.count + zeros <= 19 else { return nil }
        var text = negative ? "-" : ""
        text += digits.map(String.init).joined()
        text += String(repeating: "0", count: zeros)
        return Int64(text)
    }
}
