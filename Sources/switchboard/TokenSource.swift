import Foundation
import Gateway
import Telegram

/// Where a token is read from: a file, standard input, or a prompt that does not show it.
enum TokenSource {
    case file(String)
    case standardInput
    case prompt

    /// No token is longer; what is beyond is not read.
    private static let maximumBytes = 4096

    /// Decides by the options of a command.
    ///
    /// - Throws: `Failure` if both are given, or none where nobody can be asked.
    init(file: String?, standardInput: Bool) throws {
        switch (file, standardInput) {
        case (.some, true): throw Failure(.usage, "give --token-file or --token-stdin, not both")
        case (.some(let path), false): self = .file(path)
        case (nil, true): self = .standardInput
        case (nil, false):
            guard isatty(STDIN_FILENO) == 1 else {
                throw Failure(
                    .usage,
                    "there is no terminal to ask for the token: give --token-file FILE or --token-stdin"
                )
            }
            self = .prompt
        }
    }

    /// Reads the token.
    ///
    /// - Throws: `Failure` in words that do not hold what was read.
    func read() throws -> BotToken {
        let bytes: [UInt8]
        switch self {
        case .file(let path):
            guard let handle = FileHandle(forReadingAtPath: path) else {
                throw Failure(.failed, "the token file \(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            defer { try? handle.close() }
            bytes = Array(try handle.read(upToCount: Self.maximumBytes) ?? Data())
        case .standardInput: bytes = Self.readInput()
        case .prompt: bytes = try Self.ask()
        }
        do throws(BotToken.Malformed) {
            return try BotToken(String(decoding: bytes, as: UTF8.self))
        } catch {
            throw Failure(.usage, "\(error); copy it from @BotFather as it is")
        }
    }

    private static func readInput() -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: maximumBytes)
        while bytes.count < maximumBytes {
            let count = Foundation.read(STDIN_FILENO, &buffer, maximumBytes - bytes.count)
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return bytes
    }

    /// Asks on the terminal with its echo off; the echo is on again whatever happens.
    private static func ask() throws -> [UInt8] {
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else {
            throw Failure(.failed, "the terminal cannot be asked for the token")
        }
        var hidden = before
        hidden.c_lflag &= ~tcflag_t(ECHO)
        FileHandle.standardError.write(Data("token from @BotFather (not shown): ".utf8))
        guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0 else {
            throw Failure(.failed, "the terminal cannot hide the token: give --token-file FILE or --token-stdin")
        }
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            FileHandle.standardError.write(Data("\n".utf8))
        }
        return Array((readLine(strippingNewline: true) ?? "").utf8)
    }
}
