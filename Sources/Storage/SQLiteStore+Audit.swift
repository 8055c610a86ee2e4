import GRDB
import Gateway

extension SQLiteStore: AuditTrail {
    /// See `AuditTrail`.
    public func audit(of business: BusinessID?, page: Page) async throws -> Slice<AuditEntry> {
        let key =
            switch page.position {
            case .newest, .after: Int64.max
            case .before(let key): key
            }
        return try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT id, business_id, at, action, subject, detail FROM audit
                    WHERE id < ?2 \(business == nil ? "" : "AND business_id = ?1") ORDER BY id DESC LIMIT ?3
                    """,
                arguments: [business?.rawValue, key, page.limit + 1]
            )
            let entries = rows.prefix(page.limit).map { row in
                AuditEntry(
                    id: row[0],
                    business: (row[1] as Int64?).map(BusinessID.init(rawValue:)),
                    at: Timestamp(milliseconds: row[2]),
                    action: row[3],
                    subject: row[4],
                    detail: row[5]
                )
            }
            return Slice(elements: entries, next: rows.count > page.limit ? entries.last?.id : nil)
        }
    }
}
