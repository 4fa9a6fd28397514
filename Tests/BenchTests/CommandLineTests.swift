import CommandGrammar
import Testing

@testable import gradiend_patch_bench

@Suite struct CommandLineTests {
  @Test func `the table of commands has no flaws`() {
    #expect(Bench.program.problems.isEmpty)
  }

  @Test func `a first word that is no command is the base of 'measure'`() {
    #expect(
      Bench.withDefaultCommand(["base", "--runs", "1"]) == ["measure", "base", "--runs", "1"])
    #expect(Bench.withDefaultCommand(["floors", "a", "b"]) == ["floors", "a", "b"])
    #expect(Bench.withDefaultCommand(["--help"]) == ["--help"])
    #expect(Bench.withDefaultCommand([]).isEmpty)
  }

  @Test(
    arguments: [
      ("b", "either '--gradiend DIR' or '--result RESULT' is needed"),
      (
        "b --gradiend g --result r", "either '--gradiend DIR' or '--result RESULT' is needed"
      ),
      (
        "b --gradiend g --learning-rate 1",
        "'--gradiend DIR' goes with '--feature-factor H[,H...]' and '--learning-rate A'"
      ),
      ("b --result r --runs 0", "N of '--runs' must be from 1 to 1000, not 0"),
      ("b --result r --threads 1,0", "every N of '--threads' must be from 1 to 1024"),
    ])
  func `what does not fit together is refused`(line: String, sentence: String) {
    let words = line.split(separator: " ").map(String.init)
    let error = #expect(throws: UsageError.self) {
      try Bench.program.parse(Bench.withDefaultCommand(words))
    }
    #expect(error?.sentence == sentence)
  }

  @Test func `the help of the program`() throws {
    let expected = """
      Usage: gradiend-patch-bench COMMAND [ARGUMENT...]

      Measure how small and how fast gradiend-patch is.

      Commands:
        measure     Measure the patch of a base model: size, time, memory.
        floors      Show how small an exact patch of two models could be.
        table       Print results of 'measure' as Markdown tables.
        synthesise  Write a model with seeded weights and a dense GRADIEND for it.
        help        Explain the program, or the command named after it.

      Options:
        -h, --help     show this help and exit
            --version  show the version and exit

      See 'gradiend-patch-bench help COMMAND' for a command's arguments and exit
      statuses.
      """
    #expect(try help([]) == expected)
  }

  @Test func `the help of 'measure'`() throws {
    let expected = """
      Usage: gradiend-patch-bench measure BASE [--gradiend DIR]
                                          [--feature-factor H[,H...]]
                                          [--learning-rate A] [--result RESULT]
                                          [--runs N] [--threads N[,N...]] [--peers]
                                          [--slow-peers] [--folder TMP] [--label NAME]
                                          [--commit ID] [--tool PATH] [--python PATH]
                                          [--markdown]

      Measure the patch of a base model: size, time, memory.

      Prints a JSON object a line: the patch's size and where its bytes went, the
      entropies that bound it, the time and the peak memory of every command, and
      those of other tools if asked for. Times are given as multiples of the time of
      'cp' too, which runs in turn with the commands, in the same folder. Inputs are
      in the page cache if they fit; outputs are removed, and everything written is on
      the disk, before the next run. No time is good or bad here: that is for the
      reader to say.

      The command may be left out: a first word that is a path means 'measure'.

      Operands:
        BASE  base model: safetensors file, or folder of them

      Options:
            --gradiend DIR             GRADIEND checkpoint to make a patch of
            --feature-factor H[,H...]  as in 'create'
            --learning-rate A          as in 'create'
            --result RESULT            finished model to make a patch of
            --runs N                   how often each command runs [default: 5]
            --threads N[,N...]         how many threads they may use [default: 1,2]
            --peers                    measure other tools too, those that are
                                       installed
            --slow-peers               and those that take minutes
            --folder TMP               where outputs go; a folder of their own
                                       [default: .]
            --label NAME               what the results are called
            --commit ID                what was measured, for the results
            --tool PATH                gradiend-patch; else the one beside this, or
                                       PATH's
            --python PATH              Python for the other tools that need one
                                       [default: python3]
            --markdown                 print Markdown tables after the objects
        -h, --help                     show this help and exit

      Exit status:
        0   done
        1   something failed, or gave what it should not have given
        64  the command line is wrong

      Examples:
        a GRADIEND's patch, with a table at the end:
          gradiend-patch-bench measure SmolLM2-135M --gradiend gradiend-gender \\
            --feature-factor -1 --learning-rate 0.001 --markdown
        a finished model's patch, and other tools':
          gradiend-patch-bench measure SmolLM2-135M --result SmolLM2-135M-debiased \\
            --peers
      """
    #expect(try help(["measure"]) == expected)
  }

  private func help(_ command: [String]) throws -> String? {
    guard case .help(let text) = try Bench.program.parse(command + ["--help"]) else { return nil }
    return text
  }
}
