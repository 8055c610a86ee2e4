import ArgumentParser
import Foundation
import Gateway
import Storage
import Telegram

/// The command `switchboard init`.
struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make the data directory (0700), its database and the master key file (0600).",
        discussion: """
            Without the master key the bots' tokens cannot be read: keep a copy of it apart from backups of the database.
            If SWITCHBOARD_MASTER_KEY or SWITCHBOARD_MASTER_KEY_FILE is set, that key is used and no file is made.

            Example:
              switchboard init --data /var/lib/switchboard
            """
    )

    @OptionGroup var options: CommonOptions
    @OptionGroup var output: OutputOptions

    mutating func run() async throws {
        let settings = try await options.settings()
        let directory = DataDirectory(settings.data)
        try directory.create()
        // One `init` or `serve` at a time works on a directory.
        let lock = try ServerLock(directory)
        defer { withExtendedLifetime(lock) {} }
        // A database without its key check is what is left of an `init` that was cut off: it is finished.
        let isUnfinished = try await Self.isUnfinished(directory)
        if directory.isInitialised, !isUnfinished { throw StoreError.alreadyInitialised(directory.path) }
        let (key, keyIsNew) = try Self.key(settings, directory)
        // A key that is left behind by a failure from here on is taken up by the next `init`.
        let store = try await SQLiteStore(directory, isUnfinished ? .migrate : .create)
        try await store.setKeyCheck(try Sealer(key: key).sealCheck())
        try await store.close()
        if output.json {
            Output.json([
                "data": .string(directory.path), "master_key_file": .optional(keyIsNew ? directory.masterKey : nil),
            ])
        } else {
            Output.line("made \(directory.path) with an empty database")
            if keyIsNew {
                Output.line(
                    "made the master key \(directory.masterKey): keep a copy of it in a safe place, apart from backups"
                )
            }
            Output.line("next: switchboard serve --data \(directory.path) --public-url https://…")
        }
    }

    private static func isUnfinished(_ directory: DataDirectory) async throws -> Bool {
        guard directory.isInitialised else { return false }
        let schema = try await SQLiteStore.migrationState(directory)
        guard schema.pending.isEmpty else { return schema.applied.isEmpty }
        let store = try await SQLiteStore(directory, .expectCurrent)
        let check = try await store.keyCheck()
        try await store.close()
        return check == nil
    }

    /// The key that is set, or that lies in the directory from an earlier attempt, or a new one.
    static func key(_ settings: Settings, _ directory: DataDirectory) throws -> (MasterKey, isNew: Bool) {
        if settings.keyIsElsewhere || FileManager.default.fileExists(atPath: directory.masterKey) {
            return (try settings.masterKey(in: directory.masterKey), false)
        }
        let key = MasterKey()
        try key.write(toNewFile: directory.masterKey)
        return (key, true)
    }
}

/// The command `switchboard migrate`.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the database's schema up to date, or look whether it is.",
        discussion: """
            `serve` does the same when it starts. With --check nothing is changed: exit 0 if the schema is up to date, 1 if it is not.

            Example:
              switchboard migrate --check
            """
    )

    @OptionGroup var options: CommonOptions
    @OptionGroup var output: OutputOptions

    @Flag(help: "Only look.")
    var check = false

    mutating func run() async throws {
        let directory = DataDirectory(try await options.settings().data)
        let before = try await SQLiteStore.migrationState(directory)
        if !check, !before.pending.isEmpty {
            // No server may be at work on the schema while it changes.
            let lock = try ServerLock(directory)
            try await SQLiteStore(directory, .migrate).close()
            withExtendedLifetime(lock) {}
        }
        let pending = check ? before.pending : []
        if output.json {
            Output.json([
                "applied": .array((check ? before.applied : before.applied + before.pending).map { .string($0) }),
                "pending": .array(pending.map { .string($0) }),
            ])
        } else if !pending.isEmpty {
            Output.line("to be done: \(pending.joined(separator: ", "))")
        } else if before.pending.isEmpty {
            Output.line("the schema is up to date (\(before.applied.count) migration(s))")
        } else {
            Output.line("done: \(before.pending.joined(separator: ", "))")
        }
        if !pending.isEmpty { throw ExitCode(Failure.Code.failed.rawValue) }
    }
}
