/// The completion script for fish.
struct FishCompletion {
  let text: String

  init<Action>(_ program: CommandSet<Action>) {
    let name = program.name
    let function = "__" + name.identifier + "_runs"
    let complete = "complete -c \(name)"
    var lines = [
      "# Completes command lines of \(name) \(program.version) in fish.",
      "# Made by '\(name) completions fish'.",
      "",
      "# Whether the command is one of those named here; without names, whether there is none yet.",
      "function \(function)",
      "    set -l words (commandline -opc)",
      "    set -l command $words[2]",
      "    test (count $argv) -eq 0; and test -z \"$command\"; or contains -- \"$command\" $argv",
      "end",
      "",
      "\(complete) -f",
    ]
    for command in program.commandsAndHelp {
      lines.append(
        "\(complete) -n \(function) -a \(command.name) -d \(Self.quoted(command.summary))")
    }
    for flag in [ArgumentFacts.help, CommandSet<Action>.versionFlag] {
      lines.append("\(complete) -n \(function)\(Self.option(flag))")
    }
    let names = program.commandsAndHelp.map(\.name)
    for entry in program.commands {
      let condition = Self.quoted("\(function) \(entry.facts.name)")
      lines.append("")
      let operands = entry.facts.arguments.filter { $0.shape == .operand }
      for value in Self.operandValues(operands, commands: names) {
        lines.append("\(complete) -n \(condition)\(value)")
      }
      for argument in entry.facts.arguments where argument.shape != .operand {
        lines.append("\(complete) -n \(condition)\(Self.option(argument))")
      }
    }
    lines += [
      "", "\(complete) -n '\(function) help' -a \(Self.quoted(names.joined(separator: " ")))",
    ]
    text = lines.joined(separator: "\n")
  }

  /// Fish does not count operands, so all of a command are completed alike.
  private static func operandValues(_ operands: [ArgumentFacts], commands: [String]) -> [String] {
    var values: [String] = []
    for operand in operands {
      let value =
        switch operand.valueKind {
        case _ where !operand.choices.isEmpty:
          " -a \(quoted(operand.choices.joined(separator: " ")))"
        case .path: " -F"
        case .command: " -a \(quoted(commands.joined(separator: " ")))"
        case .text: ""
        }
      if !value.isEmpty && !values.contains(value) { values.append(value) }
    }
    return values
  }

  private static func option(_ facts: ArgumentFacts) -> String {
    let names = facts.names.map { name in
      name.hasPrefix("--") ? " -l \(name.dropFirst(2))" : " -s \(name.dropFirst(1))"
    }
    return names.joined() + value(facts) + " -d \(quoted(facts.help))"
  }

  private static func value(_ facts: ArgumentFacts) -> String {
    switch facts.valueKind {
    case _ where facts.shape == .flag: ""
    case _ where !facts.choices.isEmpty: " -x -a \(quoted(facts.choices.joined(separator: " ")))"
    case .path: " -r -F"
    case .text, .command: " -x"
    }
  }

  /// Fish knows two escapes between single quotes.
  private static func quoted(_ text: String) -> String { "'\(text.escaping("\\'"))'" }
}
