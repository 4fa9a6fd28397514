import CommandGrammar
import GradiendPatch

/// `gradiend-patch completions`: a script for a shell.
struct CompletionsCommand: Command {
  var shell = CompletionShell.bash
  /// None of these is in the table.
  var common = CommonOptions()

  static let name = "completions"
  static let summary = "Print a script that lets a shell complete command lines."
  static let discussion = """
    'make install' puts the scripts where the shells find them. Without it, read the output in the \
    shell's start-up file, as in the first example. zsh finds what 'make install PREFIX=DIR' installs \
    only if DIR/share/zsh/site-functions is in its fpath before it calls compinit: in ~/.zshrc, \
    'fpath=(DIR/share/zsh/site-functions $fpath)'.
    """
  static let exitStatuses = [ExitStatus.done, .usage, .inputOutput].map(\.meaning)
  static let examples = [
    CommandExample(
      "source <(gradiend-patch completions bash)", "in ~/.bashrc; likewise in ~/.zshrc"),
    CommandExample(
      "gradiend-patch completions fish > ~/.config/fish/completions/gradiend-patch.fish",
      "for good, in fish"),
  ]

  static var grammar: [Argument<Self>] {
    [.operand(\.shell, "SHELL", help: "which shell the script is for")]
  }

  func run() throws(PatchError) -> ExitStatus {
    print(Program.commands.completions(for: shell))
    return .done
  }
}
