import ArgumentParser
import Gateway
import Simulator
import Storage

/// `switchboard-load updates`.
struct UpdatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "updates",
        abstract: "Draw updates of every kind from a seed and store them: none may be refused, fail or be left out.",
        discussion: """
            Goes into a data directory made by `switchboard init`; no server may run on it. Exit 1 if an update is not accounted for.
            Equal seeds draw equal updates, so a failure is repeated with its seed. Example:
              switchboard-load updates --data ./data --count 100000 --seed 7
            """
    )

    @Option(help: "The data directory.") var data: String
    @Option(help: "How many updates are drawn.") var count = 10_000
    @Option(help: "What they are drawn from.") var seed: UInt64 = 1

    mutating func validate() throws {
        guard count > 0 else { throw ValidationError("--count is at least 1") }
    }

    mutating func run() async throws {
        let directory = DataDirectory(data)
        let lock = try ServerLock(directory)
        let store = try await SQLiteStore(directory, .expectCurrent)
        let sealer = Sealer(key: try MasterKey(file: directory.masterKey))
        let slug = try Slug("drawn-\(RandomText.base64URL(bytes: 6).lowercased().filter(\.isLetter))")
        let business = try await store.addBusiness(name: "Drawn", slug: slug, at: .now())
        let bot = try await addBot(Int.random(in: 1...900_000_000), of: business.id, to: store, sealer)
        var draw = GeneratedUpdates(seed: seed)
        var kinds: [String: Int] = [:]
        var left = count
        while left > 0 {
            let part = min(512, left)
            var records: [IntakeRecord] = []
            for _ in 0..<part {
                let (kind, body) = draw.next()
                kinds[kind, default: 0] += 1
                records.append(Intake.record(of: body, for: bot, at: .now()))
            }
            try await accept(records, store)
            left -= part
        }
        let (marks, kept) = try await marked(store, business.id)
        try await store.close()
        withExtendedLifetime(lock) {}
        show("seed \(seed): \(count) updates of \(kinds.count) kinds stored, \(kept) of them marked")
        for (mark, number) in marks.sorted(by: { $0.key < $1.key }) { show("  \(mark): \(number)") }
        let failed = marks[UpdateMark.failed.rawValue] ?? 0
        guard failed == 0 else { throw LoadFailure("\(failed) updates could not be stored as what they are") }
    }

    /// How many updates of the business are marked, by their marks.
    private func marked(_ store: SQLiteStore, _ business: BusinessID) async throws -> ([String: Int], Int) {
        var marks: [String: Int] = [:]
        var page = Page(.after(0), limit: Page.maximum)
        while true {
            let slice = try await store.keptUpdates(of: business, page: page)
            for update in slice.elements { marks[update.mark.rawValue, default: 0] += 1 }
            guard let next = slice.next else { return (marks, marks.values.reduce(0, +)) }
            page = Page(.after(next), limit: Page.maximum)
        }
    }
}
