import NIOCore
import NIOPosix
import SystemPackage
import Telegram

/// What a run with answers happens on: a server, a simulated Telegram beside it, and the customers' client.
struct RoundtripStage: Sendable {
    let cast: SendCast
    let workspace: Workspace
    let switchboard: SwitchboardProcess
    let server: RunningServer
    let telegram: TelegramProcess
    let client: LoadClient
    let webhooks: [Webhook]
    let texts: MessageTexts
    let seed: UInt64

    /// Steps as a small shop has them: two that do not match, and an answer that says again what was written.
    static let answering = """
        steps:
          - name: unsubscribed
            when: {command: unsubscribe}
            label: {add: unsubscribed}
          - name: complaint
            when: {text: {any_word: [complaint, жалоба, скарга]}}
            hand_off: {release_after: 2d}
          - name: answer
            reply: "Спасибо, {{customer.first_name}}! {{message.text}}"

        """

    /// The same answer by a program of the business.
    static func asking(_ program: String) -> String {
        """
        steps:
          - name: unsubscribed
            when: {command: unsubscribe}
            label: {add: unsubscribed}
          - name: \(webhook)
            webhook: \(program)\(ProgramCommand.answers)

        """
    }

    /// The name of every step that calls a program.
    static let webhook = "program"

    /// Prepares a data directory and runs everything for as long as `body` takes.
    ///
    /// - Parameters:
    ///   - pipeline: the text of a business's pipeline, counted from 1, given where programs are; nil for none.
    ///   - owner: whose a bot is, from 0; by itself they take turns.
    static func running<Value: Sendable>(
        _ cast: SendCast,
        businesses: Int,
        executable: String?,
        workspace: Workspace,
        pipeline: @Sendable (Int, _ program: String) -> String?,
        owner: (@Sendable (Int) -> Int)? = nil,
        _ body: @Sendable (RoundtripStage) async throws -> Value
    ) async throws -> Value {
        try await RunningServer.own(["program"], name: "the businesses' program") { program in
            let address = "http://127.0.0.1:\(program.port)"
            return try await running(
                cast,
                businesses: businesses,
                executable: executable,
                workspace: workspace,
                pipeline: { pipeline($0, address) },
                owner: owner,
                body
            )
        }
    }

    private static func running<Value: Sendable>(
        _ cast: SendCast,
        businesses: Int,
        executable: String?,
        workspace: Workspace,
        pipeline: (Int) -> String?,
        owner: ((Int) -> Int)?,
        _ body: @Sendable (RoundtripStage) async throws -> Value
    ) async throws -> Value {
        let switchboard = try SwitchboardProcess(
            executable: executable,
            dataDirectory: workspace.dataDirectory,
            log: workspace.log
        )
        try await switchboard.command(["init"])
        show("preparing \(cast.bots) bots of \(businesses) businesses, \(cast.chats) chats")
        let webhooks = try await SendStore.prepare(
            workspace.dataDirectory.string,
            cast,
            businesses: businesses,
            owner: owner
        )
        for business in 1...businesses {
            guard let text = pipeline(business) else { continue }
            try await switchboard.setPipeline(text, of: business)
        }
        let records = workspace.dataDirectory.appending("calls")
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let outcome: Result<Value, any Error>
        do {
            let value = try await TelegramProcess.running(cast, records: records) { telegram in
                try await telegram.control("flood-limits", ["is_on": true])
                return try await switchboard.serving(botAPI: telegram.address) { server in
                    try await body(
                        RoundtripStage(
                            cast: cast,
                            workspace: workspace,
                            switchboard: switchboard,
                            server: server,
                            telegram: telegram,
                            client: LoadClient(group: group),
                            webhooks: webhooks,
                            texts: MessageTexts(seed: cast.seed),
                            seed: cast.seed
                        )
                    )
                }
            }
            outcome = .success(value)
        } catch {
            outcome = .failure(error)
        }
        try? await group.shutdownGracefully()
        return try outcome.get()
    }

    /// The customers of some of the cast's bots.
    func session(of bots: Range<Int>, duplicates: Double = 0) async throws -> TargetSession {
        let target = try Target(
            name: "switchboard",
            host: "127.0.0.1",
            port: server.port,
            webhooks: Array(webhooks[bots]),
            allowedHost: nil
        )
        var traffic = TrafficSettings(chats: cast.chats, duplicates: duplicates, seed: seed)
        traffic.cast = cast
        traffic.firstBot = bots.lowerBound
        return try await client.open(target, process: server.process, texts: texts, traffic: traffic)
    }

    func view() throws -> OutboxView { try OutboxView(dataDirectory: workspace.dataDirectory.string) }

    /// Runs a phase while its answers are followed.
    func follow(
        _ phase: Phase,
        _ session: TargetSession,
        _ watch: AnswerWatch,
        _ view: OutboxView?
    ) async throws -> (PhaseResult, AnswerWatch) {
        let gate: AnswerGate? = if case .answered(let gate) = phase.pace { gate } else { nil }
        return try await withThrowingTaskGroup(of: AnswerWatch.self) { group in
            group.addTask {
                var watch = watch
                try await watch.untilCancelled(gate, view)
                return watch
            }
            let result = try await client.run(phase, against: session)
            group.cancelAll()
            guard let watched = try await group.next() else { throw CancellationError() }
            return (result, watched)
        }
    }
}

extension SwitchboardProcess {
    /// Makes a text the pipeline of a business, counted from 1, as an operator would.
    func setPipeline(_ text: String, of business: Int) async throws {
        let path = dataDirectory.appending("pipeline.yaml")
        let file = try FileDescriptor.open(
            path,
            .writeOnly,
            options: [.create, .truncate],
            permissions: .ownerReadWrite
        )
        _ = try file.closeAfter { try file.writeAll(text.utf8) }
        try await command(["pipeline", "set", SendStore.slug(business), path.string])
        guard text.contains("webhook:") else { return }
        let webhooks = try await command(["webhook", "list", SendStore.slug(business), "--json"])
        let list = try? JSONDocument(Array(webhooks.utf8)).root["data"]
        guard list?.elements?.contains(where: { $0["has_secret"]?.bool == true }) != true else { return }
        try await command(["webhook", "secret", SendStore.slug(business), RoundtripStage.webhook])
    }
}
