import TestSupport
import Testing

/// What each command prints, and how it ends.
@Suite struct CommandTests {
  let stage: Stage

  init() throws { stage = try Stage() }

  @Test func `create`() throws {
    let made = try stage.run(
      "create", "base", "gradiend", "--feature-factor", "-1", "--learning-rate", "0.5")
    #expect(made.status == 0)
    #expect(made.error.isEmpty)
    #expect(
      made.output.withoutSizes == """
        gradiend_patch.safetensors: # B, # % of the base's # B
        changes 8 of 13 elements (# %) in 1 of 3 tensors

        """)
    #expect(try stage.folder.names().contains("gradiend_patch.safetensors"))
  }

  @Test func `adapter`() throws {
    try stage.writeLlama()
    let words = [
      "adapter", "llama", "llama-gradiend", "--feature-factor=-1", "--learning-rate=0.5", "-o",
      "out",
    ]
    let made = try stage.program.run(words)
    #expect(made.status == 0 && made.error.isEmpty)
    #expect(
      made.output.withoutSizes
        == """
        out: adapter of rank 8, # B, for 1 linear layers
        it errs by 0.003 of the update of these layers, at most by 0.003, in model.layers.0.self_attn.o_proj
        leaves out # % of the update's squares: model.layers.0.self_attn.o_proj.bias (# %)

        """)
    #expect(try stage.folder.tree().filter { $0.hasPrefix("out") }.count == 4)
    let again = try stage.program.run(words)
    #expect(again.status == 73)
    #expect(again.error.hasSuffix("use --force to replace it\n"))
    for wrong in ["--rank=0", "--rank=257", "--max-relative-error=0", "--max-relative-error=1.5"] {
      #expect(try stage.program.run(words + [wrong]).status == 64, "\(wrong)")
    }
  }

  @Test func `adapter says what is missing where OpenBLAS is`() throws {
    try stage.writeLlama()
    var program = stage.program
    // A library of that name that is none.
    try stage.folder.write("none", to: "lib/libopenblas.so.0")
    program.environment.append("LD_LIBRARY_PATH=" + stage.folder.path("lib"))
    let outcome = try program.run(
      "adapter", "llama", "llama-gradiend", "--feature-factor=1", "--learning-rate=1", "-o", "out")
    #expect(outcome.status == 66)
    #expect(
      outcome.error.hasPrefix("gradiend-patch: adapters need OpenBLAS, which cannot be loaded: "))
    #expect(outcome.error.hasSuffix("apt install libopenblas0, or dnf install openblas\n"))
    let other = try program.run(
      "create", "llama", "llama-gradiend", "--feature-factor=1", "--learning-rate=1")
    #expect(other.status == 0, "no other command needs it")
  }

  @Test func `create notes what a user should know, unless told to be quiet`() throws {
    let words = [
      "create", "base", "gradiend", "--feature-factor=1", "--learning-rate=0", "--force",
    ]
    let note = "note: the patch changes nothing: every element stays as it is\n"
    #expect(try stage.program.run(words).error == note)
    let quiet = try stage.program.run(words + ["--quiet"])
    #expect(quiet.error.isEmpty)
    #expect(
      quiet.output.withoutSizes.hasSuffix("changes 0 of 13 elements (# %) in 0 of 3 tensors\n"))
  }

  @Test func `negative numbers need no equals sign`() throws {
    for (name, words) in [
      ("a", ["--feature-factor", "-1", "--learning-rate", "-0.5"]),
      ("b", ["--feature-factor=-1", "--learning-rate=-0.5"]),
      ("c", ["--learning-rate", "-5e-1", "--feature-factor=-1.0"]),
    ] {
      let made = try stage.program.run(["create", "base", "gradiend", "-o", name] + words)
      #expect(made.status == 0, "\(made.error)")
    }
    #expect(try stage.folder.bytes(of: "a") == stage.folder.bytes(of: "b"))
    #expect(try stage.folder.bytes(of: "a") == stage.folder.bytes(of: "c"))
  }

  @Test func `create takes what evaluate_decoder chose in place of numbers`() throws {
    try stage.folder.write(
      #"{"a": {"feature_factor": -1.0, "learning_rate": 0.5}, "b": {"feature_factor": 1, "learning_rate": 2}}"#,
      to: "choice.json")
    let chosen = try stage.run(
      "create", "base", "gradiend", "--decoder", "choice.json", "--feature-class", "a", "-o",
      "chosen")
    #expect(chosen.status == 0, "\(chosen.error)")
    _ = try stage.run(
      "create", "base", "gradiend", "--feature-factor=-1", "--learning-rate=0.5", "-o", "given")
    #expect(try stage.folder.bytes(of: "chosen") == stage.folder.bytes(of: "given"))

    let unclear = try stage.program.run(["create", "base", "gradiend", "--decoder", "choice.json"])
    #expect(unclear.status == 65)
    #expect(unclear.error == "gradiend-patch: choice.json: say for which class: 'a', 'b'\n")
    for words in [
      ["--feature-class=a"], ["--learning-rate=1"], ["--decoder=x", "--learning-rate=1"],
    ] {
      let refused = try stage.program.run(["create", "base", "gradiend"] + words)
      #expect(refused.status == 64)
    }
  }

  @Test func `diff`() throws {
    let made = try stage.run("diff", "base", "result", "-o", "other")
    #expect(made.status == 0)
    #expect(made.error.isEmpty)
    #expect(
      made.output.withoutSizes == """
        other: # B, # % of the base's # B
        changes 7 of 13 elements (# %) in 1 of 3 tensors

        """)
  }

  @Test(arguments: ["", ".safetensors"])
  func `apply and strip`(ending: String) throws {
    let applied = try stage.run("apply", "base" + ending, "patch", "-o", "applied" + ending)
    #expect(applied.status == 0)
    #expect(applied.error.isEmpty)
    #expect(
      applied.output == """
        applied\(ending): the result, all 3 tensors as published; 7 elements differ from the input \
        in 1 tensors

        """)
    let stripped = try stage.run(
      "strip", "applied" + ending, "patch", "-o", "stripped" + ending, "--sha256")
    #expect(stripped.status == 0)
    #expect(
      stripped.output == """
        stripped\(ending): the base, all 3 tensors as published; 7 elements differ from the input \
        in 1 tensors

        """)
    let inside = ending.isEmpty ? "/model.safetensors" : ""
    #expect(
      try stage.folder.bytes(of: "applied" + ending + inside)
        == stage.folder.bytes(of: "result.safetensors"))
    #expect(
      try stage.folder.bytes(of: "stripped" + ending + inside)
        == stage.folder.bytes(of: "base.safetensors"))
  }

  @Test func `verify says which it is`() throws {
    let base = try stage.run("verify", "base", "patch")
    #expect(base.status == 0)
    #expect(
      base.output == "base: the base: all 3 tensors match, and the files are the publisher's\n")
    let result = try stage.run("verify", "result", "patch", "--expect", "result")
    #expect(result.status == 0)
    #expect(
      result.output
        == "result: the result: all 3 tensors match, and the files are the publisher's\n"
    )
    #expect(try stage.run("verify", "base", "patch", "--expect", "result").status == 1)
    #expect(try stage.run("verify", "result", "patch", "--expect=base").status == 1)
  }

  @Test func `verify names what differs`() throws {
    var values = Stage.base
    values[7] = 17
    try stage.folder.write(Stage.model(values), to: "other")
    let verdict = try stage.run("verify", "other", "patch")
    #expect(verdict.status == 1)
    #expect(verdict.error.isEmpty)
    #expect(
      verdict.output == """
        other: neither base nor result
        1 of 3 tensors differ from the base:
          up.weight

        """)
  }

  @Test func `inspect shows a checkpoint`() throws {
    let shown = try stage.run("inspect", "base")
    #expect(shown.status == 0)
    #expect(
      shown.output == """
        base: checkpoint, 3 tensors, 13 elements, 256 B

        file               bytes
        model.safetensors    256

        tensor       type  shape   elements
        up.weight    F32   [2, 4]         8
        norm.weight  F32   [3]            3
        ids          I64   [2]            2

        """)
  }

  @Test func `inspect shows a GRADIEND`() throws {
    let shown = try stage.run("inspect", "gradiend")
    #expect(shown.status == 0)
    #expect(
      shown.output == """
        gradiend: GRADIEND checkpoint, 8 entries, 1 latent
        decoder activation id, with bias, F32

        parameter  shape   map  selected
        up.weight  [2, 4]  all         8

        """)
  }

  @Test func `inspect shows a patch, and accounts for every byte of it`() throws {
    let shown = try stage.run("inspect", "patch")
    #expect(shown.status == 0)
    let lines = shown.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0].hasPrefix("patch: patch, "))
    #expect(lines.contains("format            gradiend-patch"))
    #expect(lines.contains("changed_elements  7"))
    let table = lines.drop { !$0.hasPrefix("part ") }.dropFirst().prefix { !$0.isEmpty }
    let counts = table.compactMap { line in
      line.firstMatch(of: #/ ([0-9,]+) +[0-9.]+ %$/#).flatMap {
        Int($0.output.1.replacing(",", with: ""))
      }
    }
    #expect(counts.count == table.count && counts.count > 2)
    #expect(try counts.reduce(0, +) == stage.folder.bytes(of: "patch").count)
  }

  // MARK: Refusals

  @Test func `a wrong base is exit 1, with both remedies`() throws {
    let twice = try stage.run("apply", "result", "patch", "-o", "out")
    #expect(twice.status == 1)
    #expect(twice.output.isEmpty)
    #expect(
      twice.error == """
        gradiend-patch: result: the patch is applied already: these are the result's values
        stripping the patch gives the base back

        """)
    let never = try stage.run("strip", "base", "patch", "-o", "out")
    #expect(never.status == 1)
    #expect(
      never.error == """
        gradiend-patch: base: the patch is not applied: these are the base's values
        there is nothing to strip

        """)
    #expect(try !stage.folder.names().contains("out"))
  }

  @Test func `a damaged input is exit 65, a missing one 66`() throws {
    try stage.folder.write("<!doctype html>", to: "page.safetensors")
    let page = try stage.run("apply", "page.safetensors", "patch", "-o", "out")
    #expect(page.status == 65)
    #expect(
      page.error == """
        gradiend-patch: page.safetensors: byte 0: this is a web page, not a model file; the download \
        went wrong

        """)
    let missing = try stage.run("apply", "base", "none", "-o", "out")
    #expect(missing.status == 66)
    #expect(missing.error == "gradiend-patch: none: No such file or directory\n")
    let model = try stage.run("apply", "base", "base.safetensors", "-o", "out")
    #expect(model.status == 65)
    #expect(model.error.contains("this is a safetensors file, but not a patch"))
    #expect(
      try stage.run("create", "base", "base", "--feature-factor=1", "--learning-rate=1").status
        == 65)
  }

  @Test func `a patch that does not name its files says so where they are asked for`() throws {
    #expect(try stage.run("diff", "base", "result", "-o", "unnamed", "--no-sha256").status == 0)
    let verdict = try stage.run("verify", "base", "unnamed")
    #expect(verdict.status == 0)
    #expect(verdict.output.hasSuffix("tensors match; the patch does not say in which files\n"))
    let report = try stage.run("verify", "base", "unnamed", "--json")
    #expect(report.output.contains(#""published_files":null"#))
    for words in [
      ["verify", "base", "unnamed", "--sha256"], ["verify", "result", "unnamed", "--trace"],
      ["apply", "base", "unnamed", "-o", "out", "--sha256"],
    ] {
      let outcome = try stage.program.run(words)
      #expect(outcome.status == 64)
      #expect(
        outcome.error.hasPrefix(
          "gradiend-patch: unnamed: the patch does not say what SHA-256 the files have\n"))
      #expect(outcome.error.contains("leave out --sha256") == words.contains("--sha256"))
    }
    for words in [["card", "unnamed", "--base", "a/b"], ["package", "unnamed", "-o", "folder"]] {
      let outcome = try stage.program.run(words)
      #expect(outcome.status == 65, "\(outcome)")
      #expect(outcome.error.contains("does not say for which files it was made"))
    }
    let shared = try stage.run("diff", "base", "result", "--no-sha256", "--share", "1/1")
    #expect(shared.status == 64)
    #expect(try !stage.folder.names().contains("out"))
  }
}
