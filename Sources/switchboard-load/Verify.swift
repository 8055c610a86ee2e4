import GRDB
import Telegram

/// Counts what a stopped server has in its database, read-only and not through `Storage`.
///
/// A check must not trust the code it checks.
func countRows(dataDirectory: String) throws -> (messages: Int, rawUpdates: Int) {
    var configuration = Configuration()
    configuration.readonly = true
    do {
        let database = try DatabaseQueue(path: dataDirectory + "/switchboard.sqlite", configuration: configuration)
        let counts = try database.read { db in
            (
                messages: try Int.fetchOne(db, sql: "SELECT count(*) FROM message") ?? 0,
                rawUpdates: try Int.fetchOne(db, sql: "SELECT count(*) FROM raw_update") ?? 0
            )
        }
        try database.close()
        return counts
    } catch {
        throw LoadFailure("the rows in \(dataDirectory) cannot be counted: \(error)")
    }
}

/// What a database has of messages that are to be sent, read as `countRows` does.
struct OutboxRows: Sendable {
    /// The numbers at the end of the texts of calls that wait, or are being made.
    var open: [Int64] = []
    /// Of those, the ones that are being made: after a kill nobody knows what became of them.
    var sending: [Int64] = []
    /// Of calls that were given up and kept as dead letters.
    var dead: [Int64] = []
    /// How many messages of ours are marked as sent.
    var sent = 0

    /// Reads it, whether a server runs or not.
    init(dataDirectory: String) throws {
        do {
            let view = try OutboxView(dataDirectory: dataDirectory)
            self = try view.database.read { db in
                var rows = OutboxRows()
                rows.open = try Self.numbers("SELECT parameters FROM outbox", db)
                rows.sending = try Self.numbers("SELECT parameters FROM outbox WHERE state = 'sending'", db)
                rows.dead = try Self.numbers("SELECT parameters FROM dead_letter", db)
                let sent = "SELECT count(*) FROM message WHERE direction = 'out' AND state = 'sent'"
                rows.sent = try Int.fetchOne(db, sql: sent) ?? 0
                return rows
            }
            try view.database.close()
        } catch {
            throw LoadFailure("the outbox in \(dataDirectory) cannot be read: \(error)")
        }
    }

    private init() {}

    fileprivate static func numbers(_ sql: String, _ db: Database) throws -> [Int64] {
        try String.fetchAll(db, sql: sql).compactMap { parameters in
            let text = (try? JSONDocument(Array(parameters.utf8)))?.root["text"]?.string
            return text.flatMap(SendText.number)
        }
    }
}

/// Looks at a running server's outbox again and again.
struct OutboxView: Sendable {
    fileprivate let database: DatabaseQueue

    init(dataDirectory: String) throws {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        database = try DatabaseQueue(path: dataDirectory + "/switchboard.sqlite", configuration: configuration)
    }

    /// The rows that are not settled.
    func openRows() throws -> Set<Int64> { try database.read { try Int64.fetchSet($0, sql: "SELECT id FROM outbox") } }

    /// The numbers at the end of the texts of rows that are not settled.
    func openNumbers() throws -> Set<Int64> {
        Set(try database.read { try OutboxRows.numbers("SELECT parameters FROM outbox", $0) })
    }

    /// How many rows are not settled.
    func openCount() throws -> Int {
        try database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM outbox") ?? 0 }
    }

    /// How many updates wait for their pipelines.
    func openJobs() throws -> Int {
        let sql = "SELECT count(*) FROM raw_update WHERE state = 'open'"
        return try database.read { try Int.fetchOne($0, sql: sql) ?? 0 }
    }

    /// How many events wait to be told to programs.
    func dueEvents() throws -> Int {
        let sql = "SELECT count(*) FROM delivery WHERE state = 'waiting'"
        return try database.read { try Int.fetchOne($0, sql: sql) ?? 0 }
    }

    func close() throws { try database.close() }
}
