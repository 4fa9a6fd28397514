/// How far floats are from the nearer edge of their binade.
struct EdgeDistances {
  /// The upper bits of a mantissa, by which distances are known, and those below them.
  private let knownBitCount: Int
  let unknownBitCount: Int
  private let mask: UInt32

  init(_ layout: FloatLayout) {
    knownBitCount = min(layout.mantissaBitCount, 10)
    unknownBitCount = layout.mantissaBitCount - knownBitCount
    mask = 1 << UInt32(knownBitCount) - 1
  }

  /// The exponent of a float that has these bits, and the class of its distance: the bit length of what
  /// is known of it.
  @inline(__always)
  func split<Word: FixedWidthInteger & UnsignedInteger>(
    _ bits: Word
  ) -> (exponent: Int, distance: Int) {
    let known = UInt32(truncatingIfNeeded: bits & (Word.max >> 1)) &>> UInt32(unknownBitCount)
    let distance = min(known & mask, ~known & mask)
    return (Int(known &>> UInt32(knownBitCount)), 32 &- distance.leadingZeroBitCount)
  }
}
