import Telegram

/// Updates without end, drawn from a seed, for tests that no update may break: every kind and field of Bot API 10.1, with hostile texts,
/// numbers at their ends, fields that are absent, unknown, doubled or of another type.
///
/// Equal seeds give equal updates, so that a failure can be repeated with the seed alone. Each body is JSON that can be read, with a number
/// of its own that counts up; all else may be wrong. The texts are ours, not any person's.
public struct GeneratedUpdates: Sendable {
    /// The seed that the row began with.
    public let seed: UInt64

    private var random: SeededGenerator
    private var updateID: Int64
    private var depth = 0

    /// Types that hold each other end here.
    private static let maximumDepth = 7

    /// Starts a row.
    ///
    /// - Parameter firstUpdateID: the number of the first update.
    public init(seed: UInt64, firstUpdateID: Int64 = 2_000_001) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        updateID = firstUpdateID
    }

    /// The next update: the name of its kind, which may be one from the future, and its body.
    public mutating func next() -> (kind: String, body: [UInt8]) {
        defer { updateID += 1 }
        let isFuture = random.chance(0.02)
        let known = UpdateKind.allCases[Int.random(in: 0..<UpdateKind.allCases.count, using: &random)]
        let kind = isFuture ? "hologram_\(Int.random(in: 0...9, using: &random))" : known.rawValue
        let payload = value(GeneratedShapes.payloads[kind] ?? .object("Message"))
        let members = isFuture || !random.chance(0.02) ? "" : ",\"hologram\":{\"beam\":1}"
        var body = Array("{\"update_id\":\(updateID),\n\"\(kind)\":".utf8)
        body += payload.encoded(escapingNonASCII: random.chance(0.9))
        body += Array("\(members)}".utf8)
        return (kind, body)
    }

    /// A value of the shape, now and then of another.
    private mutating func value(_ shape: GeneratedShapes.Shape) -> JSON {
        if random.chance(0.004) { return wrong() }
        switch shape {
        case .text: return .string(text())
        case .number: return .int(number())
        case .id: return .int(id())
        case .date:
            return .int(random.chance(0.9) ? 1_795_435_200 - Int64.random(in: 0...99_999, using: &random) : number())
        case .fraction: return .double(Double.random(in: -180...180, using: &random))
        case .flag: return .bool(random.chance(0.8))
        case .word(let words): return .string(words[Int.random(in: 0..<words.count, using: &random)])
        case .list(let element):
            let count = random.chance(0.01) ? 60 : Int.random(in: 0...3, using: &random)
            return .array((0..<count).map { _ in value(element) })
        case .object(let name): return object(name)
        }
    }

    private mutating func object(_ name: String) -> JSON {
        switch GeneratedShapes.types[name] {
        case .fields(let fields): return object(name, fields)
        case .oneOf(let names):
            return names.isEmpty ? [:] : object(names[Int.random(in: 0..<names.count, using: &random)])
        case nil: return [:]
        }
    }

    private mutating func object(_ name: String, _ fields: [GeneratedShapes.Field]) -> JSON {
        depth += 1
        defer { depth -= 1 }
        var members: [JSON.Member] = []
        for field in fields where depth <= Self.maximumDepth {
            // What nests is rarer the deeper it stands, or an update would have no end.
            guard random.chance(field.isNeeded ? 0.995 : 0.3 / Double(depth)) else { continue }
            members.append(.init(field.name, value(field.shape)))
            if random.chance(0.002) { members.append(.init(field.name, wrong())) }
        }
        if name == "Message" { members += contents() }
        if random.chance(0.01) { members.append(.init("hologram", wrong())) }
        if random.chance(0.1) { members.shuffle(using: &random) }
        return .object(members)
    }

    /// What a message holds: one content or service field, rarely none or two.
    private mutating func contents() -> [JSON.Member] {
        guard depth < 3 else { return [.init("text", .string(text()))] }
        let count = random.chance(0.03) ? 0 : random.chance(0.03) ? 2 : 1
        return (0..<count).map { _ in
            let fields = GeneratedShapes.contents
            let field = fields[Int.random(in: 0..<fields.count, using: &random)]
            return .init(field.name, value(field.shape))
        }
    }

    private mutating func wrong() -> JSON {
        let values: [JSON] = [
            nil, true, false, [], [:], "", "9", -1, .int(.max), .raw(Array("1e400".utf8)), .raw(Array("-0.0".utf8)),
            .raw(Array("123456789012345678901234567890".utf8)), [[[[]]]], ["x": ["y": nil]], .string(text()),
        ]
        return values[Int.random(in: 0..<values.count, using: &random)]
    }

    private mutating func text() -> String {
        let pieces = GeneratedShapes.pieces
        let count = random.chance(0.01) ? 2000 : Int.random(in: 0...4, using: &random)
        var text = ""
        for _ in 0..<count { text += pieces[Int.random(in: 0..<pieces.count, using: &random)] }
        return text
    }

    private mutating func number() -> Int64 {
        let ends: [Int64] = [0, 1, -1, 9, 4_503_599_627_370_495, -4_503_599_627_370_495, .max, .min, 2_147_483_648]
        return random.chance(0.7)
            ? Int64.random(in: 0...9999, using: &random) : ends[Int.random(in: 0..<ends.count, using: &random)]
    }

    /// Few ids, so that chats and messages meet again; some at the ends of their 52 bits.
    private mutating func id() -> Int64 {
        let ends: [Int64] = [
            4_503_599_627_370_495, -4_503_599_627_370_495, -1_000_000_000_001, -2_002_147_483_649, -999_999_999_999,
        ]
        return random.chance(0.9)
            ? Int64.random(in: 1...40, using: &random) : ends[Int.random(in: 0..<ends.count, using: &random)]
    }
}
