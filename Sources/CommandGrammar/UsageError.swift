/// What is wrong with a command line, and which command's help would tell.
package struct UsageError: Error, Equatable {
  /// What is wrong: lower case, no full stop.
  package let sentence: String

  /// The command as typed, program first (`gradiend-patch apply`), once it is known.
  package private(set) var command: String?

  /// Shown instead of the sentence when there is nothing to complain about but silence.
  private var usage: String?

  package init(_ sentence: String) {
    self.sentence = sentence
  }

  /// An empty command line: its remedy is the usage itself.
  static func noCommand(_ program: String, usage: String) -> Self {
    var error = Self("no command given")
    error.command = program
    error.usage = usage
    return error
  }

  /// The same error, naming `command` unless it already names one.
  package func attributed(to command: String) -> Self {
    var error = self
    error.command = self.command ?? command
    return error
  }
}

extension UsageError: CustomStringConvertible {
  /// What to do about it.
  package var remedy: String? { command.map { "See '\($0) --help'." } }

  /// The lines to print. What was typed is in one of them, whatever it holds.
  package var lines: [String] {
    guard let command, let remedy else { return [sentence] }
    let fault = usage?.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    return (fault ?? ["\(command): \(sentence)"]) + [remedy]
  }

  /// The lines to print, without a newline at the end.
  package var description: String { lines.joined(separator: "\n") }
}
