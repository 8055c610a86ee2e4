import Foundation
import Gateway

/// What runs, and what the system says of the process: CPU, memory, files.
///
/// **Source:** proc(5); systems without it give the version alone.
public struct ProcessSource: MetricSource {
    private let version: String

    /// Watches this process.
    ///
    /// - Parameter version: what runs.
    public init(version: String) { self.version = version }

    /// See `MetricSource`.
    public var metricSourceName: String { "process" }

    /// Leaves out what the system does not say.
    public func samples() -> [MetricSample] {
        var samples = [MetricSample(.buildInfo, [version], 1)]
        #if os(Linux)
        samples += Self.statistics() + Self.files()
        #endif
        return samples
    }

    #if os(Linux)
    private static func statistics() -> [MetricSample] {
        // The name of the program, in parentheses, may hold spaces: fields are counted from behind it.
        guard let text = text("/proc/self/stat"), let end = text.lastIndex(of: ")") else { return [] }
        let fields = text[text.index(after: end)...].split(separator: " ").map { Double($0) ?? 0 }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        guard fields.count > 21, ticks > 0 else { return [] }
        // The first field behind the name is number 3 of the manual.
        var samples = [
            MetricSample(.processCPU, (fields[14 - 3] + fields[15 - 3]) / ticks),
            MetricSample(.processVirtualMemory, fields[23 - 3]),
            MetricSample(.processResidentMemory, fields[24 - 3] * Double(sysconf(Int32(_SC_PAGESIZE)))),
        ]
        if let boot = bootTime() { samples.append(MetricSample(.processStart, boot + fields[22 - 3] / ticks)) }
        return samples
    }

    private static func bootTime() -> Double? {
        guard let line = text("/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }) else {
            return nil
        }
        return Double(line.dropFirst("btime ".count))
    }

    private static func files() -> [MetricSample] {
        var samples: [MetricSample] = []
        if let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            samples.append(MetricSample(.processOpenFiles, Double(open.count)))
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            samples.append(MetricSample(.processMaximumFiles, Double(limit.rlim_cur)))
        }
        return samples
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
    #endif
}
