#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
import SystemPackage

/// The fresh data directory of one run, and the server's log beside it.
struct Workspace: Sendable {
    let dataDirectory: FilePath
    let log: FilePath
    /// What is removed at the end.
    private let toRemove: [String]
    private let keeps: Bool

    /// - Parameters:
    ///   - path: must not exist, or be empty; nil for one of its own among the temporary files.
    init(path: String?, keeps: Bool) throws {
        self.keeps = keeps
        let files = FileManager.default
        do {
            if let path {
                let contents = (try? files.contentsOfDirectory(atPath: path)) ?? []
                guard contents.isEmpty else {
                    throw LoadFailure("\(path) is not empty; a run starts from nothing, so give --data a new directory")
                }
                try files.createDirectory(atPath: path, withIntermediateDirectories: true)
                dataDirectory = FilePath(path)
                log = FilePath(path + ".serve.log")
                toRemove = [path, path + ".serve.log"]
            } else {
                let parent = files.temporaryDirectory.appendingPathComponent("switchboard-load-\(UUID().uuidString)")
                try files.createDirectory(at: parent, withIntermediateDirectories: true)
                let parentPath = FilePath(parent.path)
                // Only its owner reads what is inside: the directory is made as `switchboard init` makes its own.
                try files.setAttributes([.posixPermissions: 0o700], ofItemAtPath: parent.path)
                dataDirectory = parentPath.appending("data")
                try files.createDirectory(atPath: dataDirectory.string, withIntermediateDirectories: false)
                log = parentPath.appending("serve.log")
                toRemove = [parent.path]
            }
            try files.setAttributes([.posixPermissions: 0o700], ofItemAtPath: dataDirectory.string)
        } catch let failure as LoadFailure {
            throw failure
        } catch {
            throw LoadFailure("cannot make the data directory: \(error); name another place with --data DIR")
        }
    }

    /// Removes the directory and the log, or says where they are.
    ///
    /// - Parameter isEvidence: something went wrong that may not happen again; they stay.
    func end(isEvidence: Bool) {
        if keeps || isEvidence {
            show("kept: \(dataDirectory), log \(log)")
        } else {
            for path in toRemove { try? FileManager.default.removeItem(atPath: path) }
        }
    }
}
