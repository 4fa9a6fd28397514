import Checkpoints
import DeltaCoding
import GradiendPatch
import PatchFormat
import PatchTestSupport
import TestSupport
import Testing

/// Patches of tables of which a GGUF lacks rows: those that it has form chunks of their own.
@Suite struct KeptRowsTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  struct Table: Sendable {
    let pair: String
    let name: String
    let storedName: String
    let kept: Range<Int>
    let count: Int
  }

  static let tables = [
    Table(
      pair: "roberta-bf16.dense.BF16", name: "embeddings.position_embeddings.weight",
      storedName: "position_embd.weight", kept: 2..<34, count: 34),
    Table(
      pair: "gemma3-bf16.dense.BF16", name: "language_model.model.embed_tokens.weight",
      storedName: "token_embd.weight", kept: 0..<40, count: 48),
  ]

  private func pair(_ table: Table) throws -> (base: String, result: String, gguf: String) {
    let pair = try #require(try ReferenceGGUF.families().first { $0.name == table.pair })
    return (try #require(pair.sourceBase), try #require(pair.sourceResult), pair.base[0])
  }

  private func diff(_ base: String, _ result: String, to patch: String = "patch") throws(PatchError)
  {
    _ = try Diff(base: base, result: result, output: bench.path(patch)).run()
  }

  @discardableResult
  private func run(
    _ direction: Direction, _ patches: [String], on input: String, to output: String
  ) throws(PatchError) -> ModelSummary {
    try Patching(
      direction, checkpoint: input, patches: patches.map { bench.path($0) },
      output: bench.path(output)
    ).run()
  }

  /// Writes a copy of a file in which the lowest bit of some bytes of a tensor is another.
  private func write(
    _ source: String, changing tensor: String, at offsets: [Int], to name: String
  ) throws {
    let start = try #require(Checkpoint(path: source)[tensor]).descriptor.byteRange.lowerBound
    var bytes = try bench.folder.bytes(at: source)
    for offset in offsets { bytes[start + offset] ^= 1 }
    try bench.folder.write(bytes, to: name)
  }

  @Test(arguments: tables)
  func `a patch says which rows a GGUF has, and what changes in them`(table: Table) throws {
    let pair = try pair(table)
    try diff(pair.base, pair.result)
    let index = try PatchFile(path: bench.path("patch")).index
    #expect(index.tensors.filter { $0.kept != nil }.map(\.name) == [table.name])
    let tensor = try #require(index.tensors.first { $0.kept != nil })
    let part = try #require(tensor.keptPart)
    #expect(tensor.kept?.rows == table.kept && part.shape == [table.kept.count, 16])
    let (all, some) = (try #require(tensor.change), try #require(part.change))
    let summary = try run(.apply, ["patch"], on: pair.gguf, to: "applied")
    #expect(
      summary.notes.first
        == "'\(table.storedName)' has \(table.kept.count) of the \(table.count) rows of "
        + "'\(table.name)'; the patch changes \(all.elementCount - some.elementCount) elements of the "
        + "others, which are left out")
  }

  @Test(arguments: tables)
  func `a base that differs in one of the rows that are there is refused by name`(
    table: Table
  ) throws {
    let pair = try pair(table)
    try diff(pair.base, pair.result)
    let file = pair.base + "/model.safetensors"
    for (path, name) in [(file, table.name), (pair.gguf, table.storedName)] {
      let byteCount = try #require(Checkpoint(path: path)[name]).byteCount
      for offset in [0, byteCount - 1] {
        try write(path, changing: name, at: [offset], to: "wrong")
        let error = try bench.refusal(.mismatch) { () throws(PatchError) in
          try run(.apply, ["patch"], on: bench.path("wrong"), to: "out")
        }
        #expect(error.tensor == table.name || error.tensor == table.storedName, "\(error)")
      }
    }
  }

  @Test(arguments: tables)
  func `rows that a GGUF lacks may be all that changes`(table: Table) throws {
    let pair = try pair(table)
    let file = pair.base + "/model.safetensors"
    let row = table.kept.lowerBound > 0 ? 0 : table.kept.upperBound
    try write(file, changing: table.name, at: [32 * row], to: "result")
    try diff(file, bench.path("result"))
    let summary = try run(.apply, ["patch"], on: pair.gguf, to: "applied")
    #expect(summary.notes.first?.contains("the patch changes 1 elements of the others") == true)
    #expect(try bench.bytes("applied") == bench.folder.bytes(at: pair.gguf))
    try run(.apply, ["patch"], on: file, to: "whole")
    #expect(try bench.bytes("whole") == bench.bytes("result"))
  }

  @Test(arguments: tables)
  func `a table that has other rows stays where no row of it changes`(table: Table) throws {
    let pair = try pair(table)
    // Files without configuration: no rows are known to be kept.
    let file = try bench.folder.write(
      bench.folder.bytes(at: pair.base + "/model.safetensors"), to: "bare")
    let other = try #require(
      Checkpoint(path: file).tensors.first { $0.shape.count == 2 && $0.name != table.name })
    try write(file, changing: other.name, at: [0], to: "result")
    try diff(file, bench.path("result"))
    let summary = try run(.apply, ["patch"], on: pair.gguf, to: "applied")
    #expect(
      summary.notes.contains(
        "'\(table.storedName)' has not all rows of the base, and stays: no row of it changes"))
    #expect(summary.changedElementCount == 1)
    try run(.strip, ["patch"], on: bench.path("applied"), to: "stripped")
    #expect(try bench.bytes("stripped") == bench.folder.bytes(at: pair.gguf))
  }

  @Test(arguments: tables)
  func `a GGUF is changed in place, too`(table: Table) throws {
    let pair = try pair(table)
    try diff(pair.base, pair.result)
    try run(.apply, ["patch"], on: pair.gguf, to: "expected")
    try bench.folder.write(try bench.folder.bytes(at: pair.gguf), to: "model.gguf")
    for (direction, expected) in [
      (Direction.apply, bench.path("expected")), (.strip, pair.gguf),
    ] {
      try Patching(
        direction, checkpoint: bench.path("model.gguf"), patch: bench.path("patch")
      ).run()
      #expect(try bench.bytes("model.gguf") == bench.folder.bytes(at: expected))
    }
  }

  @Test(arguments: tables)
  func `patches that follow each other are taken at once, and combined`(table: Table) throws {
    let pair = try pair(table)
    let row = 32 * table.kept.lowerBound
    let last = 32 * table.count - 32
    try bench.folder.write(
      try bench.folder.bytes(at: pair.base + "/config.json"), to: "config.json")
    try write(
      pair.result + "/model.safetensors", changing: table.name, at: [0, row, last], to: "last")
    try diff(pair.base, pair.result, to: "first.patch")
    try diff(pair.result, bench.path("last"), to: "second.patch")
    _ = try Combine(
      base: pair.base, patches: [bench.path("first.patch"), bench.path("second.patch")],
      output: bench.path("combined.patch")
    ).run()
    try run(.apply, ["first.patch", "second.patch"], on: pair.gguf, to: "applied")
    try run(.apply, ["combined.patch"], on: pair.gguf, to: "expected")
    #expect(try bench.bytes("applied") == bench.bytes("expected"))
    try run(.strip, ["first.patch", "second.patch"], on: bench.path("applied"), to: "stripped")
    #expect(try bench.bytes("stripped") == bench.folder.bytes(at: pair.gguf))

    // One that was made of files without configuration has other chunks.
    try bench.folder.write(
      try bench.folder.bytes(at: pair.result + "/model.safetensors"), to: "bare/result")
    try bench.folder.write(try bench.bytes("last"), to: "bare/last")
    try diff(bench.path("bare/result"), bench.path("bare/last"), to: "bare.patch")
    let disorder = try bench.refusal(.mismatch) { () throws(PatchError) in
      try run(.apply, ["first.patch", "bare.patch"], on: pair.base, to: "out")
    }
    #expect(disorder.tensor == table.name)
    #expect(disorder.message.contains("cut tensor '\(table.name)' into other chunks"))
    let error = try bench.refusal(.mismatch) { () throws(PatchError) in
      try run(.apply, ["bare.patch"], on: bench.path("applied"), to: "out")
    }
    #expect(error.message.contains("the patch needs the rows that are cut"))
  }

  @Test func `kept rows may take several chunks, and so may others`() throws {
    let (words, rows, columns) = (4300, 8700, 1024)
    func table(_ step: UInt8) -> [UInt8] {
      var bytes = [UInt8](repeating: 0x3C, count: 2 * rows * columns)
      for offset in stride(from: 0, to: bytes.count, by: 8190) { bytes[offset] += step }
      return bytes
    }
    func source(_ step: UInt8) -> [UInt8] {
      var builder = SafetensorsBuilder()
      builder.add(
        "model.language_model.embed_tokens.weight", "BF16", [rows, columns], table(step))
      return builder.bytes
    }
    func converted(_ step: UInt8) -> [UInt8] {
      var builder = GGUFBuilder()
      builder.add("general.architecture", "gemma3")
      builder.tensors = [
        .init(
          "token_embd.weight", [Int64(columns), Int64(words)], type: 30,
          Array(table(step).prefix(2 * words * columns)))
      ]
      return builder.bytes
    }
    let configuration = #"{"model_type":"gemma3","image_token_index":\#(words)}"#
    try bench.folder.write(configuration, to: "base/config.json")
    try bench.folder.write(source(0), to: "base/model.safetensors")
    try bench.folder.write(source(3), to: "result/model.safetensors")
    try bench.folder.write(converted(0), to: "base.gguf")
    try diff(bench.path("base"), bench.path("result"))
    let tensor = try #require(PatchFile(path: bench.path("patch")).index.tensors.first)
    #expect(tensor.chunks.count == 4 && tensor.chunks.keptIndices == 0..<2)
    try run(.apply, ["patch"], on: bench.path("base"), to: "applied")
    #expect(try bench.bytes("applied/model.safetensors") == source(3))
    try run(.apply, ["patch"], on: bench.path("base.gguf"), to: "applied.gguf")
    #expect(try bench.bytes("applied.gguf") == converted(3))
    try run(.strip, ["patch"], on: bench.path("applied.gguf"), to: "stripped.gguf")
    #expect(try bench.bytes("stripped.gguf") == converted(0))
  }
}
