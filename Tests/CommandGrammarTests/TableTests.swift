import CommandGrammar
import Testing

@Suite struct TableTests {
  @Test func `a sound table has no problems`() {
    #expect(Oven.program.problems == [])
  }

  @Test func `every fault of a table is found`() {
    let program = CommandSet<any ParsedCommand>(
      name: "oven", version: "1", summary: "Break.",
      commands: [.command(BrokenCommand.self) { $0 }, .command(BrokenCommand.self) { $0 }])
    let expected = [
      "its name is not lower-case ASCII",
      "its summary lacks a full stop",
      "exit status '1' occurs twice",
      "option '--twice' occurs twice",
      "option '-h' occurs twice",
      "operand 'B' occurs twice",
      "a required operand follows an optional one",
      "'[A]' lacks a placeholder in capitals",
      "'B' lacks help",
      "'B' has help with a full stop",
      "'--Twice, --twice N' has a malformed name '--Twice'",
      "'--twice n' lacks a placeholder in capitals",
      "'-1, --x, -long, --a--b' has a malformed name '-1'",
      "'-1, --x, -long, --a--b' has a malformed name '--x'",
      "'-1, --x, -long, --a--b' has a malformed name '-long'",
      "'-1, --x, -long, --a--b' has a malformed name '--a--b'",
      "'' has too few or too many names",
      "'' is empty or ends with a full stop",
      "'oven break' does not begin with 'oven Break'",
      "'oven Break --wrong' fails: unknown option '--wrong'",
    ].map { "Break: \($0)" }
    #expect(program.problems == ["command 'Break' occurs twice"] + expected + expected)
  }

  @Test func `the rows keep their facts as data`() throws {
    let facts = try #require(Oven.program.commands.first?.facts)
    let side = try #require(facts.arguments.first { $0.names == ["--side"] })
    #expect(side.choices == ["top", "bottom", "both"])
    #expect(side.defaultText == "both")
    #expect(facts.arguments.map(\.shape).prefix(3) == [.operand, .operand, .option])
    #expect(facts.arguments.last == .help)
  }
}

private struct BrokenCommand: ParsedCommand {
  var text: String?
  var isSet = false

  static let name = "Break"
  static let summary = "Break"
  static let examples = [
    CommandExample("oven break", ""),
    CommandExample("oven Break --wrong", "an option that does not exist"),
    CommandExample("oven Break 'a b'", "quotes, which are left to a shell"),
  ]
  static let exitStatuses = [ExitMeaning(1, "broken"), ExitMeaning(1, "still broken")]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.text, "[A]", help: "optional", isRequired: false),
      .operand(\.text, "B", help: ""),
      .operand(\.text, "B", help: "the same again."),
      .option(\.text, "--Twice", "--twice", value: "N", help: "twice"),
      .option(\.text, "--twice", value: "n", help: "twice"),
      .flag(\.isSet, "-1", "--x", "-long", "--a--b", help: "names"),
      .flag(\.isSet, help: "no name at all"),
      .flag(\.isSet, "-h", help: "taken"),
    ]
  }
}
