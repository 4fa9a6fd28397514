/// Reads the words after a command's name into that command's properties.
struct ArgumentParser<Command: ParsedCommand> {
  private let rows = Command.grammar + [.help]
  private var command = Command()
  private var givenRows: Set<Int> = []
  private var words: ArraySlice<String>

  private init(_ words: ArraySlice<String>) {
    self.words = words
  }

  /// - Returns: The validated command, or `nil` when the words ask for its help.
  /// - Throws: ``UsageError`` for the first word that does not fit.
  static func parse(_ words: ArraySlice<String>) throws(UsageError) -> Command? {
    var parser = Self(words)
    guard try parser.readWords() else { return nil }
    try parser.checkRequired()
    try parser.command.validate()
    return parser.command
  }

  /// - Returns: Whether all words were read, rather than help asked for.
  private mutating func readWords() throws(UsageError) -> Bool {
    let help = rows.count - 1
    var takesOptions = true
    while !givenRows.contains(help), let word = words.popFirst() {
      if !takesOptions || word == "-" || !word.hasPrefix("-") {
        try readOperand(word)
      } else if word == "--" {
        takesOptions = false
      } else if word.hasPrefix("--") {
        try readLongOption(word)
      } else {
        try readShortOptions(word)
      }
    }
    return !givenRows.contains(help)
  }

  private mutating func readOperand(_ word: String) throws(UsageError) {
    let operands = rows.indices.filter { rows[$0].facts.shape == .operand }
    guard let row = operands.first(where: mayBeGiven) else {
      let taken = operands.map { rows[$0].facts.placeholder }.listed(by: "and")
      throw UsageError(
        operands.isEmpty
          ? "unexpected operand '\(word)'; none is taken"
          : "unexpected operand '\(word)' after \(taken)")
    }
    // The sentence names the operand by its placeholder already.
    try assign(word, to: row)
  }

  /// Reads `--name` or `--name=value`.
  private mutating func readLongOption(_ word: String) throws(UsageError) {
    // In UTF-8, because a value may begin with a character that would combine with "=".
    guard let equals = word.utf8.firstIndex(of: UInt8(ascii: "=")) else {
      return try readOption(word, attached: nil)
    }
    let value = String(word[word.utf8.index(after: equals)...])
    try readOption(String(word[..<equals]), attached: value)
  }

  /// Reads `-f`, a bundle `-fq`, or an option and its value as `-o value`, `-ovalue`, `-o=value`.
  private mutating func readShortOptions(_ word: String) throws(UsageError) {
    // No option is named by a digit.
    if let first = word.dropFirst().first, first == "." || first.isNumber {
      throw UsageError(
        "'\(word)' looks like a negative number, but no option before it takes a value")
    }
    // `-force` would be read as `-f -o rce`.
    guard row(named: "-\(word)") == nil else { throw unknownOption(word, in: word) }
    var letters = word.dropFirst()
    while let letter = letters.popFirst() {
      let name = "-\(letter)"
      guard let row = row(named: name) else { throw unknownOption(name, in: word) }
      let hasEquals = letters.hasPrefix("=")
      let isAttached = hasEquals || rows[row].facts.shape == .option && !letters.isEmpty
      let attached = isAttached ? String(letters.dropFirst(hasEquals ? 1 : 0)) : nil
      try readOption(name, attached: attached)
      if isAttached { return }
    }
  }

  private mutating func readOption(_ name: String, attached: String?) throws(UsageError) {
    guard let row = row(named: name) else { throw unknownOption(name, in: name) }
    let facts = rows[row].facts
    guard facts.shape == .option else {
      guard attached == nil else { throw UsageError("option '\(name)' takes no value") }
      return try assign("", to: row, named: name)
    }
    guard mayBeGiven(row) else { throw UsageError("option '\(name)' is given twice") }
    // Whatever follows is the value, a negative number above all.
    guard let value = attached ?? words.popFirst() else {
      throw UsageError("option '\(name)' needs a value: \(facts.placeholder)")
    }
    try assign(value, to: row, named: name)
  }

  private mutating func assign(
    _ text: String, to row: Int, named name: String? = nil
  ) throws(UsageError) {
    do throws(UsageError) {
      try rows[row].assign(&command, text)
    } catch {
      throw UsageError((name.map { "option '\($0)': " } ?? "") + error.sentence)
    }
    givenRows.insert(row)
  }

  private func checkRequired() throws(UsageError) {
    let missing = rows.indices.map { ($0, rows[$0].facts) }
      .filter { $1.isRequired && !givenRows.contains($0) }.map { $1 }
    let operands = missing.filter { $0.shape == .operand }.map(\.placeholder)
    let options = missing.filter { $0.shape == .option }
      .map { "'\($0.names.last ?? "") \($0.placeholder)'" }
    for (kind, names) in [("operand", operands), ("option", options)] where !names.isEmpty {
      throw UsageError("missing \(kind)\(names.count > 1 ? "s" : "") \(names.listed(by: "and"))")
    }
  }

  private func mayBeGiven(_ row: Int) -> Bool {
    !givenRows.contains(row) || rows[row].facts.isRepeatable
  }

  private func row(named name: String) -> Int? {
    rows.firstIndex { $0.facts.names.contains(name) }
  }

  private func unknownOption(_ name: String, in word: String) -> UsageError {
    let longNames = rows.flatMap(\.facts.names).filter { $0.hasPrefix("--") }
    let place = name == word ? "" : " in '\(word)'"
    let isShort = name.count < 3
    let end = isShort ? "" : Suggestion.sentenceEnd(for: name, among: longNames)
    return UsageError("unknown option '\(name)'\(place)\(end)")
  }
}
