import Telegram

/// What a message was before an edit.
public struct MessageVersion: Hashable, Sendable {
    /// See `Message.kind`.
    public var kind: String
    /// See `Message.text`.
    public var text: String?
    /// See `Message.extra`.
    public var extra: String?
    /// See `Message.attachments`.
    public var attachments: [Attachment]
    /// When it became this by an edit; nil for how it was written first.
    public var editedAt: Timestamp?

    /// Makes a version.
    public init(kind: String, text: String?, extra: String?, attachments: [Attachment], editedAt: Timestamp?) {
        self.kind = kind
        self.text = text
        self.extra = extra
        self.attachments = attachments
        self.editedAt = editedAt
    }

    /// The shape within a message of `/v1` and `--json`.
    public var json: JSON {
        let details = extra.flatMap { try? JSONDocument(Array($0.utf8)).root }
        return [
            "kind": .string(kind), "text": .optional(text),
            "entities": details?["entities"].map { Message.onOneLine($0.rawBytes) } ?? [],
            "attachments": .array(attachments.map(\.json)), "edited_at": .optional(editedAt?.rfc3339),
        ]
    }
}

/// A reaction that a message has now.
public struct MessageReaction: Hashable, Sendable {
    /// Whose it is; nil for the totals of a chat where reactions are anonymous.
    public var actor: Message.Sender?
    /// What it is, and how many have it.
    public var reaction: Reaction
    /// When.
    public var at: Timestamp

    /// Makes a reaction.
    public init(actor: Message.Sender?, reaction: Reaction, at: Timestamp) {
        self.actor = actor
        self.reaction = reaction
        self.at = at
    }

    /// The shape within a message of `/v1` and `--json`.
    public var json: JSON {
        [
            "kind": .string(reaction.kind), "value": .string(reaction.value), "count": .int(reaction.count),
            "sender": actor.map {
                ["role": .string($0.role.rawValue), "id": .optional($0.id), "name": .string($0.name)]
            } ?? nil,
            "at": .string(at.rfc3339),
        ]
    }
}

/// A poll as it stands now.
public struct MessagePoll: Hashable, Sendable {
    /// A vote that is not anonymous.
    public struct Vote: Hashable, Sendable {
        /// Telegram's id of the person or chat.
        public var voterID: Int64
        /// The name as it was then.
        public var voterName: String
        /// The options' places in the poll, from 0.
        public var options: [Int64]

        /// Makes a vote.
        public init(voterID: Int64, voterName: String, options: [Int64]) {
            self.voterID = voterID
            self.voterName = voterName
            self.options = options
        }
    }

    /// The poll as Telegram wrote it last: a JSON object.
    public var state: String
    /// Who voted what.
    public var votes: [Vote]

    /// Makes a poll.
    public init(state: String, votes: [Vote]) {
        self.state = state
        self.votes = votes
    }

    /// The shape within a message of `/v1` and `--json`.
    public var json: JSON {
        [
            "state": Message.onOneLine(state.utf8),
            "votes": .array(
                votes.map {
                    [
                        "id": .int($0.voterID), "name": .string($0.voterName),
                        "options": .array($0.options.map { .int($0) }),
                    ]
                }
            ),
        ]
    }
}
