// swift-tools-version: 6.2

import PackageDescription

/// Every target is held to the same rules: Swift 6 concurrency, `any` spelled out, members seen only through a
/// named import (so that the house-rules test sees what a module really uses), and no warnings.
let houseSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1 = Target.Dependency.product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")

let package = Package(
    name: "switchboard",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "switchboard", targets: ["switchboard"]),
        .executable(name: "switchboard-load", targets: ["switchboard-load"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift.git", from: "0.2.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess.git", from: "1.0.2"),
    ],
    targets: [
        // What the C library and the kernel offer, but Swift's Glibc module leaves out.
        .systemLibrary(name: "CPlatform"),
        .target(
            name: "Telegram",
            dependencies: [asyncHTTPClient, nioCore, nioHTTP1, nioPosix, nioSSL],
            swiftSettings: houseSettings
        ),
        .target(
            name: "Gateway",
            dependencies: ["Telegram", crypto, deque, heap, logging, metrics, serviceLifecycle],
            swiftSettings: houseSettings
        ),
        .target(
            name: "Storage",
            dependencies: ["CPlatform", "Gateway", "Telegram", deque, grdb, grdbSQLite],
            // `migrations` is a link to the folder of that name at the top: the SQL files are compiled in.
            resources: [.embedInCode("migrations")],
            swiftSettings: houseSettings
        ),
        .target(
            name: "Handlers",
            dependencies: [
                "Gateway", "Telegram", deque, nioCore, nioHTTP1, nioPosix, nioSSL,
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: houseSettings
        ),
        .target(
            name: "HTTPSurface",
            dependencies: [
                "Gateway", "Telegram", deque, httpTypes, hummingbird, hummingbirdCore, logging, metrics, nioCore,
                nioHTTP1, nioHTTPTypes, nioHTTPTypesHTTP1, serviceLifecycle,
            ],
            swiftSettings: houseSettings
        ),
        .target(
            name: "Simulator",
            dependencies: [
                "Telegram", asyncHTTPClient, deque, httpTypes, hummingbird, logging, nioCore, nioHTTP1, nioPosix,
                serviceLifecycle,
            ],
            swiftSettings: houseSettings
        ),
        .executableTarget(
            name: "switchboard",
            dependencies: [
                "CPlatform", "Gateway", "HTTPSurface", "Handlers", "Simulator", "Storage", "Telegram", argumentParser,
                asyncHTTPClient, logging, nioCore,
                serviceLifecycle, subprocess, unixSignals,
                .product(name: "Configuration", package: "swift-configuration"),
                systemPackage,
                .product(name: "Yams", package: "Yams"),
            ],
            // Links to files in `deploy`: the demo has them in it.
            resources: [
                .embedInCode("shop.yaml"), .embedInCode("support.yaml"), .embedInCode("program.yaml"),
                .embedInCode("handler.py"),
            ],
            swiftSettings: houseSettings
        ),
        .executableTarget(
            name: "switchboard-load",
            dependencies: [
                "Gateway", "Simulator", "Storage", "Telegram", argumentParser, asyncHTTPClient, hummingbird, logging,
                nioCore,
                nioHTTP1, nioPosix, subprocess, systemPackage, unixSignals, grdb,
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: houseSettings
        ),
        .target(name: "TestClock", path: "Tests/TestClock", swiftSettings: houseSettings),
        .testTarget(name: "TelegramTests", dependencies: ["Telegram"], swiftSettings: houseSettings),
        .testTarget(
            name: "GatewayTests",
            dependencies: ["Gateway", "Simulator", "Telegram"],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "HandlersTests",
            dependencies: ["Gateway", "Handlers", "Telegram", nioCore, nioEmbedded, nioHTTP1, nioPosix, nioSSL],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "StorageTests",
            dependencies: ["Gateway", "Simulator", "Storage", "Telegram", "TestClock", grdb, logging],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "SurfaceTests",
            dependencies: [
                "Gateway", "HTTPSurface", "Storage", "Telegram", logging, metrics, nioCore, nioPosix, serviceLifecycle,
            ],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "CommandTests",
            dependencies: ["switchboard", "Gateway", "Storage", "Telegram"],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "BotLifeTests",
            dependencies: [
                "Gateway", "HTTPSurface", "Simulator", "Storage", "Telegram", "TestClock", asyncHTTPClient, grdb,
                logging, nioCore, nioHTTP1, serviceLifecycle,
            ],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "OutboxTests",
            dependencies: [
                "Gateway", "HTTPSurface", "Simulator", "Storage", "Telegram", "TestClock", asyncHTTPClient, grdb,
                logging, serviceLifecycle,
            ],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "DispatchTests",
            dependencies: [
                "Gateway", "HTTPSurface", "Handlers", "Simulator", "Storage", "Telegram", "TestClock", asyncHTTPClient,
                grdb, httpTypes, hummingbird, logging, nioCore, serviceLifecycle,
            ],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "switchboard", "Simulator", "Telegram", grdb, httpTypes, hummingbird, logging, nioCore,
                serviceLifecycle, subprocess, systemPackage,
            ],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "SimulatorTests",
            dependencies: [
                "Simulator", "Telegram", asyncHTTPClient, httpTypes, hummingbird, logging, nioCore, nioHTTP1,
                serviceLifecycle,
            ],
            swiftSettings: houseSettings
        ),
        .testTarget(
            name: "LoadTests",
            dependencies: ["Telegram", "switchboard-load", nioCore],
            swiftSettings: houseSettings
        ),
        .testTarget(name: "HouseRulesTests", swiftSettings: houseSettings),
    ]
)
