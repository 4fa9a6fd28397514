import DeltaCoding
import GradiendPatch
import PatchFormat
import PatchTestSupport
import TestSupport
import Testing

/// Patches of which each is for the result of the one before.
@Suite struct ChainTests {
  let bench: Workbench
  /// The versions of a model, the first of which is the base.
  let models: [RandomModel]

  init() throws {
    bench = try Workbench()
    var models = [RandomModel(seed: 31)]
    for seed in 32...36 as ClosedRange<UInt64> {
      models.append(models[models.count - 1].widelyChanged(from: 10 * seed))
    }
    self.models = models
  }

  static let metadata = [("format", "pt"), ("title", String(repeating: "version two ", count: 30))]

  /// Writes the versions, as ``names`` has them, and a patch from each to the next, as ``patches``.
  func write(_ write: (RandomModel, String) throws -> Void) throws {
    for (number, model) in models.enumerated() { try write(model, "model-\(number)") }
    for number in 1..<models.count {
      try bench.diff("model-\(number - 1)", "model-\(number)", to: "patch-\(number)")
    }
  }

  func writeFiles() throws { try write { try bench.write($0, to: $1) } }

  func patches(_ numbers: [Int]) -> [String] {
    numbers.map { bench.path("patch-\($0)") }
  }

  func combine(
    _ numbers: [Int], of base: String = "model-0", to output: String = "combined",
    valuesOnly: Bool = false, threads: Int = 0
  ) throws(PatchError) -> PatchSummary {
    var combination = Combine(
      base: bench.path(base), patches: patches(numbers), output: bench.path(output))
    combination.valuesOnly = valuesOnly
    combination.threadCount = threads
    return try combination.run()
  }

  func run(
    _ direction: Direction, _ numbers: [Int], on input: String, to output: String?,
    _ change: (inout Patching) -> Void = { _ in }
  ) throws(PatchError) -> ModelSummary {
    var patching = Patching(
      direction, checkpoint: bench.path(input), patches: patches(numbers),
      output: output.map { bench.path($0) })
    change(&patching)
    return try patching.run()
  }

  // MARK: As one

  @Test(arguments: 1...5)
  func `the combined patch is the one that diff makes of the two ends`(threads: Int) throws {
    try writeFiles()
    let summary = try combine(Array(1...threads + (threads == 1 ? 1 : 0)), threads: threads)
    try bench.diff("model-0", "model-\(threads == 1 ? 2 : threads)", to: "expected")
    #expect(try bench.bytes("combined") == bench.bytes("expected"))
    #expect(summary.notes.isEmpty)
  }

  @Test func `so it is where headers and the order of tensors change on the way`() throws {
    var number = 0
    try write { model, name in
      var model = model
      if number == 2 || number == 3 { model.tensors.reverse() }
      try bench.folder.write(
        model.file(metadata: number == 1 || number == 3 ? Self.metadata : []), to: name)
      number += 1
    }
    for last in 2...5 {
      #expect(try combine(Array(1...last), to: "combined-\(last)").notes.isEmpty)
      try bench.diff("model-0", "model-\(last)", to: "expected-\(last)")
      #expect(try bench.bytes("combined-\(last)") == bench.bytes("expected-\(last)"), "\(last)")
      _ = try combine(Array(1...last), to: "values-\(last)", valuesOnly: true)
      var values = Diff(
        base: bench.path("model-0"), result: bench.path("model-\(last)"),
        output: bench.path("expected-values-\(last)"))
      values.valuesOnly = true
      _ = try values.run()
      #expect(try bench.bytes("values-\(last)") == bench.bytes("expected-values-\(last)"))
    }
  }

  @Test(arguments: [1, 3]) func `so it is for folders`(shards: Int) throws {
    try write { try bench.writeFolder($0, to: $1, shards: shards) }
    _ = try combine([1, 2, 3])
    try bench.diff("model-0", "model-3", to: "expected")
    #expect(try bench.bytes("combined") == bench.bytes("expected"))
  }

  @Test(arguments: ["all-types", "llama-bf16.dense.BF16", "llama-bf16.dense.BF16.renamed"])
  func `so it is for GGUF, on a way that comes back and goes on`(name: String) throws {
    let pair = try #require(try ReferenceGGUF.pairs().first { $0.name == name })
    let (base, result) = (pair.base[0], pair.result[0])
    _ = try Diff(base: base, result: result, output: bench.path("patch-1")).run()
    _ = try Diff(base: result, result: base, output: bench.path("patch-2")).run()
    _ = try Combine(base: base, patches: patches([1, 2, 1]), output: bench.path("combined")).run()
    #expect(try bench.bytes("combined") == bench.bytes("patch-1"))
  }

  @Test func `patches of GRADIENDs are combined as those of models`() throws {
    let model = models[0]
    try bench.write(model, to: "model-0")
    for number in 1...3 {
      try bench.writeGradiend(for: model, to: "gradiend-\(number)", seed: UInt64(number))
      try bench.create(
        "model-\(number - 1)", "gradiend-\(number)", to: "patch-\(number)", rate: 0.02)
      try bench.apply("patch-\(number)", to: "model-\(number - 1)", as: "model-\(number)")
    }
    _ = try combine([1, 2, 3])
    try bench.diff("model-0", "model-3", to: "expected")
    #expect(try bench.bytes("combined") == bench.bytes("expected"))
  }

  @Test func `a base in files of its own gives the patch that diff makes of those`() throws {
    try writeFiles()
    try bench.folder.write(models[0].file(metadata: Self.metadata), to: "other")
    _ = try combine([1, 2], of: "other")
    try bench.apply("patch-1", to: "other", as: "other-1")
    try bench.apply("patch-2", to: "other-1", as: "other-2")
    try bench.diff("other", "other-2", to: "expected")
    #expect(try bench.bytes("combined") == bench.bytes("expected"))
  }

  // MARK: At once

  @Test func `several patches are applied and stripped as one after the other`() throws {
    try writeFiles()
    for last in 2...5 {
      let numbers = Array(1...last)
      let applied = try run(.apply, numbers, on: "model-0", to: "applied-\(last)") {
        $0.checksSHA256 = true
        $0.threadCount = last - 1
      }
      #expect(try bench.bytes("applied-\(last)") == bench.bytes("model-\(last)"))
      #expect(applied.role == .result)
      let stripped = try run(.strip, numbers, on: "applied-\(last)", to: "stripped-\(last)") {
        $0.checksSHA256 = true
      }
      #expect(try bench.bytes("stripped-\(last)") == bench.bytes("model-0"))
      #expect(stripped.role == .base)
      let counted = try bench.diff("model-0", "model-\(last)", to: "diff-\(last)")
      for summary in [applied, stripped] {
        #expect(summary.changedTensorCount == counted.changedTensorCount)
        #expect(summary.changedElementCount == counted.changedElementCount)
      }
    }
  }

  @Test func `whole files come out, through all layouts, in both directions`() throws {
    var number = 0
    try write { model, name in
      var model = model
      if number == 2 { model.tensors.reverse() }
      try bench.folder.write(model.file(metadata: number > 0 ? Self.metadata : []), to: name)
      number += 1
    }
    for last in [2, 4] {
      _ = try run(.apply, Array(1...last), on: "model-0", to: "applied-\(last)")
      #expect(try bench.bytes("applied-\(last)") == bench.bytes("model-\(last)"))
      _ = try run(.strip, Array(1...last), on: "model-\(last)", to: "stripped-\(last)")
      #expect(try bench.bytes("stripped-\(last)") == bench.bytes("model-0"))
    }
  }

  @Test func `the values go to files of another layout`() throws {
    try write { try bench.write($0, to: $1) }
    try bench.writeFolder(models[0], to: "folder", shards: 3)
    try bench.writeFolder(models[3], to: "expected", shards: 3)
    _ = try run(.apply, [1, 2, 3], on: "folder", to: "applied")
    #expect(try LayoutTests.contents(bench, "applied") == LayoutTests.contents(bench, "expected"))
  }

  /// What is between need not fit the types of the GGUF, as it is not written.
  @Test func `patches of a checkpoint are applied at once to its GGUF`() throws {
    let source = try ReferenceGGUF.path("hf/llama-bf16")
    let base = try ReferenceGGUF.path("pairs/llama-bf16.F16.gguf")
    let gradiend = try ReferenceData.path("gradiends/llama-all-l1-id")
    var last = source
    for number in 1...2 {
      _ = try Create(
        base: last, gradiend: gradiend, output: bench.path("patch-\(number)"),
        featureFactors: [-1], learningRate: 0.05
      ).run()
      _ = try Apply(
        base: last, patch: bench.path("patch-\(number)"), to: .files(bench.path("model-\(number)"))
      ).run()
      last = bench.path("model-\(number)")
    }
    _ = try Combine(base: source, patches: patches([1, 2]), output: bench.path("combined")).run()
    let destination = { (name: String) in
      ModelDestination.files(bench.path(name), undo: bench.path(name + ".undo"))
    }
    _ = try Apply(base: base, patches: patches([1, 2]), to: destination("applied.gguf")).run()
    _ = try Apply(
      base: base, patch: bench.path("combined"), to: destination("expected.gguf")
    ).run()
    #expect(try bench.bytes("applied.gguf") == bench.bytes("expected.gguf"))
    let error = try bench.refusal(.badInput) { () throws(PatchError) in
      _ = try Combine(base: base, patches: patches([1, 2]), output: bench.path("none")).run()
    }
    #expect(
      error.message == "these files hold the values in another form than the patches are made for")
  }
}
