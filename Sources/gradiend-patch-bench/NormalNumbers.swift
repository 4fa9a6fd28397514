import Glibc

/// Normally distributed numbers, each of which depends on the key and its position alone, so that
/// they can be made in any order and on any number of threads.
struct NormalNumbers {
  private let key: UInt64

  /// Numbers of their own for every seed and every `path` of small numbers.
  init(seed: UInt64, _ path: Int...) {
    key = path.reduce(Self.mix(seed)) { Self.mix($0 ^ UInt64(truncatingIfNeeded: $1 + 1)) }
  }

  /// The number at `position`.
  subscript(position: Int) -> Float {
    var pair: [Float] = [0, 0]
    fill(&pair, from: position & ~1)
    return pair[position & 1]
  }

  /// Puts the numbers from position `start` on into `numbers`.
  ///
  /// - Precondition: `start` is even.
  func fill(_ numbers: inout [Float], from start: Int) {
    precondition(start % 2 == 0)
    let count = numbers.count
    Self.quantiles.withUnsafeBufferPointer { quantiles in
      numbers.withUnsafeMutableBufferPointer { numbers in
        for index in stride(from: 0, to: count, by: 2) {
          let bits = Self.mix(
            key &+ UInt64(truncatingIfNeeded: (start + index) >> 1) &* 0x9E37_79B9_7F4A_7C15)
          numbers[index] = Self.number(UInt32(truncatingIfNeeded: bits), quantiles)
          guard index + 1 < count else { break }
          numbers[index + 1] = Self.number(UInt32(truncatingIfNeeded: bits >> 32), quantiles)
        }
      }
    }
  }

  /// A sign, a cell of the distribution, and a place within that cell.
  @inline(__always)
  private static func number(_ bits: UInt32, _ quantiles: UnsafeBufferPointer<Float>) -> Float {
    let cell = Int(bits >> 20 & 0x7FF)
    let place = Float(bits & 0xF_FFFF) * 0x1p-20
    let size = quantiles[cell] + place * (quantiles[cell + 1] - quantiles[cell])
    return Float(bitPattern: size.bitPattern | bits & 0x8000_0000)
  }

  /// The finaliser of SplitMix64.
  @inline(__always)
  private static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value &+ 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// The sizes below which 0, 1, 2, … 2047 of 2048 numbers are, and where the last cell ends.
  private static let quantiles: [Float] =
    (0..<2048).map { quantile(Double($0) / 2048) } + [4.5]

  private static func quantile(_ share: Double) -> Float {
    var (low, high) = (0.0, 8.0)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if erf(middle / 2.0.squareRoot()) < share { low = middle } else { high = middle }
    }
    return Float(low)
  }
}
