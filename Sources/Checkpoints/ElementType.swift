internal import ByteIO

/// The element types of safetensors, version 0.8, and of GGUF.
///
/// Sources: the `Dtype` enumeration of the safetensors reference (Formats/safetensors.md, section
/// 3) and `ggml_type` of ggml (Formats/gguf.md, section 4). A type that both have is one case. New
/// cases go to the end: Formats/patch.md, section 4.1, numbers them in this order.
package enum ElementType: String, CaseIterable, Hashable, Sendable {
  case bool = "BOOL"
  case float4 = "F4"
  case float6E2M3 = "F6_E2M3"
  case float6E3M2 = "F6_E3M2"
  case uint8 = "U8"
  case int8 = "I8"
  case float8E5M2 = "F8_E5M2"
  case float8E4M3 = "F8_E4M3"
  case float8E8M0 = "F8_E8M0"
  case float8E4M3FNUZ = "F8_E4M3FNUZ"
  case float8E5M2FNUZ = "F8_E5M2FNUZ"
  case int16 = "I16"
  case uint16 = "U16"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case int32 = "I32"
  case uint32 = "U32"
  case float32 = "F32"
  case complex64 = "C64"
  case float64 = "F64"
  case int64 = "I64"
  case uint64 = "U64"

  /// Bytes of a type that this version does not know, in a file that says how many they are. They
  /// are copied and guarded, and never change.
  case opaque = "OPAQUE"

  case q4_0 = "Q4_0"
  case q4_1 = "Q4_1"
  case q5_0 = "Q5_0"
  case q5_1 = "Q5_1"
  case q8_0 = "Q8_0"
  case q8_1 = "Q8_1"
  case q2K = "Q2_K"
  case q3K = "Q3_K"
  case q4K = "Q4_K"
  case q5K = "Q5_K"
  case q6K = "Q6_K"
  case q8K = "Q8_K"
  case iq2XXS = "IQ2_XXS"
  case iq2XS = "IQ2_XS"
  case iq3XXS = "IQ3_XXS"
  case iq1S = "IQ1_S"
  case iq4NL = "IQ4_NL"
  case iq3S = "IQ3_S"
  case iq2S = "IQ2_S"
  case iq4XS = "IQ4_XS"
  case iq1M = "IQ1_M"
  case tq1_0 = "TQ1_0"
  case tq2_0 = "TQ2_0"
  case mxfp4 = "MXFP4"
  case nvfp4 = "NVFP4"
  case q1_0 = "Q1_0"
  case q2_0 = "Q2_0"

  /// The name as it stands in a safetensors header, such as `BF16`, or as ggml has it, such as
  /// `Q4_K`.
  package var name: String { rawValue }

  /// How elements lie in bytes.
  package enum Storage: Equatable, Sendable {
    case bits(Int)
    case blocks(Block)
  }

  /// A run of elements of one row that share scales.
  package struct Block: Equatable, Sendable {
    package let elementCount: Int
    package let byteCount: Int
  }

  package var storage: Storage {
    switch self {
    case .float4: .bits(4)
    case .float6E2M3, .float6E3M2: .bits(6)
    case .bool, .uint8, .int8, .float8E5M2, .float8E4M3, .float8E8M0, .float8E4M3FNUZ,
      .float8E5M2FNUZ, .opaque:
      .bits(8)
    case .int16, .uint16, .float16, .bfloat16: .bits(16)
    case .int32, .uint32, .float32: .bits(32)
    case .complex64, .float64, .int64, .uint64: .bits(64)
    case .q4_0, .iq4NL: .blocks(Block(elementCount: 32, byteCount: 18))
    case .q4_1: .blocks(Block(elementCount: 32, byteCount: 20))
    case .q5_0: .blocks(Block(elementCount: 32, byteCount: 22))
    case .q5_1: .blocks(Block(elementCount: 32, byteCount: 24))
    case .q8_0: .blocks(Block(elementCount: 32, byteCount: 34))
    case .q8_1: .blocks(Block(elementCount: 32, byteCount: 36))
    case .q2K: .blocks(Block(elementCount: 256, byteCount: 84))
    case .q3K, .iq3S: .blocks(Block(elementCount: 256, byteCount: 110))
    case .q4K: .blocks(Block(elementCount: 256, byteCount: 144))
    case .q5K: .blocks(Block(elementCount: 256, byteCount: 176))
    case .q6K: .blocks(Block(elementCount: 256, byteCount: 210))
    case .q8K: .blocks(Block(elementCount: 256, byteCount: 292))
    case .iq2XXS, .tq2_0: .blocks(Block(elementCount: 256, byteCount: 66))
    case .iq2XS: .blocks(Block(elementCount: 256, byteCount: 74))
    case .iq3XXS: .blocks(Block(elementCount: 256, byteCount: 98))
    case .iq1S: .blocks(Block(elementCount: 256, byteCount: 50))
    case .iq2S: .blocks(Block(elementCount: 256, byteCount: 82))
    case .iq4XS: .blocks(Block(elementCount: 256, byteCount: 136))
    case .iq1M: .blocks(Block(elementCount: 256, byteCount: 56))
    case .tq1_0: .blocks(Block(elementCount: 256, byteCount: 54))
    case .mxfp4: .blocks(Block(elementCount: 32, byteCount: 17))
    case .nvfp4: .blocks(Block(elementCount: 64, byteCount: 36))
    case .q1_0: .blocks(Block(elementCount: 128, byteCount: 18))
    case .q2_0: .blocks(Block(elementCount: 64, byteCount: 18))
    }
  }

  package var block: Block? {
    if case .blocks(let block) = storage { block } else { nil }
  }

  /// The bytes of one element; nil where several share a byte or a block.
  package var elementByteCount: Int? { byteCount(of: []) }

  /// The bytes that a tensor of this shape takes.
  ///
  /// - Returns: nil if it does not fit, or if elements do not fill whole bytes, or rows whole blocks.
  package func byteCount(of shape: [Int]) -> Int? {
    guard let bits = bitCount(of: shape) else { return nil }
    if let block, !(shape.last ?? 1).isMultiple(of: block.elementCount) { return nil }
    return bits.isMultiple(of: 8) ? bits / 8 : nil
  }

  /// Whether the bits of a tensor of this shape can be counted, even if all its dimensions of 0 were
  /// 1.
  package func fits(_ shape: [Int]) -> Bool { bitCount(of: shape) != nil }

  private func bitCount(of shape: [Int]) -> Int? {
    switch storage {
    case .bits(let bits): return (shape + [bits]).checkedProduct
    case .blocks(let block):
      // A row of elements is one of blocks.
      let blocksPerRow = (shape.last ?? 1) / block.elementCount
      return (shape.dropLast() + [blocksPerRow, block.byteCount, 8]).checkedProduct
    }
  }
}
