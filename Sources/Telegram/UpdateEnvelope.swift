/// One update as Telegram posted it: its number, its kind, and its payload to be read lazily.
public struct UpdateEnvelope: Sendable {
    /// The whole text.
    public let document: JSONDocument
    /// The number that Telegram gave to the update: per bot, 32 bits, may jump or start anew.
    public let updateID: Int64
    /// The key of the payload, as written; empty if the update holds nothing but its number.
    public let kindName: String
    /// The kind, if it is one of Bot API 10.1.
    public let kind: UpdateKind?
    /// What stands under the key.
    public let payload: JSONView?

    /// Why a body is not an update.
    public enum Unreadable: Error, Hashable, Sendable, CustomStringConvertible {
        case notJSON(JSONSyntaxError)
        case notAnObject
        case noUpdateID

        /// The reason, without a byte of the body.
        public var description: String {
            switch self {
            case .notJSON(let error): error.description
            case .notAnObject: "not a JSON object"
            case .noUpdateID: "no whole number as update_id"
            }
        }
    }

    /// Reads a body in one pass.
    ///
    /// An update holds one key beside its number; of several, a kind that is known is preferred. **Source:** Bot
    /// API, type `Update`.
    ///
    /// - Throws: `Unreadable` for what is no update at all.
    public init(_ body: [UInt8]) throws(Unreadable) {
        do throws(JSONSyntaxError) {
            document = try JSONDocument(body)
        } catch {
            throw .notJSON(error)
        }
        guard let members = document.root.members else { throw .notAnObject }
        guard let updateID = document.root["update_id"]?.int64 else { throw .noUpdateID }
        self.updateID = updateID
        var first: (name: String, value: JSONView)?
        var known: (kind: UpdateKind, value: JSONView)?
        for member in members where member.name != "update_id" {
            if first == nil { first = member }
            if let kind = UpdateKind(rawValue: member.name), member.value.isObject {
                known = (kind, member.value)
                break
            }
        }
        kind = known?.kind
        kindName = known?.kind.rawValue ?? first?.name ?? ""
        payload = known?.value ?? first?.value
    }

    /// The chat that the update belongs to, if its kind has one.
    public var chat: JSONView? {
        switch kind {
        case .callbackQuery: payload?["message"]?["chat"]
        default: payload?["chat"]
        }
    }

    /// The message that the update brings or is about.
    public var messageID: Int64? {
        switch kind {
        case .callbackQuery: payload?["message"]?["message_id"]?.int64
        default: payload?["message_id"]?.int64
        }
    }
}
