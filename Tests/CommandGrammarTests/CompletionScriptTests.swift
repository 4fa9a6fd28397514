import CommandGrammar
import Testing

/// Scripts for shells, from texts that shells would take for their own.
@Suite struct CompletionScriptTests {
  @Test func `zsh gets descriptions in single quotes, with its own characters escaped`() {
    let script = Thorns.program.completions(for: .zsh)
    let help = #"[it'\''s $HOME, `id`, "x" \[a\:b\] ~^\\]:THORN:_files'"#
    #expect(script.contains("'(--thorn)--thorn=" + help))
    #expect(script.contains(#"'prick:Prick with '\''\'\'' and –.'"#))
    #expect(script.hasPrefix("#compdef garden\n"))
  }

  @Test func `fish gets descriptions in single quotes`() {
    let script = Thorns.program.completions(for: .fish)
    #expect(script.contains(#" -l thorn -r -F -d 'it\'s $HOME, `id`, "x" [a:b] ~^\\'"#))
  }

  @Test func `bash gets names only`() {
    let script = Thorns.program.completions(for: .bash)
    #expect(script.contains("prick) options='--thorn --help' valued=' --thorn ' ;;"))
    #expect(!script.contains("$HOME") && script.hasSuffix("-F _garden garden"))
  }

  @Test(arguments: CompletionShell.allCases)
  func `choices are offered, and nothing where nobody can guess`(shell: CompletionShell) {
    let script = Oven.program.completions(for: shell)
    let (choices, number) =
      switch shell {
      case .bash: ("bake:--side) words='top bottom both' ;;", #"bake:--heat"#)
      case .zsh: (":SIDE:(top bottom both)'", ":H[,H...]: '")
      case .fish: ("-l side -x -a 'top bottom both'", "-l heat -x -d")
      }
    #expect(script.contains(choices) && script.contains(number), "\(script)")
  }
}
