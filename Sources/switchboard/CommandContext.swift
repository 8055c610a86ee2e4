import ArgumentParser
import AsyncHTTPClient
import Foundation
import Gateway
import Storage
import Telegram

/// Options of every command that touches the data directory.
struct CommonOptions: ParsableArguments {
    @Option(help: "The data directory (default: $SWITCHBOARD_DATA, or ./switchboard-data).")
    var data: String?

    @Option(help: "A YAML file with settings; see deploy/switchboard.env.example for their names.")
    var config: String?

    /// The settings, with flags of the command beside those of all commands.
    func settings(_ flags: [Settings.Name: String?] = [:]) async throws -> Settings {
        var given = flags.compactMapValues { $0 }
        given[.data] = data
        return try await Settings.load(flags: given, configFile: config)
    }
}

/// Adds `--json` to a command that prints data.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON for programs, one value on a line.")
    var json = false
}

/// What a command works with: the database beside a server that may be running.
struct CommandContext {
    let settings: Settings
    let directory: DataDirectory
    let store: SQLiteStore

    /// Opens the database for a command, runs it, and closes the database in any case.
    static func with<Value>(
        _ options: CommonOptions,
        _ flags: [Settings.Name: String?] = [:],
        _ body: (CommandContext) async throws -> Value
    ) async throws -> Value {
        let settings = try await options.settings(flags)
        let directory = DataDirectory(settings.data)
        let store = try await SQLiteStore(directory, .expectCurrent)
        let context = CommandContext(settings: settings, directory: directory, store: store)
        let value: Value
        do {
            value = try await body(context)
        } catch {
            // The first error is the one to tell.
            try? await store.close()
            throw error
        }
        try await store.close()
        return value
    }

    /// A sealer with the key that the database was sealed with.
    ///
    /// - Throws: `GatewayError.badKey` if the key is missing, exposed, malformed or another one.
    func sealer() async throws -> Sealer { try await Self.sealer(settings, directory, store) }

    /// A sealer for a command that goes on without the key.
    ///
    /// - Parameter isForced: where the key is missing or wrong, gives one that opens nothing instead of throwing.
    func sealer(orNone isForced: Bool) async throws -> Sealer {
        do { return try await sealer() } catch GatewayError.badKey(_) where isForced { return Sealer(key: MasterKey()) }
    }

    /// See `sealer()`.
    static func sealer(_ settings: Settings, _ directory: DataDirectory, _ store: SQLiteStore) async throws -> Sealer {
        let sealer = Sealer(key: try settings.masterKey(in: directory.masterKey))
        guard let check = try await store.keyCheck() else { throw StoreError.notInitialised(directory.path) }
        guard sealer.opens(check: check) else { throw GatewayError.badKey(.wrong) }
        return sealer
    }

    /// Where the server is: as `serve` recorded it, or as set where it never ran.
    ///
    /// - Throws: `GatewayError.settingDiffers`, `.noPublicURL`.
    func serverAddress() async throws -> ServerAddress {
        guard let recorded = try await store.serverAddress() else {
            guard let publicURL = settings.publicURL else { throw GatewayError.noPublicURL }
            return ServerAddress(publicURL: publicURL, botAPI: settings.botAPI ?? BotAPI.hosted)
        }
        if let publicURL = settings.publicURL, publicURL != recorded.publicURL {
            throw GatewayError.settingDiffers(name: "the public URL", recorded: recorded.publicURL.text)
        }
        if let botAPI = settings.botAPI, botAPI != recorded.botAPI {
            throw GatewayError.settingDiffers(name: "the Bot API's URL", recorded: recorded.botAPI)
        }
        return recorded
    }

    /// Runs with a caller of the Bot API.
    ///
    /// - Parameter connections: so many calls go at once.
    static func withTelegram<Value>(
        _ base: String,
        connections: Int = 8,
        _ body: (BotAPI) async throws -> Value
    ) async throws -> Value {
        let client = BotAPI.makeClient(connections: connections)
        let value: Value
        do {
            value = try await body(BotAPI(client: client, base: base))
        } catch {
            try? await client.shutdown()
            throw error
        }
        try await client.shutdown()
        return value
    }
}
