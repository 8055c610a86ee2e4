import Telegram
import Testing

@testable import Gateway
@testable import Storage

@Suite("Pipelines and notes in the store", .timeLimit(.minutes(1)))
struct PipelineStoreTests {
    private static func set(
        _ fixture: StoreFixture,
        _ business: Business,
        _ text: String
    ) async throws -> PipelineVersion {
        try await fixture.store.setPipeline(text, calling: [], of: business.id, at: StoreFixture.noon)
    }

    private static func name(_ text: String) throws -> AttributeName { try #require(AttributeName(text)) }

    @Test func `versions count from one in each business, and the same text is no new one`() async throws {
        try await StoreFixture.with { fixture in
            let maier = try await fixture.addBusiness("maier")
            let bauer = try await fixture.addBusiness("bauer")
            #expect(try await fixture.store.activePipeline(of: maier.id) == nil)
            #expect(try await Self.set(fixture, maier, "a").number == 1)
            #expect(try await Self.set(fixture, maier, "a").number == 1)
            #expect(try await Self.set(fixture, maier, "b").number == 2)
            #expect(try await Self.set(fixture, bauer, "c").number == 1)
            #expect(try await fixture.store.activePipeline(of: maier.id)?.text == "b")
            try await fixture.store.usePipeline(1, calling: [], of: maier.id, at: StoreFixture.noon)
            #expect(try await fixture.store.activePipeline(of: maier.id)?.text == "a")
            #expect(try await Self.set(fixture, maier, "b").number == 3)
            try await fixture.store.usePipeline(nil, calling: [], of: maier.id, at: StoreFixture.noon)
            #expect(try await fixture.store.activePipeline(of: maier.id) == nil)
            #expect(try await fixture.store.activePipeline(of: bauer.id)?.text == "c")
            await #expect(throws: GatewayError.unknownPipelineVersion("2")) {
                try await fixture.store.usePipeline(2, calling: [], of: bauer.id, at: StoreFixture.noon)
            }
            await #expect(throws: GatewayError.unknownPipelineVersion("3")) {
                try await fixture.store.pipelineVersion(3, of: bauer.id)
            }
            await #expect(throws: GatewayError.unknownBusiness("biz_99")) {
                try await fixture.store.setPipeline(
                    "x",
                    calling: [],
                    of: BusinessID(rawValue: 99),
                    at: StoreFixture.noon
                )
            }
        }
    }

    @Test func `the last hundred versions stay, and lists have no texts`() async throws {
        try await StoreFixture.with { fixture in
            let business = try await fixture.addBusiness()
            for number in 1...103 { _ = try await Self.set(fixture, business, "text \(number)") }
            var numbers: [Int64] = []
            var page = Page(limit: 40)
            while true {
                let slice = try await fixture.store.pipelineVersions(of: business.id, page: page)
                #expect(slice.elements.allSatisfy { $0.text == nil && $0.bytes >= 6 })
                numbers += slice.elements.map(\.number)
                guard let next = slice.next else { break }
                page = Page(.before(next), limit: 40)
            }
            #expect(numbers == Array((4...103).reversed()))
            #expect(try await fixture.store.pipelineVersion(4, of: business.id).text == "text 4")
        }
    }

    @Test func `the open jobs of a conversation are its messages and buttons up to a number, and of no other business`()
        async throws
    {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let other = try await fixture.addShop("bauer", telegramID: 7_000_002)
            for number in Int64(1)...10 {
                let person = 500 + number % 2
                for shop in [shop, other] {
                    var record = shop.record(UpdateText(number: number, chatID: person, userID: person))
                    record.opensJob = true
                    _ = await fixture.accept(record)
                }
            }
            let rows = try await fixture.store.openJobs(.init(business: shop.business.id, after: 0, limit: 100))
            try #require(rows.count == 10 && Set(rows.map(\.conversation)).count == 2)
            let lane = rows.filter { $0.conversation == rows[0].conversation }.map(\.id)
            try await fixture.execute("UPDATE raw_update SET kind = 'pre_checkout_query' WHERE id = \(lane[2])")
            try await fixture.execute("UPDATE raw_update SET state = 'done' WHERE id = \(lane[1])")
            func jobs(_ business: Business, after: Int64 = 0, through: Int64, limit: Int = 100) async throws -> [Int64]
            {
                let part = OpenJobs.Part(conversation: rows[0].conversation, through: through)
                return try await fixture.store.openJobs(
                    .init(business: business.id, after: after, limit: limit, only: part)
                ).map(\.id)
            }
            #expect(try await jobs(shop.business, through: lane[4]) == [lane[0], lane[3], lane[4]])
            #expect(try await jobs(shop.business, through: lane[4] - 1) == [lane[0], lane[3]])
            #expect(try await jobs(shop.business, after: lane[0], through: lane[4], limit: 1) == [lane[3]])
            #expect(try await jobs(other.business, through: lane[4]).isEmpty)
        }
    }

    @Test func `a change is one that the running server sees`() async throws {
        try await StoreFixture.with { fixture in
            let business = try await fixture.addBusiness()
            var last = try await fixture.store.registryVersion()
            func rises() async throws -> Bool {
                let present = try await fixture.store.registryVersion()
                defer { last = present }
                return present > last
            }
            _ = try await Self.set(fixture, business, "a")
            #expect(try await rises())
            _ = try await Self.set(fixture, business, "b")
            #expect(try await rises())
            try await fixture.store.usePipeline(1, calling: [], of: business.id, at: StoreFixture.noon)
            #expect(try await rises())
            try await fixture.store.usePipeline(nil, calling: [], of: business.id, at: StoreFixture.noon)
            #expect(try await rises())
        }
    }

    @Test func `notes are kept, changed and taken away, all or nothing`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await fixture.accept(UpdateText(number: 1), shop)
            let conversation = try #require(try await fixture.conversations(shop.business).first?.id)
            func apply(_ body: (inout ConversationChange) throws -> Void) async throws {
                var change = ConversationChange()
                try body(&change)
                try await fixture.store.apply(change, to: conversation, of: shop.business.id, at: StoreFixture.noon)
            }
            func notes() async throws -> ConversationNotes {
                try await fixture.store.notes(on: conversation, of: shop.business.id)
            }
            try await apply { change in
                change.labels = ["vip": true, "new": true]
                change.attributes = [try Self.name("size"): "xl", try Self.name("customer.tier"): "gold"]
                change.assignee = "Anna"
                change.handling = .people(.init(releaseAfterSeconds: 60))
            }
            let attributes = [try Self.name("size"): "xl", try Self.name("customer.tier"): "gold"]
            #expect(
                try await notes()
                    == ConversationNotes(labels: ["vip", "new"], attributes: attributes, assignee: "Anna")
            )
            let releaseAt = try await fixture.value(Int64.self, "SELECT release_at FROM conversation")
            #expect(releaseAt == StoreFixture.noon.milliseconds + 60_000)
            #expect(try await fixture.conversations(shop.business).first?.handledBy == "people")
            try await apply { change in
                change.labels = ["vip": false, "new": true]
                change.attributes = [try Self.name("size"): nil, try Self.name("customer.tier"): "silver"]
                change.assignee = .some(nil)
                change.handling = .pipeline
            }
            #expect(
                try await notes()
                    == ConversationNotes(labels: ["new"], attributes: [try Self.name("customer.tier"): "silver"])
            )
            #expect(try await fixture.value(Int64.self, "SELECT release_at FROM conversation") == nil)
            await #expect(throws: GatewayError.tooManyLabels) {
                try await apply { change in for number in 0..<50 { change.labels["l\(number)"] = true } }
            }
            #expect(try await notes().labels == ["new"])
        }
    }

    @Test func `lists of conversations tell labels and who takes care, each its own`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            for chat in 1...3 { await fixture.accept(UpdateText(number: Int64(chat), chatID: Int64(chat)), shop) }
            let ids = try await fixture.conversations(shop.business).map(\.id)
            for (id, labels) in zip(ids, [["vip", "new"], [], ["new"]]) {
                var change = ConversationChange()
                for label in labels { change.labels[label] = true }
                if labels.count == 1 { change.assignee = "Anna" }
                try await fixture.store.apply(change, to: id, of: shop.business.id, at: StoreFixture.noon)
            }
            let list = try await fixture.conversations(shop.business)
            #expect(list.map(\.labels) == [["new", "vip"], [], ["new"]])
            #expect(list.map(\.assignee) == [nil, nil, "Anna"])
            for conversation in list {
                let one = try await fixture.store.conversation(conversation.id, business: shop.business.id)
                #expect(one == conversation)
            }
            #expect(list[0].json["labels"] == ["new", "vip"] && list[2].json["assignee"] == "Anna")
        }
    }

    @Test func `a customer's attributes are known in all conversations, a conversation's in its own`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await fixture.accept(UpdateText(number: 1), shop)
            let second = try await fixture.addBot(shop.business, telegramID: 7_000_002)
            await fixture.accept(UpdateText(number: 2), Shop(business: shop.business, bot: second))
            let conversations = try await fixture.conversations(shop.business).map(\.id)
            try #require(conversations.count == 2)
            var change = ConversationChange()
            change.attributes = [try Self.name("size"): "xl", try Self.name("customer.tier"): "gold"]
            try await fixture.store.apply(change, to: conversations[0], of: shop.business.id, at: StoreFixture.noon)
            let other = try await fixture.store.notes(on: conversations[1], of: shop.business.id)
            #expect(other.attributes == [try Self.name("customer.tier"): "gold"])
        }
    }

    @Test func `nothing of another business is read or changed`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            await fixture.accept(UpdateText(number: 1), shop)
            let conversation = try #require(try await fixture.conversations(shop.business).first)
            let message = try #require(conversation.lastMessage?.id)
            let other = try await fixture.addBusiness("bauer")
            await #expect(throws: GatewayError.unknownConversation(conversation.id.description)) {
                try await fixture.store.notes(on: conversation.id, of: other.id)
            }
            await #expect(throws: GatewayError.unknownConversation(conversation.id.description)) {
                try await fixture.store.apply(.init(), to: conversation.id, of: other.id, at: StoreFixture.noon)
            }
            await #expect(throws: GatewayError.unknownMessage(message.description)) {
                try await fixture.store.pipelineSubject(message, of: other.id)
            }
        }
    }

    @Test func `a stored message is seen with its customer, its bot and whether it was the first`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            for number: Int64 in 1...2 {
                var update = UpdateText(number: number)
                update.text = "text \(number)"
                await fixture.accept(update, shop)
            }
            let conversation = try #require(try await fixture.conversations(shop.business).first)
            let messages = try await fixture.store.messages(
                of: conversation.id,
                business: shop.business.id,
                page: Page(.after(0)),
                raw: false
            ).elements
            let contexts = try await messages.asyncMap { message in
                try await fixture.store.pipelineSubject(message.id, of: shop.business.id)
                    .context(businessName: shop.business.name, now: StoreFixture.noon)
            }
            #expect(contexts.map(\.isFirstContact) == [true, false])
            #expect(contexts.map(\.message.text) == ["text 1", "text 2"])
            #expect(contexts[0].customer == .init(telegramID: 501, name: "Anna"))
            #expect(contexts[0].bot == .init(id: shop.bot.id, username: shop.bot.username, name: shop.bot.name))
            #expect(contexts[0].conversation.kind == "private")
        }
    }

    @Test func `pipelines and notes go with their business`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let other = try await fixture.addShop("bauer", telegramID: 7_000_002)
            for shop in [shop, other] {
                await fixture.accept(UpdateText(number: 1), shop)
                _ = try await Self.set(fixture, shop.business, "a")
                let conversation = try #require(try await fixture.conversations(shop.business).first?.id)
                var change = ConversationChange()
                change.labels = ["a": true, "b": true]
                change.attributes = [try Self.name("size"): "xl", try Self.name("customer.tier"): "gold"]
                try await fixture.store.apply(change, to: conversation, of: shop.business.id, at: StoreFixture.noon)
            }
            _ = try await fixture.store.removeBot(shop.bot.id, at: StoreFixture.noon)
            #expect(try await fixture.store.beginErasure(of: shop.business.id, at: StoreFixture.noon))
            while try await !fixture.store.eraseStep(of: shop.business.id, rows: 3).isDone {}
            for (table, rows) in ["label": 2, "attribute": 2, "pipeline_version": 1, "active_pipeline": 1] {
                #expect(try await fixture.count(table) == rows, "\(table)")
            }
            #expect(try await fixture.value(Int.self, "SELECT count(*) FROM pragma_foreign_key_check") == 0)
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ body: (Element) async throws -> Value) async throws -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await body(element)) }
        return values
    }
}
