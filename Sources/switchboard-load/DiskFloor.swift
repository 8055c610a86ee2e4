import Histogram
import SystemPackage

/// What the disk under the data directory takes to keep 4 KB, without any database.
struct DiskFloor: Sendable {
    struct Times: Sendable {
        var p50: Double
        var p99: Double
    }

    /// Milliseconds; the file grows with each write.
    var append: Times
    /// Milliseconds; the same 4 KB again and again, as a database's log file is reused.
    var overwrite: Times

    private static let count = 400
    private static let bytes = [UInt8](repeating: 0x5A, count: 4096)

    /// Measures in a file of its own in `directory` and removes it.
    static func measure(in directory: FilePath) throws -> DiskFloor {
        let path = directory.appending("fdatasync-floor")
        let file: FileDescriptor
        do {
            file = try FileDescriptor.open(
                path,
                .readWrite,
                options: [.create, .truncate],
                permissions: .ownerReadWrite
            )
        } catch {
            throw LoadFailure("cannot write in \(directory): \(error); choose another disk with --data DIR")
        }
        defer {
            try? file.close()
            removeFile(path.string)
        }
        return DiskFloor(append: try times(file, step: bytes.count), overwrite: try times(file, step: 0))
    }

    private static func times(_ file: FileDescriptor, step: Int) throws -> Times {
        var histogram = Histogram<UInt64>(highestTrackableValue: 60_000_000)
        for index in 0..<count {
            let start = LoopRun.now()
            try file.writeAll(toAbsoluteOffset: Int64(index * step), bytes)
            guard synchronizeData(file.rawValue) else {
                throw LoadFailure("the disk refused fdatasync; choose another one with --data DIR")
            }
            histogram.record((LoopRun.now() - start) / 1_000)
        }
        return Times(
            p50: Double(histogram.valueAtPercentile(50)) / 1_000,
            p99: Double(histogram.valueAtPercentile(99)) / 1_000
        )
    }
}
