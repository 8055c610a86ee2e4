import GRDB

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
