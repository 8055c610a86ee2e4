import Telegram

extension Simulation {
    /// Sets or, without a URL, deletes the webhook.
    ///
    /// **Source:** tdlib/telegram-bot-api `process_set_webhook_query`, `do_set_webhook`: the old webhook is closed first, then
    /// `drop_pending_updates` is done, then URL, secret and address are checked; so a refusal leaves no webhook at all.
    mutating func setWebhook(
        _ botID: Int64,
        url: String,
        _ parameters: Parameters,
        _ effects: inout Effects
    ) -> Reply {
        bots[botID]?.webhookTicket += 1
        if !url.isEmpty {
            guard time.elapsed() >= bots[botID]?.nextWebhookAt ?? .zero else { return .tooMany(retryAfterSeconds: 1) }
            let next = time.elapsed() + .seconds(1)
            bots[botID]?.nextWebhookAt = next
        }
        let secret = WebhookSecret(url.isEmpty ? "" : parameters["secret_token"])
        let maxConnections = parameters.int("max_connections", default: 40, in: 1...100)
        let dropsPending = parameters.bool("drop_pending_updates")
        if !dropsPending {
            let isUnchanged =
                bots[botID]?.webhook.map { $0.url == url && $0.secret == secret && $0.maxConnections == maxConnections }
                ?? url.isEmpty
            if isUnchanged {
                takeAllowedUpdates(botID, parameters)
                return .success(true, url.isEmpty ? "Webhook is already deleted" : "Webhook is already set")
            }
        }
        let wasSet = bots[botID]?.webhook != nil
        // Source: telegram-bot-api, `abort_long_poll`.
        if !url.isEmpty { abortPoll(of: botID, "terminated by setWebhook request", &effects) }
        removeWebhook(of: botID)
        if dropsPending { clearQueue(of: botID) }
        guard !url.isEmpty else {
            return .success(true, wasSet ? "Webhook was deleted" : "Webhook is already deleted")
        }
        guard let address = WebhookAddress(url) else {
            return .failure(400, "Bad Request: invalid webhook URL specified")
        }
        let secretText = parameters["secret_token"]
        guard secretText.utf8.count <= 256 else { return .failure(400, "Bad Request: secret token is too long") }
        guard secretText.utf8.allSatisfy(Self.isSecretCharacter) else {
            return .failure(400, "Bad Request: secret token contains unallowed characters")
        }
        takeAllowedUpdates(botID, parameters)
        if let objection = address.objection ?? Self.objection(toFixed: parameters["ip_address"], address) {
            return .failure(400, "Bad Request: bad webhook: " + objection)
        }
        bots[botID]?.webhook = Webhook(
            url: url,
            secret: secret,
            maxConnections: maxConnections,
            ipAddress: parameters["ip_address"].isEmpty ? address.ipAddress : parameters["ip_address"],
            address: address
        )
        claim(botID, &effects)
        return .success(true, "Webhook was set")
    }

    private static func isSecretCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func objection(toFixed ip: String, _ address: WebhookAddress) -> String? {
        guard !ip.isEmpty else { return nil }
        guard let numbers = WebhookAddress.ipv4(ip) else { return "Invalid IP address specified" }
        return WebhookAddress.isReserved(numbers) && !address.isLoopback ? "IP address \(ip) is reserved" : nil
    }

    /// Takes the kinds that the bot wants from now on.
    ///
    /// **Source:** telegram-bot-api `update_allowed_update_types`: absent or unreadable keeps what was; an empty list, or one
    /// of unknown names only, is the default.
    mutating func takeAllowedUpdates(_ botID: Int64, _ parameters: Parameters) {
        guard let elements = (try? JSONDocument(Array(parameters["allowed_updates"].utf8)))?.root.elements else {
            return
        }
        var kinds: Set<String> = []
        for element in elements {
            guard let name = element.string?.lowercased() else { return }
            if UpdateKind(rawValue: name) != nil { kinds.insert(name) }
        }
        bots[botID]?.allowedUpdates = kinds.isEmpty || kinds == UpdateRules.defaultKinds ? nil : kinds
    }

    /// **Source:** telegram-bot-api `JsonWebhookInfo`: some members are left out when they say nothing.
    func webhookInfo(_ botID: Int64) -> JSON {
        guard let bot = bots[botID] else { return [:] }
        var json: JSON = [
            "url": .string(bot.webhook?.url ?? ""),
            "has_custom_certificate": false,
            "pending_update_count": .int(Int64(bot.queue.count)),
        ]
        if let webhook = bot.webhook { json["ip_address"] = .string(webhook.ipAddress) }
        json["last_error_date"] = bot.lastErrorAt.map { .int($0) }
        json["last_error_message"] = bot.lastErrorText.map { .string($0) }
        if let webhook = bot.webhook { json["max_connections"] = .int(Int64(webhook.maxConnections)) }
        if let allowed = bot.allowedUpdates {
            json["allowed_updates"] = .array(UpdateKind.allowedUpdates.filter(allowed.contains).map { .string($0) })
        }
        return json
    }
}
