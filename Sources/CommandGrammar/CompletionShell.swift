/// A shell that can complete command lines.
package enum CompletionShell: String, CaseIterable, ArgumentValue, Sendable {
  case bash
  case zsh
  case fish
}

extension CommandSet {
  /// A script that teaches `shell` to complete the program's command lines, without a newline at
  /// the end.
  package func completions(for shell: CompletionShell) -> String {
    switch shell {
    case .bash: BashCompletion(self).text
    case .zsh: ZshCompletion(self).text
    case .fish: FishCompletion(self).text
    }
  }
}

extension String {
  /// Between single quotes, so that bash and zsh take it as it is.
  var quotedForShell: String {
    "'" + split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
  }

  /// With a backslash before each of `characters`.
  func escaping(_ characters: String) -> String {
    String(flatMap { characters.contains($0) ? ["\\", $0] : [$0] })
  }

  /// Fit for the name of a shell function.
  var identifier: String {
    String(map { $0.isLetter || $0.isNumber ? $0 : "_" })
  }
}
