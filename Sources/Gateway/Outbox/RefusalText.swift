/// What Telegram's descriptions of refusals mean for a row of the outbox.
///
/// Descriptions may change, so a text that is not here is judged by its status. To add one, add a line. **Source:** as
/// of `SendOutcome`.
enum RefusalText {
    private enum Meaning {
        case unchanged
        case blocked(SendOutcome.Block)
        case failed(SendOutcome.Fault)
        case expired
        case connectionLost
        case fileUnavailable
    }

    /// The first line whose words the description holds decides.
    private static let table: [(words: String, meaning: Meaning)] = [
        ("message is not modified", .unchanged),
        ("bot was blocked by the user", .blocked(.blockedByUser)),
        ("user is deactivated", .blocked(.userDeactivated)),
        ("bot can't initiate conversation with a user", .blocked(.cannotInitiate)),
        ("bot was kicked from the", .blocked(.kicked)),
        ("bot is not a member of the", .blocked(.notMember)),
        ("the group chat was deleted", .blocked(.groupDeleted)),
        ("chat not found", .blocked(.chatNotFound)),
        ("user not found", .blocked(.chatNotFound)),
        ("have no write access to the chat", .blocked(.noWriteAccess)),
        ("not enough rights to send text messages", .blocked(.noWriteAccess)),
        ("not enough rights", .failed(.notAllowed)),
        ("bot can't send messages to the bot", .failed(.notAllowed)),
        ("bot can't send messages to bots", .failed(.notAllowed)),
        ("business connection not found", .connectionLost),
        ("BUSINESS_CONNECTION_NOT_ALLOWED", .connectionLost),
        ("BUSINESS_CONNECTION_INVALID", .connectionLost),
        ("BUSINESS_PEER_INVALID", .failed(.notAllowed)),
        ("BUSINESS_PEER_USAGE_MISSING", .failed(.notAllowed)),
        ("file is temporarily unavailable", .fileUnavailable),
        ("failed to get HTTP URL content", .fileUnavailable),
        ("query is too old", .expired),
        ("message thread not found", .failed(.gone)),
        ("message can't be edited", .failed(.gone)),
        ("message can't be deleted", .failed(.gone)),
        ("message to edit not found", .failed(.gone)),
        // Deleted already, perhaps by a call whose answer was lost.
        ("message to delete not found", .unchanged),
        ("message to react not found", .failed(.gone)),
        ("message to forward not found", .failed(.gone)),
        ("message to copy not found", .failed(.gone)),
        ("message to be replied not found", .failed(.gone)),
        ("message to reply not found", .failed(.gone)),
    ]

    static func meaning(of reason: String, _ call: SendOutcome.Call) -> SendOutcome? {
        guard let line = table.first(where: { reason.contains($0.words) }) else { return nil }
        switch line.meaning {
        case .unchanged: return call.messageCount == 0 ? .unchanged : nil
        case .blocked(let block): return .blocked(block, reason: reason)
        case .failed(let fault): return .failed(fault, reason: reason)
        case .expired: return .expired(reason: reason)
        case .connectionLost: return .connectionLost(reason: reason)
        case .fileUnavailable: return .retry(.init(cause: .fileUnavailable, reason: reason))
        }
    }
}
