import PatchTestSupport
import DeltaCoding
import GradiendPatch
import TestSupport
import Testing

/// Patches of GGUF on the Hugging Face checkpoints that these were converted from.
@Suite struct GGUFSourceTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func diff(_ base: String, _ result: String) throws(PatchError) {
    var comparison = Diff(
      base: base, result: result, output: folder.path("patch"))
    comparison.overwrites = true
    _ = try comparison.run()
  }

  @discardableResult
  private func run(
    _ direction: Direction, _ input: String, to output: String
  ) throws(PatchError) -> ModelSummary {
    var patching = Patching(
      direction, checkpoint: input, patch: folder.path("patch"), output: folder.path(output))
    patching.overwrites = true
    patching.synchronises = false
    return try patching.run()
  }

  /// Pairs whose GGUF has lost values, so that its result is not quite that of the sources.
  static let rounded = ["llama-bf16.dense.F16", "gpt2-bf16.dense.F16"]

  /// Why each pair is refused whose values do not tell those of its sources.
  private func refusal(_ pair: ReferenceGGUF.Pair) -> String? {
    switch (pair.sourceType, pair.type) {
    case (_, _) where pair.name == "llama-bf16-edge.edge.BF16": "not the base of this patch"
    case (_, _) where pair.name == "llama-bf16-edge.edge.F16": "cannot be read back"
    case ("F32", "F16"), ("F32", "BF16"), ("F16", "BF16"): "cannot be read back"
    default: nil
    }
  }

  @Test func `the result is the checkpoint that the GGUF's result was converted from`() throws {
    var counts = (exact: 0, refused: 0)
    let file = "/model.safetensors"
    for pair in try ReferenceGGUF.pairs()
    where pair.sourceBase != nil && !pair.isBigEndian && !pair.name.contains("align") {
      let (base, result) = (
        try #require(pair.sourceBase), try #require(pair.sourceResult)
      )
      try diff(pair.base[0], pair.result[0])
      if let message = refusal(pair) {
        counts.refused += 1
        let error = #expect(throws: PatchError.self, "\(pair)") {
          try run(.apply, base, to: "applied")
        }
        #expect(error?.kind == .mismatch && error?.message.contains(message) == true, "\(pair)")
        continue
      }
      try run(.apply, base, to: "applied")
      try run(.strip, folder.path("applied"), to: "stripped")
      let isSame =
        try folder.bytes(of: "applied" + file) == folder.bytes(at: result + file)
      #expect(isSame != Self.rounded.contains(pair.name), "\(pair)")
      #expect(try folder.bytes(of: "stripped" + file) == folder.bytes(at: base + file), "\(pair)")
      counts.exact += isSame ? 1 : 0
      let verdict = try Verify(
        checkpoint: folder.path("applied"), patch: folder.path("patch")
      ).run()
      #expect(verdict.role == .result && !verdict.hasPublishedFiles, "\(pair)")
    }
    #expect(counts == (41, 14))
  }

  // MARK: Small models made here

  private func safetensors(
    _ tensors: [(name: String, shape: [Int], values: [UInt16])], isWide: Bool = false
  ) -> [UInt8] {
    var builder = SafetensorsBuilder()
    for (name, shape, values) in tensors {
      let wide = SafetensorsBuilder.littleEndian(values.map { UInt32($0) << 16 })
      let bytes = isWide ? wide : SafetensorsBuilder.littleEndian(values)
      builder.add(name, isWide ? "F32" : "BF16", shape, bytes)
    }
    return builder.bytes
  }

  /// Tensors of F32, or of BF16 where the values are its bits.
  private func gguf(
    _ architecture: String, _ tensors: [(name: String, shape: [Int], values: [UInt32])],
    isBrain: Bool = false
  ) -> [UInt8] {
    var builder = GGUFBuilder()
    builder.add("general.architecture", architecture)
    for (name, shape, values) in tensors {
      let bytes =
        isBrain
        ? SafetensorsBuilder.littleEndian(values.map { UInt16($0) })
        : SafetensorsBuilder.littleEndian(values)
      builder.tensors.append(
        .init(name, shape.reversed().map { Int64($0) }, type: isBrain ? 30 : 0, bytes))
    }
    return builder.bytes
  }

  private func wide(_ values: [UInt16]) -> [UInt32] { values.map { UInt32($0) << 16 } }

  @Test func `rows that the converter cuts and heads that it drops stay, and a tied one changes`()
    throws
  {
    let embedding: [UInt16] = [0x3F80, 0x4000, 0x4040, 0x4080]
    let positions: [UInt16] = [1, 2, 3, 4, 0x3F80, 0x3F90, 0x3FA0, 0x3FB0]
    func source(_ step: UInt16) -> [UInt8] {
      let (words, rest) = (
        embedding.map { $0 + step }, positions[..<4] + positions[4...].map { $0 + 2 * step }
      )
      return safetensors([
        ("lm_head.bias", [2], [7, 8]),
        ("lm_head.decoder.weight", [2, 2], words),
        ("roberta.embeddings.position_embeddings.weight", [4, 2], Array(rest)),
        ("roberta.embeddings.word_embeddings.weight", [2, 2], words),
      ])
    }
    func converted(_ step: UInt16) -> [UInt8] {
      gguf(
        "bert",
        [
          ("token_embd.weight", [2, 2], wide(embedding.map { $0 + step })),
          ("position_embd.weight", [2, 2], wide(positions[4...].map { $0 + 2 * step })),
        ])
    }
    try folder.write(#"{"model_type":"roberta"}"#, to: "hf/config.json")
    try folder.write(source(0), to: "hf/model.safetensors")
    try diff(
      try folder.write(converted(0), to: "base.gguf"),
      try folder.write(converted(1), to: "result.gguf"))
    let summary = try run(.apply, folder.path("hf"), to: "applied")
    #expect(try folder.bytes(of: "applied/model.safetensors") == source(1))
    #expect(summary.notes.count == 1)
    #expect(summary.notes[0].hasPrefix("1 tensors have no place in the GGUF"))
    try run(.strip, folder.path("applied"), to: "stripped")
    #expect(try folder.bytes(of: "stripped/model.safetensors") == source(0))

    // A file has its configuration beside it, too.
    try run(.apply, folder.path("hf/model.safetensors"), to: "file")
    #expect(try folder.bytes(of: "file") == source(1))
  }

  @Test func `norms that the converter shifts are read back`() throws {
    let norm: [UInt16] = [0xBDCC, 0x3E4C, 0, 0x8000]
    func shifted(_ values: [UInt16]) -> [UInt32] {
      values.map { (Float(bitPattern: UInt32($0) << 16) + 1).bitPattern }
    }
    func source(_ step: UInt16) -> [UInt8] {
      safetensors([
        ("model.embed_tokens.weight", [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]),
        ("model.norm.weight", [4], norm.map { $0 & 0xFF == 0 ? $0 : $0 + step }),
      ])
    }
    func converted(_ step: UInt16) -> [UInt8] {
      gguf(
        "gemma",
        [
          ("token_embd.weight", [2, 4], wide([1, 2, 3, 4, 5, 6, 7, 8])),
          ("output_norm.weight", [4], shifted(norm.map { $0 & 0xFF == 0 ? $0 : $0 + step })),
        ])
    }
    // Adding 1 loses the sign of a zero, so a file with a negative one is refused.
    try folder.write(#"{"model_type":"gemma"}"#, to: "hf/config.json")
    try folder.write(source(0), to: "hf/model.safetensors")
    try diff(
      try folder.write(converted(0), to: "base.gguf"),
      try folder.write(converted(1), to: "result.gguf"))
    let error = #expect(throws: PatchError.self) {
      try run(.apply, folder.path("hf"), to: "applied")
    }
    #expect(error?.tensor == "model.norm.weight" && error?.kind == .mismatch)
  }

  @Test func `a checkpoint without configuration, of another kind or of other tensors is refused`()
    throws
  {
    let tensors: [(String, [Int], [UInt32])] = [("token_embd.weight", [1, 2], [0x3F80, 0x4000])]
    let other: [(String, [Int], [UInt32])] = [("token_embd.weight", [1, 2], [0x3F81, 0x4000])]
    try diff(
      try folder.write(gguf("llama", tensors, isBrain: true), to: "base.gguf"),
      try folder.write(gguf("llama", other, isBrain: true), to: "result.gguf"))
    let good = safetensors([("model.embed_tokens.weight", [1, 2], [0x3F80, 0x4000])])
    try folder.write(good, to: "hf/model.safetensors")
    func message() throws -> String {
      let error = #expect(throws: PatchError.self) { try run(.apply, folder.path("hf"), to: "out") }
      return try #require(error).message
    }
    #expect(try message().contains("config.json of the model, which is not beside the weights"))
    try folder.write(#"{"model_type":"mamba"}"#, to: "hf/config.json")
    #expect(try message().contains("this is mamba"))
    try folder.write(#"{"model_type":"llama"}"#, to: "hf/config.json")
    try run(.apply, folder.path("hf"), to: "out")

    let head: [UInt16] = [0x3F80, 0x4001]
    try folder.write(
      safetensors([
        ("lm_head.weight", [1, 2], head), ("model.embed_tokens.weight", [1, 2], [0x3F80, 0x4000]),
      ]), to: "hf/model.safetensors")
    #expect(try message().contains("is not the same as 'model.embed_tokens.weight'"))
    try folder.write(#"{"model_type":"llama","tie_word_embeddings":false}"#, to: "hf/config.json")
    #expect(try message().contains("is a matrix of its own"))
    try folder.write(
      safetensors([
        ("model.embed_tokens.weight", [1, 2], [0x3F80, 0x4000]), ("model.norm.weight", [2], head),
      ]), to: "hf/model.safetensors")
    #expect(try message().contains("would be 'output_norm.weight' in a GGUF"))
    try folder.write(
      safetensors([("model.embed_tokens.weight", [2, 1], [0x3F80, 0x4000])]),
      to: "hf/model.safetensors")
    #expect(
      try message().contains("is [2, 1], but 'token_embd.weight' of the patch's base is [1, 2]"))
    try folder.write(safetensors([("model.extra.weight", [1], [0])]), to: "hf/model.safetensors")
    #expect(try message().contains("has no known place"))
  }

  @Test func `a patch of wide floats applies to narrow ones that hold its values`() throws {
    let base: [UInt16] = [0x3F80, 0xBF80, 0, 0x7F81, 0x0001, 0x4000, 0x8000, 0x3C00]
    var result = base
    result[1] += 1
    result[7] -= 3
    func file(_ values: [UInt16], isWide: Bool) -> [UInt8] {
      safetensors([("w", [4, 2], values)], isWide: isWide)
    }
    try diff(
      try folder.write(file(base, isWide: true), to: "base"),
      try folder.write(file(result, isWide: true), to: "result"))
    try run(.apply, try folder.write(file(base, isWide: false), to: "narrow"), to: "applied")
    #expect(try folder.bytes(of: "applied") == file(result, isWide: false))
    try run(.strip, folder.path("applied"), to: "stripped")
    #expect(try folder.bytes(of: "stripped") == file(base, isWide: false))

    var fine = SafetensorsBuilder()
    fine.add(
      "w", "F32", [4, 2],
      SafetensorsBuilder.littleEndian(wide(base).enumerated().map { $0 == 1 ? $1 + 3 : $1 }))
    try diff(folder.path("base"), try folder.write(fine.bytes, to: "fine"))
    let error = #expect(throws: PatchError.self) {
      try run(.apply, folder.path("narrow"), to: "out")
    }
    #expect(error?.message.contains("element 1 does not fit BF16") == true)
    try diff(folder.path("fine"), folder.path("result"))
    let other = #expect(throws: PatchError.self) {
      try run(.apply, folder.path("narrow"), to: "out")
    }
    #expect(other?.message.contains("which does not hold all F32 values") == true)
  }
}
