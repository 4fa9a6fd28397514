/// A base and a result whose patch lies in `Fixtures/golden`.
package struct GoldenPair: Sendable, CustomStringConvertible {
  /// The name of the patch.
  package let name: String
  /// The coding that it is there for, the lower half of a chunk's first byte: Formats/delta-coding.md,
  /// section 2.
  package let coding: UInt8
  package let maxRelativeError: Double
  private let files: @Sendable (TemporaryDirectory) throws -> (base: String, result: String)

  package var description: String { name }

  /// The paths of both, which may lie in this folder.
  package func paths(in folder: TemporaryDirectory) throws -> (base: String, result: String) {
    try files(folder)
  }

  package static let all = [
    made("planes", 0, planes),
    converted("sparse-bf16", 6, "llama-bf16.sparse.BF16"),
    converted("sparse-f16", 6, "gpt2-f16.sparse.F16"),
    converted("sparse-f32", 6, "bert-f32.sparse.F32"),
    made("chunks", 6, chunks),
    converted("dense-bf16", 2, "llama-bf16.dense.BF16"),
    converted("dense-f32", 2, "llama-f32.dense.F32"),
    converted("shifts", 2, "llama-bf16.dense.F32"),
    converted("bounded", 2, "llama-f32.dense.F32", maxRelativeError: 0.0625),
    converted("blocks", 3, "all-types"),
    converted("layouts", 2, "llama-bf16.dense.BF16.renamed"),
    made("narrow-floats", 6, narrowFloats),
    made("packed", 5, packed),
    made("packed-floats", 5, packedFloats),
    checkpoints("kept-rows", 2, "roberta-bf16.dense.BF16"),
    Self(name: "carried", coding: 5, maxRelativeError: 0) { folder in
      let pair = QuantisedPair()
      return (
        try folder.write(pair.base, to: "base.safetensors"),
        try folder.write(pair.result, to: "result.safetensors")
      )
    },
  ]

  /// A pair of ``ReferenceGGUF``.
  private static func converted(
    _ name: String, _ coding: UInt8, _ pair: String, maxRelativeError: Double = 0
  ) -> Self {
    Self(name: name, coding: coding, maxRelativeError: maxRelativeError) { _ in
      struct Missing: Error { let pair: String }
      guard let pair = try ReferenceGGUF.pairs().first(where: { $0.name == pair }) else {
        throw Missing(pair: pair)
      }
      return (pair.base[0], pair.result[0])
    }
  }

  /// The checkpoints that a pair of ``ReferenceGGUF/families()`` was converted from.
  private static func checkpoints(_ name: String, _ coding: UInt8, _ pair: String) -> Self {
    Self(name: name, coding: coding, maxRelativeError: 0) { _ in
      struct Missing: Error { let pair: String }
      guard let pair = try ReferenceGGUF.families().first(where: { $0.name == pair }),
        let base = pair.sourceBase, let result = pair.sourceResult
      else { throw Missing(pair: pair) }
      return (base + "/model.safetensors", result + "/model.safetensors")
    }
  }

  private static func made(
    _ name: String, _ coding: UInt8, _ contents: @escaping @Sendable () -> [Contents]
  ) -> Self {
    Self(name: name, coding: coding, maxRelativeError: 0) { folder in
      var (base, result) = (SafetensorsBuilder(), SafetensorsBuilder())
      for tensor in contents() {
        base.add(tensor.type, tensor.type, tensor.shape, tensor.base)
        result.add(tensor.type, tensor.type, tensor.shape, tensor.result)
      }
      return (
        try folder.write(base.bytes, to: "base.safetensors"),
        try folder.write(result.bytes, to: "result.safetensors")
      )
    }
  }

  private typealias Contents = (type: String, shape: [Int], base: [UInt8], result: [UInt8])

  /// Every kind of word, and floats that have little to do with each other.
  ///
  /// The generator's own words are used, as they are the same for ever.
  private static func planes() -> [Contents] {
    var generator = SeededGenerator(seed: 1)
    return [
      ("BOOL", 1), ("I8", 1), ("F8_E4M3", 1), ("U16", 2), ("I32", 4), ("I64", 8), ("F64", 8),
      ("BF16", 2), ("F16", 2), ("F32", 4),
    ].map { type, width in
      let base = (0..<60 * width).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      let result = base.map { byte in
        let word = generator.next()
        return word % 4 == 0 ? byte : byte &+ UInt8(truncatingIfNeeded: word >> 8)
      }
      return (type, [4, 15], base, result)
    }
  }

  /// 8-bit floats, whose ordinals move a little, up and down.
  private static func narrowFloats() -> [Contents] {
    var generator = SeededGenerator(seed: 3)
    return ["F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ"].map { type in
      let base = (0..<3000).map { _ in
        // Binades in the middle, either sign.
        UInt8(truncatingIfNeeded: generator.next()) & 0x9F | 0x20
      }
      let result = base.map { byte in
        let word = generator.next()
        return word % 16 > 0 ? byte : word & 16 == 0 ? byte &+ 1 : byte &- 1
      }
      return (type, [40, 75], base, result)
    }
  }

  /// Codes of four and two bits across and of four bits down, and of eight.
  private static func packed() -> [Contents] {
    var generator = SeededGenerator(seed: 4)
    return [
      ("I32", [16, 96], 4, 7), ("U32", [24, 64], 2, 0), ("U8", [48, 128], 4, 0),
      ("I8", [48, 128], 8, 0),
    ]
    .map { type, shape, bitWidth, column in
      let byteCount = shape[0] * shape[1] * (type.hasSuffix("32") ? 4 : 1)
      let base = (0..<byteCount).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      let result = base.enumerated().map { index, byte in
        let word = generator.next()
        // Of I32 only some columns change, as where an input's weights run down the words.
        let isOpen = column == 0 || index / 4 % shape[1] % column == 0
        guard isOpen, word % 40 == 0 else { return byte }
        let shift = UInt8(truncatingIfNeeded: word >> 8) & 7 / UInt8(bitWidth) * UInt8(bitWidth)
        return byte ^ 1 << shift
      }
      return (type, shape, base, result)
    }
  }

  /// Floats of four bits, codes of six, which lie over bytes, and codes of four in one column.
  private static func packedFloats() -> [Contents] {
    var generator = SeededGenerator(seed: 5)
    func changed(
      _ type: String, _ shape: [Int], width: Int, _ change: (_ index: Int, UInt8) -> UInt8
    ) -> Contents {
      let base = (0..<shape[0] * shape[1] * width).map { _ in
        UInt8(truncatingIfNeeded: generator.next())
      }
      let result = base.enumerated().map { index, byte in
        generator.next() % 40 == 0 ? change(index, byte) : byte
      }
      return (type, shape, base, result)
    }
    return [
      // From one zero to the other, or from one magnitude to the next.
      changed("U8", [48, 128], width: 1) { _, byte in byte & 7 == 0 ? byte ^ 8 : byte ^ 1 },
      // The second of the codes that begin in three bytes.
      changed("U32", [24, 63], width: 4) { index, byte in index % 3 == 0 ? byte ^ 0x40 : byte },
      changed("I8", [6000, 1], width: 1) { index, byte in byte ^ (index % 2 == 0 ? 1 : 0x10) },
    ]
  }

  /// More than one chunk.
  private static func chunks() -> [Contents] {
    let tensor = OuterProduct(rows: 4500, columns: 1024, seed: 2)
    return [("BF16", tensor.shape, tensor.base, tensor.result)]
  }
}
