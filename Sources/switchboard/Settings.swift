import Configuration
import Foundation
import Gateway
import HTTPSurface
import Handlers
import Logging
import SystemPackage
import Telegram
import Yams

/// Every setting, validated: flags over environment over file over defaults.
struct Settings: Sendable {
    /// The names, as they stand in a file; in the environment they are upper-case after `SWITCHBOARD_`.
    enum Name: String, CaseIterable {
        case data
        case listen
        case publicURL = "public_url"
        case botAPI = "bot_api"
        case masterKey = "master_key"
        case masterKeyFile = "master_key_file"
        case logLevel = "log_level"
        case logFormat = "log_format"
        case metricsListen = "metrics_listen"
        case metricsBusinesses = "metrics_businesses"
        case webhookAllow = "webhook_allow"

        var variable: String { "SWITCHBOARD_" + rawValue.uppercased() }
    }

    enum LogFormat: String, CaseIterable {
        case text, json
    }

    /// The path of the data directory, without a slash at its end.
    var data: String
    var listen: Server.Address
    /// Nil where none is set.
    var publicURL: PublicURL?
    /// Nil where none is set: then what `serve` recorded counts, or Telegram's own.
    var botAPI: String?
    var masterKeyFile: String?
    var logLevel: Logger.Level
    var logFormat: LogFormat
    /// Where Prometheus finds the metrics; nil for nowhere.
    var metricsListen: Server.Address?
    /// How many businesses have metrics of their own.
    var metricsBusinesses: Int
    /// What businesses' webhooks may be: the public Internet under https, and what is allowed besides.
    var webhookRules: WebhookRules
    /// The key itself, if the environment or the file holds it.
    private var masterKeyText: (text: String, source: String)?

    private static let defaultMetricsBusinesses = 100
    /// Each business has three series: more would be much to keep for Prometheus.
    private static let maximumMetricsBusinesses = 10_000

    /// Variables that begin like settings but are none of the server's.
    private static let otherVariables: Set<String> = ["SWITCHBOARD_FUZZ"]

    /// Reads and validates all settings.
    ///
    /// - Parameters:
    ///   - flags: what was given on the command line.
    ///   - configFile: the path of a YAML file, or nil.
    /// - Throws: `Failure` with every problem, each in a line that names the setting.
    static func load(
        flags: [Name: String],
        configFile: String?,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> Settings {
        var problems = unknownVariables(environment)
        var providers: [any ConfigProvider] = [
            InMemoryProvider(
                name: "flags",
                values: Dictionary(
                    uniqueKeysWithValues: flags.map {
                        (AbsoluteConfigKey([$0.key.rawValue]), ConfigValue(stringLiteral: $0.value))
                    }
                )
            ),
            EnvironmentVariablesProvider(
                environmentVariables: environment,
                secretsSpecifier: .specific([Name.masterKey.variable])
            ).prefixKeys(with: "switchboard"),
        ]
        if let configFile {
            do {
                providers.append(try await file(configFile))
            } catch let failure as Failure {
                problems += failure.lines
            }
        }
        let reader = ConfigReader(providers: providers)
        let settings = Settings(reader, &problems)
        guard problems.isEmpty, let settings else { throw Failure(.usage, lines: problems) }
        return settings
    }

    private init?(_ reader: ConfigReader, _ problems: inout [String]) {
        func value(_ name: Name) -> String? {
            let text = reader.string(forKey: ConfigKey([name.rawValue]), isSecret: name == .masterKey)
            return text.flatMap { $0.isEmpty ? nil : $0 }
        }
        func problem(_ name: Name, _ text: String) {
            let flag = name.rawValue.replacing("_", with: "-")
            problems.append("\(name.variable) (--\(flag)): \(text)")
        }
        data = value(.data) ?? "./switchboard-data"
        while data.count > 1, data.hasSuffix("/") { data.removeLast() }
        listen = Server.Address(host: "127.0.0.1", port: 8080)
        if let text = value(.listen) {
            if let address = Server.Address(text) {
                listen = address
            } else {
                problem(.listen, "must be host:port, such as 127.0.0.1:8080 or [::1]:8080")
            }
        }
        if let text = value(.botAPI) {
            if let base = Self.botAPI(text) {
                botAPI = base
            } else {
                problem(.botAPI, "must be a URL of scheme, host and perhaps port, such as \(BotAPI.hosted)")
            }
        }
        if let text = value(.publicURL) {
            do throws(GatewayError) {
                publicURL = try PublicURL(text, botAPI: botAPI ?? BotAPI.hosted)
            } catch {
                problem(.publicURL, error.description)
            }
        }
        masterKeyFile = value(.masterKeyFile)
        masterKeyText = value(.masterKey).map { ($0, Name.masterKey.variable) }
        if masterKeyFile != nil, masterKeyText != nil {
            problem(.masterKey, "give the key or the path of its file, not both")
        }
        logLevel = .info
        if let text = value(.logLevel) {
            if let level = Logger.Level(rawValue: text.lowercased()) {
                logLevel = level
            } else {
                problem(.logLevel, "must be one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
            }
        }
        logFormat = .text
        if let text = value(.logFormat) {
            if let format = LogFormat(rawValue: text) {
                logFormat = format
            } else {
                problem(.logFormat, "must be text or json")
            }
        }
        if let text = value(.metricsListen) {
            if let address = Server.Address(text) {
                metricsListen = address
            } else {
                problem(.metricsListen, "must be host:port, such as 127.0.0.1:9464 or [::1]:9464")
            }
        }
        if let metricsListen, metricsListen == listen, listen.port != 0 {
            problem(
                .metricsListen,
                "must differ from where webhooks are taken (\(listen)): anybody would see the metrics"
            )
        }
        metricsBusinesses = Self.defaultMetricsBusinesses
        if let text = value(.metricsBusinesses) {
            if let number = Int(text), (0...Self.maximumMetricsBusinesses).contains(number) {
                metricsBusinesses = number
            } else {
                problem(.metricsBusinesses, "must be a number from 0 to \(Self.maximumMetricsBusinesses)")
            }
        }
        webhookRules = WebhookRules()
        for text in value(.webhookAllow)?.split(separator: ",") ?? [] {
            let text = text.trimmingCharacters(in: .whitespaces)
            if let exception = WebhookRules.Exception(text) {
                webhookRules.exceptions.append(exception)
            } else {
                problem(
                    .webhookAllow,
                    "\(text) is none of host, host:port, [address]:port and address/bits (with no bits set behind them)"
                )
            }
        }
    }

    /// The master key from where it is set, or from the data directory.
    func masterKey(in directory: String) throws(GatewayError) -> MasterKey {
        if let masterKeyText { return try MasterKey(base64: masterKeyText.text, source: masterKeyText.source) }
        return try MasterKey(file: masterKeyFile ?? directory)
    }

    /// Whether the key comes from elsewhere than the data directory.
    var keyIsElsewhere: Bool { masterKeyText != nil || masterKeyFile != nil }

    /// A base URL of the Bot API without a slash at its end; nil if it is none.
    private static func botAPI(_ text: String) -> String? {
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard let url = URLComponents(string: trimmed), url.scheme == "https" || url.scheme == "http",
            let host = url.host, !host.isEmpty, url.path.isEmpty, url.query == nil, url.fragment == nil, url.user == nil
        else { return nil }
        return trimmed
    }

    private static func unknownVariables(_ environment: [String: String]) -> [String] {
        let known = Set(Name.allCases.map(\.variable)).union(otherVariables)
        return environment.keys.filter { $0.hasPrefix("SWITCHBOARD_") && !known.contains($0) }.sorted()
            .map { "\($0): there is no such setting; see deploy/switchboard.env.example" }
    }

    private static func file(_ path: String) async throws -> any ConfigProvider {
        guard let text = FileManager.default.contents(atPath: path).map({ String(decoding: $0, as: UTF8.self) }) else {
            throw Failure(.usage, "--config: the file \(path) cannot be read")
        }
        let names: [String]
        do {
            names = (try Yams.load(yaml: text) as? [String: Any] ?? [:]).keys.sorted()
        } catch {
            throw Failure(.usage, "--config: \(path) is not YAML of the form `name: value`")
        }
        let known = Set(Name.allCases.map(\.rawValue))
        let unknown = names.filter { !known.contains($0) }
        guard unknown.isEmpty else {
            throw Failure(
                .usage,
                lines: unknown.map {
                    "--config: \(path) has \($0), which is no setting; see deploy/switchboard.env.example"
                }
            )
        }
        return try await FileProvider<YAMLSnapshot>(filePath: FilePath(path))
    }
}
