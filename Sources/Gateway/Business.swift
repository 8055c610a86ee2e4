import Foundation
import Telegram

/// A tenant: the one whose bots, conversations and messages these are.
public struct Business: Hashable, Sendable {
    /// Whether its bots run.
    public enum State: String, Sendable {
        case active
        /// Still receives and stores, but runs and sends nothing.
        case suspended
        /// Being erased: nothing comes in any more.
        case removing
    }

    /// What is done with a call that was made and not answered: perhaps it was carried out.
    public enum OnUnknown: String, CaseIterable, Sendable {
        /// It is made once more, and may make a second message.
        case retry
        /// It is kept as a dead call, and may have made none.
        case keep
    }

    /// The id.
    public var id: BusinessID
    /// The short name for commands: lower-case letters, digits and hyphens.
    public var slug: Slug
    /// The name for people.
    public var name: String
    /// Whether its bots run.
    public var state: State
    /// When it was added.
    public var createdAt: Timestamp
    /// What is done with calls that were made and not answered.
    public var onUnknown: OnUnknown

    /// Makes a business from its row.
    public init(
        id: BusinessID,
        slug: Slug,
        name: String,
        state: State,
        createdAt: Timestamp,
        onUnknown: OnUnknown = .retry
    ) {
        self.id = id
        self.slug = slug
        self.name = name
        self.state = state
        self.createdAt = createdAt
        self.onUnknown = onUnknown
    }

    /// The shape of `/v1` and `--json`.
    public var json: JSON {
        [
            "id": .string(id.description), "slug": .string(slug.text), "name": .string(name),
            "state": .string(state.rawValue), "created_at": .string(createdAt.rfc3339),
            "on_unknown": .string(onUnknown.rawValue),
        ]
    }
}

/// The short name of a business: 1 to 40 lower-case letters, digits and inner hyphens.
///
/// It holds no underscore, so it is never taken for an id.
public struct Slug: Hashable, Sendable, CustomStringConvertible {
    /// The text.
    public let text: String

    /// Its longest.
    public static let maximumLength = 40

    /// The text.
    public var description: String { text }

    /// Takes a slug as it was written.
    ///
    /// - Throws: `GatewayError.badSlug` if it is none.
    public init(_ text: String) throws(GatewayError) {
        let allowed = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte &- UInt8(ascii: "0") < 10
                || byte == UInt8(ascii: "-")
        }
        guard allowed, (1...Self.maximumLength).contains(text.utf8.count), !text.hasPrefix("-"), !text.hasSuffix("-")
        else { throw .badSlug(text) }
        self.text = text
    }

    /// Makes a slug of a name: its Latin letters and digits, the rest as hyphens; nil if nothing is left.
    public init?(from name: String) {
        var text = ""
        for scalar in name.decomposedStringWithCompatibilityMapping.lowercased().unicodeScalars {
            switch scalar {
            case "a"..."z", "0"..."9": text.unicodeScalars.append(scalar)
            // What is left of a letter with a mark belongs to the letter.
            case _ where scalar.properties.canonicalCombiningClass != .notReordered: continue
            default: if !text.isEmpty, !text.hasSuffix("-") { text += "-" }
            }
        }
        text = String(text.prefix(Self.maximumLength))
        while text.hasSuffix("-") { text.removeLast() }
        guard !text.isEmpty else { return nil }
        self.text = text
    }
}
