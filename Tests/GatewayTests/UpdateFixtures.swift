import Testing

@testable import Gateway

/// A payload for each kind of update, and the entry that it makes, in a word.
struct UpdateFixture: Sendable, CustomTestStringConvertible {
    var kind: String
    var payload: String
    var entry: String

    var testDescription: String { kind }

    static let anna =
        #"{"id":501,"is_bot":false,"first_name":"Anna","last_name":"Ivanova","username":"anna","language_code":"ru"}"#
    static let ben = #"{"id":502,"is_bot":false,"first_name":"Ben"}"#
    static let privateChat = #"{"id":501,"first_name":"Anna","last_name":"Ivanova","username":"anna","type":"private"}"#
    static let team = #"{"id":-1001234567890,"title":"Team","type":"supergroup"}"#
    static let news = #"{"id":-1009,"title":"News","type":"channel"}"#
    static let bot = #"{"id":7,"is_bot":true,"first_name":"Shop bot","username":"shop_bot"}"#

    static let written = #""message_id":9,"from":\#(anna),"chat":\#(privateChat),"date":100,"text":"x""#
    private static let posted = #""message_id":9,"sender_chat":\#(news),"chat":\#(news),"date":100,"text":"x""#

    private static func member(_ status: String, _ user: String = bot) -> String {
        "{\"user\":\(user),\"status\":\"\(status)\"}"
    }

    static func membership(_ chat: String, _ old: String, _ new: String, of user: String = bot) -> String {
        "{\"chat\":\(chat),\"from\":\(anna),\"date\":100,\"old_chat_member\":\(member(old, user)),\"new_chat_member\":\(member(new, user))}"
    }

    /// One of each kind.
    static let all: [UpdateFixture] = [
        .init(kind: "message", payload: "{\(written)}", entry: "message"),
        .init(kind: "edited_message", payload: "{\(written),\"edit_date\":110}", entry: "edit"),
        .init(kind: "channel_post", payload: "{\(posted)}", entry: "message"),
        .init(kind: "edited_channel_post", payload: "{\(posted),\"edit_date\":110}", entry: "edit"),
        .init(
            kind: "business_connection",
            payload:
                #"{"id":"bc1","user":\#(anna),"user_chat_id":501,"date":100,"is_enabled":true,"can_reply":true,"rights":{"can_reply":true}}"#,
            entry: "businessConnection"
        ),
        .init(kind: "business_message", payload: "{\(written),\"business_connection_id\":\"bc1\"}", entry: "message"),
        .init(
            kind: "edited_business_message",
            payload: "{\(written),\"business_connection_id\":\"bc1\",\"edit_date\":110}",
            entry: "edit"
        ),
        .init(
            kind: "deleted_business_messages",
            payload: #"{"business_connection_id":"bc1","chat":\#(privateChat),"message_ids":[4,9]}"#,
            entry: "deletion"
        ),
        .init(kind: "guest_message", payload: "{\(written),\"guest_query_id\":\"5\"}", entry: "message"),
        .init(
            kind: "message_reaction",
            payload:
                #"{"chat":\#(team),"message_id":9,"user":\#(anna),"date":100,"old_reaction":[],"new_reaction":[{"type":"emoji","emoji":"👍"},{"type":"custom_emoji","custom_emoji_id":"55"},{"type":"paid"}]}"#,
            entry: "reaction"
        ),
        .init(
            kind: "message_reaction_count",
            payload:
                #"{"chat":\#(news),"message_id":9,"date":100,"reactions":[{"type":{"type":"emoji","emoji":"🔥"},"total_count":12}]}"#,
            entry: "reaction"
        ),
        .init(
            kind: "inline_query",
            payload: #"{"id":"1","from":\#(anna),"query":"roses","offset":"","chat_type":"sender"}"#,
            entry: "customerEvent"
        ),
        .init(
            kind: "chosen_inline_result",
            payload: #"{"result_id":"r1","from":\#(anna),"query":"roses","inline_message_id":"im"}"#,
            entry: "customerEvent"
        ),
        .init(
            kind: "callback_query",
            payload: #"{"id":"77","from":\#(anna),"message":{\#(written)},"chat_instance":"-3","data":"buy:1"}"#,
            entry: "message"
        ),
        .init(
            kind: "shipping_query",
            payload: #"{"id":"1","from":\#(anna),"invoice_payload":"p","shipping_address":{"city":"Berlin"}}"#,
            entry: "customerEvent"
        ),
        .init(
            kind: "pre_checkout_query",
            payload: #"{"id":"1","from":\#(anna),"currency":"EUR","total_amount":1450,"invoice_payload":"p"}"#,
            entry: "customerEvent"
        ),
        .init(
            kind: "purchased_paid_media",
            payload: #"{"from":\#(anna),"paid_media_payload":"p"}"#,
            entry: "customerEvent"
        ),
        .init(
            kind: "poll",
            payload: #"{"id":"5301","question":"When?","options":[],"total_voter_count":2,"is_closed":true}"#,
            entry: "poll"
        ),
        .init(
            kind: "poll_answer",
            payload: #"{"poll_id":"5301","user":\#(anna),"option_ids":[0,2],"option_persistent_ids":["a","c"]}"#,
            entry: "pollAnswer"
        ),
        .init(kind: "my_chat_member", payload: membership(privateChat, "member", "kicked"), entry: "message"),
        .init(kind: "chat_member", payload: membership(team, "left", "member", of: ben), entry: "message"),
        .init(
            kind: "chat_join_request",
            payload: #"{"chat":\#(team),"from":\#(anna),"user_chat_id":501,"date":100,"bio":"b","query_id":"q"}"#,
            entry: "message"
        ),
        .init(
            kind: "chat_boost",
            payload:
                #"{"chat":\#(news),"boost":{"boost_id":"b","add_date":100,"expiration_date":200,"source":{"source":"premium","user":\#(anna)}}}"#,
            entry: "message"
        ),
        .init(
            kind: "removed_chat_boost",
            payload:
                #"{"chat":\#(news),"boost_id":"b","remove_date":100,"source":{"source":"giveaway","giveaway_message_id":4}}"#,
            entry: "message"
        ),
        .init(kind: "managed_bot", payload: "{\"user\":\(anna),\"bot\":\(bot)}", entry: "managedBot"),
    ]
}
