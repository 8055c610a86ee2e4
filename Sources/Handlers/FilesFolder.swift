import Foundation
import Gateway

/// A business's own files, for replies that name one.
///
/// A name leads to a file inside the folder or nowhere: no `..`, no absolute path, no hidden file, and no link is followed, at any part of it.
public struct FilesFolder: Sendable {
    /// Why a file cannot be had.
    public struct Unusable: Error, Hashable, Sendable, CustomStringConvertible {
        /// The reason and the mend, with the name as the pipeline has it.
        public let description: String
    }

    /// Bytes of the largest file: what Telegram takes from a bot.
    ///
    /// **Source:** Bot API, "Sending files": 50 MB for files, 10 MB for photos.
    public static let largest = 50_000_000

    private let path: String

    /// Names a folder; nothing is touched.
    public init(path: String) { self.path = path }

    /// Why a text cannot be the name of a file, with the mend; nil if it can.
    public static func objection(to name: String) -> String? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...200).contains(name.utf8.count), parts.count <= 5 else {
            return "a file's name has 1 to 200 bytes, in at most 4 folders"
        }
        guard parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") && !$0.contains("\\") }) else {
            return
                "a file's name is a path within the business's files folder, such as menu.pdf or 2026/menu.pdf: no / at its ends, no .., no hidden file, no backslash"
        }
        guard name.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            return "a file's name holds no control character"
        }
        return nil
    }

    /// Opens a file for reading; the caller closes it.
    ///
    /// Each part of the name is opened in the folder before it without following a link, so nobody can exchange one meanwhile.
    ///
    /// - Throws: `Unusable` if there is no such regular file, or it is too large.
    public func open(_ name: String) throws(Unusable) -> FileHandle {
        if let objection = Self.objection(to: name) { throw Unusable(description: objection) }
        var folder = Foundation.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else {
            let why = String(cString: strerror(errno))
            // Whoever reads this may not see where the server keeps its data.
            let shown = path.split(separator: "/").suffix(2).joined(separator: "/")
            throw Unusable(
                description:
                    "the file \(name) cannot be used: the folder \(shown) in the data directory cannot be read: \(why)"
            )
        }
        let parts = name.split(separator: "/").map(String.init)
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (isLast ? 0 : O_DIRECTORY)
            let next = openat(folder, part, flags)
            let why = errno
            close(folder)
            guard next >= 0 else { throw Unusable(description: "the file \(name) cannot be used: \(Self.words(why))") }
            folder = next
        }
        let handle = FileHandle(fileDescriptor: folder, closeOnDealloc: true)
        var status = stat()
        guard fstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Unusable(description: "the file \(name) cannot be used: it is no regular file")
        }
        guard (1...Self.largest).contains(Int(status.st_size)) else {
            throw Unusable(
                description: "the file \(name) has \(status.st_size) bytes, Telegram takes 1 to \(Self.largest)"
            )
        }
        return handle
    }

    private static func words(_ error: Int32) -> String {
        switch error {
        case ELOOP, ENOTDIR: "a part of it is a link, or no folder; links are not followed"
        case ENOENT: "it is not in the files folder"
        default: String(cString: strerror(error))
        }
    }
}

/// The files folders of all businesses: `files/<business id>` in the data directory.
public struct FilesFolders: OwnFiles {
    private let directory: String

    /// Names the data directory; nothing is touched.
    public init(directory: String) { self.directory = directory }

    /// The folder of a business.
    public func folder(of business: BusinessID) -> FilesFolder { FilesFolder(path: "\(directory)/files/\(business)") }

    /// Removes the folder of a business with all that is in it; a link in its place is removed, and what it leads to stays.
    ///
    /// - Throws: what the file system says; nothing where there is no folder.
    public func remove(of business: BusinessID) throws {
        do { try FileManager.default.removeItem(atPath: "\(directory)/files/\(business)") } catch CocoaError
            .fileNoSuchFile
        {}
    }

    /// See `OwnFiles`.
    public func open(_ name: String, of business: BusinessID) throws(OwnFileFault) -> OwnFile {
        let handle: FileHandle
        do throws(FilesFolder.Unusable) { handle = try folder(of: business).open(name) } catch {
            throw OwnFileFault(error.description)
        }
        var status = stat()
        guard fstat(handle.fileDescriptor, &status) == 0 else {
            throw OwnFileFault("the file \(name) cannot be used: \(String(cString: strerror(errno)))")
        }
        let changed = "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        return OwnFile(
            name: name.split(separator: "/").last.map(String.init) ?? name,
            size: Int(status.st_size),
            stamp: "\(status.st_dev):\(status.st_ino):\(status.st_size):\(changed)",
            handle: handle
        )
    }
}
