import CommandGrammar
import Testing

@Suite struct CommandSetTests {
  @Test func `the command named first is the one that runs`() throws {
    guard case .run(let command) = try Oven.program.parse(["taste", "soup"]) else {
      Issue.record("did not run")
      return
    }
    #expect((command as? TasteCommand)?.dish == "soup")
  }

  @Test func `a closure can be the action`() throws {
    let program = CommandSet<@Sendable () -> String>(
      name: "oven", version: "1", summary: "Taste.",
      commands: [
        .command(TasteCommand.self) { command in { "tasted \(command.dish ?? "nothing")" } }
      ])
    guard case .run(let action) = try program.parse(["taste", "soup"]) else {
      Issue.record("did not run")
      return
    }
    #expect(action() == "tasted soup")
  }

  @Test func `the version follows the name`() throws {
    guard case .version(let text) = try Oven.program.parse(["--version"]) else {
      Issue.record("no version")
      return
    }
    #expect(text == "oven 1.2.3")
  }

  @Test func `every way to ask for a command's help gives the same text`() throws {
    let expected = try #require(try Oven.help("bake --help"))
    for words in [
      "bake -h", "bake cake -qh", "bake cake round --help --unread",
      "help bake", "--help bake", "-h bake",
    ] {
      #expect(try Oven.help(words) == expected, "\(words)")
    }
  }

  @Test func `every way to ask for the program's help gives the same text`() throws {
    let expected = try #require(try Oven.help("--help"))
    for words in ["-h", "help", "help help", "help --help"] {
      #expect(try Oven.help(words) == expected, "\(words)")
    }
  }

  @Test func `an empty command line is answered with the usage`() {
    let expected = """
      Usage: oven COMMAND [ARGUMENT...]

      Commands:
        bake   Bake a recipe in a tin.
        taste  Say whether a dish is good.
        help   Explain the program, or the command named after it.

      See 'oven --help'.
      """
    do throws(UsageError) {
      _ = try Oven.program.parse([])
      Issue.record("accepted")
    } catch {
      #expect(error.description == expected)
    }
  }

  @Test(arguments: [
    ("bale", "unknown command 'bale'; did you mean 'bake'?"),
    ("tsate soup", "unknown command 'tsate'; did you mean 'taste'?"),
    ("tas", "unknown command 'tas'; did you mean 'taste'?"),
    ("hepl", "unknown command 'hepl'; did you mean 'help'?"),
    ("help tast", "unknown command 'tast'; did you mean 'taste'?"),
    ("help bake taste", "unexpected operand 'taste' after 'help bake'"),
    ("wash", "unknown command 'wash'"),
    ("--quiet bake", "unknown option '--quiet'; options come after the command"),
    ("--versoin", "unknown option '--versoin'; did you mean '--version'?"),
  ])
  func `a mistake before any command names the program`(words: String, sentence: String) {
    #expect(Oven.complaint(words) == "oven: \(sentence)")
  }

  @Test func `an error points to the help of its command`() {
    do throws(UsageError) {
      _ = try Oven.program.parse(["taste", "--dish"])
      Issue.record("accepted")
    } catch {
      #expect(error.command == "oven taste")
      #expect(
        error.description == "oven taste: unknown option '--dish'\nSee 'oven taste --help'.")
    }
  }
}
