import CommandGrammar
import Testing

@Suite struct ArgumentParserTests {
  @Test func `operands and options come in any order`() throws {
    let command = try Oven.bake("--heat 180 cake -o report round --rate 2 -f")
    var expected = BakeCommand()
    expected.recipe = "cake"
    expected.tin = "round"
    expected.heats = [180]
    expected.rate = 2
    expected.output = "report"
    expected.overwrites = true
    #expect(command == expected)
  }

  @Test(arguments: [
    "--output=a=b", "--output a=b", "-o a=b", "-oa=b", "-o=a=b", "-fo a=b", "-fqoa=b",
  ])
  func `every spelling of an option gives the same value`(spelling: String) throws {
    let command = try Oven.bake("cake round --heat 1 --rate 1 \(spelling)")
    #expect(command?.output == "a=b")
    #expect(command?.isQuiet == spelling.hasPrefix("-fq"))
  }

  @Test(arguments: ["--rate=-0.01", "--rate -0.01", "-r -0.01", "-r-0.01", "-r=-0.01", "-qr -1e-2"])
  func `a negative number after an option is its value`(spelling: String) throws {
    #expect(try Oven.bake("cake round --heat -1,2 \(spelling)")?.rate == -0.01)
  }

  @Test func `a list of negative numbers is a value`() throws {
    #expect(try Oven.bake("cake round --heat -1,-.5,2e1 --rate 1")?.heats == [-1, -0.5, 20])
  }

  @Test(arguments: ["-0.5", "-1", "-.5", "-1e-3", "-1,2"])
  func `a negative number that no option wants is named as such`(word: String) {
    #expect(
      Oven.complaint("bake cake round \(word)")
        == "oven bake: '\(word)' looks like a negative number, but no option before it takes a value"
    )
  }

  @Test func `whatever follows an option that takes a value is the value`() throws {
    #expect(try Oven.bake("cake round --heat 1 --rate 1 -o --force")?.output == "--force")
    #expect(try Oven.bake("cake round --heat 1 --rate 1 -o --")?.output == "--")
  }

  @Test func `two dashes end the options`() throws {
    let command = try Oven.bake("--heat 1 --rate 1 -- --force -1")
    #expect(command?.recipe == "--force")
    #expect(command?.tin == "-1")
    #expect(command?.overwrites == false)
  }

  @Test func `one dash is an operand`() throws {
    #expect(try Oven.bake("- round --heat 1 --rate 1")?.recipe == "-")
  }

  @Test func `bundled flags are all set and may be repeated`() throws {
    let command = try Oven.bake("cake round --heat 1 --rate 1 -fqf --force")
    #expect(command?.overwrites == true)
    #expect(command?.isQuiet == true)
  }

  @Test func `a value may begin with a character that combines with the sign`() throws {
    #expect(try Oven.bake("a b --heat 1 --rate 1 --output=\u{301}")?.output == "\u{301}")
  }

  @Test func `what is left out keeps its default`() throws {
    let command = try #require(try Oven.bake("cake round --heat 1 --rate 1"))
    #expect(command.shelf == nil)
    #expect(command.side == .both)
    #expect(command.trays == 2)
  }

  @Test(arguments: [
    ("--ouput x", "unknown option '--ouput'; did you mean '--output'?"),
    ("--outptu x", "unknown option '--outptu'; did you mean '--output'?"),
    ("--forc", "unknown option '--forc'; did you mean '--force'?"),
    ("--output2=x", "unknown option '--output2'; did you mean '--output'?"),
    ("--hlep", "unknown option '--hlep'; did you mean '--help'?"),
    ("--wholemeal", "unknown option '--wholemeal'"),
    ("-force", "unknown option '-force'; did you mean '--force'?"),
    ("-x", "unknown option '-x'"),
    ("-fx", "unknown option '-x' in '-fx'"),
    ("--force=1", "option '--force' takes no value"),
    ("-f=1", "option '-f' takes no value"),
    ("--help=1", "option '--help' takes no value"),
    ("-o a --output b", "option '--output' is given twice"),
    ("--rate 1 --output", "option '--output' needs a value: FILE"),
    ("-fo", "option '-o' needs a value: FILE"),
    ("--output=", "option '--output': FILE is empty"),
    ("-t two", "option '-t': N must be a whole number, not 'two'"),
    ("--shelf=1.5", "option '--shelf': N must be a whole number, not '1.5'"),
    ("--rate fast", "option '--rate': A must be a number, not 'fast'"),
    ("--rate --force", "option '--rate': A must be a number, not '--force'"),
    ("--heat 1,,2", "option '--heat': H must be a number, not ''"),
    ("--heat 1,x", "option '--heat': H must be a number, not 'x'"),
    ("--side left", "option '--side': SIDE must be 'top', 'bottom' or 'both', not 'left'"),
    (
      "--side botom",
      "option '--side': SIDE must be 'top', 'bottom' or 'both', not 'botom'; did you mean 'bottom'?"
    ),
    ("cake round more", "unexpected operand 'more' after RECIPE and TIN"),
    ("", "missing operands RECIPE and TIN"),
    ("cake -r 1", "missing operand TIN"),
    ("cake round", "missing options '--heat H[,H...]' and '--rate A'"),
    ("cake round --heat 1", "missing option '--rate A'"),
    ("cake round --heat 1 --rate inf", "'--rate' must be finite"),
  ])
  func `a mistake has its own sentence`(words: String, sentence: String) {
    #expect(Oven.complaint("bake \(words)") == "oven bake: \(sentence)")
  }

  @Test func `an empty operand is refused`() {
    #expect(throws: UsageError("DISH is empty").attributed(to: "oven taste")) {
      try Oven.program.parse(["taste", ""])
    }
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `no words make the parser trap`(seed: UInt64) {
    var state = seed
    func next(below count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % count
    }
    let pieces = [
      "-", "=", "--", "f", "o", "h", "force", "output", "rate", "1", ",", "", "\u{301}",
    ]
    for _ in 0..<500 {
      let words = (0..<next(below: 5)).map { _ in
        (0..<next(below: 4)).map { _ in pieces[next(below: pieces.count)] }.joined()
      }
      do throws(UsageError) {
        _ = try Oven.program.parse(["bake"] + words)
      } catch {
        #expect(error.command == "oven bake", "\(words)")
      }
    }
  }
}
