import CommandGrammar
import GradiendPatch
import Testing

@testable import gradiend_patch

/// What `--share` takes, and what `auto` makes of the environment.
@Suite struct ShareOptionTests {
  @Test(arguments: [("1/1", 1, 1), ("3/16", 3, 16), ("16/16", 16, 16)])
  func `a share is its number and how many there are`(text: String, index: Int, count: Int) throws {
    #expect(try share(text) == Share(index: index, count: count))
    // Nobody asks the environment then.
    #expect(try share(text, ["SLURM_ARRAY_TASK_ID": "x"]) == Share(index: index, count: count))
  }

  @Test(arguments: [
    "", "3", "3/", "/3", "a/3", "3/b", "1/2/3", "auto/", "auto/x", "Auto", "1/auto",
  ])
  func `anything else is refused with an example`(text: String) throws {
    #expect(try refusal(text).contains("as in 3/16, or auto, or auto/16"))
  }

  @Test(arguments: ["0/3", "4/3", "-1/3"])
  func `so is a share that there is not`(text: String) throws {
    #expect(try refusal(text).hasPrefix("there is no share "))
  }

  @Test(arguments: ["1/0", "1/100001"])
  func `so are fewer shares than one, and more than there can be`(text: String) throws {
    #expect(try refusal(text).hasPrefix("work is divided into 1 to 100000 shares"))
  }

  // MARK: Slurm

  private static func array(
    _ id: Int, _ range: ClosedRange<Int>, count: Int, step: Int = 1
  ) -> [String: String] {
    [
      "SLURM_ARRAY_TASK_ID": "\(id)", "SLURM_ARRAY_TASK_MIN": "\(range.lowerBound)",
      "SLURM_ARRAY_TASK_MAX": "\(range.upperBound)", "SLURM_ARRAY_TASK_COUNT": "\(count)",
      "SLURM_ARRAY_TASK_STEP": "\(step)",
    ]
  }

  @Test func `a task of a Slurm array is the share of its place among the ids`() throws {
    #expect(try share("auto", Self.array(1, 1...16, count: 16)) == Share(index: 1, count: 16))
    #expect(try share("auto", Self.array(0, 0...4, count: 5)) == Share(index: 1, count: 5))
    #expect(try share("auto", Self.array(4, 0...4, count: 5)) == Share(index: 5, count: 5))
    #expect(try share("auto", Self.array(7, 7...7, count: 1)) == Share(index: 1, count: 1))
    let stepped = Self.array(20, 10...31, count: 3, step: 10)
    #expect(try share("auto", stepped) == Share(index: 2, count: 3))
    #expect(try share("auto/3", stepped) == Share(index: 2, count: 3))
    var unstepped = Self.array(3, 1...4, count: 4)
    unstepped["SLURM_ARRAY_TASK_STEP"] = nil
    #expect(try share("auto", unstepped) == Share(index: 3, count: 4))
  }

  @Test func `ids that are no plain range, or another number than was said, are refused`() throws {
    let sets = [
      Self.array(3, 1...7, count: 3), Self.array(2, 1...7, count: 4, step: 2),
      Self.array(9, 1...7, count: 7), Self.array(1, 1...7, count: 7, step: 0),
      ["SLURM_ARRAY_TASK_ID": "1"], ["SLURM_ARRAY_TASK_ID": "one"],
      Self.array(.max, -1 ... .max, count: 2),
    ]
    for set in sets {
      #expect(try refusal("auto", set).hasPrefix("the ids of this Slurm array are no plain range"))
    }
    let error = try refusal("auto/4", Self.array(3, 1...16, count: 16))
    #expect(error == "this Slurm array has 16 tasks, so this is not one of 4 shares: give I/N")
  }

  // MARK: Kubernetes

  @Test func `a pod of an Indexed Job is told how many there are`() throws {
    #expect(try share("auto/16", ["JOB_COMPLETION_INDEX": "0"]) == Share(index: 1, count: 16))
    #expect(try share("auto/16", ["JOB_COMPLETION_INDEX": "15"]) == Share(index: 16, count: 16))
    #expect(try refusal("auto", ["JOB_COMPLETION_INDEX": "0"]).contains("give auto/N"))
    for index in ["16", "-1", "x", "\(Int.max)"] {
      #expect(
        try refusal("auto/16", ["JOB_COMPLETION_INDEX": index])
          .hasSuffix("which is none of 16 shares, counted from 0"))
    }
  }

  @Test func `where nobody says, or two do, auto is refused`() throws {
    #expect(try refusal("auto").contains("neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX"))
    var both = Self.array(1, 1...2, count: 2)
    both["JOB_COMPLETION_INDEX"] = "1"
    #expect(try refusal("auto/2", both).contains("could mean either"))
  }

  // MARK: Commands

  @Test func `a Slurm array and its join make the patch of one process`() throws {
    let stage = try Stage()
    for id in 4...5 {
      var program = stage.program
      program.environment = Self.array(id, 4...5, count: 2).map { "\($0)=\($1)" }
      let made = try program.run("diff", "base", "result", "-o", "shared", "--share", "auto")
      #expect(made.status == 0, "\(made.error)")
    }
    let joined = try stage.run(
      "join", "shared.piece-2-of-2", "shared.piece-1-of-2", "-o", "shared", "--json")
    #expect(joined.status == 0, "\(joined.error)")
    #expect(try stage.run("diff", "base", "result", "-o", "one").status == 0)
    #expect(try stage.folder.bytes(of: "shared") == stage.folder.bytes(of: "one"))
    let missing = try stage.run("join", "shared.piece-1-of-2", "-o", "other")
    #expect(missing.status == 65 && missing.error.contains("the pieces of these are missing: 2"))
    #expect(try stage.run("apply", "base", "shared.piece-1-of-2", "-o", "x").status == 65)
    #expect(try stage.run("join", "one", "-o", "other").status == 65)
  }

  @Test func `shares of a model are finished by the same command`() throws {
    let stage = try Stage()
    for index in 1...2 {
      let made = try stage.run("apply", "base", "patch", "-o", "out", "--share", "\(index)/2")
      #expect(made.status == 0, "\(made.error)")
    }
    #expect(try stage.run("apply", "base", "patch", "-o", "out", "--finish").status == 0)
    #expect(
      try stage.run("verify", "out", "patch", "--share", "1/2", "--expect=result").status == 0)
    #expect(
      try stage.run("verify", "base", "patch", "--share", "1/2", "--expect=result").status == 1)
    #expect(try stage.run("strip", "out", "patch", "-o", "back", "--finish").status == 66)
  }

  @Test(arguments: [
    ["--in-place", "--share", "1/2"], ["--in-place", "--finish"],
    ["-o", "out", "--share", "1/2", "--finish"], ["-o", "out", "--share", "1/2", "--undo", "u"],
  ])
  func `what is of a whole model does not go with shares`(options: [String]) throws {
    let stage = try Stage()
    let outcome = try stage.program.run(["apply", "base", "patch"] + options)
    #expect(outcome.status == 64, "\(outcome.error)")
  }

  // MARK: Helpers

  private func share(_ text: String, _ environment: [String: String] = [:]) throws -> Share {
    try Share(parsing: text, placeholder: "I/N", in: { environment[$0] })
  }

  private func refusal(_ text: String, _ environment: [String: String] = [:]) throws -> String {
    try #require(throws: UsageError.self) { try share(text, environment) }.sentence
  }
}
