import Telegram

/// What the owner of a business account and their customers do.
extension SimulatedTelegram {
    /// Connects a business account to a bot; it learns of it.
    ///
    /// - Parameter rights: by the names of type `BusinessBotRights`; all if absent.
    /// - Throws: `SimulatorError.unable` unless the bot is allowed `.business`.
    public func connect(
        _ botID: Int64,
        by owner: Person,
        rights: Set<String> = Set(BusinessConnection.allRights)
    ) throws(SimulatorError) -> BusinessConnection {
        try change { (state, effects) throws(SimulatorError) in
            try state.requireKnown(owner, botID)
            try state.require(.business, of: botID)
            let connection = BusinessConnection(
                id: "Bc" + String(UInt64.random(in: 1 << 60...1 << 62, using: &state.random), radix: 36),
                owner: owner,
                botID: botID,
                date: state.time.now(),
                isEnabled: true,
                rights: rights
            )
            state.connections[connection.id] = connection
            _ = try state.enqueue("business_connection", connection.json, lane: nil, to: botID, &effects)
            return connection
        }
    }

    /// Changes the rights of a connection, or ends it or takes it up again; the bot learns of it.
    @discardableResult
    public func change(
        _ connection: BusinessConnection,
        isEnabled: Bool = true,
        rights: Set<String>? = nil
    ) throws(SimulatorError) -> BusinessConnection {
        try change { (state, effects) throws(SimulatorError) in
            guard var changed = state.connections[connection.id] else { throw .unknownConnection(connection.id) }
            changed.isEnabled = isEnabled
            if let rights { changed.rights = rights }
            state.connections[connection.id] = changed
            _ = try state.enqueue("business_connection", changed.json, lane: nil, to: changed.botID, &effects)
            return changed
        }
    }

    /// Ends a connection; the bot learns of it as one that is not enabled.
    @discardableResult
    public func disconnect(_ connection: BusinessConnection) throws(SimulatorError) -> BusinessConnection {
        try change(connection, isEnabled: false)
    }

    /// Lets a customer write to a business account, or its owner to them.
    ///
    /// - Parameters:
    ///   - content: the members of the `Message` that make its content, such as `["text": "hi"]`.
    ///   - customer: with whom the private chat is.
    ///   - isFromOwner: the owner writes; otherwise the customer does.
    /// - Returns: the number of the update; nil if the connection is not enabled.
    @discardableResult
    public func sendInBusiness(
        _ content: JSON,
        with customer: Person,
        through connection: BusinessConnection,
        isFromOwner: Bool = false,
        context: MessageContext = .init()
    ) throws(SimulatorError) -> Int64? {
        guard case .object(let members)? = content.whole else { throw .badPayload }
        return try change { (state, effects) throws(SimulatorError) in
            guard let known = state.connections[connection.id] else { throw .unknownConnection(connection.id) }
            try state.requireKnown(customer, known.botID)
            guard known.isEnabled else { return nil }
            let key = state.open(customer.chat, space: known.id, of: known.botID)
            state.bots[known.botID]?.businessChats[known.id, default: []].insert(key)
            if !isFromOwner {
                let now = state.time.now()
                state.bots[known.botID]?.lastIncoming[key] = now
            }
            return try state.write(
                members,
                as: "business_message",
                from: isFromOwner ? known.owner : customer,
                in: customer.chat,
                space: known.id,
                context,
                extra: [.init("business_connection_id", .string(known.id))],
                to: known.botID,
                &effects
            )
        }
    }

    /// Lets whoever wrote a message of a business chat edit it.
    @discardableResult
    public func editInBusiness(
        _ messageID: Int64,
        content: JSON,
        with customer: Person,
        through connection: BusinessConnection
    ) throws(SimulatorError) -> Int64? {
        guard case .object(let members)? = content.whole else { throw .badPayload }
        return try change { (state, effects) throws(SimulatorError) in
            guard let known = state.connections[connection.id] else { throw .unknownConnection(connection.id) }
            guard known.isEnabled else { return nil }
            let key = ChatKey(customer.id, space: known.id)
            let message = try state.edited(messageID, members, in: key, of: known.botID)
            return try state.enqueue("edited_business_message", message, lane: nil, to: known.botID, &effects)
        }
    }

    /// Lets the owner or the customer delete messages of their chat.
    @discardableResult
    public func deleteInBusiness(
        _ messageIDs: [Int64],
        with customer: Person,
        through connection: BusinessConnection
    ) throws(SimulatorError) -> Int64? {
        try change { (state, effects) throws(SimulatorError) in
            guard let known = state.connections[connection.id] else { throw .unknownConnection(connection.id) }
            let key = ChatKey(customer.id, space: known.id)
            for id in messageIDs where state.bots[known.botID]?.chats[key]?.remove(id) == nil {
                throw .unknownMessage(id)
            }
            guard known.isEnabled else { return nil }
            let deleted: JSON = [
                "business_connection_id": .string(known.id), "chat": customer.chat,
                "message_ids": .array(messageIDs.map { .int($0) }),
            ]
            return try state.enqueue("deleted_business_messages", deleted, lane: nil, to: known.botID, &effects)
        }
    }
}
