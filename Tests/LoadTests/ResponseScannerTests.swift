import NIOCore
import Testing

@testable import switchboard_load

@Suite("The client's response scanner")
struct ResponseScannerTests {
    static let answers: [(text: String, status: Int, keepAlive: Bool)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nDate: Mon, 01 Jan 2026 00:00:00 GMT\r\n\r\n", 200, true),
        ("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy", 503, true),
        ("HTTP/1.1 401 \r\nCONNECTION: Close\r\nContent-Length:  3 \r\n\r\nno\n", 401, false),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, true),
    ]

    @Test(arguments: answers)
    func `an answer is found whole`(_ answer: (text: String, status: Int, keepAlive: Bool)) {
        var scanner = ResponseScanner()
        for _ in 0..<3 {
            #expect(
                scanner.consume(ByteBuffer(string: answer.text))
                    == .complete(status: answer.status, keepAlive: answer.keepAlive)
            )
        }
    }

    @Test(arguments: answers)
    func `an answer is found wherever it was cut`(_ answer: (text: String, status: Int, keepAlive: Bool)) {
        let bytes = Array(answer.text.utf8)
        for first in 1..<bytes.count - 1 {
            for second in first + 1..<bytes.count {
                var scanner = ResponseScanner()
                #expect(scanner.consume(ByteBuffer(bytes: bytes[..<first])) == .needsMore)
                #expect(scanner.consume(ByteBuffer(bytes: bytes[first..<second])) == .needsMore)
                #expect(
                    scanner.consume(ByteBuffer(bytes: bytes[second...]))
                        == .complete(status: answer.status, keepAlive: answer.keepAlive)
                )
            }
        }
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore",
    ])
    func `what is no answer of ours is refused`(_ text: String) {
        var scanner = ResponseScanner()
        #expect(scanner.consume(ByteBuffer(string: text)) == .unreadable)
    }
}
