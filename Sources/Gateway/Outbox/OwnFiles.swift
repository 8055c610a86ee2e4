import Foundation
import Synchronization
import Telegram

/// The files of businesses that replies may name.
public protocol OwnFiles: Sendable {
    /// Opens a file of a business.
    ///
    /// - Throws: `OwnFileFault` if it cannot be had.
    func open(_ name: String, of business: BusinessID) throws(OwnFileFault) -> OwnFile
}

/// A business's file, open.
public struct OwnFile: Sendable {
    /// The last part of its name.
    public var name: String
    /// How many bytes it has.
    public var size: Int
    /// Changes with its content: its place on the disk, its size, and when it was changed.
    public var stamp: String
    /// At its beginning.
    public var handle: FileHandle

    /// Makes one.
    public init(name: String, size: Int, stamp: String, handle: FileHandle) {
        self.name = name
        self.size = size
        self.stamp = stamp
        self.handle = handle
    }
}

/// Why a business's file cannot be sent, and the mend.
public struct OwnFileFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// The reason.
    public let description: String

    /// Makes a reason.
    public init(_ description: String) { self.description = description }
}

/// Makes calls of the outbox: uploads the business's own file that one names, unless this bot has sent it before.
final class CallMaker: Sendable {
    private struct Key: Hashable {
        var bot: BotID
        var business: BusinessID
        var name: String
        var stamp: String
        /// A photo's id is no document's.
        var field: String
    }

    private let telegram: BotAPI
    private let files: (any OwnFiles)?
    private let known = Mutex<[Key: String]>([:])

    /// Files whose ids at Telegram are remembered; more are uploaded again now and then.
    private static let mostKnown = 10_000

    init(_ telegram: BotAPI, _ files: (any OwnFiles)?) {
        self.telegram = telegram
        self.files = files
    }

    /// Makes a call.
    ///
    /// A file that cannot be had is as if Telegram had refused the call: it would be the same at each try.
    func make(_ call: ClaimedCall, _ token: BotToken) async throws(BotAPIError) -> JSONView {
        guard call.parameters.contains(OutgoingFile.ownMember), let wanted = Self.wanted(call) else {
            return try await telegram.call(call.method, token: token, parameters: call.body).result
        }
        guard let files else { throw Self.refusal("this server has no files of businesses") }
        let file: OwnFile
        do throws(OwnFileFault) { file = try files.open(wanted.name, of: call.business) } catch {
            throw Self.refusal(error.description)
        }
        let key = Key(
            bot: call.bot,
            business: call.business,
            name: wanted.name,
            stamp: file.stamp,
            field: wanted.field
        )
        guard var parameters = call.body.whole else { throw Self.refusal("the call cannot be read") }
        if let id = known.withLock({ $0[key] }) {
            parameters[wanted.field] = .string(id)
            do throws(BotAPIError) {
                return try await telegram.call(call.method, token: token, parameters: parameters).result
            } catch {
                // Whatever it was about: the next try uploads.
                known.withLock { $0[key] = nil }
                throw error
            }
        }
        let upload = Upload(field: wanted.field, name: file.name, size: file.size, handle: file.handle)
        let result = try await telegram.call(call.method, token: token, parameters: parameters, upload: upload).result
        if let id = Self.fileID(result, wanted.field) {
            known.withLock { known in
                if known.count >= Self.mostKnown { known.removeAll(keepingCapacity: true) }
                known[key] = id
            }
        }
        return result
    }

    private static func refusal(_ why: String) -> BotAPIError {
        .refused(.init(code: 400, text: why, retryAfterSeconds: nil, migrateToChatID: nil))
    }

    /// The parameter that names a file of the business, and the name.
    private static func wanted(_ call: ClaimedCall) -> (field: String, name: String)? {
        guard let parameters = try? JSONDocument(Array(call.parameters.utf8)).root else { return nil }
        for kind in OutgoingMedia.Kind.allCases {
            if let name = parameters[named: kind.rawValue]?[named: OutgoingFile.ownMember]?.string {
                return (kind.rawValue, name)
            }
        }
        return nil
    }

    /// What Telegram calls the file that a message was sent with; of a photo's sizes the largest, which is the last.
    private static func fileID(_ message: JSONView, _ field: String) -> String? {
        guard let content = message[named: field] else { return nil }
        if let sizes = content.elements {
            var last: JSONView?
            for size in sizes { last = size }
            return last?["file_id"]?.string
        }
        return content["file_id"]?.string
    }
}
