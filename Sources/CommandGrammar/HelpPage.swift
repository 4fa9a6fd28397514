/// Text for a terminal, section by section, with an empty line between them.
struct HelpPage {
  /// Columns to fill: at least 40, where tables still fit, and at most 100, where eyes do.
  private let width: Int
  private var sections: [[String]] = []

  init(width: Int) {
    self.width = min(max(width, 40), 100)
  }

  /// Without a newline at the end.
  var text: String {
    sections.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
  }

  /// - Parameters:
  ///   - command: What comes first, and is kept on one line.
  ///   - pieces: What may follow, each kept on one line.
  mutating func addUsage(_ command: String, _ pieces: [String]) {
    let prefix = "Usage: \(command)"
    // A hanging indent after a long command would leave a ribbon of text.
    let indent = prefix.count < width / 2 ? prefix.count + 1 : 11
    sections.append(wrap([prefix] + pieces, hangingIndent: indent))
  }

  mutating func addParagraphs(_ text: String) {
    for paragraph in text.split(separator: "\n\n") {
      sections.append(wrap(Self.words(paragraph)))
    }
  }

  /// Adds terms and what they mean in two columns; nothing if there are no rows.
  mutating func addTable(_ title: String, _ rows: [(term: String, meaning: String)]) {
    guard !rows.isEmpty else { return }
    // A term stands on its own line rather than leave meanings fewer than 44 columns of a wide
    // page, or less than about two thirds of a narrow one.
    let widest = max(width - 48, width / 3)
    let fitting = rows.map(\.term.count).filter { $0 <= widest }
    let column = 2 + (fitting.max() ?? 4) + 2
    var lines = ["\(title):"]
    for row in rows {
      let meaning = wrap(Self.words(row.meaning), indent: column, hangingIndent: column)
      let term = "  \(row.term)"
      if term.count + 2 <= column, let first = meaning.first {
        lines.append(term + first.dropFirst(term.count))
        lines += meaning.dropFirst()
      } else {
        lines.append(term)
        lines += meaning
      }
    }
    sections.append(lines)
  }

  /// Adds examples, each long line continued by a backslash so that it can be pasted.
  mutating func addExamples(_ examples: [CommandExample]) {
    guard !examples.isEmpty else { return }
    var lines = ["Examples:"]
    for example in examples {
      lines += wrap(Self.words("\(example.purpose):"), indent: 2, hangingIndent: 2)
      lines += exampleLines(example, indent: 4)
    }
    sections.append(lines)
  }

  /// What to type, each long line continued by a backslash.
  func exampleLines(_ example: CommandExample, indent: Int = 0) -> [String] {
    // A line with quotes is left alone: a break inside them would change its meaning.
    guard !example.line.contains(where: { "'\"\\".contains($0) }) else {
      return [String(repeating: " ", count: indent) + example.line]
    }
    return wrap(
      Self.words(example.line), indent: indent, hangingIndent: indent + 2, continuation: " \\")
  }

  static func words(_ text: some StringProtocol) -> [String] {
    text.split(whereSeparator: \.isWhitespace).map { String($0) }
  }

  /// Fills lines with whole words; one longer than the page sticks out.
  func wrap(
    _ words: [String], indent: Int = 0, hangingIndent: Int = 0, continuation: String = ""
  ) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in words {
      let fits = word.count + line.count + 1 <= width - continuation.count
      if line.isEmpty {
        line = String(repeating: " ", count: indent) + word
      } else if fits {
        line += " \(word)"
      } else {
        lines.append(line + continuation)
        line = String(repeating: " ", count: hangingIndent) + word
      }
    }
    return line.isEmpty ? lines : lines + [line]
  }
}
