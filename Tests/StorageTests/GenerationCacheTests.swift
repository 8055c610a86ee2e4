import Testing

@testable import Storage

@Suite("The cache of two generations")
struct GenerationCacheTests {
    /// How many of the keys it still knows, asked of a copy each, so that asking changes nothing.
    private static func known(_ cache: GenerationCache<Int, Int>, _ keys: Range<Int>) -> [Int] {
        keys.filter { key in
            var copy = cache
            return copy.value(key) == key * 10
        }
    }

    @Test func `it never holds more than twice its capacity`() {
        var cache = GenerationCache<Int, Int>(capacity: 50)
        for key in 0..<10_000 {
            cache.insert(key * 10, for: key)
            if key % 501 == 0 { #expect(Self.known(cache, 0..<key + 1).count <= 100) }
        }
        #expect(Self.known(cache, 0..<10_000).count <= 100)
        #expect(Self.known(cache, 9_950..<10_000).count == 50)
    }

    @Test func `asking alone does not make it grow`() {
        var cache = GenerationCache<Int, Int>(capacity: 4)
        for key in 0..<8 { cache.insert(key * 10, for: key) }
        for _ in 0..<5 { for key in 0..<8 { _ = cache.value(key) } }
        #expect(Self.known(cache, 0..<8).count <= 8)
    }

    @Test func `what is used stays and the rest falls out`() {
        var cache = GenerationCache<Int, Int>(capacity: 10)
        cache.insert(0, for: 0)
        for key in 1..<200 {
            cache.insert(key * 10, for: key)
            let value0 = cache.value(0)
            #expect(value0 == 0)
        }
        let value5 = cache.value(5)
        #expect(value5 == nil)
    }

    @Test func `the latest value of a key counts, in whichever generation the older one is`() {
        var cache = GenerationCache<Int, Int>(capacity: 2)
        for key in 0..<3 { cache.insert(key * 10, for: key) }
        cache.insert(77, for: 0)
        let first = cache.value(0)
        cache.insert(88, for: 0)
        let second = cache.value(0)
        #expect([first, second] == [77, 88])
    }

    @Test func `a key that was taken out is known in neither generation`() {
        var cache = GenerationCache<Int, Int>(capacity: 2)
        for key in 0..<3 { cache.insert(key * 10, for: key) }
        cache.insert(0, for: 0)
        cache.remove(0)
        cache.remove(1)
        #expect(Self.known(cache, 0..<3) == [2])
    }

    @Test func `after removeAll it knows nothing`() {
        var cache = GenerationCache<Int, Int>(capacity: 2)
        for key in 0..<3 { cache.insert(key * 10, for: key) }
        cache.removeAll()
        #expect(Self.known(cache, 0..<3) == [])
    }
}
