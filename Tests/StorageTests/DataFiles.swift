import Foundation
import Storage

/// The files of a data directory, to be searched for what must not be there.
struct DataFiles {
    private let files: [(name: String, bytes: Data)]

    init(_ directory: DataDirectory) throws {
        files = try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted().map { name in
            (name, try Data(contentsOf: URL(fileURLWithPath: "\(directory.path)/\(name)")))
        }
    }

    /// Their names in order.
    var names: [String] { files.map(\.name) }

    /// The names of those that hold a text somewhere.
    func holding(_ text: String) -> [String] {
        files.filter { $0.bytes.range(of: Data(text.utf8)) != nil }.map(\.name)
    }
}
