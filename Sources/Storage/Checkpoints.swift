import CPlatform
import GRDB
import GRDBSQLite
import Synchronization

/// Brings the write-ahead log into the database file without making the writer wait for it.
///
/// A long log is worth it: pages that are written again and again are brought over once. The bulk is done by a connection of its own while the
/// writer goes on appending; what came meanwhile, little by then, is done by the writer between two batches. Only so does the log
/// become empty at a moment when nobody writes, and begins anew in its file: with the bulk alone it would grow for ever.
final class Checkpoints: Sendable {
    /// The log is brought over when it has so many pages.
    ///
    /// **Source:** measured with the load program: more brings less to write in all, but longer waits while it is written.
    static let threshold = 8000

    /// So many pages the writer brings over itself: with 800 it stood still for 17 to 20 ms each time, with 100 for 6.
    static let restForWriter = 150

    /// After so many rounds the writer takes what is left, however much.
    private static let maximumRounds = 10

    private static let usualClass: Int32 = 2
    private static let idleClass: Int32 = 3

    private struct State {
        var isRunning = false
        var rounds = 0
        /// How far the last round came, until the writer has seen it.
        var covered: Int?
        var nextAt = Checkpoints.threshold
    }

    private enum Action {
        case nothing, round, finish
    }

    private let state = Mutex(State())
    private let path: String
    /// Opened when it is needed: most commands never are so long at work.
    private let connection = Mutex<DatabaseQueue?>(nil)

    init(path: String) { self.path = path }

    /// Looks whether there is something to do.
    ///
    /// On the writer's queue, after a commit.
    ///
    /// - Parameter pages: how many pages the log has.
    func afterCommit(pages: Int, writer: OpaquePointer) {
        switch decide(pages) {
        case .nothing: return
        case .round:
            guard let connection = try? opened() else {
                // Without a connection of its own, the writer does it all.
                return state.withLock { state in
                    state.isRunning = false
                    state.covered = pages
                }
            }
            connection.asyncWriteWithoutTransaction { [self] db in
                // The writer's own requests go first: who waits for an answer waits for those. The thread is a shared one, so it is set back.
                _ = platform_set_io_class(Self.idleClass)
                let covered = db.sqliteConnection.flatMap { Self.bringOver($0)?.covered } ?? 0
                _ = platform_set_io_class(Self.usualClass)
                state.withLock { state in
                    state.isRunning = false
                    state.covered = covered
                }
            }
        case .finish:
            let result = Self.bringOver(writer)
            state.withLock { state in
                // A reader that still looks at old pages keeps the rest: then it is tried again later, and not after each commit.
                let isEmpty = result.map { $0.covered >= $0.pages } ?? false
                state.nextAt = isEmpty ? Self.threshold : pages + Self.threshold / 4
            }
        }
    }

    private func decide(_ pages: Int) -> Action {
        state.withLock { state in
            if state.isRunning { return .nothing }
            if let covered = state.covered {
                state.covered = nil
                if pages - covered <= Self.restForWriter || state.rounds >= Self.maximumRounds {
                    state.rounds = 0
                    return .finish
                }
            } else if pages < state.nextAt {
                return .nothing
            }
            state.isRunning = true
            state.rounds += 1
            return .round
        }
    }

    /// One passive checkpoint: takes no lock that a writer or a reader needs.
    ///
    /// Nil if another one is under way.
    private static func bringOver(_ connection: OpaquePointer) -> (pages: Int, covered: Int)? {
        var pages: Int32 = 0
        var covered: Int32 = 0
        guard sqlite3_wal_checkpoint_v2(connection, nil, SQLITE_CHECKPOINT_PASSIVE, &pages, &covered) == SQLITE_OK
        else {
            return nil
        }
        return (Int(pages), Int(covered))
    }

    private func opened() throws -> DatabaseQueue {
        try connection.withLock { connection in
            if let connection { return connection }
            var configuration = Configuration()
            configuration.label = "switchboard.checkpoints"
            let made = try DatabaseQueue(path: path, configuration: configuration)
            connection = made
            return made
        }
    }

    /// Waits for a round that is under way and closes the connection.
    func close() {
        connection.withLock { connection in
            // Nothing is lost by a connection that does not close in order: what it brought over is in the file.
            try? connection?.close()
            connection = nil
        }
    }
}
