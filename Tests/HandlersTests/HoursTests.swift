import Foundation
import Gateway
import Testing

@testable import Handlers

@Suite("Opening hours", .timeLimit(.minutes(1)))
struct HoursTests {
    private static func context(_ moment: String) throws -> PipelineContext {
        var context = Scene.text("x")
        let date = try Date(moment, strategy: .iso8601)
        context.now = Timestamp(milliseconds: Int64(date.timeIntervalSince1970 * 1000))
        return context
    }

    private static let office = "{hours: {days: mon-fri, from: '09:00', to: '18:00', zone: Europe/Berlin}}"
    private static let night = "{hours: {days: fri, from: '22:00', to: '02:30', zone: Europe/Berlin}}"
    private static let sundayNight = "{hours: {days: [sat, sun], from: '22:00', to: '04:00', zone: Europe/Berlin}}"

    @Test(arguments: [
        // Winter: one hour before UTC. Summer: two.
        (office, "2026-11-23T07:59:59Z", false), (office, "2026-11-23T08:00:00Z", true),
        (office, "2026-11-23T16:59:59Z", true), (office, "2026-11-23T17:00:00Z", false),
        (office, "2026-07-20T06:59:59Z", false), (office, "2026-07-20T07:00:00Z", true),
        (office, "2026-07-20T16:00:00Z", false), (office, "2026-11-22T12:00:00Z", false),
        // The Mondays after both changes of 2026: 29 March and 25 October.
        (office, "2026-03-27T08:00:00Z", true), (office, "2026-03-30T07:00:00Z", true),
        (office, "2026-03-30T16:00:00Z", false), (office, "2026-10-26T07:30:00Z", false),
        (office, "2026-10-26T08:00:00Z", true),
        // Over midnight it belongs to the day on which it begins.
        (night, "2026-11-27T20:59:00Z", false), (night, "2026-11-27T21:00:00Z", true),
        (night, "2026-11-28T01:29:00Z", true), (night, "2026-11-28T01:30:00Z", false),
        (night, "2026-11-27T00:00:00Z", false), (night, "2026-11-28T21:30:00Z", false),
        // The night in which 02:00 to 03:00 is left out, and the one in which it comes twice.
        (sundayNight, "2026-03-29T00:59:00Z", true), (sundayNight, "2026-03-29T01:59:00Z", true),
        (sundayNight, "2026-03-29T02:00:00Z", false), (sundayNight, "2026-10-25T00:30:00Z", true),
        (sundayNight, "2026-10-25T01:30:00Z", true), (sundayNight, "2026-10-25T02:59:00Z", true),
        (sundayNight, "2026-10-25T03:00:00Z", false),
        // Sunday's night ends on Monday.
        (sundayNight, "2026-11-23T02:59:00Z", true), (sundayNight, "2026-11-23T03:00:00Z", false),
    ])
    func `hours are those of the clock on the wall`(hours: String, moment: String, holds: Bool) throws {
        #expect(try Scene.holds(hours, try Self.context(moment)) == holds, "\(moment)")
    }

    @Test func `whole days, several stretches and stretches of days over Sunday`() throws {
        let all = "{hours: {from: '00:00', to: '24:00', zone: Asia/Kathmandu}}"
        #expect(try Scene.holds(all, try Self.context("2026-11-23T18:14:59Z")))
        let either = """
            {hours: [{days: mon, from: '09:00', to: '10:00', zone: UTC}, {days: 'sat-mon, wed', from: '20:00', to: '24:00', zone: UTC}]}
            """
        #expect(try Scene.holds(either, try Self.context("2026-11-23T09:30:00Z")))
        #expect(try !Scene.holds(either, try Self.context("2026-11-23T12:00:00Z")))
        #expect(try Scene.holds(either, try Self.context("2026-11-22T20:00:00Z")))
        #expect(try Scene.holds(either, try Self.context("2026-11-25T23:59:59Z")))
        #expect(try !Scene.holds(either, try Self.context("2026-11-24T23:00:00Z")))
    }

    @Test(arguments: ["CET", "Europe/Berlino", "/etc/passwd", "../x/y", "GMT+1", ""])
    func `a zone that does not tell daylight saving is refused`(zone: String) {
        let problems = Scene.problems(
            "steps:\n  - when: {hours: {from: '09:00', to: '10:00', zone: '\(zone)'}}\n    stop: true\n"
        )
        #expect(problems.count == 1)
        #expect(problems.first?.contains("time zone") == true)
    }
}
