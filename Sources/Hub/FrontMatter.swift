/// A few values of the YAML at the start of a model card (Formats/hub.md, section 4).
///
/// This is not a YAML reader. It knows the top level's keys, and values that are a text or a list
/// of texts on lines of their own; everything else is left out rather than guessed at.
package struct FrontMatter: Equatable, Sendable {
  /// What the front matter of `text` says of a key.
  package enum Value: Equatable, Sendable {
    case missing
    case texts([String])
    /// There is something, but not in a form that is read.
    case notUnderstood
  }

  private var values: [String: Value] = [:]

  /// Reads the front matter of a card.
  ///
  /// - Returns: nil if there is none, or its lines are not those of a mapping.
  /// - Complexity: O(length of the front matter).
  package init?(card text: String) {
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)[...]
    while let first = lines.first, first.allSatisfy(\.isWhitespace) { lines = lines.dropFirst() }
    guard let first = lines.first, first.trimmingBlanks == "---",
      let end = lines.dropFirst().firstIndex(where: { $0.trimmingBlanks == "---" })
    else { return nil }
    var rest = lines[(lines.startIndex + 1)..<end]
    while let line = rest.popFirst() {
      if line.isBlankOrComment { continue }
      guard let (key, inline) = Self.keyAndValue(line) else { return nil }
      let isOpen = !Self.isClosed(inline)
      let closers: [Substring] = isOpen ? ["]", "}"] : []
      let isBelow = { (line: Substring) in
        line.isBlankOrComment || line.hasPrefix(" ") || line == "-" || line.hasPrefix("- ")
          || closers.contains(line)
      }
      let below = rest.prefix(while: isBelow)
      rest = rest.dropFirst(below.count)
      let lines = below.filter { !$0.isBlankOrComment }
      // What goes on in quotes or brackets could go on at the start of a line, and look like a key.
      guard !isOpen || Self.isClosed(inline + " " + (lines.last ?? "").trimmingBlanks) else {
        return nil
      }
      let value = Self.value(inline, below: lines)
      guard values.updateValue(value, forKey: key) == nil else { return nil }
    }
  }

  /// What is said of `key`.
  package subscript(key: String) -> Value { values[key] ?? .missing }

  /// The text of `key`, if it has one that is not empty.
  package func text(_ key: String) -> String? {
    let texts = texts(key)
    return texts.count == 1 ? texts[0] : nil
  }

  /// The texts of `key` that are not empty, none if it has none.
  package func texts(_ key: String) -> [String] {
    if case .texts(let texts) = self[key] { texts.filter { !$0.isEmpty } } else { [] }
  }

  // MARK: Lines

  private static func keyAndValue(_ line: Substring) -> (key: String, value: Substring)? {
    guard let colon = line.firstIndex(of: ":") else { return nil }
    let key = line[..<colon]
    let rest = line[line.index(after: colon)...]
    guard let first = key.first, first.isLetter || first == "_",
      key.allSatisfy({ $0.isLetter || $0.isNumber || "_-".contains($0) }),
      rest.isEmpty || rest.first == " "
    else { return nil }
    return (String(key), rest.trimmingBlanks)
  }

  /// Whether what begins on a key's line also ends there, as far as quotes and brackets go.
  private static func isClosed(_ value: some StringProtocol) -> Bool {
    let value = Substring(value)
    guard let first = value.first, let last = withoutComment(value).last else { return true }
    switch first {
    case "\"", "'": return value.count > 1 && last == first
    case "[": return last == "]"
    case "{": return last == "}"
    default: return true
    }
  }

  private static func value(_ inline: Substring, below: [Substring]) -> Value {
    let inline = withoutComment(inline)
    if below.isEmpty {
      if inline.isEmpty || inline == "~" || inline == "null" { return .missing }
      if inline.hasPrefix("[") { return list(inline) }
      return scalar(inline).map { .texts([$0]) } ?? .notUnderstood
    }
    if inline.hasPrefix("[") {
      return list(
        Substring(
          ([inline] + below.map { withoutComment($0.trimmingBlanks) }).joined(separator: " ")))
    }
    guard inline.isEmpty else { return .notUnderstood }
    let indent = below[0].prefix { $0 == " " }
    var texts: [String] = []
    for line in below {
      guard line.prefix(while: { $0 == " " }) == indent,
        let item = line.dropFirst(indent.count).removingPrefix("- "),
        let text = scalar(withoutComment(item.trimmingBlanks))
      else { return .notUnderstood }
      texts.append(text)
    }
    return .texts(texts)
  }

  /// A list in brackets.
  private static func list(_ text: Substring) -> Value {
    guard text.hasSuffix("]") else { return .notUnderstood }
    var inside = text.dropFirst().dropLast().trimmingBlanks
    if inside.hasSuffix(",") { inside.removeLast() }
    if inside.isEmpty { return .texts([]) }
    var texts: [String] = []
    // A comma in quotes would split a text in two halves, neither of which is one.
    for item in inside.split(separator: ",", omittingEmptySubsequences: false) {
      guard let text = scalar(item.trimmingBlanks) else { return .notUnderstood }
      texts.append(text)
    }
    return .texts(texts)
  }

  /// A plain text, or one in quotes that ends where `text` does.
  private static func scalar(_ text: Substring) -> String? {
    guard let first = text.first else { return nil }
    if first == "'" || first == "\"" {
      guard text.count >= 2, text.last == first else { return nil }
      let inside = text.dropFirst().dropLast()
      // Escapes, and quotes within quotes, are rare in these values.
      return inside.contains(first) || (first == "\"" && inside.contains("\\"))
        ? nil : String(inside)
    }
    let isPlain =
      !"-?:,[]{}#&*!|>%@`".contains(first)
      && !text.contains(": ") && !text.hasSuffix(":") && !text.contains(" #")
      && !text.contains(where: { "[]{}\"".contains($0) })
    return isPlain ? String(text) : nil
  }

  /// Without a comment at the end. Quotes may hold what looks like one.
  private static func withoutComment(_ text: Substring) -> Substring {
    if text.hasPrefix("#") { return "" }
    guard let first = text.first else { return text }
    if "'\"".contains(first) {
      guard let end = text.dropFirst().firstIndex(of: first),
        text[text.index(after: end)...].trimmingBlanks.hasPrefix("#")
      else { return text }
      return text[...end]
    }
    var rest = text
    for index in text.indices.dropLast() where text[index] == " " {
      if text[text.index(after: index)] == "#" {
        rest = text[..<index]
        break
      }
    }
    return rest.trimmingBlanks
  }
}

extension Substring {
  fileprivate var trimmingBlanks: Substring {
    var rest = self
    while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
    while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
    return rest
  }

  fileprivate var isBlankOrComment: Bool {
    let text = trimmingBlanks
    return text.isEmpty || text.hasPrefix("#")
  }

  fileprivate func removingPrefix(_ prefix: String) -> Substring? {
    hasPrefix(prefix) ? dropFirst(prefix.count) : nil
  }
}
