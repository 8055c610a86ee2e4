import GRDB
import Gateway

extension SQLiteStore: PipelineStore {
    private static let versionColumns = """
        version.number, length(CAST(version.text AS BLOB)) AS bytes, version.created_at,
        active.number IS NOT NULL AS is_active
        """

    private static let versionTables = """
        FROM pipeline_version version
        LEFT JOIN active_pipeline active ON active.business_id = version.business_id AND active.number = version.number
        """

    /// See `PipelineStore`.
    public func setPipeline(
        _ text: String,
        calling calls: [WebhookCall],
        of business: BusinessID,
        at now: Timestamp
    ) async throws -> PipelineVersion {
        try await write(for: business) { db in
            try Self.requireBusiness(business, db)
            try WebhookRows.putInForce(calls, business, now, db)
            if let active = try Self.activeVersion(of: business, db), active.text == text { return active }
            let row = try Row.fetchOne(
                db,
                sql: """
                    INSERT INTO pipeline_version (business_id, number, text, created_at)
                    SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM pipeline_version WHERE business_id = ?1
                    RETURNING number
                    """,
                arguments: [business.rawValue, text, now.milliseconds]
            )
            guard let number: Int64 = row?["number"] else { throw StoreError.failed("a version got no number") }
            try Self.activate(number, business, now, db)
            try db.execute(
                sql: "DELETE FROM pipeline_version WHERE business_id = ?1 AND number <= ?2",
                arguments: [business.rawValue, number - PipelineVersion.kept]
            )
            return PipelineVersion(
                number: number,
                text: text,
                bytes: Int64(text.utf8.count),
                createdAt: now,
                isActive: true
            )
        }
    }

    /// See `PipelineStore`.
    public func usePipeline(
        _ number: Int64?,
        calling calls: [WebhookCall],
        of business: BusinessID,
        at now: Timestamp
    ) async throws {
        try await write(for: business) { db in
            try Self.requireBusiness(business, db)
            try WebhookRows.putInForce(calls, business, now, db)
            guard let number else {
                let sql = "DELETE FROM active_pipeline WHERE business_id = ?1"
                return try db.execute(sql: sql, arguments: [business.rawValue])
            }
            let isThere = "SELECT 1 FROM pipeline_version WHERE business_id = ?1 AND number = ?2"
            guard try Bool.fetchOne(db, sql: isThere, arguments: [business.rawValue, number]) != nil else {
                throw GatewayError.unknownPipelineVersion(String(number))
            }
            try Self.activate(number, business, now, db)
        }
    }

    /// See `PipelineStore`.
    public func activePipeline(of business: BusinessID) async throws -> PipelineVersion? {
        try await read { try Self.activeVersion(of: business, $0) }
    }

    /// See `PipelineStore`.
    public func pipelineVersion(_ number: Int64, of business: BusinessID) async throws -> PipelineVersion {
        try await read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT \(Self.versionColumns), version.text \(Self.versionTables)
                    WHERE version.business_id = ?1 AND version.number = ?2
                    """,
                arguments: [business.rawValue, number]
            )
            guard let row else { throw GatewayError.unknownPipelineVersion(String(number)) }
            return Self.version(row)
        }
    }

    /// See `PipelineStore`.
    public func pipelineVersions(of business: BusinessID, page: Page) async throws -> Slice<PipelineVersion> {
        let (comparison, key, order): (String, Int64, String) =
            switch page.position {
            case .newest: ("<", .max, "DESC")
            case .before(let key): ("<", key, "DESC")
            case .after(let key): (">", key, "ASC")
            }
        return try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT \(Self.versionColumns), NULL AS text \(Self.versionTables)
                    WHERE version.business_id = ?1 AND version.number \(comparison) ?2
                    ORDER BY version.number \(order) LIMIT ?3
                    """,
                arguments: [business.rawValue, key, page.limit + 1]
            )
            let shown = rows.prefix(page.limit).map(Self.version)
            return Slice(elements: shown, next: rows.count > page.limit ? shown.last?.number : nil)
        }
    }

    /// See `PipelineStore`.
    public func pipelineRuns(
        of business: BusinessID,
        in conversation: ConversationID?,
        page: Page
    ) async throws -> Slice<PipelineRun> {
        let key =
            switch page.position {
            case .newest, .after: Int64.max
            case .before(let key): key
            }
        return try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM pipeline_run WHERE business_id = ?1 AND update_id < ?2
                        AND (?4 IS NULL OR conversation_id = ?4)
                    ORDER BY update_id DESC LIMIT ?3
                    """,
                arguments: [business.rawValue, key, page.limit + 1, conversation?.rawValue]
            )
            let runs = try rows.prefix(page.limit).map(Self.run)
            return Slice(elements: runs, next: rows.count > page.limit ? runs.last?.update : nil)
        }
    }

    /// Adds what pipelines did with messages: an update has the number of the message that it brought.
    static func addRuns(to messages: inout [Message], of business: BusinessID, _ db: Database) throws {
        let ids = "[\(messages.map { String($0.id.rawValue) }.joined(separator: ","))]"
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT * FROM pipeline_run
                WHERE update_id IN (SELECT value FROM json_each(?1)) AND business_id = ?2
                """,
            arguments: [ids, business.rawValue]
        )
        let runs = Dictionary(try rows.map { row in (try run(row).update, try run(row)) }) { first, _ in first }
        for index in messages.indices { messages[index].run = runs[messages[index].id.rawValue] }
    }

    static func run(_ row: Row) throws -> PipelineRun {
        let run = PipelineRun(
            update: row["update_id"],
            conversation: (row["conversation_id"] as Int64?).map(ConversationID.init(rawValue:)),
            decidedAt: Timestamp(milliseconds: row["decided_at"]),
            result: row["result"],
            pipeline: row["pipeline"],
            details: row["details"]
        )
        guard let run else { throw StoreError.damaged("what a pipeline did") }
        return run
    }

    private static func activate(_ number: Int64, _ business: BusinessID, _ now: Timestamp, _ db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO active_pipeline (business_id, number, changed_at) VALUES (?1, ?2, ?3)
                ON CONFLICT (business_id) DO UPDATE SET number = ?2, changed_at = ?3
                """,
            arguments: [business.rawValue, number, now.milliseconds]
        )
    }

    private static func requireBusiness(_ business: BusinessID, _ db: Database) throws {
        try refuseRemoved(business, db)
        let isThere = "SELECT 1 FROM business WHERE id = ?1"
        guard try Bool.fetchOne(db, sql: isThere, arguments: [business.rawValue]) != nil else {
            throw GatewayError.unknownBusiness(business.description)
        }
    }

    private static func activeVersion(of business: BusinessID, _ db: Database) throws -> PipelineVersion? {
        try Row.fetchOne(
            db,
            sql: """
                SELECT \(versionColumns), version.text \(versionTables)
                WHERE version.business_id = ?1 AND active.number IS NOT NULL
                    AND version.number = (SELECT number FROM active_pipeline WHERE business_id = ?1)
                """,
            arguments: [business.rawValue]
        ).map(version)
    }

    private static func version(_ row: Row) -> PipelineVersion {
        PipelineVersion(
            number: row["number"],
            text: row["text"],
            bytes: row["bytes"],
            createdAt: Timestamp(milliseconds: row["created_at"]),
            isActive: row["is_active"]
        )
    }
}
