import CommandGrammar
import Glibc

/// A command of the bench.
protocol BenchCommand: ParsedCommand {
  /// Does what was asked, and prints the result.
  func run() throws
}

extension BenchCommand {
  static var exitStatuses: [ExitMeaning] {
    [
      ExitMeaning(0, "done"),
      ExitMeaning(1, "something failed, or gave what it should not have given"),
      ExitMeaning(64, "the command line is wrong"),
    ]
  }
}

/// The program as a whole.
enum Bench {
  static let program = CommandSet<any BenchCommand>(
    name: "gradiend-patch-bench", version: "0",
    summary: "Measure how small and how fast gradiend-patch is.",
    commands: [
      .command(MeasureCommand.self) { $0 },
      .command(FloorsCommand.self) { $0 },
      .command(TableCommand.self) { $0 },
      .command(SynthesiseCommand.self) { $0 },
    ])

  /// Puts `measure` in front of a command line that begins with a path.
  static func withDefaultCommand(_ arguments: [String]) -> [String] {
    guard let first = arguments.first, !first.hasPrefix("-"), first != "help",
      !program.commands.contains(where: { $0.facts.name == first })
    else { return arguments }
    return [MeasureCommand.name] + arguments
  }

  /// Writes a line for people to standard error.
  static func note(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
  }
}

/// Brings what was printed so far to where it goes.
func flushOutput() {
  fflush(nil)
}

/// What went wrong, in a sentence.
struct BenchError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
