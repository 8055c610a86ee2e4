import Foundation
import Testing

/// The rules of the house that the compiler does not know.
///
/// Each reads the sources as text.
@Suite("The house rules")
struct HouseRulesTests {
    /// The top of the package.
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// What a module may import beside the standard library's own modules.
    ///
    /// Arrows point one way: see README, the map.
    private static let allowedImports: [String: Set<String>] = [
        "Telegram": ["AsyncHTTPClient", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL"],
        "Gateway": [
            "Telegram", "Logging", "Metrics", "ServiceLifecycle", "Crypto", "DequeModule", "HeapModule",
        ],
        "Storage": ["CPlatform", "Gateway", "Telegram", "GRDB", "GRDBSQLite", "DequeModule"],
        "Handlers": ["Gateway", "Telegram", "DequeModule", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL", "Yams"],
        "HTTPSurface": [
            "Gateway", "Telegram", "Hummingbird", "HummingbirdCore", "HTTPTypes", "NIOCore", "NIOHTTP1",
            "NIOHTTPTypes", "NIOHTTPTypesHTTP1", "Logging", "Metrics", "ServiceLifecycle", "DequeModule",
        ],
        "Simulator": [
            "Telegram", "Hummingbird", "HTTPTypes", "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "NIOPosix", "Logging",
            "ServiceLifecycle", "DequeModule",
        ],
        "switchboard": [
            "Gateway", "HTTPSurface", "Handlers", "Simulator", "Storage", "Telegram", "ArgumentParser",
            "AsyncHTTPClient", "CPlatform",
            "Configuration", "Logging", "NIOCore", "ServiceLifecycle", "Subprocess", "SystemPackage", "UnixSignals",
            "Yams",
        ],
        "switchboard-load": [
            "Gateway", "Simulator", "Storage", "Telegram", "ArgumentParser", "AsyncHTTPClient", "GRDB", "Histogram",
            "Hummingbird",
            "Logging", "NIOCore", "NIOHTTP1", "NIOPosix", "Subprocess", "SystemPackage", "UnixSignals",
        ],
        "CPlatform": [],
    ]

    private static let toolchain: Set<String> = [
        "Foundation", "FoundationEssentials", "Glibc", "Musl", "Darwin", "Synchronization", "Dispatch", "Swift",
    ]

    /// The only files of the load program that may write through Storage, and the one that reads the database behind its back.
    private static let databaseInLoad: [String: Set<String>] = [
        "Storage": ["Fill.swift", "SendStore.swift", "UpdatesCommand.swift"],
        "Gateway": ["Fill.swift", "SendStore.swift", "UpdatesCommand.swift"],
        "GRDB": ["Verify.swift"],
    ]

    /// The files that may ask a token or a secret for itself: the URL of a call, `setWebhook`, sealing, digesting, the simulator's making of
    /// tokens, and the command that shows a webhook's secret once.
    private static let mayReveal: Set<String> = [
        "BotToken.swift", "BotAPI.swift", "BotAPI+Webhook.swift", "Sealing.swift", "WebhookCommand.swift",
        "DemoProgram.swift",
    ]

    private struct Source: CustomStringConvertible {
        let module: String
        let name: String
        let lines: [String]

        var description: String { "\(module)/\(name)" }
    }

    private static func sources(_ folder: String = "Sources") throws -> [Source] {
        let top = root.appendingPathComponent(folder)
        let modules = try FileManager.default.contentsOfDirectory(atPath: top.path)
        return try modules.flatMap { module in
            let directory = top.appendingPathComponent(module)
            return try FileManager.default.subpathsOfDirectory(atPath: directory.path).filter { $0.hasSuffix(".swift") }
                .map { path in
                    let file = directory.appendingPathComponent(path)
                    let text = try String(contentsOf: file, encoding: .utf8)
                    return Source(
                        module: module,
                        name: file.lastPathComponent,
                        lines: text.components(separatedBy: "\n")
                    )
                }
        }
    }

    /// Lines of code that match, comments left out.
    private static func matches(_ pattern: some RegexComponent, in sources: [Source]) -> [String] {
        sources.flatMap { source in
            source.lines.enumerated().compactMap { index, line in
                let code = line.trimmingCharacters(in: .whitespaces)
                guard !code.hasPrefix("//"), code.firstMatch(of: pattern) != nil else { return nil }
                return "\(source):\(index + 1): \(code)"
            }
        }
    }

    @Test func `a module imports only what it may`() throws {
        let sources = try Self.sources()
        #expect(Set(sources.map(\.module)).isSubset(of: Set(Self.allowedImports.keys)))
        let pattern =
            /^(?:@testable |@preconcurrency |public |internal |private )*import (?:struct |class |enum |func |protocol )?([A-Za-z0-9_]+)/
        for source in sources {
            let allowed = try #require(Self.allowedImports[source.module], "\(source)").union(Self.toolchain)
            for line in source.lines {
                guard let imported = line.firstMatch(of: pattern)?.1 else { continue }
                #expect(allowed.contains(String(imported)), "\(source) imports \(imported)")
                if source.module == "switchboard-load", let only = Self.databaseInLoad[String(imported)] {
                    #expect(only.contains(source.name), "\(source) imports \(imported)")
                }
            }
        }
    }

    @Test func `no task is without an owner`() throws {
        #expect(Self.matches(/\bTask(\.detached|\.immediate)?\s*(\(|\{|<)/, in: try Self.sources()) == [])
    }

    @Test func `nothing is forced, and nothing ends the process by a trap`() throws {
        let sources = try Self.sources()
        #expect(Self.matches(/try!|as!|fatalError\(|preconditionFailure\(|nonisolated\(unsafe\)/, in: sources) == [])
    }

    @Test func `unchecked concurrency is proven beside it, and rare`() throws {
        let unchecked = Self.matches(/@unchecked Sendable/, in: try Self.sources())
        #expect(unchecked.count <= 1, "\(unchecked)")
        #expect(unchecked.allSatisfy { $0.hasPrefix("Storage/WriterConnection.swift") }, "\(unchecked)")
    }

    @Test func `SQL stands in Storage alone`() throws {
        let elsewhere = try Self.sources().filter { $0.module != "Storage" && $0.name != "Verify.swift" }
        #expect(Self.matches(/\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|PRAGMA) [a-z_*(]/, in: elsewhere) == [])
    }

    @Test func `only few files may ask a token for itself`() throws {
        let others = try Self.sources().filter { !Self.mayReveal.contains($0.name) && $0.module != "Simulator" }
        #expect(Self.matches(/\.reveal\(\)/, in: others) == [])
    }

    @Test func `files stay short`() throws {
        let long = (try Self.sources() + (try Self.sources("Tests"))).filter { $0.lines.count > 500 }
        #expect(long.map { "\($0): \($0.lines.count)" } == [])
    }

    @Test func `names say what a thing is`() throws {
        let vague = try Self.sources().filter {
            $0.name.firstMatch(of: /Utils?|Helpers?|Manager|Common/) != nil && $0.name != "CommonOptions"
        }
        #expect(vague.map(\.description) == [])
    }

    @Test func `tests do not sleep`() throws {
        let sleeps = Self.matches(/Task\.sleep|usleep\(|Thread\.sleep|\bsleep\([0-9]/, in: try Self.sources("Tests"))
        #expect(sleeps.filter { !$0.hasPrefix("HouseRulesTests") } == [])
    }

    @Test func `the top level holds what is planned and nothing else`() throws {
        let planned: Set<String> = [
            "Package.swift", "Sources", "Tests", "migrations", "README.md", "deploy", "LICENSE", "Package.resolved",
        ]
        let found = try FileManager.default.contentsOfDirectory(atPath: Self.root.path).filter { !$0.hasPrefix(".") }
        #expect(Set(found).subtracting(planned).subtracting(["switchboard-data"]) == [])
    }

    @Test func `every migration says why in its first line and is compiled in`() throws {
        let folder = Self.root.appendingPathComponent("migrations")
        let list = try String(
            contentsOf: Self.root.appendingPathComponent("Sources/Storage/Migrations.swift"),
            encoding: .utf8
        )
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(!files.isEmpty)
        for file in files {
            #expect(file.wholeMatch(of: /[0-9]{4}_[a-z_]+\.sqlite\.sql/) != nil, "\(file)")
            let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
            #expect(text.hasPrefix("-- "), "\(file)")
            #expect(list.contains("\"\(file.replacingOccurrences(of: ".sqlite.sql", with: ""))\""), "\(file)")
        }
    }

    @Test func `the settings' example names every setting once, and no other`() throws {
        let settings = try String(
            contentsOf: Self.root.appendingPathComponent("Sources/switchboard/Settings.swift"),
            encoding: .utf8
        )
        let cases = settings.matches(of: /case ([a-zA-Z]+)(?: = "([a-z_]+)")?\n/).prefix { $0.1 != "text" }
            .map { "SWITCHBOARD_" + ($0.2.map(String.init) ?? String($0.1)).uppercased() }
        let example = try String(
            contentsOf: Self.root.appendingPathComponent("deploy/switchboard.env.example"),
            encoding: .utf8
        )
        let named = example.components(separatedBy: "\n").compactMap { $0.firstMatch(of: /^#?(SWITCHBOARD_[A-Z_]+)=/) }
            .map { String($0.1) }
        #expect(cases.count == 11)
        #expect(named.sorted() == cases.sorted())
    }
}
