import Foundation
import Gateway

/// The directory that holds the database, the master key file and the lock of the server.
public struct DataDirectory: Hashable, Sendable {
    /// The path as it was given.
    public let path: String

    /// Names a directory; nothing is touched.
    public init(_ path: String) { self.path = path }

    /// The database.
    public var database: String { path + "/switchboard.sqlite" }

    /// The master key that `init` makes, unless one comes from elsewhere.
    public var masterKey: String { path + "/master.key" }

    /// Whether a database was made here.
    public var isInitialised: Bool { FileManager.default.fileExists(atPath: database) }

    /// Makes the directory, for its owner alone, if it is not there.
    ///
    /// - Returns: whether it was made.
    /// - Throws: `StoreError.directoryUnusable`.
    @discardableResult
    public func create() throws(StoreError) -> Bool {
        if mkdir(path, 0o700) == 0 { return true }
        let why = errno
        guard why == EEXIST else { throw .directoryUnusable(path, why: Self.words(why)) }
        try check()
        return false
    }

    /// Whether files can be made in it.
    ///
    /// - Throws: `StoreError.directoryUnusable` with the reason.
    public func check() throws(StoreError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let missing = "it does not exist; `switchboard init` makes it, or name the right one with --data"
            throw .directoryUnusable(path, why: errno == ENOENT ? missing : Self.words(errno))
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .directoryUnusable(path, why: "it is not a directory") }
        guard access(path, R_OK | W_OK | X_OK) == 0 else { throw .directoryUnusable(path, why: Self.words(errno)) }
    }

    /// Makes the empty file of the database, for its owner alone: of several who try at once, one does.
    ///
    /// SQLite gives its log and its index of it the mode of the database.
    ///
    /// - Throws: `StoreError.alreadyInitialised` if there is a file, `.directoryUnusable`.
    func claimDatabase() throws(StoreError) {
        let descriptor = open(database, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            if errno == EEXIST { throw .alreadyInitialised(path) }
            throw .directoryUnusable(path, why: Self.words(errno))
        }
        close(descriptor)
    }

    /// Bytes that may still be written by this user; nil if the system does not say.
    public var freeBytes: Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return Int64(status.f_bavail) * Int64(status.f_frsize)
    }

    private static func words(_ code: Int32) -> String {
        switch code {
        case EACCES, EPERM: "permission denied; run as its owner, or name another with --data"
        case ENOENT: "its parent directory does not exist"
        case EROFS: "the file system is read-only"
        case ENOSPC: "the disk is full"
        default: String(cString: strerror(code))
        }
    }
}

/// Held by the one server that writes to a data directory; ends with the process, however that ends.
public final class ServerLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock.
    ///
    /// - Throws: `StoreError.serverRuns` if another process holds it, `.directoryUnusable`.
    public init(_ directory: DataDirectory) throws(StoreError) {
        let descriptor = open(directory.path + "/serve.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .directoryUnusable(directory.path, why: String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .serverRuns(directory.path)
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
