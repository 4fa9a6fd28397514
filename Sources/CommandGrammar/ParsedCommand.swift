/// A command whose arguments are properties, filled from the command line by a table.
package protocol ParsedCommand: Sendable {
  /// A command with nothing typed after its name; its properties are the defaults.
  init()

  /// What to type, lower case.
  static var name: String { get }

  /// One sentence with a full stop.
  static var summary: String { get }

  /// What the summary leaves out: paragraphs with an empty line between them.
  static var discussion: String { get }

  static var examples: [CommandExample] { get }

  /// The arguments, in the order in which the help lists them.
  static var grammar: [Argument<Self>] { get }

  /// Every exit status that the command can end with.
  static var exitStatuses: [ExitMeaning] { get }

  /// Checks what no argument can know alone, once all are read.
  ///
  /// - Throws: ``UsageError`` with a sentence only; the parser adds the command.
  mutating func validate() throws(UsageError)
}

extension ParsedCommand {
  package static var discussion: String { "" }
  package static var examples: [CommandExample] { [] }
  package mutating func validate() throws(UsageError) {}
}
