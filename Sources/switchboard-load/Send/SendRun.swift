import SystemPackage
import Telegram

/// The order of one `send` run: prepare, then part after part on one database and one simulated Telegram.
struct SendRun: Sendable {
    let options: SendOptions
    let workspace: Workspace
    let cast: SendCast

    init(options: SendOptions, workspace: Workspace) {
        self.options = options
        self.workspace = workspace
        cast = SendCast(bots: options.bots, chats: options.chats, seed: options.seed)
    }

    var data: String { workspace.dataDirectory.string }

    func run() async throws -> SendReport {
        let switchboard = try SwitchboardProcess(
            executable: options.executable,
            dataDirectory: workspace.dataDirectory,
            log: workspace.log
        )
        try await switchboard.command(["init"])
        show("preparing \(cast.bots) bots of \(options.businesses) businesses, \(cast.chats) chats")
        try await SendStore.prepare(data, cast, businesses: options.businesses)
        return try await TelegramProcess.running(cast, records: workspace.dataDirectory.appending("calls")) {
            telegram in
            if options.floodLimits { try await telegram.control("flood-limits", ["is_on": true]) }
            return try await run(switchboard, telegram)
        }
    }

    private func run(_ switchboard: SwitchboardProcess, _ telegram: TelegramProcess) async throws -> SendReport {
        var report = SendReport()
        var next: Int64 = 1
        for part in options.parts {
            switch part {
            case .throughput:
                let result = try await throughput(from: &next, switchboard, telegram)
                report.throughput = result
            case .latency:
                report.latency = try await latency(from: &next, rate: rate(report), switchboard, telegram)
            case .crash: report.crash = try await crash(from: &next, switchboard, telegram)
            case .flood: report.flood = try await flood(from: &next, rate: rate(report), switchboard, telegram)
            }
            for line in report.lines(part) { show(line) }
        }
        return report
    }

    private func rate(_ report: SendReport) -> Double {
        options.rate ?? report.throughput.map { ($0.perSecond / 2).rounded() } ?? SendOptions.usualRate
    }

    /// Puts so many messages into the outbox while no server runs.
    func enqueue(_ count: Int, from next: inout Int64) async throws -> Range<Int64> {
        let numbers = next..<next + Int64(count)
        next = numbers.upperBound
        let began = LoopRun.now()
        let store = try await SendStore.open(data, cast)
        try await store.enqueue(numbers)
        try await store.close()
        let seconds = Double(LoopRun.now() - began) / 1e9
        show("\(count) messages put into the outbox, \((Double(count) / seconds).fixed(0)) a second")
        return numbers
    }

    /// Without a call in so many seconds nothing will come any more.
    static let patience = Duration.seconds(30)
    /// Between two looks at the calls.
    static let look = Duration.milliseconds(20)
}
