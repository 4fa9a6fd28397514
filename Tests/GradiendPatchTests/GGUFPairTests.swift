import PatchTestSupport
import DeltaCoding
import GradiendPatch
import TestSupport
import Testing

/// Patches between two GGUF checkpoints.
@Suite struct GGUFPairTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func path(_ name: String, like files: [String]) -> String {
    folder.path(files.count == 1 ? "\(name).gguf" : "\(name)-00001-of-0000\(files.count).gguf")
  }

  private func diff(_ pair: ReferenceGGUF.Pair) throws(PatchError) -> PatchSummary {
    var comparison = Diff(
      base: pair.base[0], result: pair.result[0], output: folder.path("patch"))
    comparison.overwrites = true
    return try comparison.run()
  }

  private func run(
    _ direction: Direction, _ input: String, to output: String
  ) throws(PatchError) {
    var patching = Patching(
      direction, checkpoint: input, patch: folder.path("patch"), output: output)
    patching.overwrites = true
    patching.synchronises = false
    patching.checksSHA256 = true
    _ = try patching.run()
  }

  private func contents(_ first: String, count: Int) throws -> [[UInt8]] {
    try (1...count).map { number in
      let path = first.replacing("00001-of", with: "0000\(number)-of")
      return try folder.bytes(at: path)
    }
  }

  @Test func `apply gives the result and strip the base, byte for byte, for every pair`() throws {
    let pairs = try ReferenceGGUF.pairs()
    #expect(pairs.count == 63)
    for pair in pairs where !pair.isBigEndian && !pair.name.hasSuffix("renamed") {
      let summary = try diff(pair)
      #expect(summary.changedElementCount > 0, "\(pair)")
      // Some results hold values that F16 cannot.
      #expect(summary.notes.allSatisfy { $0.hasSuffix("finite in the base") }, "\(summary.notes)")
      let (applied, stripped) = (
        path("applied", like: pair.base), path("stripped", like: pair.base)
      )
      try run(.apply, pair.base[0], to: applied)
      try run(.strip, applied, to: stripped)
      let count = pair.base.count
      #expect(
        try contents(applied, count: count) == pair.result.map { try folder.bytes(at: $0) },
        "\(pair)")
      #expect(
        try contents(stripped, count: count) == pair.base.map { try folder.bytes(at: $0) },
        "\(pair)")
      let verdict = try Verify(
        checkpoint: applied, patch: folder.path("patch")
      ).run()
      #expect(verdict.role == .result && verdict.hasPublishedFiles, "\(pair)")
    }
  }

  @Test func `big-endian files are refused by name`() throws {
    for pair in try ReferenceGGUF.pairs() where pair.isBigEndian {
      let error = #expect(throws: PatchError.self) { try diff(pair) }
      #expect(error?.kind == .badInput && error?.message.contains("big-endian") == true)
    }
  }

  @Test func `a split set and the whole model share one patch`() throws {
    let pairs = try ReferenceGGUF.pairs()
    let whole = try #require(pairs.first { $0.name == "llama-bf16.dense.BF16" })
    let splits = pairs.filter { $0.name.hasPrefix("llama-bf16.dense.BF16.split") }
    #expect(splits.count == 2)
    for split in splits {
      _ = try diff(whole)
      let applied = path("applied", like: split.base)
      try patch(.apply, split.base[0], to: applied)
      #expect(
        try contents(applied, count: 3) == split.result.map { try folder.bytes(at: $0) })
      _ = try diff(split)
      try patch(.apply, whole.base[0], to: folder.path("whole.gguf"))
      #expect(try folder.bytes(of: "whole.gguf") == folder.bytes(at: whole.result[0]))
    }
  }

  /// As ``run(_:_:to:)``, without SHA-256, which differ between the two.
  private func patch(
    _ direction: Direction, _ input: String, to output: String
  ) throws(PatchError) {
    var patching = Patching(
      direction, checkpoint: input, patch: folder.path("patch"), output: output)
    patching.overwrites = true
    patching.synchronises = false
    _ = try patching.run()
  }

  @Test func `the output for a split set must be named as one`() throws {
    let split = try #require(try ReferenceGGUF.pairs().first { $0.base.count == 3 })
    _ = try diff(split)
    for name in ["out.gguf", "out-00001-of-00002.gguf", "out-00002-of-00003.gguf"] {
      let error = #expect(throws: PatchError.self) {
        try run(.apply, split.base[0], to: folder.path(name))
      }
      #expect(error?.kind == .usage)
      #expect(error?.remedy == "name its first file: NAME-00001-of-00003.gguf")
    }
    #expect(try folder.names() == ["patch"])
  }

  @Test func `tensors of unknown types are carried, and must not differ`() throws {
    var builder = GGUFBuilder()
    builder.tensors = [
      .init("new", [8], type: 77, [1, 2, 3]), .init("w", [2], type: 30, [0, 63, 0, 64]),
    ]
    let base = try folder.write(builder.bytes, to: "base.gguf")
    builder.tensors[1].bytes[0] = 1
    let result = try folder.write(builder.bytes, to: "result.gguf")
    let patch = folder.path("patch")
    _ = try Diff(base: base, result: result, output: patch).run()
    try run(.apply, base, to: folder.path("applied.gguf"))
    #expect(try folder.bytes(of: "applied.gguf") == builder.bytes)

    builder.tensors[0].bytes[0] = 9
    let other = try folder.write(builder.bytes, to: "other.gguf")
    let error = #expect(throws: PatchError.self) {
      _ = try Diff(base: base, result: other, output: folder.path("p")).run()
    }
    #expect(error?.tensor == "new" && error?.kind == .badInput)
    let mismatch = #expect(throws: PatchError.self) {
      try run(.strip, other, to: folder.path("stripped.gguf"))
    }
    #expect(mismatch?.tensor == "new" && mismatch?.kind == .mismatch)
  }
}
