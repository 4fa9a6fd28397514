/// The completion script for zsh, to be found as `_PROGRAM` on its `fpath`, or read with `source`.
struct ZshCompletion {
  let text: String

  init<Action>(_ program: CommandSet<Action>) {
    let function = "_" + program.name
    let arms = program.commands.map { entry in
      let specifications = Self.specifications(of: entry.facts, commands: "\(function)_commands")
        .map { " \\\n        \($0)" }.joined()
      return """
            \(entry.facts.name))
              _arguments -s -S\(specifications)
              ;;
        """
    }
    let commands = program.commandsAndHelp.map { command in
      let name = command.name.escaping(":")
      return "    " + "\(name):\(command.summary)".quotedForShell
    }
    let version = CommandSet<Action>.versionFlag
    text = """
      #compdef \(program.name)

      # Completes command lines of \(program.name) \(program.version) in zsh.
      # Made by '\(program.name) completions zsh'.

      \(function)_commands() {
        local -a commands=(
      \(commands.joined(separator: "\n"))
        )
        _describe -t commands command commands
      }

      \(function)() {
        local curcontext=$curcontext state line
        _arguments -C \\
          \(Self.flag(.help, excluding: "- *")) \\
          \(Self.flag(version, excluding: "- *")) \\
          '1:command:\(function)_commands' \\
          '*::argument:->arguments' && return
        [[ $state == arguments ]] || return
        case $words[1] in
      \(arms.joined(separator: "\n"))
          help)
            _arguments '1:command:\(function)_commands'
            ;;
        esac
      }

      # Loaded by its name, this file is the function's first call; read, it only defines it.
      if [[ $funcstack[1] == \(function) ]]; then
        \(function) "$@"
      else
        compdef \(function) \(program.name)
      fi
      """
  }

  /// What `_arguments` is told of a command.
  private static func specifications(
    of facts: CommandFacts, commands: String
  ) -> [String] {
    let options = facts.arguments.filter { $0.shape != .operand }
    let operands = facts.arguments.filter { $0.shape == .operand }
    return options.map { option in
      option.shape == .flag
        ? flag(option, excluding: option == .help ? "- *" : option.names.joined(separator: " "))
        : valued(option, commands)
    }
      + operands.enumerated().map { position, operand in
        let colons = operand.isRequired ? ":" : "::"
        let place = operand.isRepeatable ? "*:" : "\(position + 1)\(colons)"
        return (place + value(operand, commands)).quotedForShell
      }
  }

  private static func flag(_ facts: ArgumentFacts, excluding names: String) -> String {
    specification(facts.names, after: "(\(names))", "[\(explanation(facts))]")
  }

  private static func valued(_ facts: ArgumentFacts, _ commands: String) -> String {
    // A value may be attached to a short name, and follows a long one after '=' or a blank.
    let spellings = facts.names.map { $0.hasPrefix("--") ? "\($0)=" : "\($0)+" }
    // A star lets an option be given again.
    return specification(
      spellings, after: facts.isRepeatable ? "*" : "(\(facts.names.joined(separator: " ")))",
      "[\(explanation(facts))]:\(value(facts, commands))")
  }

  /// An option; `prefix` says what it keeps from being offered, in parentheses.
  private static func specification(
    _ spellings: [String], after prefix: String, _ rest: String
  ) -> String {
    guard spellings.count > 1 else {
      return "\(prefix)\(spellings.joined())\(rest)".quotedForShell
    }
    // The shell makes a word of each of the spellings in braces.
    return prefix.quotedForShell + "{\(spellings.joined(separator: ","))}"
      + rest.quotedForShell
  }

  private static func explanation(_ facts: ArgumentFacts) -> String {
    facts.help.escaping("\\[]:")
  }

  /// The value's name, and how to complete it; `commands` is the function that knows those.
  private static func value(_ facts: ArgumentFacts, _ commands: String) -> String {
    let action =
      switch facts.valueKind {
      case _ where !facts.choices.isEmpty: "(\(facts.choices.joined(separator: " ")))"
      case .path: "_files"
      case .command: commands
      case .text: " "
      }
    return "\(facts.placeholder.escaping(":")):\(action)"
  }
}
