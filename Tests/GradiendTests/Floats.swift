import Checkpoints
import Testing

/// The elements of a tensor, with their bits.
struct Floats {
  let bits: [UInt32]
  let values: [Float]

  init(_ bytes: [UInt8], type: ElementType) {
    bits = bytes.withUnsafeBytes { bytes in
      type.byteCount(of: []) == 4
        ? Array(bytes.bindMemory(to: UInt32.self))
        : bytes.bindMemory(to: UInt16.self).map { UInt32($0) }
    }
    values = bits.map { bits in
      switch type {
      case .float16: Float(Float16(bitPattern: UInt16(bits)))
      case .bfloat16: Float(bitPattern: bits << 16)
      default: Float(bitPattern: bits)
      }
    }
  }

  /// Where the two differ by more than `tolerance`; any NaN equals any NaN, and without a tolerance
  /// -0 differs from +0.
  func differences(from other: Floats, tolerance: (Int) -> Float = { _ in 0 }) -> [Difference] {
    guard bits.count == other.bits.count else { return [Difference(index: -1)] }
    return bits.indices.compactMap { index in
      if bits[index] == other.bits[index] { return nil }
      let (value, expected) = (values[index], other.values[index])
      if value.isNaN && expected.isNaN { return nil }
      let allowed = tolerance(index)
      if allowed > 0 && (value - expected).magnitude <= allowed { return nil }
      return Difference(index: index, found: value, expected: expected)
    }
  }

  struct Difference {
    var index: Int
    var found: Float = .nan
    var expected: Float = .nan
  }
}
