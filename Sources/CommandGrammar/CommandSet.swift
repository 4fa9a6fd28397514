/// A program made of commands.
///
/// `Action` is what the program does with a parsed command: an existential over its commands, or a
/// closure. This target only hands it back.
package struct CommandSet<Action: Sendable>: Sendable {
  /// What a command line asks for.
  package enum Outcome: Sendable {
    case run(Action)
    /// Text for standard output, without a newline at the end.
    case help(String)
    /// Text for standard output, without a newline at the end.
    case version(String)
  }

  package let name: String

  /// What follows the name in the answer to `--version`.
  package let version: String

  /// The day of that version, for the manual.
  package let date: String

  /// One sentence with a full stop.
  package let summary: String

  /// In the order in which the help lists them.
  package let commands: [CommandEntry<Action>]

  /// Variables that commands heed, and what they say: lower case, no full stop.
  package let environment: [(name: String, meaning: String)]

  package init(
    name: String, version: String, date: String = "", summary: String,
    commands: [CommandEntry<Action>], environment: [(name: String, meaning: String)] = []
  ) {
    self.name = name
    self.version = version
    self.date = date
    self.summary = summary
    self.commands = commands
    self.environment = environment
  }

  /// Finds the command, and fills it from the words after it.
  ///
  /// - Parameters:
  ///   - arguments: The command line without the program's own name.
  ///   - width: Columns for help; kept between 40 and 100.
  /// - Returns: The action for the command, or the text that was asked for.
  /// - Throws: ``UsageError`` naming the program, and the command where one was found.
  package func parse(_ arguments: [String], width: Int = 80) throws(UsageError) -> Outcome {
    guard let first = arguments.first else { throw .noCommand(name, usage: usage(width: width)) }
    let rest = arguments.dropFirst()
    if Self.asksForHelp(first) {
      return .help(try help(about: rest, width: width))
    }
    if Self.versionFlag.names.contains(first) { return .version("\(name) \(version)") }
    let entry = try entry(named: first)
    do throws(UsageError) {
      if let action = try entry.parse(rest) { return .run(action) }
    } catch {
      throw error.attributed(to: "\(name) \(entry.facts.name)")
    }
    return .help(entry.facts.help(program: name, width: width))
  }

  private static func asksForHelp(_ word: String) -> Bool {
    word == "help" || ArgumentFacts.help.names.contains(word)
  }

  private func help(about words: ArraySlice<String>, width: Int) throws(UsageError) -> String {
    guard let first = words.first, !Self.asksForHelp(first) else { return help(width: width) }
    if let extra = words.dropFirst().first {
      throw UsageError("unexpected operand '\(extra)' after 'help \(first)'").attributed(to: name)
    }
    return try entry(named: first).facts.help(program: name, width: width)
  }

  func entry(named typed: String) throws(UsageError) -> CommandEntry<Action> {
    if let entry = commands.first(where: { $0.facts.name == typed }) { return entry }
    let isOption = typed.hasPrefix("-")
    let candidates = isOption ? ["--help", "--version"] : commands.map(\.facts.name) + ["help"]
    var end = Suggestion.sentenceEnd(for: typed, among: candidates)
    if isOption && end.isEmpty { end = "; options come after the command" }
    let kind = isOption ? "option" : "command"
    throw UsageError("unknown \(kind) '\(typed)'\(end)").attributed(to: name)
  }
}
