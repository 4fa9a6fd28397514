import CommandGrammar
import GradiendPatch

/// `gradiend-patch manual`: a page of the manual.
struct ManualCommand: Command {
  var command: CommandName?
  var listsCommands = false
  /// None of these is in the table.
  var common = CommonOptions()

  static let name = "manual"
  static let summary = "Print a page of the manual, in the language of 'man'."
  static let discussion = """
    'make install' puts all pages where 'man' finds them, as gradiend-patch(1) and \
    gradiend-patch-COMMAND(1).
    """
  static let exitStatuses = [ExitStatus.done, .usage, .inputOutput].map(\.meaning)
  static let examples = [
    CommandExample(
      "gradiend-patch manual apply | man -l -", "the page on 'apply', without installing")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(
        \.command, "COMMAND", help: "what the page is on; the program if left out",
        isRequired: false),
      .flag(\.listsCommands, "--list", help: "print the names of the commands instead"),
    ]
  }

  mutating func validate() throws(UsageError) {
    guard command == nil || !listsCommands else {
      throw UsageError("'--list' takes no COMMAND")
    }
    page =
      listsCommands
      ? Program.commands.commands.map(\.facts.name).joined(separator: "\n")
      : try Program.commands.manual(on: command)
  }

  /// Known once the command line is understood.
  private var page = ""

  func run() throws(PatchError) -> ExitStatus {
    print(page)
    return .done
  }
}
