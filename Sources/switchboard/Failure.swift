import Foundation
import Gateway
import Storage

/// How a command fails: one line on standard error, and an exit code that scripts can rely on.
struct Failure: Error {
    /// The exit codes of the surface.
    enum Code: Int32 {
        case failed = 1
        case usage = 2
        case notFound = 3
        case refusedByTelegram = 4
        case storeUnavailable = 5
    }

    let code: Code
    let lines: [String]

    /// A failure found by a command itself.
    init(_ code: Code, _ line: String) {
        self.code = code
        lines = [line]
    }

    /// Several problems of one cause, each on a line of its own.
    init(_ code: Code, lines: [String]) {
        self.code = code
        self.lines = lines
    }

    /// Puts an error of the modules into a line and a code; nil for the argument parser's own, which it prints itself.
    init?(_ error: any Error) {
        switch error {
        case let error as Failure: self = error
        case let error as GatewayError: self.init(Self.code(error.category), error.description)
        case let error as StoreError: self.init(.storeUnavailable, error.description)
        case is CancellationError: self.init(.failed, "interrupted")
        default: return nil
        }
    }

    private static func code(_ category: GatewayError.Category) -> Code {
        switch category {
        case .invalid: .usage
        case .notFound: .notFound
        case .conflict, .misconfigured: .failed
        case .refusedByTelegram: .refusedByTelegram
        }
    }

    /// Prints the lines and ends the process.
    func exit() -> Never {
        for line in lines { Output.complain(line) }
        Foundation.exit(code.rawValue)
    }
}
