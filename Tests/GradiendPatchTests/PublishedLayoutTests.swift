import PatchTestSupport
import ByteIO
import Checkpoints
import DeltaCoding
import GradiendPatch
import PatchFormat
import TestSupport
import Testing

/// Base and result whose files differ in more than the bytes of tensors.
@Suite struct PublishedLayoutTests {
  let bench: Workbench
  let base = RandomModel(seed: 61)
  /// Other metadata, another order of tensors, other values.
  let result: RandomModel

  init() throws {
    bench = try Workbench()
    var result = base.changed(seed: 62)
    result.tensors.reverse()
    self.result = result
    try bench.write(base, to: "base")
    try bench.folder.write(result.file(metadata: Self.metadata), to: "result")
  }

  static let metadata = [("format", "pt"), ("title", String(repeating: "debiased ", count: 40))]

  // MARK: Both directions

  @Test func `whole files come out as the publisher has them, in both directions`() throws {
    let summary = try bench.diff("base", "result", to: "patch")
    #expect(summary.notes.isEmpty)
    try checkBothDirections()
  }

  @Test func `a header alone makes a patch`() throws {
    try bench.folder.write(base.file(metadata: Self.metadata), to: "result")
    try bench.diff("base", "result", to: "patch")
    try checkBothDirections()
    #expect(try bench.verify("base", "patch").role == .base)
    #expect(try bench.verify("applied", "patch").role == .result)
  }

  @Test func `a sharded folder comes out as the publisher has it`() throws {
    try bench.writeFolder(base, to: "folder", shards: 3)
    try bench.writeFolder(base.changed(seed: 63), to: "other", shards: 3)
    // One shard with its tensors in another order; the others stay.
    var shard = base.changed(seed: 63)
    shard.tensors = shard.tensors.indices.filter { $0 % 3 == 1 }.reversed().map {
      shard.tensors[$0]
    }
    try bench.folder.write(
      shard.file(metadata: Self.metadata), to: "other/model-00002-of-00003.safetensors")
    #expect(try bench.diff("folder", "other", to: "patch").notes.isEmpty)
    try bench.apply("patch", to: "folder", as: "applied")
    #expect(
      try LayoutTests.contents(bench, "applied") == LayoutTests.contents(bench, "other"))
    try bench.strip("patch", from: "applied", as: "stripped")
    #expect(
      try LayoutTests.contents(bench, "stripped") == LayoutTests.contents(bench, "folder"))
  }

  @Test(arguments: [32, 64, 4096])
  func `GGUF files of other keys, order and alignment come out whole`(alignment: Int) throws {
    var builder = GGUFBuilder()
    builder.add("general.name", "base")
    builder.tensors = Self.tensors(step: 0)
    try bench.folder.write(builder.bytes, to: "base")
    var other = GGUFBuilder()
    other.alignment = alignment
    other.add("general.alignment", UInt32(alignment))
    other.add("general.name", "the same, debiased")
    other.tensors = Self.tensors(step: 1).reversed()
    try bench.folder.write(other.bytes, to: "result")
    #expect(try bench.diff("base", "result", to: "patch").notes.isEmpty)
    try checkBothDirections()
  }

  @Test func `the digests of whole files are those of the publisher's`() throws {
    try bench.diff("base", "result", to: "patch")
    for (direction, input) in [(.apply, "base"), (.strip, "result")]
      as [(Direction, String)]
    {
      var patching = patching(direction, input)
      patching.checksSHA256 = true
      _ = try patching.run()
      #expect(try bench.verify("output", "patch").hasPublishedFiles)
      try bench.folder.remove("output")
    }
  }

  // MARK: Values only

  @Test func `values only leaves the headers as they are`() throws {
    try bench.diff("base", "result", to: "patch")
    var patching = patching(.apply, "base")
    patching.valuesOnly = true
    #expect(try patching.run().notes.isEmpty)
    #expect(try bench.bytes("output") == valuesInBase())
    // Neither the one file nor the other, so its header stays when it is stripped.
    let summary = try bench.strip("patch", from: "output", as: "stripped")
    #expect(summary.notes.count == 1)
    #expect(summary.notes[0].hasPrefix("the files have other headers than those that"))
    #expect(try bench.bytes("stripped") == bench.bytes("base"))
  }

  @Test func `headers do not change in place`() throws {
    try bench.diff("base", "result", to: "patch")
    var patching = Patching(
      .apply, checkpoint: bench.path("base"), patch: bench.path("patch"))
    let error = try bench.refusal(.usage) { () throws(PatchError) in _ = try patching.run() }
    #expect(
      error.message == "the patch changes the files' headers too, which cannot be done in place")
    #expect(try bench.bytes("base") == base.file())
    patching.valuesOnly = true
    _ = try patching.run()
    #expect(try bench.bytes("base") == valuesInBase())
  }

  @Test func `a patch made for the values only has no headers`() throws {
    try bench.diff("base", "result", to: "whole")
    var comparison = Diff(
      base: bench.path("base"), result: bench.path("result"), output: bench.path("patch"))
    comparison.valuesOnly = true
    let summary = try comparison.run()
    #expect(summary.notes.count == 1)
    #expect(summary.notes[0].hasPrefix("the files of the result have other headers"))
    #expect(try bench.bytes("patch").count < bench.bytes("whole").count)
    try bench.apply("patch", to: "base", as: "output")
    #expect(try bench.bytes("output") == valuesInBase())
  }

  @Test func `a bounded patch has no headers, as its result is not the publisher's`() throws {
    var comparison = Diff(
      base: bench.path("base"), result: bench.path("result"), output: bench.path("patch"))
    comparison.maxRelativeError = 0.1
    let summary = try comparison.run()
    #expect(summary.notes.contains { $0.hasPrefix("the files of the result have other headers") })
    #expect(try PatchFile(path: bench.path("patch")).layouts == nil)
  }

  // MARK: Files that are not named

  @Test func `a patch that does not name files gives them all the same`() throws {
    var comparison = Diff(
      base: bench.path("base"), result: bench.path("result"), output: bench.path("patch"))
    comparison.hashesFiles = false
    _ = try comparison.run()
    #expect(try PatchFile(path: bench.path("patch")).metadata.base.files.isEmpty)
    try checkBothDirections()
    let verdict = try bench.verify("base", "patch")
    #expect(verdict.role == .base)
    #expect(!verdict.patchNamesFiles && !verdict.hasPublishedFiles)
    var patching = patching(.apply, "base")
    patching.checksSHA256 = true
    let error = try bench.refusal(.usage) { () throws(PatchError) in _ = try patching.run() }
    #expect(error.message == "the patch does not say what SHA-256 the files have")
    comparison.share = try Share(index: 1, count: 2)
    try bench.refusal(.usage) { () throws(PatchError) in _ = try comparison.run() }
  }

  // MARK: Patches that lie

  @Test func `a header that the tensors do not fit is refused, and nothing is written`() throws {
    let own = try Self.layout(bench.path("base"))
    var fewer = result
    fewer.tensors.removeLast()
    var retyped = result
    let index = try #require(retyped.tensors.firstIndex { $0.type == "BF16" })
    retyped.tensors[index].type = "F16"
    var reshaped = result
    reshaped.tensors[index].shape.append(1)
    var renamed = result
    renamed.tensors[index].name += "x"
    for (number, model) in [fewer, retyped, reshaped, renamed].enumerated() {
      let path = try bench.folder.write(model.file(), to: "lie\(number)")
      try forge(PatchLayouts(base: own, result: Self.layout(path)))
      try refuse(containing: "the layout of the result: byte 0: it has ")
    }
    let two = try Self.layout(bench.path("result"))
    try forge(PatchLayouts(base: own, result: two + two))
    try refuse(containing: "it has 2 files, the input has 1")
  }

  @Test func `a header that is none is refused`() throws {
    let own = try Self.layout(bench.path("base"))
    let sound = try Self.layout(bench.path("result"))
    for count in 0..<24 {
      try forge(PatchLayouts(base: own, result: Array(sound.prefix(sound.count * count / 24))))
      try refuse(containing: "the layout of the result: ")
    }
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<100 {
      var changed = sound
      let position = Int.random(in: 0..<min(400, changed.count), using: &generator)
      changed[position] ^= UInt8.random(in: 1...255, using: &generator)
      try forge(PatchLayouts(base: own, result: changed))
      // A changed letter of the metadata is another sound header, but not the file promised.
      guard (try? bench.apply("forged", to: "base", as: "output")) != nil else { continue }
      #expect(try bench.verify("output", "forged").role == .result)
      try bench.folder.remove("output")
    }
  }

  // MARK: Parts

  private func checkBothDirections() throws {
    #expect(try bench.apply("patch", to: "base", as: "applied").notes.isEmpty)
    #expect(try bench.bytes("applied") == bench.bytes("result"))
    #expect(try bench.strip("patch", from: "applied", as: "stripped").notes.isEmpty)
    #expect(try bench.bytes("stripped") == bench.bytes("base"))
  }

  private func patching(
    _ direction: Direction, _ input: String
  ) -> Patching {
    Patching(
      direction, checkpoint: bench.path(input), patch: bench.path("patch"),
      output: bench.path("output"))
  }

  /// The base's file with the result's values.
  private func valuesInBase() -> [UInt8] {
    var model = base
    for index in model.tensors.indices {
      model.tensors[index] = result[model.tensors[index].name] ?? model.tensors[index]
    }
    return model.file()
  }

  /// Two tensors, one of them of blocks.
  private static func tensors(step: UInt8) -> [GGUFBuilder.Tensor] {
    [
      .init("a", [64], type: 8, (0..<68).map { $0 % 5 == 4 ? $0 + step : $0 }),
      .init("b", [3, 2], type: 30, (0..<12).map { $0.isMultiple(of: 4) ? $0 + step : $0 }),
    ]
  }

  private static func layout(_ path: String) throws -> [UInt8] {
    CheckpointLayout(try Checkpoint(path: path)).encoded
  }

  private func forge(_ layouts: PatchLayouts) throws {
    if !((try? bench.folder.names()) ?? []).contains("patch") {
      try bench.diff("base", "result", to: "patch")
    }
    try bench.forge(layouts)
  }

  private func refuse(containing text: String) throws {
    let error = try bench.refusal(.badInput) { () throws(PatchError) in
      try bench.apply("forged", to: "base", as: "output")
    }
    #expect(error.message.contains(text), "\(error.message)")
  }
}
