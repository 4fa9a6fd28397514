import CommandGrammar

/// A program whose texts are full of what shells and typesetters take for their own.
enum Thorns {
  static let program = CommandSet<any ParsedCommand>(
    name: "garden", version: "1.0", date: "2026-02-03", summary: "Grow.",
    commands: [.command(PrickCommand.self) { $0 }]
  )
}

private struct PrickCommand: ParsedCommand {
  var thorn = ""

  static let name = "prick"
  static let summary = #"Prick with '\' and –."#
  static let discussion = ".TH is no request here."
  static let exitStatuses = [ExitMeaning(0, "done")]
  static let examples = [CommandExample("garden prick --thorn 'a b'", "gently")]
  static var grammar: [Argument<Self>] {
    [.option(\.thorn, "--thorn", value: "THORN", help: #"it's $HOME, `id`, "x" [a:b] ~^\"#)]
  }
}
