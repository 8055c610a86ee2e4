import GRDB
import Gateway
import Testing

@testable import Storage

@Suite("The writer connection", .timeLimit(.minutes(1)))
struct WriterConnectionTests {
    @Test(arguments: [
        ("synchronous", 2), ("foreign_keys", 1), ("secure_delete", 1), ("busy_timeout", 5000),
        ("wal_autocheckpoint", 0),
    ])
    func `its settings are those that the promises need`(pragma: String, wanted: Int) async throws {
        try await StoreFixture.with { fixture in
            let value = try await fixture.store.write { try Int.fetchOne($0, sql: "PRAGMA \(pragma)") }
            #expect(value == wanted)
        }
    }

    @Test func `synchronous is FULL after a migration and after reopening too`() async throws {
        try await StoreFixture.with { fixture in
            try await fixture.store.close()
            for opening in [SQLiteStore.Opening.migrate, .expectCurrent] {
                let store = try await SQLiteStore(fixture.directory, opening)
                try await StoreFixture.closing(store) {
                    let value = try await store.write { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
                    #expect(value == 2)
                }
            }
        }
    }

    @Test func `the journal is a write-ahead log`() async throws {
        try await StoreFixture.with { fixture in
            let mode = try await fixture.store.write { try String.fetchOne($0, sql: "PRAGMA journal_mode") }
            #expect(mode == "wal")
        }
    }

    @Test func `every table is strict`() async throws {
        try await StoreFixture.with { fixture in
            let loose = try await fixture.store.pool.read { db in
                try String.fetchAll(
                    db,
                    sql: """
                        SELECT name FROM pragma_table_list
                        WHERE schema = 'main' AND type = 'table' AND strict = 0
                            AND name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name <> 'grdb_migrations'
                        """
                )
            }
            #expect(loose == [])
            let strict = try await fixture.value(Int.self, "SELECT count(*) FROM pragma_table_list WHERE strict = 1")
            #expect(strict ?? 0 >= 10)
        }
    }

    @Test func `a deleted text is overwritten in the file`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await fixture.accept(UpdateText(number: 1, text: "unmistakable-words-of-a-customer"), shop)
            try await fixture.execute("DELETE FROM message; DELETE FROM raw_update")
            try await fixture.store.close()
            #expect(try DataFiles(fixture.directory).holding("unmistakable-words") == [])
        }
    }

    @Test func `a returning insert that breaks a foreign key fails and leaves no row`() async throws {
        try await StoreFixture.with { fixture in
            await #expect(throws: StoreError.self) {
                try await fixture.store.write { db in
                    let connection = try #require(db.sqliteConnection)
                    let statement = try HotStatement(
                        connection,
                        "INSERT INTO chat (bot_id, space, telegram_chat_id, kind, title) VALUES (77, 'direct', 1, 'private', '') RETURNING id"
                    )
                    _ = try statement.first { $0.int64(0) }
                }
            }
            let chats = try await fixture.count("chat")
            #expect(chats == 0)
        }
    }

    @Test func `a write may give nil or nothing`() async throws {
        try await StoreFixture.with { fixture in
            let none = try await fixture.store.write { _ -> Int? in nil }
            #expect(none == nil)
            try await fixture.store.write { _ in }
        }
    }
}
