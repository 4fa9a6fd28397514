import TestSupport
import Testing

/// Command lines that say nothing, ask for help, or are wrong.
@Suite struct UsageTests {
  let stage: Stage

  init() throws { stage = try Stage() }

  static let commands = [
    "create", "diff", "join", "combine", "adapter", "apply", "strip", "verify", "inspect",
  ]

  @Test func `no arguments show the usage on standard error`() throws {
    let outcome = try stage.run()
    #expect(outcome.status == 64)
    #expect(outcome.output.isEmpty)
    #expect(outcome.error.hasPrefix("Usage: gradiend-patch "))
    #expect(outcome.error.hasSuffix("See 'gradiend-patch --help'.\n"))
  }

  @Test func `the version is one line on standard output`() throws {
    let outcome = try stage.run("--version")
    #expect(outcome.status == 0)
    #expect(outcome.error.isEmpty)
    #expect(outcome.output.wholeMatch(of: #/gradiend-patch \d+\.\d+\.\d+\S*\n/#) != nil)
  }

  @Test(arguments: [[]] + commands.map { [$0] }, [80, 60])
  func `help goes to standard output and fits the terminal`(
    command: [String], columns: Int
  ) throws {
    var program = stage.program
    program.columns = columns
    let outcome = try program.run(command + ["--help"])
    #expect(outcome.status == 0)
    #expect(outcome.error.isEmpty)
    #expect(
      outcome.output.hasPrefix("Usage: " + (["gradiend-patch"] + command).joined(separator: " ")))
    #expect(outcome.output.hasSuffix("\n") && !outcome.output.hasSuffix("\n\n"))
    for line in outcome.output.split(separator: "\n") {
      #expect(line.count <= columns, "\(line)")
    }
    #expect(try program.run(["help"] + command).output == outcome.output)
  }

  @Test(arguments: commands)
  func `the help of a command lists its operands, its options and its exit codes`(
    command: String
  ) throws {
    let help = try stage.run(command, "--help").output
    for word in [
      "Operands:", "--threads", "--json", "--quiet", "--help", "Exit status:", "Examples:",
    ] {
      #expect(help.contains(word), "\(word)")
    }
    var codes = ["0", "64", "65", "66", "74"]
    if command != "verify" { codes += ["73", "128+n"] }
    // There is no patch yet that another checkpoint could be for.
    if !["create", "diff", "join", "adapter"].contains(command) { codes.append("1") }
    let section = help.split(separator: "Exit status:\n")[1].split(separator: "\n\n")[0]
    let listed = section.split(separator: "\n").compactMap { $0.split(separator: " ").first }
    #expect(Set(listed.map(String.init)) == Set(codes))
  }

  @Test func `mistakes are exit 64, name the command, and suggest`() throws {
    for (words, message) in [
      (["aply"], "gradiend-patch: unknown command 'aply'; did you mean 'apply'?"),
      (["--verion"], "gradiend-patch: unknown option '--verion'; did you mean '--version'?"),
      (
        ["apply", "base", "patch", "-o", "out", "--thread", "1"],
        "gradiend-patch apply: unknown option '--thread'; did you mean '--threads'?"
      ),
      (
        ["apply", "base", "patch"],
        "gradiend-patch apply: missing option '--output OUT' or '--in-place'"
      ),
      (
        ["strip", "result", "patch", "--rollback", "-o", "out"],
        "gradiend-patch strip: '--rollback' undoes a change by '--in-place', which is missing"
      ),
      (
        ["apply", "base", "patch", "--in-place", "-o", "out"],
        "gradiend-patch apply: '--in-place' cannot be combined with '--output'"
      ),
      (["apply", "base", "-o", "out"], "gradiend-patch apply: missing operand PATCH"),
      (
        ["inspect", "base", "--threads", "-1"],
        "gradiend-patch inspect: N of '--threads' must be from 0 to 1024, not -1"
      ),
      (
        ["create", "base", "gradiend", "--feature-factor=nan", "--learning-rate=1"],
        "gradiend-patch create: H of '--feature-factor' must be finite"
      ),
      (
        ["create", "base", "gradiend", "--feature-factor=1", "--learning-rate=inf"],
        "gradiend-patch create: A of '--learning-rate' must be finite"
      ),
      (
        ["create", "base", "one", "two", "--feature-factor=1", "--learning-rate=1"],
        "gradiend-patch create: option '--feature-factor' is needed once for each GRADIEND, in their "
          + "order; GRADIENDs named: 2, times given: 1"
      ),
      (
        [
          "create", "base", "gradiend", "--feature-factor=1", "--learning-rate=1",
          "--learning-rate=2",
        ],
        "gradiend-patch create: option '--learning-rate' is needed once for each GRADIEND, in their "
          + "order; GRADIENDs named: 1, times given: 2"
      ),
      (
        ["create", "base", "--feature-factor=1", "--learning-rate=1"],
        "gradiend-patch create: missing operand GRADIEND"
      ),
    ] {
      let outcome = try stage.program.run(words)
      #expect(outcome.status == 64, "\(words)")
      #expect(outcome.output.isEmpty, "\(words)")
      #expect(outcome.error.split(separator: "\n").first.map(String.init) == message)
      #expect(outcome.error.contains("--help'."))
    }
  }

  @Test func `as many feature factors as latents, or exit 64`() throws {
    let outcome = try stage.run(
      "create", "base", "gradiend", "--feature-factor=1,2", "--learning-rate=1")
    #expect(outcome.status == 64)
    #expect(
      outcome.error == """
        gradiend-patch: gradiend: the GRADIEND has 1 latent, but 2 feature factors were given
        give one for each latent, separated by commas

        """)
  }

  @Test func `the feature factor is for the decoder, and for no other part`() throws {
    let create = ["create", "base", "gradiend", "--learning-rate=1"]
    let missing = try stage.program.run(create)
    #expect(missing.status == 64)
    #expect(missing.error.contains("option '--feature-factor' is missing"))
    let ignored = try stage.program.run(create + ["--part=decoder-bias", "--feature-factor=1"])
    #expect(ignored.status == 64)
    #expect(ignored.error.contains("part 'decoder-bias' ignores '--feature-factor': leave it out"))
    let made = try stage.program.run(create + ["--part=decoder-bias", "-o", "bias"])
    #expect(made.status == 0, "\(made.error)")
    let shown = try stage.run("inspect", "bias", "--json").output
    #expect(shown.contains(#""part": "decoder-bias""#) || shown.contains(#""part":"decoder-bias""#))
    #expect(shown.contains(#""feature_factor": null"#) && !shown.contains(#""feature_factor": ""#))
  }
}
