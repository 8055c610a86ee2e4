import NIOCore
import SystemPackage

/// One `sendMessage` as the simulated Telegram saw it, in the 32 bytes by which it is handed over.
struct CallRecord: Hashable, Sendable {
    /// The number at the end of the text; 0 if it has none.
    var number: Int64
    /// When it was done: nanoseconds of the machine's uptime, which are the same in all its processes.
    var time: UInt64
    /// The bot's id.
    var bot: Int64
    /// See `ObservedCall.status`.
    var status: Int32
    /// See `ObservedCall.isCarriedOut`.
    var isCarriedOut: Bool
    /// See `ObservedCall.isAnswered`.
    var isAnswered: Bool

    static let size = 32

    func write(to buffer: inout ByteBuffer) {
        buffer.writeInteger(number)
        buffer.writeInteger(time)
        buffer.writeInteger(bot)
        buffer.writeInteger(status)
        buffer.writeInteger(UInt32(isCarriedOut ? 1 : 0) | UInt32(isAnswered ? 2 : 0))
    }
}

extension CallRecord {
    /// The next whole record; nil if there is none yet.
    init?(from buffer: inout ByteBuffer) {
        guard buffer.readableBytes >= Self.size, let number: Int64 = buffer.readInteger(),
            let time: UInt64 = buffer.readInteger(), let bot: Int64 = buffer.readInteger(),
            let status: Int32 = buffer.readInteger(), let flags: UInt32 = buffer.readInteger()
        else { return nil }
        self.init(
            number: number,
            time: time,
            bot: bot,
            status: status,
            isCarriedOut: flags & 1 != 0,
            isAnswered: flags & 2 != 0
        )
    }
}

/// What the simulated Telegram sees from now on, read from the file that it writes.
struct CallTail: Sendable {
    private let path: FilePath
    private var offset: Int64
    private var rest = ByteBuffer()

    init(_ path: FilePath) throws {
        self.path = path
        offset = try Self.reading(path) { file in try file.seek(offset: 0, from: .end) }
    }

    /// The records since the last look.
    mutating func next() throws -> [CallRecord] {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        try Self.reading(path) { file in
            while true {
                let count = try bytes.withUnsafeMutableBytes { try file.read(fromAbsoluteOffset: offset, into: $0) }
                guard count > 0 else { break }
                offset += Int64(count)
                rest.writeBytes(bytes[..<count])
            }
        }
        var records: [CallRecord] = []
        while let record = CallRecord(from: &rest) { records.append(record) }
        rest.discardReadBytes()
        return records
    }

    private static func reading<Value>(
        _ path: FilePath,
        _ body: (SystemPackage.FileDescriptor) throws -> Value
    ) throws -> Value {
        do {
            let file = try SystemPackage.FileDescriptor.open(path, .readOnly)
            return try file.closeAfter { try body(file) }
        } catch {
            throw LoadFailure("the calls in \(path) cannot be read: \(error)")
        }
    }
}
