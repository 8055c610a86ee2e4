import ArgumentParser
import NIOCore
import Simulator
import Synchronization
import SystemPackage
import Telegram

/// Runs the simulated Telegram as a process of its own, so that its processor time is not the sender's.
struct TelegramCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "telegram",
        abstract: "Serves a simulated Telegram for `send`; prints its port and ends when standard input does.",
        shouldDisplay: false
    )

    @Option(help: "How many bots there are.") var bots: Int
    @Option(help: "How many people have a chat with one of them.") var chats: Int
    @Option(help: "What the tokens are made from.") var seed: UInt64
    @Option(help: "The file into which every sendMessage is written.") var records: String

    /// A chat's latest messages are enough: every call is written down.
    private static let historyLimit = 8

    func run() async throws {
        let cast = SendCast(bots: bots, chats: chats, seed: seed)
        let book = try CallBook(FilePath(records))
        let telegram = SimulatedTelegram(seed: seed, historyLimit: Self.historyLimit) { book.note($0) }
        for bot in 0..<bots {
            try telegram.addBot(name: "Load \(bot)", username: "load_\(bot)_bot", token: try cast.token(bot))
        }
        for chat in 0..<chats {
            let person = telegram.addPerson(firstName: "Customer \(chat)")
            guard person.id == cast.person(chat) else {
                throw LoadFailure("the simulator numbers its people from elsewhere than \(SendCast.firstPerson)")
            }
            try telegram.say("/start", from: person, to: cast.botID(cast.bot(ofChat: chat)))
        }
        try await SimulatorServer(telegram).whileRunning { port in
            show("\(port)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await FloorCommand.waitForEndOfInput() }
                group.addTask {
                    while true {
                        try book.flush()
                        try await Task.sleep(for: CallBook.interval)
                    }
                }
                try await group.next()
                group.cancelAll()
            }
        }
        try book.flush()
    }
}

/// What the simulated Telegram was asked to send, written to a file every few milliseconds.
final class CallBook: Sendable {
    /// Between two writes.
    static let interval = Duration.milliseconds(20)

    private let file: SystemPackage.FileDescriptor
    private let waiting = Mutex(ByteBuffer())

    init(_ path: FilePath) throws {
        file = try SystemPackage.FileDescriptor.open(
            path,
            .writeOnly,
            options: [.create, .append],
            permissions: .ownerReadWrite
        )
    }

    deinit { try? file.close() }

    func note(_ call: ObservedCall) {
        guard call.method == "sendmessage" else { return }
        let record = CallRecord(
            number: SendText.number(of: call.text) ?? 0,
            time: LoopRun.now(),
            bot: call.botID ?? 0,
            status: Int32(clamping: call.status),
            isCarriedOut: call.isCarriedOut,
            isAnswered: call.isAnswered
        )
        waiting.withLock { record.write(to: &$0) }
    }

    func flush() throws {
        let buffer = waiting.withLock { buffer in
            defer { buffer = ByteBuffer() }
            return buffer
        }
        if buffer.readableBytes > 0 { _ = try file.writeAll(buffer.readableBytesView) }
    }
}
