import PatchTestSupport
import DeltaCoding
import GradiendPatch
import TestSupport
import Testing

/// Patches made from a GRADIEND and a GGUF base.
@Suite struct GGUFCreationTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  private func create(
    _ base: String, _ gradiend: String, to patch: String, factors: [Float] = [-1]
  ) throws(PatchError) -> PatchSummary {
    var creation = Create(
      base: base, gradiend: gradiend, output: bench.path(patch), featureFactors: factors,
      learningRate: 0.05)
    creation.overwrites = true
    return try creation.run()
  }

  private func run(
    _ direction: Direction, _ input: String, _ patch: String, to output: String
  ) throws(PatchError) {
    var patching = Patching(
      direction, checkpoint: input, patch: bench.path(patch), output: bench.path(output))
    patching.overwrites = true
    patching.synchronises = false
    patching.undo = direction == .apply ? bench.path("undo") : nil
    _ = try patching.run()
  }

  /// Bases whose GGUF tell their values, and one of two latents among the GRADIENDs.
  static let cases = [
    ("llama-bf16", "BF16", "llama-mixed-l2-id"), ("llama-bf16", "F32", "llama-all-l1-id"),
    ("llama-bf16", "F16", "llama-all-l1-id"), ("llama-f16", "F16", "llama-indices-l1-id"),
    ("llama-f32", "F32", "llama-names-suffix"), ("llamauntied-bf16", "BF16", "llama-emb-l1"),
    ("gpt2-bf16", "BF16", "gpt2-all-l1-id"), ("gpt2-f32", "F32", "gpt2-mixed-l2-id"),
    ("gpt2-f16", "F32", "gpt2-mask-l1-tanh"), ("bert-bf16", "BF16", "bert-all-l1-id"),
    ("bert-f32", "F32", "bert-mask-l1-id"), ("bert-f16", "F16", "bert-names-suffix"),
  ]

  @Test(arguments: cases)
  func `the result is that of the patch of the checkpoint, converted`(
    name: String, type: String, gradiend: String
  ) throws {
    let source = try ReferenceGGUF.path("hf/" + name)
    let base = try ReferenceGGUF.path("pairs/\(name).\(type).gguf")
    let trained = try ReferenceData.path("gradiends/" + gradiend)
    let factors: [Float] = gradiend.contains("-l2-") ? [1, -0.5] : [-1]
    let expected = try create(source, trained, to: "source.patch", factors: factors)
    let summary = try create(base, trained, to: "patch", factors: factors)
    #expect(summary.changedElementCount > 0 && expected.changedElementCount > 0)
    try run(.apply, base, "source.patch", to: "expected.gguf")
    try run(.apply, base, "patch", to: "applied.gguf")
    #expect(try bench.bytes("applied.gguf") == bench.bytes("expected.gguf"))
    try run(.strip, bench.path("applied.gguf"), "patch", to: "stripped.gguf")
    #expect(try bench.bytes("stripped.gguf") == bench.folder.bytes(at: base))
  }

  @Test func `values that the GGUF has lost do not matter to a patch of its own`() throws {
    let base = try ReferenceGGUF.path("pairs/llama-f32.BF16.gguf")
    let trained = try ReferenceData.path("gradiends/llama-all-l1-id")
    #expect(try create(base, trained, to: "patch").changedElementCount > 0)
    try run(.apply, base, "patch", to: "applied.gguf")
    try run(.strip, bench.path("applied.gguf"), "patch", to: "stripped.gguf")
    #expect(try bench.bytes("stripped.gguf") == bench.folder.bytes(at: base))
  }

  @Test func `a split set and the whole model share one patch`() throws {
    let trained = try ReferenceData.path("gradiends/llama-all-l1-id")
    let pairs = try ReferenceGGUF.pairs()
    let whole = try #require(pairs.first { $0.name == "llama-bf16.dense.BF16" }).base[0]
    let split = try #require(pairs.first { $0.name == "llama-bf16.dense.BF16.split" }).base[0]
    _ = try create(whole, trained, to: "whole.patch")
    _ = try create(split, trained, to: "split.patch")
    try run(.apply, whole, "whole.patch", to: "expected.gguf")
    try run(.apply, whole, "split.patch", to: "applied.gguf")
    #expect(try bench.bytes("applied.gguf") == bench.bytes("expected.gguf"))
    try run(.apply, split, "whole.patch", to: "set-00001-of-00003.gguf")
    try run(
      .strip, bench.path("set-00001-of-00003.gguf"), "split.patch", to: "back-00001-of-00003.gguf")
    for number in 1...3 {
      #expect(
        try bench.bytes("back-0000\(number)-of-00003.gguf")
          == bench.folder.bytes(at: split.replacing("00001-of", with: "0000\(number)-of")))
    }
  }

  // MARK: Models made here

  private func write(
    _ architecture: String, _ tensors: [(name: String, shape: [Int], values: [Float])],
    to name: String
  ) throws -> String {
    var builder = GGUFBuilder()
    builder.add("general.architecture", architecture)
    builder.add("\(architecture).attention.head_count", 3 as UInt32)
    for (name, shape, values) in tensors {
      builder.tensors.append(
        .init(
          name, shape.reversed().map { Int64($0) }, type: 0,
          SafetensorsBuilder.littleEndian(values.map(\.bitPattern))))
    }
    return try bench.folder.write(builder.bytes, to: name)
  }

  private func writeGradiend(_ parameters: [GradiendBuilder.Parameter]) throws -> String {
    var builder = GradiendBuilder(parameters, seed: 7)
    return try builder.write(to: bench.folder, as: "gradiend")
  }

  @Test func `rows that the converter cut are skipped, and so are heads that it dropped`() throws {
    let values = (0..<8).map { Float($0) / 7 }
    var source = SafetensorsBuilder()
    source.add("roberta.embeddings.position_embeddings.weight", shape: [4, 2], floats: values)
    source.add("roberta.embeddings.word_embeddings.weight", shape: [2, 2], floats: [1, 2, 3, 4])
    source.add("lm_head.bias", shape: [2], floats: [5, 6])
    try bench.folder.write(source.bytes, to: "source")
    let base = try write(
      "bert",
      [
        ("token_embd.weight", [2, 2], [1, 2, 3, 4]),
        ("position_embd.weight", [2, 2], Array(values[4...])),
      ], to: "base.gguf")
    let gradiend = try writeGradiend([
      .init("lm_head.bias", [2]),
      .init("roberta.embeddings.position_embeddings.weight", [4, 2]),
      .init("roberta.embeddings.word_embeddings.weight", [2, 2]),
    ])
    _ = try create(bench.path("source"), gradiend, to: "source.patch")
    let summary = try create(base, gradiend, to: "patch")
    #expect(
      summary.notes == [
        "1 parameters of the GRADIEND have no place in this GGUF and are left out, first "
          + "'lm_head.bias'"
      ])
    try run(.apply, bench.path("source"), "source.patch", to: "expected")
    try run(.apply, base, "patch", to: "applied.gguf")
    let (found, expected) = (try bench.bytes("applied.gguf"), try bench.bytes("expected"))
    // Positions are first in the source, and last in the GGUF with 16 bytes to fill its 32.
    let start = expected.count - 4 * (8 + 4 + 2)
    #expect(found.suffix(32).prefix(16) == expected[(start + 16)..<(start + 32)])
  }

  @Test func `norms that the converter shifted get the update that they had`() throws {
    let norm: [Float] = [-0.5, 0.25, 0.125, -0.0625]
    let embedding: [Float] = [1, 0.5, 0.25, 0.125]
    func source(_ type: String) throws -> String {
      var builder = SafetensorsBuilder()
      for (name, shape, values) in [
        ("model.embed_tokens.weight", [1, 4], embedding), ("model.norm.weight", [4], norm),
      ] {
        let bits = values.map { UInt16($0.bitPattern >> 16) }
        if type == "F32" {
          builder.add(name, shape: shape, floats: values)
        } else {
          builder.add(name, type, shape, SafetensorsBuilder.littleEndian(bits))
        }
      }
      return try bench.folder.write(builder.bytes, to: "source")
    }
    let base = try write(
      "gemma",
      [
        ("token_embd.weight", [1, 4], embedding),
        ("output_norm.weight", [4], norm.map { $0 + 1 }),
      ], to: "base.gguf")
    let gradiend = try writeGradiend([
      .init("model.embed_tokens.weight", [1, 4]), .init("model.norm.weight", [4]),
    ])
    // All values are of bfloat16, so the update is rounded as in a checkpoint of these.
    _ = try create(source("BF16"), gradiend, to: "source.patch")
    _ = try create(base, gradiend, to: "patch")
    try run(.apply, base, "source.patch", to: "expected.gguf")
    try run(.apply, base, "patch", to: "applied.gguf")
    #expect(try bench.bytes("applied.gguf") == bench.bytes("expected.gguf"))
    #expect(try bench.bytes("applied.gguf") != bench.bytes("base.gguf"))
  }

  @Test func `tensors of several chunks are put in order`() throws {
    for (architecture, stored, name, shape) in [
      ("gpt2", "blk.0.ffn_up.weight", "h.0.mlp.c_fc.weight", [1104, 1910]),
      (
        "llama", "blk.0.attn_q.weight", "model.layers.0.self_attn.q_proj.weight", [1104, 1910]
      ),
    ] {
      let count = shape[0] * shape[1]
      let pattern = (0..<9973).map { UInt32(0x3C00_0001 + $0 * 6151) }
      let values = Array(
        repeatElement(pattern, count: count / pattern.count + 1).joined().prefix(count))
      var source = SafetensorsBuilder()
      source.add(name, "F32", shape, SafetensorsBuilder.littleEndian(values))
      try bench.folder.write(source.bytes, to: "source")
      let (rows, columns) = (shape[0], shape[1])
      var ordered: [UInt32] = []
      ordered.reserveCapacity(values.count)
      if architecture == "gpt2" {
        for column in 0..<columns {
          for row in 0..<rows { ordered.append(values[row * columns + column]) }
        }
      } else {
        let size = rows / 3
        for row in 0..<rows {
          let place = row / size * size + row % size / 2 + row % 2 * (size / 2)
          ordered += values[place * columns..<(place + 1) * columns]
        }
      }
      let storedShape = architecture == "gpt2" ? shape.reversed() : shape
      let base = try write(
        architecture,
        [(stored, storedShape, ordered.map(Float.init(bitPattern:)))],
        to: "base.gguf")
      let selected = Array(stride(from: 0, to: count, by: 97))
      let gradiend = try writeGradiend([.init(name, shape, .indices(selected))])
      _ = try create(bench.path("source"), gradiend, to: "source.patch")
      _ = try create(base, gradiend, to: "patch")
      try run(.apply, base, "source.patch", to: "expected.gguf")
      try run(.apply, base, "patch", to: "applied.gguf")
      #expect(try bench.bytes("applied.gguf") == bench.bytes("expected.gguf"), "\(name)")
    }
  }

  @Test func `what has no known place and what is quantised is refused`() throws {
    let base = try write("llama", [("token_embd.weight", [1, 2], [1, 2])], to: "base.gguf")
    func message(_ name: String, _ shape: [Int], of base: String) throws -> String {
      let gradiend = try writeGradiend([.init(name, shape)])
      let error = #expect(throws: PatchError.self) { _ = try create(base, gradiend, to: "patch") }
      #expect(error?.kind == .badInput)
      return "\(try #require(error))"
    }
    #expect(
      try message("model.vision.embed_tokens.weight", [1, 2], of: base)
        .contains("is not here, or not under one name only, as far as names are known of GGUF"))
    #expect(
      try message("model.embed_tokens.weight", [2, 1], of: base)
        .contains("has shape [1, 2], but the GRADIEND was trained for [2, 1]"))
    var builder = GGUFBuilder()
    builder.add("general.architecture", "llama")
    builder.tensors = [
      .init("token_embd.weight", [32, 1], type: 8, .init(repeating: 0, count: 34))
    ]
    let quantised = try bench.folder.write(builder.bytes, to: "quantised.gguf")
    #expect(
      try message("model.embed_tokens.weight", [1, 32], of: quantised)
        .contains("and 'diff' the two quantised files"))
    builder = GGUFBuilder()
    builder.add("general.architecture", "falcon")
    builder.tensors = [.init("token_embd.weight", [2], type: 0, .init(repeating: 0, count: 8))]
    let unknown = try bench.folder.write(builder.bytes, to: "unknown.gguf")
    #expect(
      try message("model.embed_tokens.weight", [2], of: unknown).contains("this is falcon"))
  }
}
