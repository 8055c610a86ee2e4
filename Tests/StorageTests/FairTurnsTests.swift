import Testing

@testable import Storage

@Suite("Fair turns")
struct FairTurnsTests {
    /// The turns, behind a reference: `#expect` calls nothing that mutates.
    private final class Turns {
        typealias Limits = FairTurns<Int>.Limits

        private var turns: FairTurns<Int>

        init(limits: Limits = Limits()) { turns = FairTurns(limits: limits) }

        var count: Int { turns.count }

        func append(_ element: Int, owner: Int64, bytes: Int) -> Bool {
            turns.append(element, owner: owner, bytes: bytes)
        }

        func draw(_ most: Int) -> [Int] { turns.draw(most) }

        /// How many owners and places in the ring it holds, read from the private members.
        var remembered: Int {
            Mirror(reflecting: turns).children.reduce(0) { sum, child in
                guard child.label == "lines" || child.label == "ring" else { return sum }
                return sum + ((child.value as? any Collection)?.count ?? -1000)
            }
        }
    }

    @Test func `one of each owner is drawn, then again one of each`() {
        let turns = Turns()
        for element in 0..<3 { _ = turns.append(100 + element, owner: 1, bytes: 1) }
        for element in 0..<2 { _ = turns.append(200 + element, owner: 2, bytes: 1) }
        _ = turns.append(300, owner: 3, bytes: 1)
        #expect(turns.draw(4) == [100, 200, 300, 101])
        #expect(turns.draw(4) == [201, 102])
        #expect(turns.draw(4) == [])
        #expect(turns.count == 0)
    }

    @Test func `who is drawn last in one draw is not first in the next`() {
        let turns = Turns()
        for element in 0..<3 { _ = turns.append(100 + element, owner: 1, bytes: 1) }
        _ = turns.append(200, owner: 2, bytes: 1)
        #expect(turns.draw(1) == [100])
        #expect(turns.draw(1) == [200])
    }

    @Test func `an owner over its share is refused and the others are not`() {
        let turns = Turns(limits: .init(total: 10, share: 2, totalBytes: 1000, shareBytes: 100))
        #expect(turns.append(1, owner: 1, bytes: 10))
        #expect(turns.append(2, owner: 1, bytes: 90))
        #expect(!turns.append(3, owner: 1, bytes: 0))
        #expect(turns.append(4, owner: 2, bytes: 100))
        #expect(!turns.append(5, owner: 2, bytes: 1))
        #expect(turns.count == 3)
        #expect(turns.draw(10) == [1, 4, 2])
        #expect(turns.append(6, owner: 1, bytes: 100))
    }

    @Test func `all together have a limit of places and one of bytes`() {
        let places = Turns(limits: .init(total: 2, share: 2, totalBytes: 1000, shareBytes: 1000))
        #expect(places.append(1, owner: 1, bytes: 0))
        #expect(places.append(2, owner: 2, bytes: 0))
        #expect(!places.append(3, owner: 3, bytes: 0))
        let bytes = Turns(limits: .init(total: 9, share: 9, totalBytes: 100, shareBytes: 100))
        #expect(bytes.append(1, owner: 1, bytes: 60))
        #expect(!bytes.append(2, owner: 2, bytes: 41))
        #expect(bytes.append(3, owner: 2, bytes: 40))
        #expect(bytes.draw(9) == [1, 3])
        #expect(bytes.append(4, owner: 2, bytes: 100))
    }

    @Test func `a refused owner that has nothing waiting is not remembered`() {
        let turns = Turns(limits: .init(total: 10, share: 2, totalBytes: 1000, shareBytes: 5))
        #expect(!turns.append(1, owner: 1, bytes: 6))
        #expect(turns.remembered == 0)
        #expect(turns.draw(5) == [])
    }

    private struct Model {
        struct Waiting {
            var element: Int
            var bytes: Int
        }

        var lines: [Int64: [Waiting]] = [:]
        /// For each owner that waits: how often each other one was drawn since its own last turn.
        var overtaken: [Int64: [Int64: Int]] = [:]

        var count: Int { lines.values.reduce(0) { $0 + $1.count } }
        func bytes(_ owner: Int64) -> Int { lines[owner, default: []].reduce(0) { $0 + $1.bytes } }
        var bytes: Int { lines.keys.reduce(0) { $0 + bytes($1) } }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `whatever is appended and drawn, shares hold, lines keep their order and nobody waits a second round`(
        seed: UInt64
    ) {
        var random = SplitMix64(seed: seed)
        let limits = Turns.Limits(total: 40, share: 12, totalBytes: 900, shareBytes: 300)
        let turns = Turns(limits: limits)
        var model = Model()
        for element in 0..<4000 {
            let draws = Int.random(in: 0..<10, using: &random) < 3
            if draws {
                let most = Int.random(in: 0...9, using: &random)
                let drawn = turns.draw(most)
                #expect(drawn.count == min(most, model.count))
                for element in drawn { Self.note(element, &model) }
            } else {
                let owner = Int64.random(in: 1...6, using: &random)
                let bytes = Int.random(in: 0...60, using: &random)
                let fits =
                    model.count < limits.total && model.bytes + bytes <= limits.totalBytes
                    && model.lines[owner, default: []].count < limits.share
                    && model.bytes(owner) + bytes <= limits.shareBytes
                #expect(turns.append(element, owner: owner, bytes: bytes) == fits)
                if fits { model.lines[owner, default: []].append(.init(element: element, bytes: bytes)) }
            }
            #expect(turns.count == model.count)
        }
        _ = turns.draw(limits.total)
        #expect(turns.remembered == 0)
    }

    private static func note(_ element: Int, _ model: inout Model) {
        guard let owner = model.lines.first(where: { $0.value.first?.element == element })?.key else {
            Issue.record("\(element) was drawn out of the order of its line")
            return
        }
        for other in model.lines.keys where other != owner {
            model.overtaken[other, default: [:]][owner, default: 0] += 1
            #expect(model.overtaken[other]?[owner] ?? 0 <= 1, "\(owner) had two turns while \(other) waited")
        }
        model.overtaken[owner] = nil
        model.lines[owner]?.removeFirst()
        if model.lines[owner]?.isEmpty == true { model.lines[owner] = nil }
    }
}

/// A generator that gives the same numbers for the same seed.
///
/// **Source:** Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators".
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
