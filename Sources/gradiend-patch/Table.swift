/// Rows in columns: text to the left, numbers to the right.
struct Table {
  let lines: [String]

  init(_ head: [String], _ rows: [[String]]) {
    let rows = rows.map { $0.map(\.printable) }
    let widths = head.indices.map { column in
      ([head] + rows).map { $0[column].count }.max() ?? 0
    }
    let isNumeric = head.indices.map { column in
      !rows.isEmpty && rows.allSatisfy { $0[column].first?.isNumber ?? false }
    }
    lines = ([head] + rows).map { row in
      let cells = row.indices.map { column in
        let blanks = String(repeating: " ", count: widths[column] - row[column].count)
        return isNumeric[column] ? blanks + row[column] : row[column] + blanks
      }
      return cells.joined(separator: "  ").trimmingEnd()
    }
  }
}

extension String {
  fileprivate func trimmingEnd() -> String {
    var rest = Substring(self)
    while rest.last == " " { rest = rest.dropLast() }
    return String(rest)
  }
}
