import SystemPackage

/// What a process has used so far, from `/proc`.
struct ProcessUsage: Sendable {
    /// In its own code and in the kernel, all threads.
    var processorSeconds: Double
    /// Memory in use now.
    var residentBytes: Int
    /// The most it had in use at once.
    var peakResidentBytes: Int

    /// Nil if there is no such process (any more).
    static func of(process id: Int32) -> ProcessUsage? {
        guard let stat = read("/proc/\(id)/stat"), let status = read("/proc/\(id)/status"),
            // The name in parentheses may hold spaces; the fields after it do not.
            let nameEnd = stat.lastIndex(of: ")")
        else { return nil }
        let fields = stat[stat.index(after: nameEnd)...].split(separator: " ")
        guard fields.count > 12, fields[0] != "Z", fields[0] != "X", let user = Double(fields[11]),
            let kernel = Double(fields[12])
        else { return nil }
        return ProcessUsage(
            processorSeconds: (user + kernel) / clockTicksPerSecond(),
            residentBytes: kibibytes("VmRSS:", in: status) * 1024,
            peakResidentBytes: kibibytes("VmHWM:", in: status) * 1024
        )
    }

    private static func kibibytes(_ name: String, in status: String) -> Int {
        for line in status.split(separator: "\n") where line.hasPrefix(name) {
            return Int(line.dropFirst(name.count).split { $0 == " " || $0 == "\t" }.first ?? "") ?? 0
        }
        return 0
    }

    private static func read(_ path: String) -> String? {
        guard let file = try? FileDescriptor.open(FilePath(path), .readOnly) else { return nil }
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 8192)
        guard let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return nil }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
