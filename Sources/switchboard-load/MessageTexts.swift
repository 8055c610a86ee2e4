import Telegram

/// The ends of message bodies, from `"text":` on, as Telegram would write them: ASCII only, rest as `\uXXXX`.
///
/// Each text ends with the update's own number, so that no two are the same; `beforeNumber` and `afterNumber` lie around it.
struct MessageTexts: Sendable {
    struct Ending: Sendable {
        let beforeNumber: [UInt8]
        let afterNumber: [UInt8]
    }

    let endings: [Ending]

    /// How many different texts there are: more than a branch predictor learns, few enough to stay in the cache.
    static let count = 256

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        endings = (0..<Self.count).map { _ in Self.makeEnding(&random) }
    }

    /// The bytes that a text may add to a body of about 450: bodies come to 0.6 to 1.6 KB, about 1 KB in the mean.
    private static func wantedBytes(_ random: inout SeededRandom) -> Int {
        let unit = random.unit()
        return 170 + Int(930 * unit * unit.squareRoot())
    }

    private static func makeEnding(_ random: inout SeededRandom) -> Ending {
        let wanted = wantedBytes(&random)
        var text = ""
        var entities: [JSON] = []
        var bytes = 0
        if random.below(20) == 0 { append(command(&random), kind: "bot_command", to: &text, &entities) }
        let script = scripts[random.below(scripts.count)]
        while bytes < wanted {
            if !text.isEmpty { text += random.below(9) == 0 ? ", " : " " }
            switch random.below(40) {
            case 0:
                append(
                    "https://shop.example/item/\(random.below(100_000))",
                    kind: "url",
                    to: &text,
                    &entities
                )
            case 1...2: text += emoji[random.below(emoji.count)]
            case 3...4: text += latin[random.below(latin.count)]
            default: text += script[random.below(script.count)]
            }
            bytes = JSON.string(text).encoded(escapingNonASCII: true).count
        }
        var before = Array("\"text\":".utf8)
        before += JSON.string(text + " ").encoded(escapingNonASCII: true).dropLast()
        var after = Array("\"".utf8)
        if !entities.isEmpty {
            after += Array(",\"entities\":".utf8) + JSON.array(entities).encoded(escapingNonASCII: true)
        }
        after += Array("}}".utf8)
        return Ending(beforeNumber: before, afterNumber: after)
    }

    /// Entities count in UTF-16 units.
    private static func append(_ part: String, kind: String, to text: inout String, _ entities: inout [JSON]) {
        entities.append([
            "offset": .int(Int64(text.utf16.count)), "length": .int(Int64(part.utf16.count)), "type": .string(kind),
        ])
        text += part
    }

    private static func command(_ random: inout SeededRandom) -> String {
        ["/start", "/order", "/help", "/status"][random.below(4)]
    }

    // Most customers write Cyrillic here, as most of the bots in the field's reports do; six bytes a letter on the wire.
    private static let scripts = [russian, russian, ukrainian, latin]

    private static let russian = [
        "Здравствуйте", "подскажите", "пожалуйста", "когда", "придёт", "мой", "заказ", "номер", "доставка", "сегодня",
        "завтра", "можно", "оплатить", "картой", "или", "наличными", "спасибо", "большое", "размер", "цвет", "есть",
        "в", "наличии", "на", "складе", "хочу", "вернуть", "товар", "адрес", "магазина", "сколько", "стоит", "и",
    ]

    private static let ukrainian = [
        "Доброго", "дня", "підкажіть", "будь", "ласка", "чи", "є", "у", "вас", "доставка", "до", "Львова", "скільки",
        "коштує", "дякую", "замовлення", "відправили", "коли", "буде", "хочу", "записатися", "на", "завтра",
    ]

    private static let latin = [
        "hello", "order", "size", "iPhone", "price", "please", "delivery", "tomorrow", "thanks", "OK", "when", "is",
        "my", "parcel", "coming", "Nike", "Wi-Fi", "USB-C", "refund", "the", "blue", "one", "available",
    ]

    private static let emoji = ["😀", "🙏", "👍", "❤️", "🚚", "📦", "🔥", "😢", "🎁"]
}
