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
  private func write(_ write: (RandomModel, String) throws -> Void) throws {
    for (number, model) in models.enumerated() { try write(model, "model-\(number)") }
    for number in 1..<models.count {
      try bench.diff("model-\(number - 1)", "model-\(number)", to: "patch-\(number)")
    }
  }

  private func writeFiles() throws { try write { try bench.write($0, to: $1) } }

  private func patches(_ numbers: [Int]) -> [String] {
    numbers.map { bench.path("patch-\($0)") }
  }

  private func combine(
    _ numbers: [Int], of base: String = "model-0", to output: String = "combined",
    valuesOnly: Bool = false, threads: Int = 0
  ) throws(PatchError) -> PatchSummary {
    var combination = Combine(
      base: bench.path(base), patches: patches(numbers), output: bench.path(output))
    combination.valuesOnly = valuesOnly
    combination.threadCount = threads
    return try combination.run()
  }

  private func run(
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

  // MARK: In place

  @Test func `several patches change a model in place, there and back`() throws {
    try writeFiles()
    try bench.write(models[0], to: "own")
    let applied = try run(.apply, [1, 2, 3], on: "own", to: nil) { $0.checksSHA256 = true }
    #expect(try bench.bytes("own") == bench.bytes("model-3"))
    #expect(applied.changedElementCount > 0)
    let again = try run(.apply, [1, 2, 3], on: "own", to: nil)
    #expect(again.notes == ["it was the result already"] && again.changedElementCount == 0)
    _ = try run(.strip, [2, 3], on: "own", to: nil)
    #expect(try bench.bytes("own") == bench.bytes("model-1"))
    _ = try run(.strip, [1], on: "own", to: nil)
    #expect(try bench.bytes("own") == bench.bytes("model-0"))
  }

  @Test func `headers that come back to what they were do not keep a change from its place`() throws
  {
    var number = 0
    try write { model, name in
      try bench.folder.write(model.file(metadata: number == 1 ? Self.metadata : []), to: name)
      number += 1
    }
    try bench.folder.write(bench.bytes("model-0"), to: "own")
    let error = try bench.refusal(.usage) { () throws(PatchError) in
      _ = try run(.apply, [1], on: "own", to: nil)
    }
    #expect(error.message.hasPrefix("the patch changes the files' headers too"))
    _ = try run(.apply, [1, 2], on: "own", to: nil)
    #expect(try bench.bytes("own") == bench.bytes("model-2"))
  }

  @Test(arguments: [Direction.apply, .strip])
  func `an interrupted change by several patches is finished, or undone, by these`(
    direction: Direction
  ) throws {
    try writeFiles()
    let (from, to) = direction == .apply ? ("model-0", "model-3") : ("model-3", "model-0")
    func run(
      _ numbers: [Int], _ disk: FaultyDisk = FaultyDisk(), rollsBack: Bool = false
    ) throws(PatchError) -> ModelSummary {
      try self.run(direction, numbers, on: "own/model", to: nil) {
        $0.disk = disk
        $0.rollsBack = rollsBack
        $0.threadCount = 1
      }
    }
    func prepare() throws {
      try? bench.folder.remove("own")
      try bench.folder.write(bench.bytes(from), to: "own/model")
    }
    var generator = SeededGenerator(seed: 3)
    try prepare()
    let counting = FaultyDisk()
    _ = try run([1, 2, 3], counting)
    #expect(counting.callCount > 20)
    var finishedCount = 0
    for call in stride(from: 0, to: counting.callCount, by: 3) {
      let rollsBack = call % 2 == 0
      try prepare()
      let disk = FaultyDisk(failingAt: call)
      #expect(throws: PatchError.self) { try run([1, 2, 3], disk) }
      disk.losePower(using: &generator)
      if try bench.folder.tree().contains(where: { $0.hasSuffix("-journal") }) {
        finishedCount += 1
        let other = #expect(throws: PatchError.self) {
          try run(direction == .apply ? [1, 2] : [2, 3])
        }
        #expect(other?.message.contains("interrupted here with other patches than") == true)
      }
      _ = try run([1, 2, 3], rollsBack: rollsBack)
      // What had no journal any more was done.
      let bytes = try bench.bytes("own/model")
      #expect(try bytes == bench.bytes(rollsBack ? from : to), "\(call)")
      #expect(try bench.folder.tree().filter { $0.hasPrefix("own/") } == ["own/model"])
    }
    #expect(finishedCount > 5)
  }

  // MARK: Refusals

  @Test(arguments: [
    ([2, 1], 1, "name them in this order: patch-1 patch-2"),
    ([1, 3, 2], 3, "name them in this order: patch-1 patch-2 patch-3"),
    (
      [1, 2, 4], 4, "none of those named follows it: leave out patch-4, or name what comes between"
    ),
    (
      [1, 2, 2], 2, "none of those named follows it: leave out patch-2, or name what comes between"
    ),
    ([1, 3, 5, 2], 3, "patch-2 follows it"),
  ])
  func `patches that do not follow each other are named, and so is what does`(
    numbers: [Int], wrong: Int, remedy: String
  ) throws {
    try writeFiles()
    for attempt in 0..<3 {
      let error = try bench.refusal(.mismatch) { () throws(PatchError) in
        switch attempt {
        case 0: _ = try combine(numbers)
        case 1: _ = try run(.apply, numbers, on: "model-0", to: "out")
        default: _ = try run(.strip, numbers, on: "model-5", to: nil)
        }
      }
      #expect(error.path == bench.path("patch-\(wrong)"))
      #expect(error.message.hasPrefix("this patch does not follow "))
      #expect(error.remedy?.replacing(bench.path(""), with: "") == remedy)
    }
  }

  @Test func `a way that ends where it began is refused`() throws {
    try writeFiles()
    try bench.diff("model-2", "model-0", to: "patch-6")
    for numbers in [[1, 2, 6], [1, 2, 6, 1, 2, 6]] {
      let error = try bench.refusal(.mismatch) { () throws(PatchError) in
        _ = try combine(numbers)
      }
      #expect(error.message.hasPrefix("these patches end where they began"))
    }
    // A patch that changes nothing may stand alone, and among others.
    try bench.diff("model-0", "model-0", to: "patch-7")
    _ = try run(.apply, [7], on: "model-0", to: "same")
    _ = try combine([7, 1])
    #expect(try bench.bytes("combined") == bench.bytes("patch-1"))
  }

  @Test func `no patch, one to combine, and too many are refused`() throws {
    try writeFiles()
    func message(_ body: () throws(PatchError) -> Void) throws -> String {
      try bench.refusal(.usage, body).message
    }
    #expect(
      try message { () throws(PatchError) in _ = try run(.apply, [], on: "model-0", to: "out") }
        == "there is no patch")
    #expect(
      try message { () throws(PatchError) in _ = try combine([]) } == "there is no patch")
    #expect(
      try message { () throws(PatchError) in _ = try combine([1]) }
        == "there is only this patch, and nothing to combine it with")
    #expect(
      try message { () throws(PatchError) in
        _ = try combine(Array(repeating: 1, count: 1000))
      } == "at most 64 patches are taken at once, not 1000")
  }

  @Test func `a model on the way, or at the other end, is told from another`() throws {
    try writeFiles()
    try bench.write(RandomModel(seed: 31).changed(seed: 1), to: "other")
    func refusal(_ direction: Direction, on input: String) throws -> (String, String?) {
      let error = try bench.refusal(.mismatch) { () throws(PatchError) in
        _ = try run(direction, [1, 2, 3], on: input, to: "out")
      }
      #expect(error.path == bench.path(input))
      let remedy = error.remedy?.replacing(bench.path(""), with: "")
      return (error.message.replacing(bench.path(""), with: ""), remedy)
    }
    let values = "already: these are the values of its"
    #expect(
      try refusal(.apply, on: "model-2")
        == ("patch-2 is applied \(values) result", "leave out the patches up to this one"))
    #expect(
      try refusal(.apply, on: "model-3")
        == ("patch-3 is applied \(values) result", "all patches are applied"))
    #expect(
      try refusal(.strip, on: "model-1")
        == ("patch-2 is stripped \(values) base", "leave out the patches from this one"))
    #expect(
      try refusal(.strip, on: "model-0")
        == ("patch-1 is stripped \(values) base", "all patches are stripped"))
    #expect(try refusal(.apply, on: "other").0.hasPrefix("not the base of this patch: "))
    #expect(try refusal(.strip, on: "other").0.hasPrefix("not the result of this patch: "))
    let combining = try bench.refusal(.mismatch) { () throws(PatchError) in
      _ = try combine([1, 2], of: "other")
    }
    #expect(combining.path == bench.path("other"))
  }

  @Test func `a patch that follows by its digest alone is refused`() throws {
    try writeFiles()
    var forge = PatchForge()
    forge["base_digest"] = try PatchFile(path: bench.path("patch-1")).metadata.result.digest
    try bench.folder.write(forge.bytes, to: "patch-9")
    let error = try bench.refusal(.badInput) { () throws(PatchError) in _ = try combine([1, 9]) }
    #expect(error.path == bench.path("patch-9"))
    #expect(error.message.contains("but its tensor 'a' is another"))
  }

  @Test func `an output that is one of the patches is refused`() throws {
    try writeFiles()
    for output in ["patch-1", "patch-2", "model-0"] {
      var combination = Combine(
        base: bench.path("model-0"), patches: patches([1, 2]), output: bench.path(output))
      combination.overwrites = true
      let error = try bench.refusal(.cannotCreate) { [combination] () throws(PatchError) in
        _ = try combination.run()
      }
      #expect(error.message == "the output is one of the inputs")
    }
  }
}
