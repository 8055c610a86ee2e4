import Foundation
import Gateway
import Testing

@testable import Storage

@Suite("The write-ahead log", .timeLimit(.minutes(2)))
struct CheckpointTests {
    /// How often the log began anew in its file.
    ///
    /// **Source:** sqlite.org, "WAL file format": bytes 12 to 15 of the header, big-endian.
    private static func restarts(of directory: DataDirectory) throws -> UInt32 {
        let log = try #require(FileHandle(forReadingAtPath: directory.database + "-wal"))
        defer { try? log.close() }
        let header = try #require(try log.read(upToCount: 32))
        return header[12..<16].reduce(0) { $0 << 8 | UInt32($1) }
    }

    @Test func `under writes that never pause it begins anew, and does not grow for ever`() async throws {
        try await StoreFixture.with { fixture in
            let shop = try await fixture.addShop()
            let before = try Self.restarts(of: fixture.directory)
            let text = String(repeating: "words ", count: 600)
            var number: Int64 = 0
            // Each takes more than two pages: ten times what makes the log be brought over, at the most.
            while try Self.restarts(of: fixture.directory) < before + 3, number < Int64(Checkpoints.threshold) * 5 {
                let (outcomes, outcome) = AsyncStream<IntakeOutcome>.makeStream()
                for _ in 0..<256 {
                    number += 1
                    let update = UpdateText(number: number, chatID: 500 + number % 97, text: text)
                    fixture.store.accept(shop.record(update)) { outcome.yield($0) }
                }
                var left = 256
                for await settled in outcomes {
                    #expect(settled == .stored)
                    left -= 1
                    if left == 0 { break }
                }
            }
            #expect(try Self.restarts(of: fixture.directory) >= before + 3)
            let attributes = try FileManager.default.attributesOfItem(atPath: fixture.directory.database + "-wal")
            let bytes = try #require(attributes[.size] as? Int)
            #expect(bytes < 6 * Checkpoints.threshold * 4120)
            #expect(try await fixture.count("message") == Int(number))
        }
    }
}
