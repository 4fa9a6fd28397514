extension CommandSet {
  /// The manual page on the program, or on the command with this name, in the language of `man` and
  /// without a newline at the end.
  ///
  /// - Throws: ``UsageError`` if there is no such command.
  package func manual(on command: CommandName? = nil) throws(UsageError) -> String {
    guard let command else { return manual }
    return try entry(named: command.text).facts.manual(
      program: name, version: version, date: date)
  }

  private var manual: String {
    var page = ManualPage(name: name, purpose: summary, source: "\(name) \(version)", date: date)
    page.addSynopsis(name, ["COMMAND", "[ARGUMENT...]"])
    page.addTable("COMMANDS", commandsAndHelp.map { ($0.name, $0.summary) })
    let options: [ArgumentFacts] = [.help, Self.versionFlag]
    page.addTable(
      "OPTIONS", options.map { ($0.manualTerm, $0.explanation) }, holdsPlaceholders: true)
    page.addTable("ENVIRONMENT", environment.map { ($0.name, $0.meaning) })
    page.addReferences(commands.map { "\(name)-\($0.facts.name)" })
    return page.text
  }
}

extension CommandFacts {
  fileprivate func manual(program: String, version: String, date: String) -> String {
    var page = ManualPage(
      name: "\(program)-\(name)", purpose: summary, source: "\(program) \(version)", date: date)
    page.addSynopsis("\(program) \(name)", arguments.filter { $0 != .help }.map(\.usage))
    page.addHeading("DESCRIPTION")
    page.addParagraphs(summary)
    page.addParagraphs(discussion)
    let operands = arguments.filter { $0.shape == .operand }
    let options = arguments.filter { $0.shape != .operand }
    page.addTable(
      "OPERANDS", operands.map { ($0.manualTerm, $0.explanation) }, holdsPlaceholders: true)
    page.addTable(
      "OPTIONS", options.map { ($0.manualTerm, $0.explanation) }, holdsPlaceholders: true)
    page.addTable("EXIT STATUS", exitStatuses.map { ($0.code, $0.meaning) })
    page.addExamples(examples)
    page.addReferences([program])
    return page.text
  }
}

extension ArgumentFacts {
  /// As the help shows it, without the indent that aligns names.
  fileprivate var manualTerm: String { String(term.drop { $0 == " " }) }
}
