import GRDB
import GRDBSQLite
import Gateway

/// A statement that is prepared once and run for every update, without GRDB's arguments and rows in between.
///
/// Bound to one connection: used on that connection's queue only, and finalised before it closes.
final class HotStatement {
    private let statement: OpaquePointer
    private let connection: OpaquePointer

    /// Tells SQLite to copy what is bound.
    private static var transient: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

    init(_ connection: OpaquePointer, _ sql: String) throws {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw EngineError(connection, code) }
        self.statement = statement
        self.connection = connection
    }

    deinit { sqlite3_finalize(statement) }

    func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(statement, index, value) }

    func bind(_ index: Int32, _ value: Int64?) {
        if let value { bind(index, value) } else { bindNull(index) }
    }

    func bind(_ index: Int32, _ value: String) {
        var value = value
        value.withUTF8 { utf8 in
            // A nil pointer would bind NULL, but an empty text is a text.
            guard let start = utf8.baseAddress else {
                return _ = sqlite3_bind_text(statement, index, "", 0, Self.transient)
            }
            start.withMemoryRebound(to: CChar.self, capacity: utf8.count) { bytes in
                _ = sqlite3_bind_text(statement, index, bytes, Int32(utf8.count), Self.transient)
            }
        }
    }

    func bind(_ index: Int32, _ value: String?) {
        if let value { bind(index, value) } else { bindNull(index) }
    }

    func bind(_ index: Int32, _ value: [UInt8]) {
        if value.isEmpty {
            sqlite3_bind_zeroblob(statement, index, 0)
        } else {
            sqlite3_bind_blob(statement, index, value, Int32(value.count), Self.transient)
        }
    }

    func bindNull(_ index: Int32) { sqlite3_bind_null(statement, index) }

    /// Runs the statement to its end.
    ///
    /// - Returns: how many rows it changed.
    @discardableResult
    func run() throws -> Int32 {
        let code = sqlite3_step(statement)
        defer { sqlite3_reset(statement) }
        guard code == SQLITE_DONE || code == SQLITE_ROW else { throw EngineError(connection, code) }
        return sqlite3_changes(connection)
    }

    /// Binds values from the first parameter on, where a binding each is not worth its line.
    func bind(all values: [HotValue]) {
        for (index, value) in values.enumerated() {
            switch value {
            case .int(let value): bind(Int32(index + 1), value)
            case .text(let value): bind(Int32(index + 1), value)
            }
        }
    }

    /// Runs the statement with these values; gives how many rows it changed.
    @discardableResult
    func run(_ values: HotValue...) throws -> Int32 {
        bind(all: values)
        return try run()
    }

    /// Reads all rows.
    func all<Value>(_ values: HotValue..., read: (HotRow) -> Value) throws -> [Value] {
        bind(all: values)
        defer { sqlite3_reset(statement) }
        var rows: [Value] = []
        while true {
            let code = sqlite3_step(statement)
            if code == SQLITE_DONE { return rows }
            guard code == SQLITE_ROW else { throw EngineError(connection, code) }
            rows.append(read(HotRow(statement: statement)))
        }
    }

    /// Runs the statement with these values and reads its first row; nil if it has none.
    func first<Value>(_ values: HotValue..., read: (HotRow) -> Value) throws -> Value? {
        bind(all: values)
        return try first(read)
    }

    /// Runs the statement and reads its first row; nil if it has none.
    func first<Value>(_ read: (HotRow) -> Value) throws -> Value? {
        let code = sqlite3_step(statement)
        defer { sqlite3_reset(statement) }
        switch code {
        case SQLITE_ROW:
            let value = read(HotRow(statement: statement))
            // Foreign keys of an INSERT with RETURNING are checked only at its end.
            let end = sqlite3_step(statement)
            guard end == SQLITE_DONE || end == SQLITE_ROW else { throw EngineError(connection, end) }
            return value
        case SQLITE_DONE: return nil
        default: throw EngineError(connection, code)
        }
    }
}

/// A value for a parameter of a `HotStatement`; nil within it is NULL.
enum HotValue {
    case int(Int64?)
    case text(String?)
}

/// The row that a `HotStatement` stands on.
struct HotRow {
    fileprivate let statement: OpaquePointer

    func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }

    func optionalInt64(_ column: Int32) -> Int64? {
        sqlite3_column_type(statement, column) == SQLITE_NULL ? nil : sqlite3_column_int64(statement, column)
    }

    func optionalText(_ column: Int32) -> String? {
        sqlite3_column_type(statement, column) == SQLITE_NULL ? nil : text(column)
    }

    func text(_ column: Int32) -> String {
        guard let bytes = sqlite3_column_text(statement, column) else { return "" }
        let count = Int(sqlite3_column_bytes(statement, column))
        return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }
}

/// What SQLite said when a statement failed.
///
/// Its text names tables and columns, never values.
struct EngineError: Error {
    let code: Int32
    let text: String

    init(_ connection: OpaquePointer, _ code: Int32) {
        self.code =
            sqlite3_extended_errcode(connection) & 0xFF == code & 0xFF ? sqlite3_extended_errcode(connection) : code
        text = String(cString: sqlite3_errmsg(connection))
    }
}

extension StoreError {
    /// Puts a failure of SQLite or GRDB into words of ours.
    init(_ error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case let error as EngineError: self = Self.engine(error.code, error.text)
        case let error as DatabaseError:
            self = Self.engine(error.extendedResultCode.rawValue, error.message ?? "no message")
        default: self = .failed("\(type(of: error))")
        }
    }

    private static func engine(_ code: Int32, _ text: String) -> StoreError {
        switch code & 0xFF {
        case SQLITE_FULL: .full
        case SQLITE_BUSY, SQLITE_LOCKED: .busy
        case SQLITE_CORRUPT, SQLITE_NOTADB: .damaged(text)
        case SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_PERM:
            .failed("\(text): see who owns the data directory and its files")
        default: .failed("\(text) (SQLite code \(code))")
        }
    }

    /// Whether the whole batch failed, and not one statement by its values.
    static func isOfTheEngine(_ error: any Error) -> Bool {
        let code: Int32
        switch error {
        case let error as EngineError: code = error.code
        case let error as DatabaseError: code = error.extendedResultCode.rawValue
        default: return false
        }
        switch code & 0xFF {
        case SQLITE_FULL, SQLITE_IOERR, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_READONLY,
            SQLITE_NOMEM,
            SQLITE_CANTOPEN, SQLITE_PROTOCOL, SQLITE_PERM, SQLITE_INTERRUPT:
            return true
        default: return false
        }
    }
}
