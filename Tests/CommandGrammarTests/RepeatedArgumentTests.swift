import CommandGrammar
import Testing

private struct MixCommand: ParsedCommand, Equatable {
  var bowl = ""
  var things: [String] = []
  var amounts: [[Float]] = []
  var spices: [String] = []

  static let name = "mix"
  static let summary = "Mix things."
  static let exitStatuses = [ExitMeaning(0, "mixed")]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.bowl, "BOWL", help: "where"),
      .operands(\.things, "THING", help: "what"),
      .options(\.amounts, "--amount", value: "A[,A...]", help: "how much", isRequired: true),
      .options(\.spices, "-s", "--spice", value: "SPICE", help: "what else"),
    ]
  }
}

private struct LostCommand: ParsedCommand {
  var things: [String] = []
  var bowl = ""

  static let name = "lose"
  static let summary = "Lose things."
  static let exitStatuses = [ExitMeaning(0, "lost")]

  static var grammar: [Argument<Self>] {
    [.operands(\.things, "THING", help: "what"), .operand(\.bowl, "BOWL", help: "where")]
  }
}

/// Operands and options that may be given several times.
@Suite struct RepeatedArgumentTests {
  private let program = CommandSet<any ParsedCommand>(
    name: "kitchen", version: "1", summary: "Cook.", commands: [.command(MixCommand.self) { $0 }])

  private func mix(_ words: String) throws -> MixCommand? {
    let words = words.split(separator: " ").map { String($0) }
    guard case .run(let command) = try program.parse(["mix"] + words) else { return nil }
    return command as? MixCommand
  }

  @Test func `values are kept in the order in which they are given`() throws {
    let command = try #require(
      try mix("bowl egg --amount 1,-2 milk -s salt --amount=3 -spepper flour"))
    #expect(command.bowl == "bowl")
    #expect(command.things == ["egg", "milk", "flour"])
    #expect(command.amounts == [[1, -2], [3]])
    #expect(command.spices == ["salt", "pepper"])
  }

  @Test(arguments: [
    ("bowl --amount 1", "missing operand THING"), ("--amount 1", "missing operands BOWL and THING"),
    ("bowl egg", "missing option '--amount A[,A...]'"),
    ("bowl egg --amount 1 --amount x", "option '--amount': A must be a number, not 'x'"),
  ])
  func `one of each is needed, and each is checked`(words: String, sentence: String) {
    #expect(throws: UsageError(sentence).attributed(to: "kitchen mix")) { try mix(words) }
  }

  @Test func `help says what may be repeated`() throws {
    guard case .help(let text) = try program.parse(["mix", "--help"], width: 100) else {
      Issue.record("no help")
      return
    }
    #expect(text.hasPrefix("Usage: kitchen mix BOWL THING... --amount A[,A...]... [-s SPICE]...\n"))
    #expect(text.contains("\n  THING...  what\n"))
    #expect(program.problems.isEmpty)
  }

  @Test func `an operand behind one that takes all places left is a problem of the table`() {
    let lost = CommandSet<any ParsedCommand>(
      name: "kitchen", version: "1", summary: "Cook.",
      commands: [.command(LostCommand.self) { $0 }])
    #expect(lost.problems == ["lose: an operand follows one that takes all places left"])
  }

  @Test func `shells complete all of them`() {
    let bash = program.completions(for: .bash)
    #expect(bash.contains("mix:0 | mix:[1-9] | mix:[1-9][0-9]*"))
    let zsh = program.completions(for: .zsh)
    #expect(zsh.contains("'*:THING:_files'") && zsh.contains("'*--amount=[how much]:A[,A...]: '"))
    #expect(zsh.contains("'*'{-s+,--spice=}'[what else]:SPICE:_files'"))
  }
}
