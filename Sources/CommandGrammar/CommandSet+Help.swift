extension CommandSet {
  /// The flag that only the program understands, before any command.
  static var versionFlag: ArgumentFacts {
    ArgumentFacts(
      shape: .flag, names: ["--version"], placeholder: "", help: "show the version and exit",
      isRequired: false, choices: [], defaultText: nil)
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
    page.addParagraphs("See '\(name) help COMMAND' for a command's arguments and exit statuses.")
    return page.text
  }

  private func addCommands(to page: inout HelpPage) {
    let help = [("help", "Explain the program, or the command named after it.")]
    page.addTable("Commands", commands.map { ($0.facts.name, $0.facts.summary) } + help)
  }
}
