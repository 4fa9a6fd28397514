extension CommandSet {
  /// What is wrong with the tables themselves, in sentences; a program's tests expect none.
  package var problems: [String] {
    var problems = Self.repeated(commands.map(\.facts.name) + ["help"], "command")
    for entry in commands {
      let facts = entry.facts
      var found: [String] = []
      if !facts.name.isDashedWord { found.append("its name is not lower-case ASCII") }
      if !facts.summary.hasSuffix(".") { found.append("its summary lacks a full stop") }
      if facts.exitStatuses.isEmpty { found.append("it documents no exit status") }
      found += Self.repeated(facts.exitStatuses.map(\.code), "exit status")
      found += Self.repeated(facts.arguments.flatMap(\.names), "option")
      let operands = facts.arguments.filter { $0.shape == .operand }
      found += Self.repeated(operands.map(\.placeholder), "operand")
      if zip(operands, operands.dropFirst()).contains(where: { !$0.isRequired && $1.isRequired }) {
        found.append("a required operand follows an optional one")
      }
      if operands.dropLast().contains(where: \.isRepeatable) {
        found.append("an operand follows one that takes all places left")
      }
      for argument in facts.arguments {
        found += argument.problems.map { "'\(argument.term.drop { $0 == " " })' \($0)" }
      }
      let texts = facts.examples.map(\.purpose) + facts.exitStatuses.map(\.meaning)
      for text in texts where text.isEmpty || text.hasSuffix(".") {
        found.append("'\(text)' is empty or ends with a full stop")
      }
      found += facts.examples.compactMap { problem(with: $0, of: entry) }
      problems += found.map { "\(facts.name): \($0)" }
    }
    return problems
  }

  /// What keeps an example from being understood by the command it is about.
  private func problem(with example: CommandExample, of entry: CommandEntry<Action>) -> String? {
    let words = example.line.split(separator: " ").map { String($0) }
    guard words.starts(with: [name, entry.facts.name]) else {
      return "'\(example.line)' does not begin with '\(name) \(entry.facts.name)'"
    }
    // Only a shell can split these into words.
    guard !example.line.contains(where: { "'\"\\|<>&;$".contains($0) }) else { return nil }
    do throws(UsageError) {
      _ = try entry.parse(words.dropFirst(2))
      return nil
    } catch {
      return "'\(example.line)' fails: \(error.sentence)"
    }
  }

  private static func repeated(_ names: [String], _ kind: String) -> [String] {
    let counts = Dictionary(names.map { ($0, 1) }, uniquingKeysWith: +)
    return counts.filter { $1 > 1 }.keys.sorted().map { "\(kind) '\($0)' occurs twice" }
  }
}

extension ArgumentFacts {
  /// What is wrong with this row, each to follow its name.
  fileprivate var problems: [String] {
    var found: [String] = []
    if help.isEmpty { found.append("lacks help") }
    if help.hasSuffix(".") { found.append("has help with a full stop") }
    if names.isEmpty != (shape == .operand) { found.append("has too few or too many names") }
    for name in names where !Self.isName(name) { found.append("has a malformed name '\(name)'") }
    let isNamed = placeholder.first.map { ("A"..."Z").contains($0) } ?? false
    if shape != .flag && (!isNamed || placeholder.contains(where: \.isLowercase)) {
      found.append("lacks a placeholder in capitals")
    }
    return found
  }

  private static func isName(_ name: String) -> Bool {
    guard !name.hasPrefix("--") else {
      return name.count > 3 && String(name.dropFirst(2)).isDashedWord
    }
    let isLetter = name.utf8.last.map { (0x41...0x5A).contains($0 & 0xDF) } ?? false
    return name.hasPrefix("-") && name.utf8.count == 2 && isLetter
  }
}

extension String {
  /// Whether these are lower-case ASCII letters and digits, with single dashes between them.
  fileprivate var isDashedWord: Bool {
    let parts = utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    return parts.allSatisfy { part in
      !part.isEmpty && part.allSatisfy { (97...122).contains($0) || (48...57).contains($0) }
    }
  }
}
