import NIOCore

/// Finds the end of one HTTP/1.1 response at a time, in pieces as they come; no headers are kept.
///
/// A connection has one request in flight, so bytes after a response are an error.
struct ResponseScanner {
    enum Outcome: Equatable {
        case needsMore
        case complete(status: Int, keepAlive: Bool)
        /// Not a response this client reads; chunked answers are among them, no server under test sends them to a webhook.
        case unreadable
    }

    private static let longestHead = 16 << 10

    /// A head that came in pieces; almost always empty.
    private var pieces: [UInt8] = []
    private var head: Head?
    private var bodyLeft = 0

    private struct Head {
        var status = 0
        var length = 0
        var keepAlive = true
        /// Bytes up to and with the empty line.
        var bytes = 0
    }

    mutating func consume(_ buffer: ByteBuffer) -> Outcome {
        if head == nil, pieces.isEmpty {
            // A whole response in one piece is the rule: it is read where it lies.
            return buffer.withUnsafeReadableBytes { consume($0) }
        }
        if head != nil { return consumeBody(buffer.readableBytes) }
        pieces.append(contentsOf: buffer.readableBytesView)
        let gathered = pieces
        pieces.removeAll(keepingCapacity: true)
        return gathered.withUnsafeBytes { consume($0) }
    }

    private mutating func consume(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        switch Self.readHead(bytes) {
        case .success(let found?):
            head = found
            bodyLeft = found.length
            return consumeBody(bytes.count - found.bytes)
        case .success(nil):
            guard bytes.count <= Self.longestHead else { return .unreadable }
            pieces.append(contentsOf: bytes)
            return .needsMore
        case .failure:
            return .unreadable
        }
    }

    private mutating func consumeBody(_ count: Int) -> Outcome {
        guard let head else { return .unreadable }
        bodyLeft -= count
        if bodyLeft > 0 { return .needsMore }
        guard bodyLeft == 0 else { return .unreadable }
        self.head = nil
        return .complete(status: head.status, keepAlive: head.keepAlive)
    }

    private struct Unreadable: Error {}

    /// Nil if the head is not complete.
    private static func readHead(_ bytes: UnsafeRawBufferPointer) -> Result<Head?, Unreadable> {
        var head = Head()
        // "HTTP/1.1 200" is the shortest start that says anything.
        guard bytes.count >= 12 else { return .success(nil) }
        guard bytes[0] == UInt8(ascii: "H"), bytes[8] == UInt8(ascii: " ") else { return .failure(Unreadable()) }
        for index in 9..<12 {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return .failure(Unreadable()) }
            head.status = head.status * 10 + Int(digit)
        }
        var lineStart = 12
        var index = 12
        var isStatusLine = true
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "\n") else {
                index += 1
                continue
            }
            let line = UnsafeRawBufferPointer(rebasing: bytes[lineStart..<index])
            index += 1
            lineStart = index
            if isStatusLine {
                isStatusLine = false
            } else if line.count <= 1 {
                head.bytes = index
                return .success(head)
            } else if !read(line, into: &head) {
                return .failure(Unreadable())
            }
        }
        return .success(nil)
    }

    /// Takes what matters from one header line; false if the response cannot be read.
    private static func read(_ line: UnsafeRawBufferPointer, into head: inout Head) -> Bool {
        switch line[0] | 0x20 {
        case UInt8(ascii: "c"):
            if let value = value(of: "content-length:", in: line) {
                var length = 0
                for byte in value {
                    let digit = byte &- UInt8(ascii: "0")
                    guard digit < 10, length < 1 << 30 else { return false }
                    length = length * 10 + Int(digit)
                }
                head.length = length
            } else if let value = value(of: "connection:", in: line) {
                head.keepAlive = !starts(value, with: "close")
            }
            return true
        case UInt8(ascii: "t"):
            return value(of: "transfer-encoding:", in: line) == nil
        default:
            return true
        }
    }

    /// The value without the spaces around it and the line end; nil if the line is another header's.
    private static func value(of name: StaticString, in line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard starts(line, with: name) else { return nil }
        var start = name.utf8CodeUnitCount
        var end = line.count
        while start < end, line[start] == 0x20 { start += 1 }
        while end > start, line[end - 1] <= 0x20 { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: line[start..<end])
    }

    /// Compares without regard to case; `lowercase` is in lower case.
    private static func starts(_ bytes: UnsafeRawBufferPointer, with lowercase: StaticString) -> Bool {
        guard bytes.count >= lowercase.utf8CodeUnitCount else { return false }
        for index in 0..<lowercase.utf8CodeUnitCount {
            let byte = bytes[index]
            let folded = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
            guard folded == lowercase.utf8Start[index] else { return false }
        }
        return true
    }
}
