/// Rows in columns, for people: a header in upper case, two spaces between columns, no lines drawn.
///
/// Cells may hold what customers wrote: they are sanitized, cut to their column, and padded by the columns that a
/// terminal gives them, whatever their script.
struct TerminalTable {
    /// One column and how it deals with its width.
    struct Column {
        /// Which edge the cells keep to.
        enum Alignment {
            case left, right
        }

        var title: String
        var alignment = Alignment.left
        /// The column is never wider than this; nil for as wide as its widest cell.
        var maximumWidth: Int?
        /// Whether the column gives way when the table is wider than the terminal.
        var flexible = false
    }

    /// A flexible column does not become narrower than this: less cannot be read.
    static let minimumFlexibleWidth = 8

    private static let gap = "  "

    private let columns: [Column]
    private var rows: [[String]] = []

    init(columns: [Column]) { self.columns = columns }

    /// Adds a row at the end; a cell that is missing is empty, one too many is dropped.
    mutating func add(_ row: [String]) {
        rows.append(columns.indices.map { $0 < row.count ? TerminalText.sanitized(row[$0]) : "" })
    }

    /// Adds a row of phrases, which are safe as they are.
    mutating func add(_ row: [TerminalPhrase]) {
        rows.append(columns.indices.map { $0 < row.count ? row[$0].text : "" })
    }

    /// The header and the rows, one line each, without a line end behind the last.
    ///
    /// - Parameter width: the terminal's columns; nil if there is no terminal, and so nothing to shrink for. A table
    ///   whose flexible columns cannot give way enough stays wider than the terminal.
    func rendered(width: Int?) -> String {
        let widths = widths(within: width)
        let header = columns.map { $0.title.uppercased() }
        return ([header] + rows).map { line($0, widths) }.joined(separator: "\n")
    }

    private func widths(within terminal: Int?) -> [Int] {
        var widths = columns.indices.map { index in
            let cells = rows.map { TerminalText.width($0[index]) }
            let natural = max(TerminalText.width(columns[index].title.uppercased()), cells.max() ?? 0)
            return min(natural, columns[index].maximumWidth ?? natural)
        }
        guard let terminal else { return widths }
        // A cell may hold a whole JSON text; what is wider than the terminal gives way in any case, and at once.
        for index in columns.indices where columns[index].flexible {
            widths[index] = min(widths[index], max(terminal, Self.minimumFlexibleWidth))
        }
        var excess = widths.reduce(0, +) + Self.gap.count * max(0, columns.count - 1) - terminal
        while excess > 0 {
            let able = columns.indices.filter { columns[$0].flexible && widths[$0] > Self.minimumFlexibleWidth }
            // The widest gives way first: it loses the smallest part of what it says.
            guard let widest = able.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        let padded = columns.indices.map { index in
            let text = TerminalText.clipped(cells[index], to: widths[index])
            let space = String(repeating: " ", count: max(0, widths[index] - TerminalText.width(text)))
            // A phrase has isolated its parts already.
            let isolated = text.unicodeScalars.contains("\u{2068}") ? text : TerminalText.isolated(text)
            return columns[index].alignment == .left ? isolated + space : space + isolated
        }
        let joined = padded.joined(separator: Self.gap)
        return String(joined.prefix(joined.count - joined.reversed().prefix { $0 == " " }.count))
    }
}
