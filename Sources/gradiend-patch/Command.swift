import CommandGrammar
import GradiendPatch

/// A command of this program.
protocol Command: ParsedCommand {
  var common: CommonOptions { get set }

  /// Does what was asked, and prints the result.
  func run() throws(PatchError) -> ExitStatus
}

/// Options that every command has.
struct CommonOptions: Sendable {
  var threadCount = 0
  var printsJSON = false
  var progress = ProgressForm.auto
  var isQuiet = false
}

/// How progress is shown, as it is typed.
enum ProgressForm: String, CaseIterable, ArgumentValue {
  case auto
  case none
  case json
}

extension Argument where Command: gradiend_patch.Command {
  /// The rows of ``CommonOptions``, which come last in every table.
  static var common: [Self] {
    [
      .option(
        \.common.threadCount, "--threads", value: "N",
        help: "how many threads work; 0 is one for each core"),
      .flag(\.common.printsJSON, "--json", help: "print the result as JSON, for programs"),
      .option(
        \.common.progress, "--progress", value: "HOW",
        help: "a line on a terminal, nothing, or JSON on standard error"),
      .flag(\.common.isQuiet, "-q", "--quiet", help: "no notes and no progress"),
    ]
  }
}

extension Command {
  /// Prints `json` or `text`, as was asked for.
  func printResult(json: @autoclosure () -> String, text: @autoclosure () -> String) {
    print(common.printsJSON ? json() : text().printableLines)
  }

  /// Writes notes for people to standard error.
  func writeNotes(_ notes: [String]) {
    guard !common.isQuiet else { return }
    for note in notes { Console.writeError("note: \(note)", marking: "note:", as: .note) }
  }

  /// Shows how far the work has come, where somebody is watching.
  func progress(_ verb: String) -> (any ProgressDisplay)? {
    switch common.progress {
    case .auto: Console.isErrorTerminal && !common.isQuiet ? ProgressLine(verb) : nil
    case .none: nil
    case .json: ProgressJSON()
    }
  }

  func check(maxRelativeError: Float) throws(UsageError) {
    guard maxRelativeError >= 0, maxRelativeError < 1 else {
      throw UsageError("E of '--max-relative-error' must be at least 0 and below 1")
    }
  }

  func checkThreadCount() throws(UsageError) {
    guard (0...1024).contains(common.threadCount) else {
      throw UsageError("N of '--threads' must be from 0 to 1024, not \(common.threadCount)")
    }
  }
}
