import GRDB
import Gateway
import Simulator
import Telegram
import Testing

@testable import Storage

@Suite("Every kind of update", .timeLimit(.minutes(1)))
struct EveryKindTests {
    private static let anna = #"{"id":501,"is_bot":false,"first_name":"Anna","language_code":"uk"}"#
    private static let olga = #"{"id":900,"is_bot":false,"first_name":"Olga"}"#
    private static let privateChat = #"{"id":501,"first_name":"Anna","type":"private"}"#
    private static let group = #"{"id":-77,"title":"Team","type":"group"}"#
    private static let supergroup = #"{"id":-100200,"title":"Team","type":"supergroup"}"#
    private static let bot = #"{"id":7000001,"is_bot":true,"first_name":"Shop"}"#

    /// Hands updates in one after the other, numbered from 1 on in the order of their calls.
    private final class Feed {
        let fixture: StoreFixture
        let shop: Shop
        var number: Int64 = 0

        init(_ fixture: StoreFixture, _ shop: Shop) {
            self.fixture = fixture
            self.shop = shop
        }

        @discardableResult
        func callAsFunction(_ kind: String, _ payload: String) async -> IntakeOutcome {
            number += 1
            return await fixture.accept(shop.record(Array("{\"update_id\":\(number),\n\"\(kind)\":\(payload)}".utf8)))
        }

        /// The rows of a query, each as one text.
        func rows(_ sql: String) async throws -> [String] {
            try await fixture.store.pool.read { db in
                try Row.fetchAll(db, sql: sql).map { row in
                    row.databaseValues.map { $0.isNull ? "-" : "\($0)".trimmingQuotes }.joined(separator: "|")
                }
            }
        }
    }

    private static func with(_ body: (Feed) async throws -> Void) async throws {
        try await StoreFixture.with { (fixture) async throws in
            try await body(Feed(fixture, try await fixture.addShop()))
        }
    }

    private static func text(
        _ id: Int64,
        _ text: String,
        chat: String = privateChat,
        from: String = anna,
        _ more: String = ""
    ) -> String {
        #"{"message_id":\#(id),"from":\#(from),"chat":\#(chat),"date":100,"text":"\#(text)"\#(more)}"#
    }

    @Test func `an edit keeps what was before as a version, in the order of the edits`() async throws {
        try await Self.with { (feed) async throws in
            await feed("message", Self.text(1, "one"))
            await feed("edited_message", Self.text(1, "two", #","edit_date":200"#))
            await feed("edited_message", Self.text(1, "two", #","edit_date":250"#))
            await feed("edited_message", Self.text(1, "three", #","edit_date":300"#))
            #expect(try await feed.rows("SELECT text, edited_at FROM message") == ["three|300000"])
            #expect(
                try await feed.rows("SELECT number, text, edited_at FROM message_version ORDER BY number")
                    == ["1|one|-", "2|two|200000"]
            )
            #expect(try await feed.rows("SELECT count(*) FROM history") == ["1"])
        }
    }

    @Test func `an edit that comes first makes the message, and the first form joins it later`() async throws {
        try await Self.with { (feed) async throws in
            await feed("edited_message", Self.text(1, "two", #","edit_date":200"#))
            #expect(try await feed.rows("SELECT text, edited_at FROM message") == ["two|200000"])
            await feed("message", Self.text(1, "one"))
            await feed("message", Self.text(1, "one"))
            #expect(try await feed.rows("SELECT text FROM message") == ["two"])
            #expect(try await feed.rows("SELECT text, edited_at FROM message_version") == ["one|-"])
        }
    }

    @Test func `an older edit that comes late is a version and not the present`() async throws {
        try await Self.with { (feed) async throws in
            await feed("message", Self.text(1, "one"))
            await feed("edited_message", Self.text(1, "three", #","edit_date":300"#))
            await feed("edited_message", Self.text(1, "two", #","edit_date":200"#))
            #expect(try await feed.rows("SELECT text FROM message") == ["three"])
            #expect(try await feed.rows("SELECT text FROM message_version ORDER BY number") == ["one", "two"])
        }
    }

    @Test func `files are kept with the message, and those of before an edit with its version`() async throws {
        try await Self.with { (feed) async throws in
            let photo = { (id: String) in
                """
                {"message_id":4,"from":\(Self.anna),"chat":\(Self.privateChat),"date":100,"media_group_id":"99","caption":"c",\
                "photo":[{"file_id":"s\(id)","file_unique_id":"us\(id)","width":90,"height":60,"file_size":100},\
                {"file_id":"f\(id)","file_unique_id":"u\(id)","width":900,"height":600,"file_size":5000}]
                """
            }
            await feed("message", photo("a") + "}")
            await feed("edited_message", photo("b") + #","edit_date":200}"#)
            #expect(try await feed.rows("SELECT kind, text, album_id FROM message") == ["photo|c|99"])
            #expect(
                try await feed.rows("SELECT position, kind, file_id, file_unique_id, mime, size FROM attachment")
                    == ["0|photo|fb|ub|image/jpeg|5000"]
            )
            let before = try await feed.rows("SELECT attachments ->> '$[0].file_id' FROM message_version")
            #expect(before == ["fa"])
        }
    }

    @Test func `a deletion leaves the content and marks it, once`() async throws {
        try await Self.with { (feed) async throws in
            let chat = #","business_connection_id":"bc1""#
            await feed("business_message", Self.text(1, "one", chat))
            await feed("business_message", Self.text(2, "two", chat))
            let deletion = #"{"business_connection_id":"bc1","chat":\#(Self.privateChat),"message_ids":[1,55]}"#
            #expect(await feed("deleted_business_messages", deletion) == .stored)
            #expect(
                try await feed.rows("SELECT text, deleted_at IS NOT NULL FROM message ORDER BY id") == [
                    "one|1", "two|0",
                ]
            )
            let unknown =
                #"{"business_connection_id":"bc9","chat":\#(Self.privateChat),"message_ids":[1]}"#
            #expect(await feed("deleted_business_messages", unknown) == .stored)
            #expect(try await feed.rows("SELECT mark FROM raw_update WHERE update_id = 4") == ["kept_raw"])
        }
    }

    @Test func `reactions are what each person has now, whichever order they come in`() async throws {
        try await Self.with { (feed) async throws in
            await feed("message", Self.text(9, "here", chat: Self.group))
            let reaction = { (date: Int, who: String, new: String) in
                #"{"chat":\#(Self.group),"message_id":9,"user":\#(who),"date":\#(date),"old_reaction":[],"new_reaction":[\#(new)]}"#
            }
            let heart = #"{"type":"emoji","emoji":"❤"}"#
            let thumb = #"{"type":"emoji","emoji":"👍"}"#
            await feed("message_reaction", reaction(100, Self.anna, heart))
            await feed("message_reaction", reaction(110, Self.olga, "\(heart),\(thumb)"))
            await feed("message_reaction", reaction(120, Self.anna, thumb))
            await feed("message_reaction", reaction(105, Self.anna, heart))
            let all = "SELECT actor_name, value FROM reaction ORDER BY actor_id, position"
            #expect(try await feed.rows(all) == ["Anna|👍", "Olga|❤", "Olga|👍"])
            await feed("message_reaction", reaction(130, Self.olga, ""))
            #expect(try await feed.rows(all) == ["Anna|👍"])
            let counts =
                #"{"chat":\#(Self.group),"message_id":9,"date":140,"reactions":[{"type":{"type":"emoji","emoji":"👍"},"total_count":3}]}"#
            await feed("message_reaction_count", counts)
            #expect(try await feed.rows("SELECT value, count FROM reaction WHERE actor_id = 0") == ["👍|3"])
        }
    }

    @Test func `polls and votes are joined by the poll's id, and a closed poll stays closed`() async throws {
        try await Self.with { (feed) async throws in
            let poll = { (votes: Int, closed: Bool) in
                #"{"id":"p1","question":"q","options":[{"text":"a","voter_count":\#(votes)},{"text":"b","voter_count":0}],"total_voter_count":\#(votes),"is_closed":\#(closed),"is_anonymous":false,"type":"regular","allows_multiple_answers":false}"#
            }
            let answer = { (options: String) in
                #"{"poll_id":"p1","user":\#(Self.anna),"option_ids":[\#(options)]}"#
            }
            await feed("poll_answer", answer("0"))
            await feed(
                "message",
                #"{"message_id":3,"from":\#(Self.anna),"chat":\#(Self.group),"date":100,"poll":\#(poll(0, false))}"#
            )
            await feed("poll", poll(2, true))
            await feed("poll", poll(1, false))
            await feed("poll_answer", answer("1"))
            #expect(try await feed.rows("SELECT poll_id FROM message") == ["p1"])
            #expect(
                try await feed.rows("SELECT is_closed, state ->> '$.total_voter_count' FROM poll") == ["1|2"]
            )
            #expect(try await feed.rows("SELECT voter_name, options FROM poll_answer") == ["Anna|[1]"])
            await feed("poll_answer", answer(""))
            #expect(try await feed.rows("SELECT count(*) FROM poll_answer") == ["0"])
        }
    }

    private static func member(_ date: Int, _ old: String, _ new: String, chat: String = privateChat) -> String {
        """
        {"chat":\(chat),"from":\(anna),"date":\(date),"old_chat_member":{"user":\(bot),"status":"\(old)"},\
        "new_chat_member":{"user":\(bot),"status":"\(new)"}}
        """
    }

    @Test func `a blocked bot is marked on the conversation until it is unblocked, by Telegram's time`() async throws {
        try await Self.with { (feed) async throws in
            await feed("message", Self.text(1, "one"))
            await feed("my_chat_member", Self.member(200, "member", "kicked"))
            let blocked = "SELECT blocked FROM conversation"
            #expect(try await feed.rows(blocked) == ["1"])
            await feed("my_chat_member", Self.member(150, "kicked", "member"))
            #expect(try await feed.rows(blocked) == ["1"], "what is older does not count")
            await feed("my_chat_member", Self.member(300, "kicked", "member"))
            #expect(try await feed.rows(blocked) == ["0"])
            #expect(try await feed.rows("SELECT kind FROM message ORDER BY id").count == 4)
        }
    }

    @Test(arguments: [true, false])
    func `a group that becomes a supergroup keeps its conversation, though numbers start again`(
        supergroupFirst: Bool
    ) async throws {
        try await Self.with { (feed) async throws in
            await feed("message", Self.text(1, "in the group", chat: Self.group))
            let to =
                #"{"message_id":2,"from":\#(Self.anna),"chat":\#(Self.group),"date":100,"migrate_to_chat_id":-100200}"#
            let from =
                #"{"message_id":1,"from":\#(Self.anna),"chat":\#(Self.supergroup),"date":100,"migrate_from_chat_id":-77}"#
            if supergroupFirst {
                await feed("message", Self.text(2, "early", chat: Self.supergroup))
                await feed("message", from)
                await feed("message", to)
            } else {
                await feed("message", to)
                await feed("message", from)
                await feed("message", Self.text(2, "early", chat: Self.supergroup))
            }
            await feed("message", Self.text(3, "later", chat: Self.supergroup))
            await feed("message", Self.text(3, "late, of the group", chat: Self.group))
            let list = try await feed.fixture.conversations(feed.shop.business)
            #expect(list.count == 1)
            let conversation = try #require(list.first)
            #expect(conversation.chatID == -100200 && conversation.kind == "supergroup")
            #expect(conversation.lastMessage?.text == "late, of the group")
            let texts = try await feed.fixture.texts(of: conversation.id, feed.shop.business)
            #expect(texts.filter { !$0.isEmpty } == ["in the group", "early", "later", "late, of the group"])
            #expect(texts.count == 6)
            #expect(try await feed.rows("SELECT count(*) FROM pragma_foreign_key_check") == ["0"])
        }
    }

    @Test func `in a business chat the owner, the customer and the bot are told apart, also afterwards`() async throws {
        try await Self.with { (feed) async throws in
            let of = #","business_connection_id":"bc1""#
            await feed("business_message", Self.text(1, "question", of))
            await feed("business_message", Self.text(2, "answer", from: Self.olga, of))
            let roles = "SELECT text, sender_role, direction FROM message ORDER BY id"
            #expect(try await feed.rows(roles) == ["question|unknown|in", "answer|unknown|in"])
            #expect(try await feed.rows("SELECT state FROM business_connection") == ["wanted"])
            let connection =
                #"{"id":"bc1","user":\#(Self.olga),"user_chat_id":900,"date":90,"is_enabled":true,"rights":{"can_reply":true}}"#
            await feed("business_connection", connection)
            await feed("business_message", Self.text(3, "more", of))
            await feed("business_message", Self.text(4, "said", from: Self.olga, of))
            await feed(
                "business_message",
                Self.text(5, "by bot", from: Self.olga, of + #","sender_business_bot":\#(Self.bot)"#)
            )
            #expect(
                try await feed.rows(roles) == [
                    "question|customer|in", "answer|owner|out", "more|customer|in", "said|owner|out", "by bot|bot|out",
                ]
            )
            #expect(
                try await feed.rows("SELECT state, owner_name, is_enabled FROM business_connection") == ["known|Olga|1"]
            )
            #expect(try await feed.rows("SELECT name FROM customer") == ["Anna"])
            #expect(try await feed.fixture.conversations(feed.shop.business).first?.space == "business:bc1")
        }
    }

    @Test func `a button that is pressed is an entry of the conversation of its message`() async throws {
        try await Self.with { (feed) async throws in
            let forum = #"{"id":-100300,"title":"Forum","type":"supergroup","is_forum":true}"#
            await feed(
                "message",
                Self.text(5, "menu", chat: forum, #","message_thread_id":8,"is_topic_message":true"#)
            )
            await feed(
                "callback_query",
                #"{"id":"1","from":\#(Self.anna),"chat_instance":"3","data":"buy","message":{"message_id":5,"chat":\#(forum),"date":0}}"#
            )
            #expect(
                try await feed.rows("SELECT kind, text, reply_to FROM message ORDER BY id") == [
                    "text|menu|-", "service|buy|5",
                ]
            )
            #expect(try await feed.rows("SELECT DISTINCT conversation_id FROM message").count == 1)
        }
    }

    @Test func `what a customer does outside conversations, and managed bots, are recorded`() async throws {
        try await Self.with { (feed) async throws in
            await feed("inline_query", #"{"id":"1","from":\#(Self.anna),"query":"shoes","offset":""}"#)
            await feed(
                "managed_bot",
                #"{"user":\#(Self.olga),"bot":{"id":7100,"is_bot":true,"first_name":"Child","username":"child_bot"}}"#
            )
            #expect(
                try await feed.rows("SELECT kind, text, (SELECT name FROM customer) FROM customer_event")
                    == ["inline_query|shoes|Anna"]
            )
            #expect(
                try await feed.rows("SELECT telegram_id, owner_name, username FROM managed_bot") == [
                    "7100|Olga|child_bot"
                ]
            )
            #expect(try await feed.rows("SELECT count(*) FROM raw_update WHERE mark IS NOT NULL") == ["0"])
        }
    }

    @Test func `a chat that tells no language leaves the customer's language as it is`() async throws {
        try await Self.with { (feed) async throws in
            await feed("message", Self.text(1, "one"))
            await feed(
                "business_message",
                Self.text(1, "x", from: Self.olga, #","business_connection_id":"bc1""#)
            )
            await feed("message", Self.text(2, "two"))
            #expect(try await feed.rows("SELECT name, language FROM customer") == ["Anna|uk"])
        }
    }

    @Test(arguments: [1, 40])
    func `drawn updates of every kind are accounted for, one by one and in one batch`(together: Int) async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            var draw = GeneratedUpdates(seed: 42)
            let count = 1200
            var left = count
            while left > 0 {
                let (outcomes, outcome) = AsyncStream<IntakeOutcome>.makeStream()
                let records = (0..<together).map { _ in shop.record(draw.next().body) }
                if together > 1 {
                    await fixture.whileWriterIsHeld {
                        for record in records { fixture.store.accept(record) { outcome.yield($0) } }
                        await fixture.untilWaiting(together)
                    }
                } else {
                    for record in records { fixture.store.accept(record) { outcome.yield($0) } }
                }
                var settled = 0
                for await result in outcomes {
                    #expect(result == .stored)
                    settled += 1
                    if settled == together { break }
                }
                left -= together
            }
            await fixture.store.poll()
            #expect(try await fixture.count("raw_update") == count)
            let failed = try await fixture.value(Int.self, "SELECT count(*) FROM raw_update WHERE mark = 'failed'")
            #expect(failed == 0)
            #expect(try await fixture.value(Int.self, "SELECT count(*) FROM pragma_foreign_key_check") == 0)
            let messages = try await fixture.count("message")
            #expect(messages > count / 4)
            #expect(try await fixture.count("history") == messages)
        }
    }
}

extension String {
    fileprivate var trimmingQuotes: String {
        hasPrefix("\"") && hasSuffix("\"") ? String(dropFirst().dropLast()) : self
    }
}
