import Foundation
import GRDB
import Gateway
import Testing

@testable import Storage

@Suite("Opening a data directory", .timeLimit(.minutes(1)))
struct OpeningTests {
    private static func open(_ path: String, _ opening: SQLiteStore.Opening) async throws {
        try await SQLiteStore(DataDirectory(path), opening).close()
    }

    @Test func `the list of migrations is what the folder holds`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder = root.appendingPathComponent("migrations")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".sqlite.sql") }.sorted()
        #expect(Migrations.all.map { $0.name + ".sqlite.sql" } == files)
        for (name, sql) in Migrations.all {
            let file = try Data(contentsOf: folder.appendingPathComponent(name + ".sqlite.sql"))
            #expect(Data(sql) == file, "\(name)")
            #expect(file.starts(with: Data("-- ".utf8)), "\(name): the first line says why")
        }
    }

    @Test func `a database of a newer version is refused by its steps' names and stays as it is`() async throws {
        try await StoreFixture.with { fixture in
            try await fixture.execute("INSERT INTO grdb_migrations (identifier) VALUES ('0099_from_the_future')")
            try await fixture.store.close()
            for opening in [SQLiteStore.Opening.migrate, .expectCurrent] {
                await #expect(throws: StoreError.newerSchema(unknown: ["0099_from_the_future"])) {
                    try await Self.open(fixture.directory.path, opening)
                }
            }
            await #expect(throws: StoreError.newerSchema(unknown: ["0099_from_the_future"])) {
                try await SQLiteStore.migrationState(fixture.directory)
            }
        }
    }

    @Test func `an older database is refused by commands and brought up to date by serve`() async throws {
        try await StoreFixture.withDirectory { path in
            let directory = DataDirectory(path)
            try await DatabaseQueue(path: directory.database).write { try $0.execute(sql: "CREATE TABLE t (x)") }
            let pending = Migrations.all.map(\.name)
            await #expect(throws: StoreError.olderSchema(pending: pending)) {
                try await Self.open(path, .expectCurrent)
            }
            let before = try Data(contentsOf: URL(fileURLWithPath: directory.database))
            let state = try await SQLiteStore.migrationState(directory)
            #expect(state == MigrationState(applied: [], pending: pending))
            #expect(try Data(contentsOf: URL(fileURLWithPath: directory.database)) == before)
            try await Self.open(path, .migrate)
            try await Self.open(path, .expectCurrent)
            #expect(try await SQLiteStore.migrationState(directory).pending == [])
        }
    }

    @Test func `asking for the state of migrations changes no file beside a running server`() async throws {
        try await StoreFixture.with { fixture in
            _ = try await fixture.addShop()
            let path = fixture.directory.database
            let before = try ["", "-wal"].map { try Data(contentsOf: URL(fileURLWithPath: path + $0)) }
            let state = try await SQLiteStore.migrationState(fixture.directory)
            #expect(state.applied == Migrations.all.map(\.name) && state.pending == [])
            #expect(try ["", "-wal"].map { try Data(contentsOf: URL(fileURLWithPath: path + $0)) } == before)
            _ = try await fixture.addBusiness("still-writing")
        }
    }

    @Test func `a database is not made twice`() async throws {
        try await StoreFixture.with { fixture in
            _ = try await fixture.addBusiness()
            let path = fixture.directory.path
            await #expect(throws: StoreError.alreadyInitialised(path)) { try await Self.open(path, .create) }
            #expect(try await fixture.store.businesses().count == 1)
        }
    }

    @Test func `of several who make one at once, one does and nobody takes it away`() async throws {
        try await StoreFixture.withDirectory { path in
            let results = await withTaskGroup(of: Result<Void, any Error>.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        do { return .success(try await Self.open(path, .create)) } catch { return .failure(error) }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            var made = 0
            for result in results {
                switch result {
                case .success: made += 1
                case .failure(let error): #expect(error as? StoreError == .alreadyInitialised(path))
                }
            }
            #expect(made == 1)
            try await Self.open(path, .expectCurrent)
        }
    }

    @Test func `only its owner may read the database`() async throws {
        try await StoreFixture.with { fixture in
            _ = try await fixture.addBusiness()
            for suffix in ["", "-wal", "-shm"] {
                var status = stat()
                #expect(stat(fixture.directory.database + suffix, &status) == 0)
                #expect(status.st_mode & 0o777 == 0o600, "\(suffix)")
            }
        }
    }

    @Test func `commands and serve do not make a database`() async throws {
        try await StoreFixture.withDirectory { path in
            for opening in [SQLiteStore.Opening.migrate, .expectCurrent] {
                await #expect(throws: StoreError.notInitialised(path)) { try await Self.open(path, opening) }
            }
            await #expect(throws: StoreError.notInitialised(path)) {
                try await SQLiteStore.migrationState(DataDirectory(path))
            }
            let files = try DataFiles(DataDirectory(path)).names
            #expect(files == [])
        }
    }

    @Test func `a file of garbage is told as damaged and left as it is`() async throws {
        try await StoreFixture.withDirectory { path in
            let directory = DataDirectory(path)
            let garbage = Data(repeating: 0x2A, count: 20_000)
            try garbage.write(to: URL(fileURLWithPath: directory.database))
            for opening in [SQLiteStore.Opening.migrate, .expectCurrent] {
                do {
                    try await Self.open(path, opening)
                    Issue.record("it was opened")
                } catch StoreError.damaged {
                    continue
                }
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: directory.database)) == garbage)
        }
    }

    @Test func `a directory that cannot be used is told with the reason`() async throws {
        try await StoreFixture.withDirectory { path in
            let file = path + "/file"
            try Data().write(to: URL(fileURLWithPath: file))
            for bad in [file, file + "/below", path + "/missing/below", path + "/missing"] {
                for opening in [SQLiteStore.Opening.create, .migrate, .expectCurrent] {
                    do {
                        try await Self.open(bad, opening)
                        Issue.record("\(bad) was opened")
                    } catch StoreError.directoryUnusable(let named, _) {
                        #expect(named == bad)
                    }
                }
            }
            #expect(throws: StoreError.directoryUnusable(file, why: "it is not a directory")) {
                try DataDirectory(file).create()
            }
            let orphan = path + "/missing/below"
            #expect(throws: StoreError.directoryUnusable(orphan, why: "its parent directory does not exist")) {
                try DataDirectory(orphan).create()
            }
            let missing = path + "/missing"
            let why = "it does not exist; `switchboard init` makes it, or name the right one with --data"
            #expect(throws: StoreError.directoryUnusable(missing, why: why)) { try DataDirectory(missing).check() }
        }
    }

    @Test func `a directory is made for its owner alone, once`() async throws {
        try await StoreFixture.withDirectory { path in
            let directory = DataDirectory(path + "/data")
            let times = [try directory.create(), try directory.create()]
            #expect(times == [true, false])
            var status = stat()
            #expect(stat(directory.path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o700)
            #expect(directory.freeBytes ?? 0 > 0)
        }
    }

    @Test func `a creation that fails leaves nothing behind`() async throws {
        try await StoreFixture.withDirectory { path in
            let directory = DataDirectory(path)
            // SQLite can make no log where a directory has its name.
            try FileManager.default.createDirectory(
                atPath: directory.database + "-wal",
                withIntermediateDirectories: false
            )
            await #expect(throws: StoreError.self) { try await Self.open(path, .create) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: path) == ["switchboard.sqlite-wal"])
            try FileManager.default.removeItem(atPath: directory.database + "-wal")
            try await Self.open(path, .create)
        }
    }

    @Test func `one server at a time holds the lock`() async throws {
        try await StoreFixture.withDirectory { path in
            let directory = DataDirectory(path)
            do {
                let lock = try ServerLock(directory)
                #expect(throws: StoreError.serverRuns(path)) { try ServerLock(directory) }
                withExtendedLifetime(lock) {}
            }
            _ = try ServerLock(directory)
        }
    }

    @Test func `commands work while a server holds the lock`() async throws {
        try await StoreFixture.with { fixture in
            let lock = try ServerLock(fixture.directory)
            let name = try await fixture.withAnotherStore { try await $0.addBusiness("beside").slug.text }
            #expect(name == "beside")
            withExtendedLifetime(lock) {}
        }
    }
}
