import PatchTestSupport
import DeltaCoding
import Foundation
import GradiendPatch
import TestSupport
import Testing

/// Patches of Hugging Face checkpoints on GGUF that were converted from them.
@Suite struct GGUFConversionTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func diff(_ base: String, _ result: String) throws(PatchError) {
    var comparison = Diff(
      base: base, result: result, output: folder.path("patch"))
    comparison.overwrites = true
    _ = try comparison.run()
  }

  private func diff(_ pair: ReferenceGGUF.Pair) throws {
    try diff(try #require(pair.sourceBase), try #require(pair.sourceResult))
  }

  @discardableResult
  private func run(
    _ direction: Direction, _ input: String, to output: String
  ) throws(PatchError) -> ModelSummary {
    var patching = Patching(
      direction, checkpoint: input, patch: folder.path("patch"), output: output)
    patching.overwrites = true
    patching.synchronises = false
    return try patching.run()
  }

  private func path(_ name: String, like files: [String]) -> String {
    folder.path(files.count == 1 ? "\(name).gguf" : "\(name)-00001-of-0000\(files.count).gguf")
  }

  private func contents(_ first: String, count: Int) throws -> [[UInt8]] {
    try (1...count).map { number in
      try folder.bytes(at: first.replacing("00001-of", with: "0000\(number)-of"))
    }
  }

  /// Pairs of which a value of the base or of the result cannot be read back from the GGUF.
  static let unreadable = [
    "llama-bf16.dense.F16": "does not fit F16", "gpt2-bf16.dense.F16": "does not fit F16",
    "llama-bf16-edge.edge.F16": "F16, which does not hold all BF16 values",
    "llama-f16-edge.edge.BF16": "cannot be read back",
    "llama-bf16-edge.edge.BF16": "not the base of this patch",
  ]

  private func pairs() throws -> [ReferenceGGUF.Pair] {
    try ReferenceGGUF.pairs().filter {
      $0.sourceBase != nil && !$0.isBigEndian && !$0.name.hasSuffix("renamed")
    }
  }

  @Test func `the result is what converting the patched checkpoint gives, and strip is exact`()
    throws
  {
    var exactCount = 0
    for pair in try pairs() {
      try diff(pair)
      let applied = path("applied", like: pair.base)
      let message =
        Self.unreadable[pair.name] ?? "does not hold all \(pair.sourceType ?? "") values"
      if (pair.inexactCount ?? 0) > 0 || Self.unreadable[pair.name] != nil {
        let error = #expect(throws: PatchError.self, "\(pair)") {
          try run(.apply, pair.base[0], to: applied)
        }
        #expect(error?.kind == .mismatch && error?.message.contains(message) == true, "\(pair)")
        continue
      }
      exactCount += 1
      let stripped = path("stripped", like: pair.base)
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
      #expect(verdict.role == .result && !verdict.hasPublishedFiles, "\(pair)")
    }
    #expect(exactCount == 43)
  }

  @Test(arguments: ["llama-bf16.dense.F16", "gpt2-bf16.dense.F16"])
  func `what the stored types cannot hold is rounded if an undo patch keeps the way back`(
    name: String
  ) throws {
    let pair = try #require(try pairs().first { $0.name == name })
    try diff(pair)
    let applied = folder.path("applied.gguf")
    var patching = Patching(
      .apply, checkpoint: pair.base[0], patch: folder.path("patch"), output: applied)
    patching.undo = folder.path("undo")
    let summary = try patching.run()
    // It is near the result, and not what the publisher made.
    #expect(summary.role == nil)
    let note = try #require(summary.notes.last)
    #expect(note.hasPrefix("1 value does not fit the types of these files and was rounded"))
    #expect(try folder.bytes(of: "applied.gguf") == folder.bytes(at: pair.result[0]))
    _ = try Patching(
      .strip, checkpoint: applied, patch: folder.path("undo"), output: folder.path("stripped.gguf")
    ).run()
    #expect(try folder.bytes(of: "stripped.gguf") == folder.bytes(at: pair.base[0]))
  }

  @Test func `an undo patch that nothing needs is not written`() throws {
    let pair = try #require(try pairs().first { $0.name == "llama-bf16.dense.BF16" })
    try diff(pair)
    var patching = Patching(
      .apply, checkpoint: pair.base[0], patch: folder.path("patch"),
      output: folder.path("applied.gguf"))
    patching.undo = folder.path("undo")
    let note = try #require(try patching.run().notes.last)
    #expect(note.contains("with the patch alone"))
    #expect(try folder.names() == ["applied.gguf", "patch"])
  }

  @Test func `an undo patch overwrites nothing, and nothing is done where it cannot be`() throws {
    let pair = try #require(try pairs().first { $0.name == "llama-bf16.dense.F16" })
    try diff(pair)
    try folder.write("mine", to: "undo")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("here"), withDestinationPath: ".")
    for (undo, kind) in [
      ("undo", .outputExists), ("patch", .cannotCreate), ("no/such/folder", .cannotCreate),
      ("applied.gguf", .usage), ("./applied.gguf", .usage), ("here/applied.gguf", .usage),
    ] as [(String, PatchError.Kind)] {
      var patching = Patching(
        .apply, checkpoint: pair.base[0], patch: folder.path("patch"),
        output: folder.path("applied.gguf"))
      patching.undo = folder.path(undo)
      let error = #expect(throws: PatchError.self) { _ = try patching.run() }
      #expect(error?.kind == kind, "\(undo)")
      #expect(try folder.names() == ["here", "patch", "undo"])
    }
  }

  @Test func `heads that the converter drops are reported`() throws {
    let pair = try #require(try pairs().first { $0.name == "bert-bf16.dense.BF16" })
    try diff(pair)
    let summary = try run(.apply, pair.base[0], to: folder.path("applied.gguf"))
    #expect(summary.notes.count == 1)
    #expect(summary.notes[0].hasPrefix("5 tensors of the base have no place in this GGUF"))
  }

  @Test func `quantised and unknown models are refused with the way out`() throws {
    let pair = try #require(try pairs().first { $0.name == "llama-bf16.dense.BF16" })
    try diff(pair)
    var builder = GGUFBuilder()
    builder.add("general.architecture", "llama")
    builder.add("llama.attention.head_count", 2 as UInt32)
    builder.tensors = [
      .init("token_embd.weight", [32, 8], type: 8, .init(repeating: 0, count: 272))
    ]
    let quantised = try folder.write(builder.bytes, to: "quantised.gguf")
    let error = #expect(throws: PatchError.self) {
      try run(.apply, quantised, to: folder.path("out.gguf"))
    }
    #expect(error?.kind == .mismatch && error?.message.contains("keeps 71 % in Q8_0") == true)
    #expect(error?.remedy?.contains("'diff'") == true)

    builder = GGUFBuilder()
    builder.add("general.architecture", "mamba")
    builder.tensors = [.init("token_embd.weight", [4], type: 0, .init(repeating: 0, count: 16))]
    let unknown = try folder.write(builder.bytes, to: "unknown.gguf")
    let other = #expect(throws: PatchError.self) {
      try run(.apply, unknown, to: folder.path("out.gguf"))
    }
    #expect(other?.message.contains("this is mamba") == true)
  }

  @Test func `a patch of bfloat16 applies to the same values in wider floats`() throws {
    func bytes(_ values: [UInt16]) -> [UInt8] { SafetensorsBuilder.littleEndian(values) }
    func file(_ values: [UInt16], isWide: Bool) -> [UInt8] {
      var builder = SafetensorsBuilder()
      let wide = SafetensorsBuilder.littleEndian(values.map { UInt32($0) << 16 })
      builder.add("w", isWide ? "F32" : "BF16", [4, 2], isWide ? wide : bytes(values))
      return builder.bytes
    }
    let base: [UInt16] = [0x3F80, 0xBF80, 0, 0x7FC1, 0x0001, 0x4000, 0x8000, 0x3C00]
    var result = base
    result[1] += 1
    result[7] -= 3
    try diff(
      try folder.write(file(base, isWide: false), to: "base"),
      try folder.write(file(result, isWide: false), to: "result"))
    let wide = try folder.write(file(base, isWide: true), to: "wide")
    try run(.apply, wide, to: folder.path("applied"))
    #expect(try folder.bytes(of: "applied") == file(result, isWide: true))
    try run(.strip, folder.path("applied"), to: folder.path("stripped"))
    #expect(try folder.bytes(of: "stripped") == file(base, isWide: true))
  }
}
