/// The completion script for bash.
///
/// It needs nothing but bash: neither the functions of the bash-completion project, which not every
/// system has, nor a run of the program at each key.
struct BashCompletion {
  let text: String

  init<Action>(_ program: CommandSet<Action>) {
    let function = "_" + program.name.identifier
    let names = program.commandsAndHelp.map(\.name)
    let flags = ArgumentFacts.help.names + CommandSet<Action>.versionFlag.names
    let commands = program.commands.map(\.facts)
    text = """
      # Completes command lines of \(program.name) \(program.version) in bash.
      # Made by '\(program.name) completions bash'.

      \(function)() {
        local command=${COMP_WORDS[1]} current=${COMP_WORDS[COMP_CWORD]} commands options= valued=
        commands=\(Self.list(names))
        COMPREPLY=()
        if ((COMP_CWORD == 1)); then
          compopt +o default +o bashdefault 2>/dev/null
          [[ $current == -* ]] && commands=\(Self.list(flags))
          mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
          return
        fi
        case $command in
      \(Self.arms(commands.map(Self.options)))
        esac
      \(Self.reading)

        # What can stand here: one of a few words, the name of a file, or what nobody can guess.
        local words= files=
        case $command:${pending:-$operands} in
      \(Self.arms(commands.flatMap(Self.values) + [(["help:0"], "words=$commands")]))
          *) [[ $pending ]] || words=$options ;;
        esac
      \(Self.answering)
      }

      complete -o bashdefault -o default -F \(function) \(program.name)
      """
  }

  /// Finds the option that waits for its value, whether `--` was there, and how many operands.
  private static let reading = """
      local word pending= ended=
      local -i operands=0
      for word in "${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
        if [[ $word == = ]]; then
          continue # bash cuts '--option=value' into three words
        elif [[ $pending ]]; then
          pending=
        elif [[ $ended || $word != -?* ]]; then
          operands+=1
        elif [[ $word == -- ]]; then
          ended=yes
        elif [[ $valued == *" $word "* ]]; then
          pending=$word
        fi
      done
      [[ $current == = ]] && current=
      # Somebody may have told bash not to cut at '='.
      local prefix=
      if [[ ! $pending && ! $ended && $current == --*=* ]]; then
        pending=${current%%=*} prefix=${current%%=*}= current=${current#*=}
      fi
    """

  private static let answering = """
      if [[ ! $pending && ! $ended && $current == -* ]]; then
        words=$options files=
      fi
      # Without an answer, bash completes names of files by itself, and knows how to quote them.
      [[ $files && ! $prefix ]] && return
      compopt +o default +o bashdefault 2>/dev/null
      if [[ $files ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -P "$prefix" -f -- "$current")
      else
        mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$words" -- "$current")
      fi
    """

  /// An arm of `case`: the patterns and the body.
  private typealias Arm = (patterns: [String], body: String)

  private static func arms(_ arms: [Arm]) -> String {
    arms.filter { !$0.patterns.isEmpty }
      .map { "    \($0.patterns.joined(separator: " | "))) \($0.body) ;;" }
      .joined(separator: "\n")
  }

  /// The options of a command, and those of them that a value follows.
  private static func options(of facts: CommandFacts) -> Arm {
    // Long names say what they do; short ones are for those who know them.
    let options = facts.arguments.compactMap(\.names.last)
    let valued = facts.arguments.filter { $0.shape == .option }.flatMap(\.names)
    let padded = ([""] + valued + [""]).joined(separator: " ")
    return ([facts.name], "options=\(list(options)) valued=\(padded.quotedForShell)")
  }

  /// What the values of a command's arguments can be, operands under their numbers.
  private static func values(of facts: CommandFacts) -> [Arm] {
    let operands = facts.arguments.filter { $0.shape == .operand }.enumerated()
      .map { number, operand in
        let numbers = operand.isRepeatable ? Self.numbers(from: number) : ["\(number)"]
        return (facts: operand, patterns: numbers.map { "\(facts.name):\($0)" })
      }
    let options = facts.arguments.filter { $0.shape == .option }
      .map { option in (facts: option, patterns: option.names.map { "\(facts.name):\($0)" }) }
    let arguments = operands + options
    let chosen = arguments.filter { !$0.facts.choices.isEmpty }
      .map { Arm($0.patterns, "words=\(list($0.facts.choices))") }
    let free = arguments.filter { $0.facts.choices.isEmpty }
    func patterns(_ kind: ArgumentValueKind) -> [String] {
      free.filter { $0.facts.valueKind == kind }.flatMap(\.patterns)
    }
    return chosen + [
      (patterns(.path), "files=yes"), (patterns(.command), "words=$commands"),
      (patterns(.text), ""),
    ]
  }

  /// Patterns of all numbers from `first` on, which has one digit.
  private static func numbers(from first: Int) -> [String] { ["[\(first)-9]", "[1-9][0-9]*"] }

  private static func list(_ words: [String]) -> String {
    words.joined(separator: " ").quotedForShell
  }
}
