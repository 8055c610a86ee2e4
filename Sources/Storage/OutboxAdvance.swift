import GRDB
import Gateway

/// Writes claims and settlements within an open transaction, so that a row which the database does not take fails alone.
///
/// All go as one set; if that fails by the values of a row, it is taken back and each goes in a savepoint of its own. A failure of the engine
/// ends it all.
struct OutboxAdvance {
    private let db: Database
    private let settling: OutboxSettling
    private let claims: OutboxClaims
    private(set) var progress = OutboxProgress(calls: [], faults: [])

    init(_ db: Database, _ now: Timestamp) {
        self.db = db
        settling = OutboxSettling(db, now)
        claims = OutboxClaims(db)
    }

    /// Enters what became of rows.
    mutating func settle(_ settlements: [Settlement]) throws {
        if settlements.isEmpty { return }
        let failure = try attempt { for settlement in settlements { try settling.settle(settlement) } }
        guard failure != nil else { return }
        for settlement in settlements {
            guard try attempt({ try settling.settle(settlement) }) != nil,
                // Without what Telegram shows: that it was sent is the greater part of the truth.
                let failure = try attempt({ try settling.settle(settlement.withoutContent) })
            else { continue }
            let reason = "what became of it could not be stored: \(failure)"
            try bury(settlement.id, isOpen: true, .unknown, reason)
        }
    }

    /// Marks rows as being sent.
    mutating func claim(_ wanted: [OutboxClaim]) throws {
        if wanted.isEmpty { return }
        var calls: [ClaimedCall] = []
        if try attempt({ calls = try wanted.compactMap(claims.claim) }) == nil {
            progress.calls = calls
            return
        }
        for claim in wanted {
            var call: ClaimedCall?
            if let failure = try attempt({ call = try claims.claim(claim) }) {
                try bury(claim.id, isOpen: false, .failed, "it cannot be sent: \(failure)")
            } else if let call {
                progress.calls.append(call)
            }
        }
    }

    private mutating func bury(
        _ id: OutboxID,
        isOpen: Bool,
        _ cause: DeadLetter.Cause,
        _ reason: String
    ) throws {
        let failure = try attempt { try settling.bury(id, isOpen: isOpen, cause, reason) }
        progress.faults.append(.init(id: id, reason: reason, isBuried: failure == nil))
    }

    /// Does something or nothing of it; what kept it from being done, in words without values.
    ///
    /// - Throws: failures of the engine.
    private func attempt(_ body: () throws -> Void) throws -> String? {
        switch try db.attempt(body) {
        case nil: return nil
        case OutboxClaims.Outdated.messages?:
            return "its group has become a supergroup since, where the messages that it is about have no number"
        case let error?: return StoreError(error).description
        }
    }
}
