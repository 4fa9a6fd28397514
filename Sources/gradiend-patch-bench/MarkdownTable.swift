/// A Markdown table that reads well as text: text to the left, the other columns to the right.
struct MarkdownTable {
  let lines: [String]

  /// - Parameters:
  ///   - head: the names of the columns.
  ///   - rows: as many cells each; without rows there are no lines.
  init(_ head: [String], _ rows: [[String]]) {
    guard !rows.isEmpty else {
      lines = []
      return
    }
    let widths = head.indices.map { column in ([head] + rows).map { $0[column].count }.max() ?? 0 }
    func line(_ cells: [String]) -> String {
      let padded = cells.indices.map { column in
        let blanks = String(repeating: " ", count: widths[column] - cells[column].count)
        return column == 0 ? cells[column] + blanks : blanks + cells[column]
      }
      return "| " + padded.joined(separator: " | ") + " |"
    }
    let rule = head.indices.map { column in
      String(repeating: "-", count: max(1, widths[column] - (column == 0 ? 0 : 1)))
        + (column == 0 ? "" : ":")
    }
    lines = [line(head), "| " + rule.joined(separator: " | ") + " |"] + rows.map(line)
  }
}
