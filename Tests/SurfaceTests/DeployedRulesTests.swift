import Foundation
import Gateway
import Testing

extension SurfaceTests {
    /// The dashboard and the alert rules in `deploy/`: a name that no metric has would show nothing, and never alert.
    @Suite("The dashboard and the alert rules", .timeLimit(.minutes(1)))
    struct DeployedRulesTests {
        private static let deploy = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("deploy")

        /// What a scrape gives beside the labels of a metric.
        private static let addedLabels: Set = ["instance", "job"]

        /// The labels of every series that the server shows, by its name with its suffix.
        private static var series: [String: Set<String>] {
            var series: [String: Set<String>] = [:]
            for metric in MetricDescription.all {
                guard case .histogram = metric.kind else {
                    series[metric.name] = Set(metric.labels)
                    continue
                }
                for suffix in ["_sum", "_count"] { series[metric.name + suffix] = Set(metric.labels) }
                series[metric.name + "_bucket"] = Set(metric.labels + ["le"])
            }
            return series
        }

        private static func rules() throws -> [(alert: String, expression: String)] {
            let text = try String(contentsOf: deploy.appendingPathComponent("alerts.yml"), encoding: .utf8)
            let pattern = /- alert: (\w+)\n +expr: (?:>-\n)?((?:.*\n)+?) +(?:for|labels):/
            return text.matches(of: pattern).map { (String($0.1), String($0.2)) }
        }

        private struct Panel: Decodable {
            struct Target: Decodable { var expr: String }
            var title: String
            var targets: [Target]?
        }

        private struct Dashboard: Decodable { var panels: [Panel] }

        private static func panels() throws -> [Panel] {
            let data = try Data(contentsOf: deploy.appendingPathComponent("grafana-dashboard.json"))
            return try JSONDecoder().decode(Dashboard.self, from: data).panels
        }

        /// Every series that an expression names is one of ours, and so is every label that it asks for or sums by.
        private static func check(_ expression: String, _ place: String) {
            let series = Self.series
            let code = expression.replacing(/"[^"]*"/, with: "\"\"")
            var labels = addedLabels
            let names = code.matches(of: /\b((?:switchboard|process)_[a-z0-9_]+)\b(?:\{([^}]*)\})?/)
            for name in names {
                guard let known = series[String(name.1)] else {
                    Issue.record("\(place): there is no series \(name.1)")
                    continue
                }
                labels.formUnion(known)
                let asked = (name.2 ?? "").matches(of: /([a-z_]+) *(?:=~|!=|!~|=)/).map { String($0.1) }
                #expect(Set(asked).subtracting(known).subtracting(addedLabels) == [], "\(place)")
            }
            for grouping in code.matches(of: /\bby \(([^)]*)\)/) {
                let asked = grouping.1.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
                #expect(Set(asked).subtracting(labels) == [], "\(place)")
            }
        }

        @Test func `every series and label that they name is there`() throws {
            let rules = try Self.rules()
            let text = try String(contentsOf: Self.deploy.appendingPathComponent("alerts.yml"), encoding: .utf8)
            #expect(rules.count == text.matches(of: /- alert:/).count && rules.count > 10)
            for rule in rules { Self.check(rule.expression, rule.alert) }
            let targets = try Self.panels().flatMap { panel in
                (panel.targets ?? []).map { (panel.title, $0.expr) }
            }
            #expect(targets.count > 30)
            for (title, expression) in targets { Self.check(expression, title) }
        }

        @Test func `every metric is on the dashboard`() throws {
            let expressions = try Self.panels().flatMap { ($0.targets ?? []).map(\.expr) }.joined(separator: "\n")
            let missing = MetricDescription.all.map(\.name).filter { !expressions.contains($0) }
            #expect(missing == [])
        }

        @Test(.enabled(if: Promtool.path != nil, "promtool is not installed"))
        func `promtool takes the rules`() throws {
            let found = try Promtool.run("check", "rules", Self.deploy.appendingPathComponent("alerts.yml").path)
            #expect(found.code == 0, "\(found.output)")
        }
    }
}
