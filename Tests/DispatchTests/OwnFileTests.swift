import Foundation
import GRDB
import Handlers
import Simulator
import Telegram
import Testing

@testable import Gateway
@testable import Storage

extension DispatchTests {
    @Suite("A business's own files")
    struct OwnFileTests {
        private static let file = "steps:\n  - reply: {document: {file: 2026/menu.pdf}, text: the menu}\n"

        private static func write(_ bytes: String, _ scene: PipelineScene) throws {
            let folder = "\(scene.directory)/files/\(scene.shop.business.id)/2026"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data(bytes.utf8).write(to: URL(filePath: folder + "/menu.pdf"))
        }

        private static func documents(_ scene: PipelineScene) -> [JSON] {
            scene.telegram.messages(in: scene.shop.anna.id, of: scene.shop.simulated.id).filter(\.isFromBot)
                .compactMap { $0.json["document"] }
        }

        @Test func `a file is uploaded once by a bot, and again when it has changed`() async throws {
            try await PipelineScene.with { scene in
                try await scene.use(Self.file)
                try Self.write("prices of today", scene)
                for _ in 1...2 {
                    try scene.say("menu")
                    try await scene.settle()
                }
                try Self.write("the prices of tomorrow", scene)
                try scene.say("menu")
                try await scene.settle()
                let documents = Self.documents(scene)
                #expect(scene.seen() == ["the menu", "the menu", "the menu"])
                #expect(documents.map { $0["file_name"] } == ["menu.pdf", "menu.pdf", "menu.pdf"])
                #expect(documents.map { $0["file_size"] } == [15, 15, 22])
                let ids = documents.map { $0["file_id"] }
                #expect(ids[0] == ids[1] && ids[1] != ids[2])
            }
        }

        @Test func `a file that is not there is a dead letter that says so, and the next answer goes out`() async throws
        {
            try await PipelineScene.with { scene in
                try await scene.use(Self.file + "  - reply: after\n")
                try scene.say("menu")
                try await scene.settle()
                #expect(scene.seen() == ["after"])
                let letter = try #require(
                    try await scene.store.deadLetters(of: scene.shop.business.id, page: Page()).elements.first
                )
                #expect(letter.reason.contains("menu.pdf"))
                #expect(!letter.reason.contains(scene.directory))
            }
        }
    }
}
