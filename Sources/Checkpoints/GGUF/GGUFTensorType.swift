internal import ByteIO

/// The tensor types of ggml by their numbers (Formats/gguf.md, section 4).
enum GGUFTensorType {
  private static let known: [Int32: ElementType] = [
    0: .float32, 1: .float16, 2: .q4_0, 3: .q4_1, 6: .q5_0, 7: .q5_1, 8: .q8_0, 9: .q8_1,
    10: .q2K, 11: .q3K, 12: .q4K, 13: .q5K, 14: .q6K, 15: .q8K, 16: .iq2XXS, 17: .iq2XS,
    18: .iq3XXS, 19: .iq1S, 20: .iq4NL, 21: .iq3S, 22: .iq2S, 23: .iq4XS, 24: .int8, 25: .int16,
    26: .int32, 27: .int64, 28: .float64, 29: .iq1M, 30: .bfloat16, 34: .tq1_0, 35: .tq2_0,
    39: .mxfp4, 40: .nvfp4, 41: .q1_0, 42: .q2_0,
  ]

  private static let removed: [Int32: String] = [
    4: "Q4_2", 5: "Q4_3", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 36: "IQ4_NL_4_4",
    37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8",
  ]

  /// The type with this number; ``ElementType/opaque`` for one that may be newer than this table.
  ///
  /// - Throws: ``FormatError`` at `offset` for a number that was never given or was withdrawn.
  static func elementType(
    _ number: Int32, of tensor: String, at offset: Int
  ) throws(FormatError) -> ElementType {
    if let type = known[number] { return type }
    if let name = removed[number] {
      throw .unsupported(
        "tensor '\(tensor)': type \(number), \(name), was removed from ggml; quantise the model "
          + "again", at: offset)
    }
    guard number >= 0 else {
      throw .corrupt("tensor '\(tensor)': type \(number) is negative", at: offset)
    }
    return .opaque
  }
}
