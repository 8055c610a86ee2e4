import Telegram
import Testing

@testable import Gateway

@Suite("What each kind of update becomes")
struct UpdateKindTests {
    private static func payload(_ kind: String) throws -> String {
        try #require(UpdateFixture.all.first { $0.kind == kind }).payload
    }

    private static func entry(_ kind: String) throws -> IntakeRecord.Entry {
        ContentTests.entry(kind, try payload(kind))
    }

    private static func message(_ kind: String, _ payload: String? = nil) throws -> IncomingMessage {
        let entry = ContentTests.entry(kind, try payload ?? Self.payload(kind))
        switch entry {
        case .message(let message), .edit(let message): return message
        default: throw ContentTests.NotAMessage(entry: "\(entry)")
        }
    }

    @Test func `every kind of update has its fixture`() {
        #expect(UpdateFixture.all.map(\.kind) == UpdateKind.allCases.map(\.rawValue) && UpdateFixture.all.count == 25)
    }

    @Test(arguments: UpdateFixture.all)
    func `each kind makes its entry`(fixture: UpdateFixture) {
        let entry = ContentTests.entry(fixture.kind, fixture.payload)
        #expect("\(entry)".hasPrefix("\(fixture.entry)("))
    }

    @Test func `a channel's post is the channel's, and nobody is its customer`() throws {
        let post = try Self.message("channel_post")
        #expect(post.sender == .init(role: .unknown, id: -1009, name: "News") && post.customer == nil)
        #expect(post.chatKind == "channel" && post.chatTitle == "News" && post.space == "direct")
    }

    @Test(arguments: ["edited_message", "edited_channel_post", "edited_business_message"])
    func `an edit is the message as it is now, and when it was changed`(kind: String) throws {
        let edit = try Self.message(kind)
        #expect(edit.editedAt == 110 && edit.date == 100 && edit.messageID == 9 && edit.text == "x")
    }

    @Test func `an edit without a date of its own has that of the message`() throws {
        #expect(try Self.message("edited_message", "{\(UpdateFixture.written)}").editedAt == 100)
        #expect(try Self.message("message").editedAt == nil)
    }

    @Test func `a guest message has a space of its own, and keeps what it is answered by`() throws {
        let message = try Self.message("guest_message")
        #expect(message.space == "guest" && message.extra == #"{"guest_query_id":"5"}"#)
        #expect(message.sender.role == .customer && message.customer?.telegramID == 501)
    }

    @Test func `in a business chat the customer is the peer, and who is who the connection tells`() throws {
        let theirs = try Self.message("business_message")
        #expect(theirs.space == "business:bc1" && theirs.businessConnectionID == "bc1")
        #expect(theirs.sender.role == .unknown && theirs.customer?.language == "ru")
        #expect(theirs.role(whereOwnerIs: 900) == .customer && theirs.role(whereOwnerIs: 501) == .owner)

        let head =
            #""message_id":10,"chat":\#(UpdateFixture.privateChat),"date":100,"business_connection_id":"bc1","text":"x","#
        let owners = try Self.message("business_message", "{\(head)\"from\":{\"id\":900,\"first_name\":\"Owner\"}}")
        let peer = CustomerProfile(
            telegramID: 501,
            name: "Anna Ivanova",
            username: "anna",
            language: nil,
            tellsLanguage: false
        )
        #expect(owners.customer == peer)
        #expect(owners.sender == .init(role: .unknown, id: 900, name: "Owner") && owners.chatTitle == "Anna Ivanova")
        #expect(owners.role(whereOwnerIs: 900) == .owner && owners.role(whereOwnerIs: 901) == .unknown)

        let bots = try Self.message(
            "business_message",
            "{\(head)\"from\":{\"id\":900,\"first_name\":\"Owner\"},\"sender_business_bot\":\(UpdateFixture.bot)}"
        )
        #expect(bots.sender == .init(role: .bot, id: 7, name: "Shop bot"))
        #expect(bots.role(whereOwnerIs: 900) == .bot && bots.customer == peer)
    }

    @Test func `outside business chats a role is what it is`() throws {
        #expect(try Self.message("message").role(whereOwnerIs: 501) == .customer)
    }

    @Test func `deleted messages are named by their numbers`() throws {
        guard case .deletion(let deletion) = try Self.entry("deleted_business_messages") else {
            Issue.record("no deletion")
            return
        }
        #expect(deletion == MessageDeletion(space: "business:bc1", chatID: 501, messageIDs: [4, 9]))
    }

    @Test func `a reaction says what somebody has on the message now`() throws {
        guard case .reaction(let change) = try Self.entry("message_reaction") else {
            Issue.record("no reaction")
            return
        }
        #expect(change.actor == .init(role: .customer, id: 501, name: "Anna Ivanova"))
        #expect(change.customer?.username == "anna" && change.messageID == 9 && change.chatID == -1_001_234_567_890)
        #expect(
            change.reactions == [
                Reaction(kind: "emoji", value: "👍"), Reaction(kind: "custom_emoji", value: "55"),
                Reaction(kind: "paid", value: ""),
            ]
        )
    }

    @Test func `an anonymous chat's reactions are totals, and a chat may react too`() throws {
        guard case .reaction(let totals) = try Self.entry("message_reaction_count") else {
            Issue.record("no reaction")
            return
        }
        #expect(totals.actor == nil && totals.reactions == [Reaction(kind: "emoji", value: "🔥", count: 12)])
        let chats = ContentTests.entry(
            "message_reaction",
            #"{"chat":\#(UpdateFixture.team),"message_id":9,"actor_chat":\#(UpdateFixture.news),"date":100,"new_reaction":[]}"#
        )
        guard case .reaction(let change) = chats else {
            Issue.record("\(chats)")
            return
        }
        #expect(change.actor == .init(role: .unknown, id: -1009, name: "News") && change.customer == nil)
        #expect(change.reactions.isEmpty)
    }

    @Test func `polls and votes are joined by the poll's id`() throws {
        guard case .poll(let poll) = try Self.entry("poll"), case .pollAnswer(let vote) = try Self.entry("poll_answer")
        else {
            Issue.record("no poll and vote")
            return
        }
        #expect(poll.pollID == "5301" && poll.isClosed)
        #expect(try JSONDocument(Array(poll.json.utf8)).root["total_voter_count"]?.int64 == 2)
        #expect(vote.pollID == "5301" && vote.voter.id == 501 && vote.customer?.telegramID == 501)
        #expect(vote.optionIDs == [0, 2] && vote.optionPersistentIDs == ["a", "c"])
    }

    @Test func `a connection tells whose it is and what it allows`() throws {
        guard case .businessConnection(let connection) = try Self.entry("business_connection") else {
            Issue.record("no connection")
            return
        }
        #expect(connection.id == "bc1" && connection.owner.telegramID == 501 && connection.userChatID == 501)
        #expect(connection.isEnabled && connection.rights == #"{"can_reply":true}"# && connection.date == 100)
    }

    @Test func `a managed bot is told with its owner`() throws {
        guard case .managedBot(let notice) = try Self.entry("managed_bot") else {
            Issue.record("no managed bot")
            return
        }
        #expect(notice.owner.telegramID == 501 && notice.botID == 7)
        #expect(notice.username == "shop_bot" && notice.name == "Shop bot")
    }

    @Test(arguments: [
        ("inline_query", "roses", #"{"id":"1","offset":"","chat_type":"sender"}"#),
        ("chosen_inline_result", "roses", #"{"result_id":"r1","inline_message_id":"im"}"#),
        ("shipping_query", nil, #"{"id":"1","invoice_payload":"p","shipping_address":{"city":"Berlin"}}"#),
        ("pre_checkout_query", nil, #"{"id":"1","currency":"EUR","total_amount":1450,"invoice_payload":"p"}"#),
        ("purchased_paid_media", nil, #"{"paid_media_payload":"p"}"#),
    ])
    func `what belongs to no conversation is the customer's`(kind: String, text: String?, details: String) throws {
        guard case .customerEvent(let event) = try Self.entry(kind) else {
            Issue.record("no event")
            return
        }
        #expect(event.kind == kind && event.text == text && event.details == details)
        #expect(event.actor.role == .customer && event.customer?.telegramID == 501)
        #expect(event.date == ContentTests.noon.milliseconds / 1000)
    }

    @Test func `a pressed button is an entry of its message's conversation`() throws {
        let press = try Self.message("callback_query")
        #expect(press.kind == "service" && press.text == "buy:1" && press.replyTo == 9 && press.messageID == nil)
        #expect(press.chatID == 501 && press.space == "direct" && press.sender.role == .customer)
        #expect(press.date == ContentTests.noon.milliseconds / 1000)
        #expect(press.extra == #"{"service":"callback_query","callback_query":{"id":"77","chat_instance":"-3"}}"#)
        #expect(ContentTests.stored(press).words == "Anna Ivanova pressed a button: buy:1")
    }

    @Test func `a button may be in a topic, in a business chat, on a message out of reach, or on an inline message`()
        throws
    {
        let head =
            #""id":"77","from":\#(UpdateFixture.anna),"data":"d","message":{"message_id":9,"chat":\#(UpdateFixture.team),"date":"#
        let topic = try Self.message("callback_query", "{\(head)5,\"message_thread_id\":40,\"is_topic_message\":true}}")
        #expect(topic.threadID == 40)
        #expect(try Self.message("callback_query", "{\(head)5,\"message_thread_id\":40}}").threadID == 0)
        #expect(try Self.message("callback_query", "{\(head)0}}").replyTo == 9)
        let business = try Self.message("callback_query", "{\(head)5,\"business_connection_id\":\"bc1\"}}")
        #expect(business.space == "business:bc1" && business.businessConnectionID == "bc1")
        #expect(business.sender.role == .unknown)
        let inline = ContentTests.entry(
            "callback_query",
            #"{"id":"77","from":\#(UpdateFixture.anna),"inline_message_id":"im","chat_instance":"-3","data":"d"}"#
        )
        guard case .customerEvent(let event) = inline else {
            Issue.record("\(inline)")
            return
        }
        #expect(event.kind == "callback_query" && event.text == "d")
        #expect(event.details == #"{"id":"77","inline_message_id":"im","chat_instance":"-3"}"#)
    }

    @Test(arguments: [
        (UpdateFixture.privateChat, "member", "kicked", MembershipChange.blocked, "Anna Ivanova blocked the bot"),
        (UpdateFixture.privateChat, "kicked", "member", .unblocked, "Anna Ivanova takes the bot's messages again"),
        (UpdateFixture.team, "left", "member", .joined, "Anna Ivanova added the bot"),
        (UpdateFixture.team, "left", "administrator", .joined, "Anna Ivanova added the bot"),
        (UpdateFixture.team, "member", "administrator", .joined, "Anna Ivanova changed what the bot may do"),
        (UpdateFixture.team, "member", "left", .left, "Anna Ivanova removed the bot"),
        (UpdateFixture.team, "administrator", "kicked", .left, "Anna Ivanova banned the bot"),
        (UpdateFixture.news, "member", "a status of later", .left, "Anna Ivanova removed the bot"),
    ])
    func `the bot's own membership says whether it may write`(
        chat: String,
        old: String,
        new: String,
        change: MembershipChange,
        words: String
    ) throws {
        let entry = try Self.message("my_chat_member", UpdateFixture.membership(chat, old, new))
        #expect(entry.membership == change && entry.kind == "service" && entry.messageID == nil)
        #expect(ContentTests.stored(entry).words == words)
    }

    @Test func `a restricted bot is in the group as long as Telegram says so`() throws {
        func member(_ isMember: Bool) throws -> MembershipChange? {
            let payload =
                #"{"chat":\#(UpdateFixture.team),"from":\#(UpdateFixture.anna),"date":1,"new_chat_member":{"status":"restricted","is_member":\#(isMember)}}"#
            return try Self.message("my_chat_member", payload).membership
        }
        #expect(try member(true) == .joined)
        #expect(try member(false) == .left)
    }

    @Test(arguments: [
        (UpdateFixture.ben, "left", "member", "Anna Ivanova let Ben in"),
        (UpdateFixture.anna, "left", "member", "Anna Ivanova joined"),
        (UpdateFixture.ben, "member", "kicked", "Anna Ivanova removed Ben"),
        (UpdateFixture.anna, "member", "left", "Anna Ivanova left"),
        (UpdateFixture.ben, "member", "restricted", "Anna Ivanova changed what Ben may do"),
        (UpdateFixture.ben, "kicked", "left", "Anna Ivanova changed the ban of Ben"),
    ])
    func `another's membership changes nothing for the bot`(
        user: String,
        old: String,
        new: String,
        words: String
    ) throws {
        let entry = try Self.message("chat_member", UpdateFixture.membership(UpdateFixture.team, old, new, of: user))
        #expect(entry.membership == nil && entry.sender.id == 501)
        #expect(ContentTests.stored(entry).words == words)
    }

    @Test func `requests and boosts are entries of their chat`() throws {
        let request = try Self.message("chat_join_request")
        #expect(ContentTests.stored(request).words == "Anna Ivanova asks to join")
        #expect(
            request.extra
                == #"{"service":"chat_join_request","chat_join_request":{"user_chat_id":501,"bio":"b","query_id":"q"}}"#
        )
        let boost = try Self.message("chat_boost")
        #expect(ContentTests.stored(boost).words == "Anna Ivanova boosts the chat until 1970-01-01T00:03:20.000Z")
        #expect(boost.date == 100 && boost.chatID == -1009)
        let removed = try Self.message("removed_chat_boost")
        #expect(removed.sender.role == .system && removed.customer == nil)
        #expect(ContentTests.stored(removed).words == "somebody no longer boosts the chat")
    }

    @Test func `entries that are no messages have a line in the table of words`() {
        #expect(
            Set(ServiceKind.entries.map(\.name)) == [
                "callback_query", "my_chat_member", "chat_member", "chat_join_request", "chat_boost",
                "removed_chat_boost",
            ]
        )
    }
}
