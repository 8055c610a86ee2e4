import Foundation
import GRDB
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Simulator
import Synchronization
import Telegram
import Testing

/// A business's program that outlives the server: it remembers every call, and holds those that a test wants to be out.
private final class Desk: Sendable {
    enum Hold { case none, first, late }

    struct Call {
        var id: String
        var text: String
        /// What was told, but for when the conversation was written to last: a first try that a kill met is told anew, as things are then.
        var body: String
        /// Whether an earlier try of the same event was refused.
        var isLate: Bool
        var isTaken: Bool
    }

    private struct State {
        var calls: [Call] = []
        var refused: Set<String> = []
        var hold = Hold.none
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var calls: [Call] { state.withLock(\.calls) }
    var held: Int { state.withLock(\.waiting.count) }
    /// How many later tries it has taken.
    var late: Int { calls.count { $0.isLate && $0.isTaken } }

    /// From now on these are held; those that were are let go.
    func hold(_ hold: Hold) {
        let waiting = state.withLock { state in
            state.hold = hold
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Refuses the first try of each message with an odd number, and takes every other.
    private func answer(_ id: String, _ body: [UInt8]) async -> (status: Int, body: String) {
        let text = (try? JSONDocument(body).root)?["data"]?["message"]?["text"]?.string ?? ""
        let told = String(decoding: body, as: UTF8.self)
            .replacing(/"last_message_at":"[^"]*"/, with: "")
        let isOdd = text.split(separator: " ").last.flatMap { Int($0) }.map { $0 % 2 == 1 } ?? false
        let (isTaken, isHeld) = state.withLock { state in
            let isLate = state.refused.contains(id)
            let isTaken = !isOdd || isLate
            if !isTaken { state.refused.insert(id) }
            state.calls.append(Call(id: id, text: text, body: told, isLate: isLate, isTaken: isTaken))
            return (isTaken, isTaken && state.hold == (isLate ? .late : .first))
        }
        guard isTaken else { return (503, "not now") }
        if isHeld {
            await withCheckedContinuation { continuation in state.withLock { $0.waiting.append(continuation) } }
        }
        return (200, "{\"actions\":[{\"reply\":{\"text\":\"re \(text)\"}}]}")
    }

    /// Runs on loopback while the body runs.
    func serving<Value: Sendable>(_ body: (Int) async throws -> Value) async throws -> Value {
        let (ports, port) = AsyncStream<Int>.makeStream()
        let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let application = Application(
            responder: CallbackResponder<BasicRequestContext> { [self] request, _ in
                let bytes = Array(buffer: try await request.body.collect(upTo: 1 << 20))
                let id = HTTPField.Name("webhook-id").flatMap { request.headers[$0] } ?? ""
                let (status, text) = await answer(id, bytes)
                return Response(status: .init(code: status), body: .init(byteBuffer: ByteBuffer(string: text)))
            },
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) },
            logger: silent
        )
        let services = ServiceGroup(services: [application], logger: silent)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            let outcome: Result<Value, any Error>
            do {
                let listening = try #require(await ports.first { _ in true })
                outcome = .success(try await body(listening))
            } catch {
                outcome = .failure(error)
            }
            hold(.none)
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
            return try outcome.get()
        }
    }
}

extension KillTests {
    private static let desks = 2
    private static let callers = 5
    private static let perHalf = 4

    private static func say(
        _ telegram: SimulatedTelegram,
        _ bots: [SimulatedBot],
        _ people: [Person],
        _ numbers: ClosedRange<Int>
    ) throws {
        for number in numbers {
            for bot in bots {
                for person in people { try telegram.say(text(bot, person, number), from: person, to: bot.id) }
            }
        }
    }

    private static func text(_ bot: SimulatedBot, _ person: Person, _ number: Int) -> String {
        "\(bot.id) \(person.id) \(number)"
    }

    @Test(.timeLimit(.minutes(5)))
    func
        `every acknowledged message is told to the webhook under one id and answered once, whenever the process is killed`()
        async throws
    {
        let binary = try RealBinary()
        try await binary.succeed("init")
        let telegram = SimulatedTelegram(clock: HastyClock(), seed: 46)
        let people = (1...Self.callers).map { telegram.addPerson(firstName: "Person", lastName: "\($0)") }
        let port = try freePort()
        let desk = Desk()
        let config = binary.folder + "/settings.yaml"
        let database = try DatabaseQueue(path: binary.data + "/switchboard.sqlite")
        var bots: [SimulatedBot] = []
        try await desk.serving { program in
            try Data("webhook_allow: 127.0.0.1:\(program)\n".utf8).write(to: URL(fileURLWithPath: config))
            try await SimulatorServer(telegram).whileRunning { simulator in
                let arguments = [
                    "--listen", "127.0.0.1:\(port)", "--public-url", "http://127.0.0.1:\(port)", "--bot-api",
                    "http://127.0.0.1:\(simulator)", "--config", config,
                ]
                (bots, _) = try await binary.serving(arguments) { _ in
                    try await Self.openDesks(binary, telegram, program, config)
                }
                let present = bots
                // First tries are out.
                desk.hold(.first)
                try await Self.kill(binary, arguments) {
                    try Self.say(telegram, present, people, 1...Self.perHalf)
                    while desk.held < Self.desks * Self.callers { try await Self.aMoment() }
                }
                // Later tries are out.
                desk.hold(.late)
                try await Self.kill(binary, arguments) { while desk.held < 4 { try await Self.aMoment() } }
                // Late answers come in.
                let before = desk.late
                desk.hold(.none)
                try await Self.kill(binary, arguments) {
                    try Self.say(telegram, present, people, Self.perHalf + 1...2 * Self.perHalf)
                    while desk.late < before + 6 { try await Self.aMoment() }
                }
                let (_, last) = try await binary.serving(arguments) { _ in
                    try await telegram.drained()
                    let count = Self.desks * Self.callers * Self.perHalf * 2
                    while try await !Self.isSettled(database, count) { try await Self.aMoment() }
                }
                #expect(last == 0)
            }
        }
        Self.expectCalls(desk, bots, people)
        try await Self.expectAnswers(database, telegram, bots, people)
        try database.close()
    }

    /// Lets the others run; ends with the time limit.
    private static func aMoment() async throws {
        try Task.checkCancellation()
        await Task.yield()
    }

    private static func kill(
        _ binary: RealBinary,
        _ arguments: [String],
        when body: @escaping @Sendable () async throws -> Void
    ) async throws {
        let (_, code) = try await binary.serving(arguments) { server in
            try await body()
            server.signal(SIGKILL)
        }
        #expect(code == 128 + SIGKILL)
    }

    private static func openDesks(
        _ binary: RealBinary,
        _ telegram: SimulatedTelegram,
        _ program: Int,
        _ config: String
    ) async throws -> [SimulatedBot] {
        let file = binary.folder + "/desk.yaml"
        let steps = "steps:\n  - name: desk\n    webhook: {url: \"http://127.0.0.1:\(program)/\", timeout: 30s}\n"
        try Data(steps.utf8).write(to: URL(fileURLWithPath: file))
        var bots: [SimulatedBot] = []
        for number in 1...desks {
            let slug = "desk-\(number)"
            try await binary.succeed("business", "add", "Desk \(number)", "--slug", slug)
            let bot = try telegram.addBot(name: "Desk \(number)", username: "desk_\(number)_bot")
            try await binary.succeed("bot", "add", slug, "--token-stdin", input: bot.token.reveal())
            try await binary.succeed("pipeline", "set", slug, file, "--config", config)
            try await binary.succeed("webhook", "secret", slug, "desk")
            try telegram.setFaults(.init(duplicateProbability: 0.05, cutProbability: 0.02), ofBot: bot.id)
            bots.append(bot)
        }
        return bots
    }

    private static func isSettled(_ database: DatabaseQueue, _ count: Int) async throws -> Bool {
        try await database.read { db in
            let sql = """
                SELECT (SELECT count(*) FROM raw_update WHERE state = 'open') + (SELECT count(*) FROM outbox)
                    + (SELECT count(*) FROM delivery WHERE state = 'waiting' OR late_answer IS NOT NULL)
                    + \(count) - (SELECT count(*) FROM pipeline_run WHERE result = 'ran')
                """
            return try Int.fetchOne(db, sql: sql) == 0
        }
    }

    /// What the program heard: of each message one id and one body, and a repetition only of what was out at a kill, or refused.
    private static func expectCalls(_ desk: Desk, _ bots: [SimulatedBot], _ people: [Person]) {
        let calls = Dictionary(grouping: desk.calls, by: \.text)
        var repeated = (first: 0, late: 0)
        for bot in bots {
            for person in people {
                for number in 1...2 * perHalf {
                    let told = calls[text(bot, person, number)] ?? []
                    #expect(Set(told.map(\.id)).count == 1, "\(number): \(told.map(\.id))")
                    #expect(Set(told.map(\.body)).count == 1, "\(number) was told in different words")
                    let isTaken = told.contains { $0.isTaken }
                    #expect(isTaken)
                    #expect(told.count <= 4 + number % 2)
                    repeated.first += max(0, told.count { !$0.isLate && $0.isTaken } - 1)
                    repeated.late += max(0, told.count { $0.isLate } - 1)
                }
            }
        }
        #expect(Set(desk.calls.map(\.id)).count == calls.count && calls.count == desks * callers * perHalf * 2)
        #expect(repeated.first >= desks * callers, "no kill met first tries: \(repeated)")
        #expect(repeated.late >= 4, "no kill met later tries: \(repeated)")
    }

    /// One event and one answer for each message, in the database and on the customer's side; only what was out at a kill is shown twice.
    private static func expectAnswers(
        _ database: DatabaseQueue,
        _ telegram: SimulatedTelegram,
        _ bots: [SimulatedBot],
        _ people: [Person]
    ) async throws {
        let wanted = bots.flatMap { bot in
            people.flatMap { person in (1...2 * perHalf).map { "re " + text(bot, person, $0) } }
        }
        let (answers, events, dead) = try await database.read { db in
            (
                try String.fetchAll(db, sql: "SELECT text FROM message WHERE sender_role = 'bot'"),
                try Int.fetchOne(db, sql: "SELECT count(*) FROM delivery WHERE state = 'done'"),
                try Int.fetchOne(db, sql: "SELECT count(*) FROM dead_letter") ?? 0
            )
        }
        #expect(answers.sorted() == wanted.sorted())
        #expect(events == wanted.count)
        let shown = bots.flatMap { bot in
            people.flatMap { telegram.messages(in: $0.id, of: bot.id).filter(\.isFromBot).compactMap(\.text) }
        }
        #expect(Set(shown).isSubset(of: wanted) && Set(wanted).subtracting(shown).count <= dead)
    }
}
