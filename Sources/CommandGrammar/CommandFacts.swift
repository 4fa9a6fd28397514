/// All that help, manual and completions need to know of one command.
package struct CommandFacts: Sendable {
  package let name: String
  package let summary: String
  package let discussion: String
  package let examples: [CommandExample]

  /// The command's table, and `--help` at its end.
  package let arguments: [ArgumentFacts]
  package let exitStatuses: [ExitMeaning]

  init<Command: ParsedCommand>(_: Command.Type) {
    name = Command.name
    summary = Command.summary
    discussion = Command.discussion
    examples = Command.examples
    arguments = Command.grammar.map(\.facts) + [.help]
    exitStatuses = Command.exitStatuses
  }
}

extension CommandFacts {
  func help(program: String, width: Int) -> String {
    var page = HelpPage(width: width)
    let usage = arguments.filter { $0 != .help }.map(\.usage)
    page.addUsage("\(program) \(name)", usage)
    page.addParagraphs(summary)
    page.addParagraphs(discussion)
    let operands = arguments.filter { $0.shape == .operand }
    let options = arguments.filter { $0.shape != .operand }
    page.addTable("Operands", operands.map { ($0.term, $0.explanation) })
    page.addTable("Options", options.map { ($0.term, $0.explanation) })
    page.addTable("Exit status", exitStatuses.map { ($0.code, $0.meaning) })
    page.addExamples(examples)
    return page.text
  }
}
