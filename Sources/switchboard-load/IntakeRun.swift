import SystemPackage

/// The order of one `intake` run: prepare, load in turns, settle, count.
struct IntakeRun: Sendable {
    private static let warmUp = Duration.seconds(2)

    let options: IntakeOptions
    let workspace: Workspace
    let client: LoadClient
    private let texts: MessageTexts

    init(options: IntakeOptions, workspace: Workspace, client: LoadClient) {
        self.options = options
        self.workspace = workspace
        self.client = client
        texts = MessageTexts(seed: options.seed)
    }

    func run() async throws -> IntakeReport {
        if options.floorsOnly {
            show(IntakeReport.header)
            return try await withFloors { floors in
                try await loadInTurns(floors, into: IntakeReport())
            }
        }
        let switchboard = try SwitchboardProcess(
            executable: options.executable,
            dataDirectory: workspace.dataDirectory,
            log: workspace.log
        )
        return try await withOfflineBotAPI { api in
            try await self.run(switchboard, api)
        }
    }

    private func run(_ switchboard: SwitchboardProcess, _ api: any OfflineBotAPI) async throws -> IntakeReport {
        let data = workspace.dataDirectory.string
        try await switchboard.command(["init"])
        if options.fill > 0 { show("filling the database with \(options.fill) messages") }
        try await fill(
            dataDirectory: data,
            messages: options.fill,
            businesses: options.businesses,
            bots: options.bots,
            chats: options.chats,
            seed: options.seed
        )
        let before = try countRows(dataDirectory: data)
        var (report, counts) = try await switchboard.serving(botAPI: api.address) { server in
            try await load(switchboard, server, api)
        }
        // Counted when the server has ended: what it had only in memory would be missing now.
        let after = try countRows(dataDirectory: data)
        report.check = IntakeReport.RowCheck(
            acknowledged: counts.acknowledged,
            unanswered: counts.sent - counts.acknowledged,
            messages: after.messages - before.messages,
            rawUpdates: after.rawUpdates - before.rawUpdates
        )
        return report
    }

    private func load(
        _ switchboard: SwitchboardProcess,
        _ server: RunningServer,
        _ api: any OfflineBotAPI
    ) async throws -> (IntakeReport, UpdateCounts) {
        show("registering \(options.bots) bots of \(options.businesses) businesses")
        let target = try await switchboard.register(
            businesses: options.businesses,
            bots: options.bots,
            with: api,
            on: server,
            allowedHost: options.allowHost
        )
        let session = try await open(target, server)
        try await Task.sleep(for: .seconds(1))
        let atRest = ProcessUsage.of(process: server.process)
        show(IntakeReport.header)
        var report = try await withFloors { floors in
            // Between its floors, so that a slow minute of the machine meets all three.
            let turns = floors.isEmpty ? [session] : [floors[0], session] + floors.dropFirst()
            return try await loadInTurns(turns, into: IntakeReport())
        }
        report.entries.append(.init(round: options.rounds, result: try await openLoop(session, report)))
        try await settle(session)
        if let atRest, let afterLoad = ProcessUsage.of(process: server.process) {
            report.memory = .init(atRest: atRest, afterLoad: afterLoad)
        }
        return (report, try await client.counts(of: session))
    }

    private func open(_ target: Target, _ server: RunningServer) async throws -> TargetSession {
        try await client.open(
            target,
            process: server.process,
            texts: texts,
            traffic: TrafficSettings(chats: options.chats, duplicates: options.duplicates, seed: options.seed)
        )
    }

    /// Runs both floors for as long as `body` takes; none with `--no-floors`.
    private func withFloors(
        _ body: @escaping @Sendable ([TargetSession]) async throws -> IntakeReport
    ) async throws -> IntakeReport {
        guard options.floors else { return try await body([]) }
        return try await FloorKind.hummingbird.running { hummingbird in
            try await FloorKind.nio.running { nio in
                try await body([try await session(.hummingbird, hummingbird), try await session(.nio, nio)])
            }
        }
    }

    private func session(_ floor: FloorKind, _ server: RunningServer) async throws -> TargetSession {
        // As long as the real ones: a hook of 22 characters, a secret of 43.
        let webhooks = (0..<options.bots).map { index in
            let number = String(10_000_000 + index)
            return Webhook(
                path: "/telegram/" + String(repeating: "h", count: 14) + number,
                secret: String(repeating: "s", count: 35) + number
            )
        }
        let target = try Target(
            name: floor.rawValue,
            host: "127.0.0.1",
            port: server.port,
            webhooks: webhooks,
            allowedHost: nil
        )
        return try await open(target, server)
    }

    /// Closed loops, each server after the other at each number of connections, round after round.
    private func loadInTurns(_ turns: [TargetSession], into report: IntakeReport) async throws -> IntakeReport {
        var report = report
        for round in 1...options.rounds {
            report.disk.append(try DiskFloor.measure(in: workspace.dataDirectory))
            for connections in options.connections {
                for session in turns {
                    let phase = Phase(
                        connections: connections,
                        pace: .closed,
                        warmUp: Self.warmUp,
                        measured: .seconds(options.seconds)
                    )
                    let result = try await client.run(phase, against: session)
                    show(IntakeReport.row(result))
                    try refuseSilence(result)
                    report.entries.append(.init(round: round, result: result))
                }
            }
        }
        return report
    }

    private func openLoop(_ session: TargetSession, _ report: IntakeReport) async throws -> PhaseResult {
        let connections = options.mostConnections
        let perSecond =
            switch options.rate {
            case .perSecond(let perSecond): perSecond
            case .auto: (report.closedLoopRate(connections: connections) ?? 2) / 2
            }
        let phase = Phase(
            connections: connections,
            pace: .open(perSecond: perSecond),
            warmUp: Self.warmUp,
            measured: .seconds(options.seconds)
        )
        let result = try await client.run(phase, against: session)
        show(IntakeReport.row(result))
        return result
    }

    /// Sends again what got no 200, as Telegram would, so that the count of rows is exact.
    private func settle(_ session: TargetSession) async throws {
        let counts = try await client.counts(of: session)
        guard counts.sent > counts.acknowledged else { return }
        show("sending \(counts.sent - counts.acknowledged) updates again that got no 200")
        _ = try await client.run(
            Phase(connections: 8, pace: .settle, warmUp: .zero, measured: .seconds(10)),
            against: session
        )
    }

    /// A server that answers nothing with 200 has no speed.
    private func refuseSilence(_ result: PhaseResult) throws {
        guard result.tally.requests == 0 else { return }
        let complaints = result.tally.complaints.joined(separator: ", ")
        throw LoadFailure(
            "\(result.server) acknowledged nothing (\(complaints)); run again with --keep and read its log"
        )
    }
}
