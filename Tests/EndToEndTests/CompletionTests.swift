import Foundation
import TestSupport
import Testing

/// What shells offer while a command line is typed.
@Suite struct CompletionTests {
  let stage: Stage

  init() throws {
    stage = try Stage()
    for shell in ["bash", "zsh", "fish"] {
      let outcome = try stage.run("completions", shell)
      try #require(outcome.status == 0 && outcome.error.isEmpty)
      try stage.folder.write(outcome.output, to: shell)
    }
  }

  private func shell(_ name: String, _ words: [String]) throws -> Program.Outcome {
    var program = stage.program
    program.executable = "/usr/bin/" + name
    return try program.run(words)
  }

  /// What bash offers for the last of `words`; `files` where it is to offer those.
  private func offers(_ words: [String]) throws -> [String] {
    // What the script tells readline is printed instead, as no line is being edited here.
    let script = """
      compopt() { [[ $1 != +o ]] || asked=no; }
      asked=files
      source ./bash
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
      _gradiend_patch
      printf '%s\\n' "${COMPREPLY[@]:-$asked}"
      """
    let outcome = try shell("bash", ["-c", script, "bash", "gradiend-patch"] + words)
    #expect(outcome.error.isEmpty && outcome.status == 0)
    return outcome.output.split(separator: "\n").map(String.init)
  }

  @Test(arguments: [
    (
      [""],
      [
        "create", "diff", "join", "combine", "adapter", "apply", "strip", "verify", "inspect",
        "export",
        "card",
        "package",
        "completions", "manual", "help",
      ]
    ),
    (["-"], ["-h", "--help", "--version"]),
    (["ap"], ["apply"]), (["ad"], ["adapter"]), (["--v"], ["--version"]),
    (["c"], ["create", "combine", "card", "completions"]),
    (["help", "str"], ["strip"]), (["manual", "v"], ["verify"]),
    (["completions", ""], ["bash", "zsh", "fish"]), (["completions", "f"], ["fish"]),
    (["completions", "fish", ""], ["--help"]),
    (["apply", "--fo"], ["--force"]), (["apply", "base", "--n"], ["--no-sync"]),
    (["apply", ""], ["files"]), (["apply", "base", ""], ["files"]),
    (["apply", "-o", ""], ["files"]),
    (["apply", "--output", "ba"], ["files"]),
    (["apply", "base", "patch", "-o", "out", "--q"], ["--quiet"]),
    (
      ["create", "--part", ""],
      ["decoder", "decoder-weight", "decoder-bias", "decoder-sum", "encoder-weight"]
    ),
    (["create", "--part", "e"], ["encoder-weight"]),
    // Bash gives '--part=e' as three words, or as one.
    (["create", "--part", "=", "e"], ["encoder-weight"]),
    (["create", "--part=e"], ["--part=encoder-weight"]),
    (
      ["create", "--part", "="],
      ["decoder", "decoder-weight", "decoder-bias", "decoder-sum", "encoder-weight"]
    ),
    (["create", "--feature-factor", ""], ["no"]),
    (["create", "--threads=1", "--learning-rate", "-"], ["no"]),
    (["verify", "--expect", "result", ""], ["files"]),
    (["verify", "--expect", "=", "r"], ["result"]),
    (["apply", "--", "-"], ["files"]), (["aply", "x"], ["no"]),
  ])
  func `bash offers what the grammar allows`(words: [String], expected: [String]) throws {
    #expect(try offers(words) == expected)
  }

  @Test func `when the operands are there, bash offers options`() throws {
    let offered = try offers(["diff", "base", "result", ""])
    #expect(offered.starts(with: ["--output", "--max-relative-error"]) && offered.last == "--help")
  }

  @Test(arguments: 1...12) func `where more operands may follow, bash offers files`(count: Int)
    throws
  {
    let operands = Array(repeating: "patch", count: count)
    #expect(try offers(["apply", "base"] + operands + [""]) == ["files"])
  }

  static let hasFish = FileManager.default.isExecutableFile(atPath: "/usr/bin/fish")

  @Test(
    .enabled(if: hasFish, "fish is not installed"),
    arguments: [
      ("ap", ["apply"]), ("completions ", ["bash", "fish", "zsh"]), ("help st", ["strip"]),
      ("apply --no", ["--no-sync"]), ("create --part=e", ["--part=encoder-weight"]),
      ("verify --expect ", ["base", "result"]),
      ("apply base -o base", ["base.safetensors", "base/"]),
      ("create --feature-factor ", []), ("aply ", []),
    ])
  func `fish offers what the grammar allows`(line: String, expected: [String]) throws {
    let script = "source ./fish; complete -C 'gradiend-patch \(line)'"
    let outcome = try shell("fish", ["--no-config", "-c", script])
    let offered = outcome.output.split(separator: "\n").map { String($0.split(separator: "\t")[0]) }
    #expect(offered.sorted() == expected.sorted(), "\(outcome.error)")
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func `a shell takes its script`(name: String) throws {
    guard FileManager.default.isExecutableFile(atPath: "/usr/bin/" + name) else {
      // Only bash is on every system that builds this.
      try #require(name != "bash")
      return
    }
    let outcome = try shell(name, [name == "fish" ? "--no-execute" : "-n", name])
    #expect(outcome.status == 0 && outcome.error.isEmpty, "\(outcome.error)")
  }

  @Test(arguments: UsageTests.commands, ["bash", "zsh", "fish"])
  func `every option is in every script`(command: String, shell: String) throws {
    let script = String(decoding: try stage.folder.bytes(of: shell), as: UTF8.self)
    let help = try stage.run(command, "--help").output
    let names = help.matches(of: #/(?m)^ +(?:-\w, )?(--[a-z0-9-]+)/#).map { String($0.1) }
    #expect(names.count >= 4)
    for name in names {
      let spelling = shell == "fish" ? "-l \(name.dropFirst(2)) " : name
      #expect(script.contains(spelling), "\(name)")
    }
  }

  @Test func `an unknown shell is exit 64 and suggests`() throws {
    let outcome = try stage.run("completions", "fis")
    #expect(outcome.status == 64)
    #expect(
      outcome.error.hasPrefix(
        "gradiend-patch completions: SHELL must be 'bash', 'zsh' or 'fish', not 'fis'; did you mean 'fish'?"
      ))
  }
}
