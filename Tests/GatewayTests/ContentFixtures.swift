import Telegram
import Testing

@testable import Gateway

/// A message's own members, and what it is to become: values of ours in the shapes of Bot API 10.1.
struct MessageFixture: Sendable, CustomTestStringConvertible {
    /// The field that makes it what it is.
    var name: String
    /// Its members, but for those that every message has.
    var members: String
    /// Its words in the history.
    var words: String
    /// Its text or caption.
    var text: String?
    /// The kinds of its files, in their order.
    var files: [String] = []
    /// What must stand in `extra`, beside `service`.
    var extra: [String] = []

    var testDescription: String { name }

    /// A message of Anna's in her private chat.
    static let envelope =
        #""message_id":9,"from":{"id":501,"is_bot":false,"first_name":"Anna","last_name":"Ivanova"},"chat":{"id":501,"first_name":"Anna","last_name":"Ivanova","type":"private"},"date":1795435199"#

    private static func file(_ id: String, _ more: String = "") -> String {
        #"{"file_id":"id-\#(id)","file_unique_id":"u-\#(id)"\#(more.isEmpty ? "" : ",")\#(more)}"#
    }

    private static func size(_ id: String, _ width: Int, _ height: Int) -> String {
        file(id, #""width":\#(width),"height":\#(height),"file_size":\#(width * height / 8)"#)
    }

    private static let photo = "[\(size("s", 90, 67)),\(size("l", 1280, 960)),\(size("m", 320, 240))]"
    private static let livePhoto = file(
        "live",
        #""photo":\#(photo),"width":1280,"height":960,"duration":3,"mime_type":"video/mp4""#
    )
    private static let video = file(
        "v",
        #""width":1920,"height":1080,"duration":120,"start_timestamp":4,"file_name":"a.mp4","mime_type":"video/mp4","file_size":4503599627370495,"thumbnail":\#(size("t", 90, 50)),"thumb":\#(size("t", 90, 50)),"cover":[\#(size("c", 320, 180))],"qualities":[{"file_id":"q","file_unique_id":"uq","width":640,"height":360,"codec":"h264"}]"#
    )
    private static let animation = file(
        "anim",
        #""width":320,"height":240,"duration":2,"file_name":"a.gif.mp4","mime_type":"video/mp4""#
    )
    private static let user = #"{"id":502,"is_bot":false,"first_name":"Ben"}"#

    /// Every kind of content.
    static let contents: [MessageFixture] = [
        .init(
            name: "text",
            members:
                #""text":"two\nlines","entities":[{"type":"bold","offset":0,"length":3}],"link_preview_options":{"is_disabled":true}"#,
            words: "two\nlines",
            text: "two\nlines",
            extra: ["entities", "link_preview_options"]
        ),
        .init(
            name: "rich_message",
            members:
                #""rich_message":{"blocks":[{"type":"paragraph","text":"Menu"},{"type":"collage","blocks":[{"type":"photo","photo":\#(photo)},{"type":"video","video":\#(video)}]},{"type":"list","items":[{"label":"1","blocks":[{"type":"voice_note","voice_note":\#(file("rv", #""duration":2"#))}]}]}]}"#,
            words: "a rich message",
            files: ["photo", "video", "voice"],
            extra: ["rich_message"]
        ),
        .init(
            name: "photo",
            members:
                #""media_group_id":"131","photo":\#(photo),"caption":"look  here","caption_entities":[],"has_media_spoiler":true,"show_caption_above_media":true"#,
            words: "a photo: look here",
            text: "look  here",
            files: ["photo"],
            extra: ["caption_entities", "has_media_spoiler", "show_caption_above_media"]
        ),
        .init(
            name: "live_photo",
            members: #""photo":\#(photo),"live_photo":\#(livePhoto)"#,
            words: "a live photo",
            files: ["live_photo"]
        ),
        .init(name: "video", members: #""video":\#(video)"#, words: "a video of 2 minutes", files: ["video"]),
        .init(
            name: "animation",
            members: #""document":\#(animation),"animation":\#(animation)"#,
            words: "an animation",
            files: ["animation"]
        ),
        .init(
            name: "audio",
            members:
                #""audio":\#(file("au", #""duration":181,"performer":"P","title":"T","file_name":"t.mp3","mime_type":"audio/mpeg""#))"#,
            words: "an audio file “t.mp3” of 181 seconds",
            files: ["audio"]
        ),
        .init(
            name: "document",
            members:
                #""document":\#(file("d", #""file_name":"Rechnung Nr. 7.pdf","mime_type":"application/pdf","file_size":18234"#)),"caption":"please""#,
            words: "a file “Rechnung Nr. 7.pdf”: please",
            text: "please",
            files: ["document"]
        ),
        .init(
            name: "voice",
            members: #""voice":\#(file("vo", #""duration":1,"mime_type":"audio/ogg""#))"#,
            words: "a voice message of 1 second",
            files: ["voice"]
        ),
        .init(
            name: "video_note",
            members: #""video_note":\#(file("vn", #""length":240,"duration":7200"#))"#,
            words: "a video note of 2 hours",
            files: ["video_note"]
        ),
        .init(
            name: "sticker",
            members:
                #""sticker":\#(file("st", #""type":"regular","width":512,"height":512,"is_animated":true,"is_video":false,"emoji":"🦊","set_name":"Foxes""#))"#,
            words: "a sticker 🦊",
            files: ["sticker"]
        ),
        .init(
            name: "paid_media",
            members:
                #""paid_media":{"star_count":5,"paid_media":[{"type":"preview","width":10},{"type":"photo","photo":\#(photo)},{"type":"video","video":\#(video)},{"type":"live_photo","live_photo":\#(livePhoto)}]}"#,
            words: "paid media for 5 Stars",
            files: ["photo", "video", "live_photo"],
            extra: ["paid_media"]
        ),
        .init(
            name: "story",
            members: #""story":{"chat":{"id":-1005,"title":"News","type":"channel"},"id":3}"#,
            words: "a story of News",
            extra: ["story"]
        ),
        .init(
            name: "checklist",
            members: #""checklist":{"title":"Shopping","tasks":[{"id":1,"text":"milk"}]}"#,
            words: "a checklist: Shopping",
            extra: ["checklist"]
        ),
        .init(
            name: "contact",
            members: #""contact":{"phone_number":"+4930","first_name":"Carl","last_name":"Zeiss","user_id":9}"#,
            words: "a contact: Carl Zeiss",
            extra: ["contact"]
        ),
        .init(name: "dice", members: #""dice":{"emoji":"🎲","value":6}"#, words: "🎲 shows 6", extra: ["dice"]),
        .init(
            name: "game",
            members: #""game":{"title":"Chess","description":"d","photo":\#(photo),"animation":\#(animation)}"#,
            words: "a game: Chess",
            files: ["photo", "animation"],
            extra: ["game"]
        ),
        .init(
            name: "poll",
            members:
                #""poll":{"id":"5301","question":"When?","options":[{"persistent_id":"a","text":"now","voter_count":0,"media":{"sticker":\#(file("ps"))}}],"total_voter_count":0,"is_closed":false,"is_anonymous":false,"type":"quiz","media":{"photo":\#(photo)},"explanation_media":{"audio":\#(file("pa"))}}"#,
            words: "a poll: When?",
            files: ["photo", "audio", "sticker"],
            extra: ["poll"]
        ),
        .init(
            name: "venue",
            members:
                #""location":{"latitude":52.5,"longitude":13.25},"venue":{"location":{"latitude":52.5,"longitude":13.25},"title":"Café","address":"Street 1"}"#,
            words: "a venue: Café",
            extra: ["venue"]
        ),
        .init(
            name: "location",
            members: #""location":{"latitude":52.5,"longitude":-13.25,"live_period":60}"#,
            words: "a location: 52.5, -13.25",
            extra: ["location"]
        ),
        .init(
            name: "invoice",
            members:
                #""invoice":{"title":"Roses","description":"d","start_parameter":"p","currency":"EUR","total_amount":1450}"#,
            words: "an invoice over 1450 smallest units of EUR: Roses",
            extra: ["invoice"]
        ),
        .init(
            name: "giveaway",
            members:
                #""giveaway":{"chats":[{"id":-1005,"title":"News","type":"channel"}],"winners_selection_date":1795435300,"winner_count":1}"#,
            words: "a giveaway for 1 winner",
            extra: ["giveaway"]
        ),
        .init(
            name: "giveaway_winners",
            members:
                #""giveaway_winners":{"chat":{"id":-1005,"title":"News","type":"channel"},"giveaway_message_id":4,"winners_selection_date":1795435300,"winner_count":4,"winners":[\#(user),\#(user),\#(user),\#(user)]}"#,
            words: "the winners of a giveaway: Ben, Ben, Ben and 1 more",
            extra: ["giveaway_winners"]
        ),
    ]

    /// The content fields of Bot API 10.1.
    static let contentFields: Set<String> = [
        "text", "rich_message", "animation", "audio", "document", "live_photo", "paid_media", "photo", "sticker",
        "story",
        "video", "video_note", "voice", "checklist", "contact", "dice", "game", "poll", "venue", "location", "invoice",
        "giveaway", "giveaway_winners",
    ]
}
