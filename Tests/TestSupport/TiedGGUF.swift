/// A model in BF16, its update, and the split set of F32 GGUF that a converter makes of each: with
/// the embedding stored again as the output head, and rows of attention out of order.
package struct TiedGGUF {
  package let names = (1...2).map { "model-0000\($0)-of-00002.gguf" }
  private let base: [String: [UInt16]]
  private let result: [String: [UInt16]]
  private let scale: Int

  private static let width = 16
  private static let headCount = 2
  private static let tensors: [(name: String, stored: String, rows: Int)] = [
    ("model.embed_tokens.weight", "token_embd.weight", 40),
    ("model.layers.0.self_attn.q_proj.weight", "blk.0.attn_q.weight", 16),
    ("model.layers.0.self_attn.k_proj.weight", "blk.0.attn_k.weight", 16),
    ("model.layers.0.self_attn.v_proj.weight", "blk.0.attn_v.weight", 16),
    ("model.layers.0.mlp.up_proj.weight", "blk.0.ffn_up.weight", 24),
    ("model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight", 16),
  ]

  /// - Parameter scale: how many times as many rows as the smallest model has.
  package init(scale: Int = 1) {
    self.scale = scale
    var generator = SeededGenerator(seed: 3)
    var (base, result) = ([String: [UInt16]](), [String: [UInt16]]())
    for (name, _, rows) in Self.tensors {
      let values = (0..<rows * scale * Self.width).map { _ in
        UInt16.random(in: 0x3C00...0x3F80, using: &generator)
      }
      base[name] = values
      result[name] = values.map { $0 + UInt16.random(in: 0...2, using: &generator) }
    }
    (self.base, self.result) = (base, result)
  }

  /// Writes `base` and `result` in GGUF, and `base.hf` and `result.hf` in safetensors.
  package func write(to target: TemporaryDirectory) throws {
    for (folder, values) in [("base", base), ("result", result)] {
      var builder = SafetensorsBuilder()
      for (name, _, rows) in Self.tensors {
        builder.add(
          name, "BF16", [rows * scale, Self.width],
          SafetensorsBuilder.littleEndian(values[name] ?? []))
      }
      try target.write(builder.bytes, to: folder + ".hf")
      for (number, name) in names.enumerated() {
        try target.write(file(number, values), to: folder + "/" + name)
      }
    }
  }

  private func file(_ number: Int, _ values: [String: [UInt16]]) -> [UInt8] {
    var builder = GGUFBuilder()
    builder.add("general.architecture", "llama")
    builder.add("llama.attention.head_count", UInt32(Self.headCount))
    builder.add("split.no", UInt16(number))
    builder.add("split.count", UInt16(names.count))
    builder.add("split.tensors.count", Int32(Self.tensors.count + 1))
    var stored = Self.tensors.map { ($0.stored, $0.rows * scale, values[$0.name] ?? []) }
    stored.append(("output.weight", stored[0].1, stored[0].2))
    for (position, (name, rows, values)) in stored.enumerated()
    where position * 2 / stored.count == number {
      let ordered =
        ["blk.0.attn_q.weight", "blk.0.attn_k.weight"].contains(name)
        ? Self.reordered(values, rows: rows) : values
      builder.tensors.append(
        .init(
          name, [Int64(Self.width), Int64(rows)], type: 0,
          SafetensorsBuilder.littleEndian(ordered.map { UInt32($0) << 16 })))
    }
    return builder.bytes
  }

  /// The two halves of each head, row by row in turn.
  private static func reordered(_ values: [UInt16], rows: Int) -> [UInt16] {
    let size = rows / headCount
    return (0..<rows).flatMap { row in
      let source = row / size * size + row % size / 2 + row % 2 * (size / 2)
      return values[source * width..<(source + 1) * width]
    }
  }
}
