import Checkpoints
import DeltaCoding
import GradiendPatch
import PatchTestSupport
import TestSupport
import Testing

/// Checkpoints of more families, and the GGUF that llama.cpp's converter made of them.
@Suite struct GGUFFamilyTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  private static let file = "/model.safetensors"

  private func diff(_ base: String, _ result: String) throws(PatchError) {
    var comparison = Diff(base: base, result: result, output: bench.path("patch"))
    comparison.overwrites = true
    _ = try comparison.run()
  }

  private func create(_ base: String, _ gradiend: String, to patch: String) throws(PatchError) {
    var creation = Create(
      base: base, gradiend: gradiend, output: bench.path(patch), featureFactors: [-1],
      learningRate: 0.05)
    creation.overwrites = true
    _ = try creation.run()
  }

  @discardableResult
  private func run(
    _ direction: Direction, _ input: String, _ patch: String = "patch", to output: String
  ) throws(PatchError) -> ModelSummary {
    var patching = Patching(
      direction, checkpoint: input, patch: bench.path(patch), output: bench.path(output))
    patching.overwrites = true
    patching.synchronises = false
    return try patching.run()
  }

  private func tensors(_ path: String) throws -> [String: [UInt8]] {
    let checkpoint = try Checkpoint(path: path)
    return Dictionary(
      uniqueKeysWithValues: checkpoint.tensors.map {
        ($0.name, checkpoint.bytes(of: $0, in: 0..<$0.byteCount))
      })
  }

  /// The result, with all that a GGUF lacks as the base has it.
  private func result(of pair: ReferenceGGUF.Pair, _ result: String) throws -> [String: [UInt8]] {
    let base = try tensors(try #require(pair.sourceBase))
    var result = try tensors(result)
    for (name, bytes) in base {
      if ["vision_tower.", "multi_modal_projector.", "pooler."].contains(where: name.hasPrefix) {
        result[name] = bytes
      }
      // Two rows in front and eight behind, each of sixteen elements of two bytes.
      if pair.architecture == "roberta", name == "embeddings.position_embeddings.weight" {
        result[name]?.replaceSubrange(..<64, with: bytes[..<64])
      }
      if pair.architecture == "gemma3", name == "language_model.model.embed_tokens.weight" {
        result[name]?.replaceSubrange((40 * 32)..., with: bytes[(40 * 32)...])
      }
    }
    return result
  }

  @Test func `a patch of the checkpoint makes of its GGUF what the result converts to`() throws {
    let pairs = try ReferenceGGUF.families()
    #expect(pairs.count == 9)
    for pair in pairs {
      try diff(try #require(pair.sourceBase), try #require(pair.sourceResult))
      try run(.apply, pair.base[0], to: "applied")
      #expect(try bench.bytes("applied") == bench.folder.bytes(at: pair.result[0]), "\(pair)")
      let verdict = try bench.verify("applied", "patch")
      #expect(verdict.role == .result && !verdict.hasPublishedFiles, "\(pair)")
      try run(.strip, bench.path("applied"), to: "stripped")
      #expect(try bench.bytes("stripped") == bench.folder.bytes(at: pair.base[0]), "\(pair)")
    }
  }

  @Test func `a patch of the GGUF makes of the checkpoint its result, but for what a GGUF lacks`()
    throws
  {
    for pair in try ReferenceGGUF.families() {
      try diff(pair.base[0], pair.result[0])
      let base = try #require(pair.sourceBase)
      let applied = "\(pair).applied"
      try run(.apply, base, to: applied)
      #expect(
        try tensors(bench.path(applied)) == result(of: pair, try #require(pair.sourceResult)),
        "\(pair)")
      let stripped = "\(pair).stripped"
      try run(.strip, bench.path(applied), to: stripped)
      #expect(
        try bench.bytes(stripped + Self.file) == bench.folder.bytes(at: base + Self.file),
        "\(pair)")
    }
  }

  @Test func `a GRADIEND gives the same by way of the checkpoint and of its GGUF`() throws {
    for pair in try ReferenceGGUF.families() {
      let source = try #require(pair.sourceBase)
      var builder = GradiendBuilder(
        try Checkpoint(path: source).tensors.map { .init($0.name, $0.shape) }, seed: 5)
      let gradiend = try builder.write(to: bench.folder, as: "gradiend")
      try create(source, gradiend, to: "patch")
      try create(pair.base[0], gradiend, to: "own.patch")
      try run(.apply, pair.base[0], "patch", to: "expected")
      try run(.apply, pair.base[0], "own.patch", to: "applied")
      #expect(try bench.bytes("applied") == bench.bytes("expected"), "\(pair)")
      #expect(try bench.bytes("applied") != bench.folder.bytes(at: pair.base[0]), "\(pair)")
      try run(.strip, bench.path("applied"), "patch", to: "stripped")
      #expect(try bench.bytes("stripped") == bench.folder.bytes(at: pair.base[0]), "\(pair)")
      let (whole, kept) = ("\(pair).whole", "\(pair).kept")
      try run(.apply, source, "patch", to: whole)
      try run(.apply, source, "own.patch", to: kept)
      #expect(
        try tensors(bench.path(kept)) == result(of: pair, bench.path(whole)), "\(pair)")
    }
  }
}
