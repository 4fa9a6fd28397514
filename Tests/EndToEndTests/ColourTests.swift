import TestSupport
import Testing

/// Colours are for people at a terminal who want them, and for nobody else.
@Suite struct ColourTests {
  let stage: Stage

  init() throws { stage = try Stage() }

  /// What a terminal shows of a run's standard error.
  private func shown(_ words: [String], _ environment: [String]) throws -> String {
    var program = stage.program
    program.environment = environment
    let terminal = try Terminal()
    _ = try program.start(words, errorPath: terminal.path).wait()
    return terminal.text()
  }

  @Test func `on a terminal, the program's name stands out before an error`() throws {
    #expect(
      try shown(["inspect", "none"], ["TERM=xterm"])
        == "\u{1B}[1;31mgradiend-patch:\u{1B}[0m none: No such file or directory\n")
    #expect(
      try shown(["inspect"], ["TERM=xterm"]) == """
        \u{1B}[1;31mgradiend-patch inspect:\u{1B}[0m missing operand FILE|DIR
        See 'gradiend-patch inspect --help'.

        """)
  }

  @Test func `a note is bold`() throws {
    let text = try shown(["diff", "base", "base", "-o", "same"], ["TERM=xterm"])
    #expect(text.hasPrefix("\u{1B}[1mnote:\u{1B}[0m the patch changes nothing"))
  }

  @Test(arguments: [["TERM=xterm", "NO_COLOR=1"], ["TERM=dumb"], []])
  func `without a terminal that can, or if nobody wants them, there are no colours`(
    environment: [String]
  ) throws {
    #expect(
      try shown(["inspect", "none"], environment)
        == "gradiend-patch: none: No such file or directory\n")
  }

  @Test func `an empty NO_COLOR says nothing`() throws {
    #expect(try shown(["inspect", "none"], ["TERM=xterm", "NO_COLOR="]).contains("\u{1B}"))
  }

  @Test func `a pipe or a file gets no colours`() throws {
    var program = stage.program
    program.environment = ["TERM=xterm"]
    #expect(try !program.run("inspect", "none").error.contains("\u{1B}"))
  }
}
