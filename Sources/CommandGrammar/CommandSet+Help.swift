extension CommandSet {
  /// Name and summary of all that can be typed first.
  var commandsAndHelp: [(name: String, summary: String)] {
    commands.map { ($0.facts.name, $0.facts.summary) }
      + [("help", "Explain the program, or the command named after it.")]
  }

  /// The flag that only the program understands, before any command.
  static var versionFlag: ArgumentFacts {
    ArgumentFacts(
      shape: .flag, names: ["--version"], placeholder: "", help: "show the version and exit",
      isRequired: false, choices: [], defaultText: nil, valueKind: .text)
  }

  /// What an empty command line is answered with.
  func usage(width: Int) -> String {
    var page = HelpPage(width: width)
    page.addUsage(name, ["COMMAND", "[ARGUMENT...]"])
    addCommands(to: &page)
    return page.text + "\n"
  }

  func help(width: Int) -> String {
    var page = HelpPage(width: width)
    page.addUsage(name, ["COMMAND", "[ARGUMENT...]"])
    page.addParagraphs(summary)
    addCommands(to: &page)
    let options: [ArgumentFacts] = [.help, Self.versionFlag]
    page.addTable("Options", options.map { ($0.term, $0.explanation) })
    page.addTable("Environment", environment.map { ($0.name, $0.meaning) })
    page.addParagraphs("See '\(name) help COMMAND' for a command's arguments and exit statuses.")
    return page.text
  }

  private func addCommands(to page: inout HelpPage) {
    page.addTable("Commands", commandsAndHelp.map { ($0.name, $0.summary) })
  }
}
