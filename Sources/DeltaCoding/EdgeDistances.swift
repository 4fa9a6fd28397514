/// How far floats are from the nearer edge of their binade.
struct EdgeDistances {
  /// The upper bits of a mantissa, by which distances are known, and those below them.
  private let knownBitCount: Int
  let unknownBitCount: Int
  private let mask: UInt16

  init(_ layout: FloatLayout) {
    knownBitCount = min(layout.mantissaBitCount, 10)
    unknownBitCount = layout.mantissaBitCount - knownBitCount
    mask = 1 << UInt16(knownBitCount) - 1
  }

  /// The exponent of a float that has these bits, and the class of its distance: the bit length of what
  /// is known of it, of 8-bit floats at least 1.
  ///
  /// In arithmetic of 16 bits without a table, so that compilers make vectors of it.
  @inline(__always)
  func split<Word: FixedWidthInteger & UnsignedInteger>(
    _ bits: Word
  ) -> (exponent: Int16, distance: Int16) {
    let known = (bits & (Word.max >> 1)) &>> Word(truncatingIfNeeded: unknownBitCount)
    let exponent = Int16(
      truncatingIfNeeded: known &>> Word(truncatingIfNeeded: knownBitCount))
    let upper = UInt16(truncatingIfNeeded: known) & mask
    let distance = min(upper, upper ^ mask)
    // Of floats of 8 bits, crossings tell of the nearest.
    guard Word.bitWidth > 8 else { return (exponent, distance >= 2 ? 2 : 1) }
    // The exponent of the distance as a number, which counts from 127.
    let length = Int16(truncatingIfNeeded: Float(Int32(distance)).bitPattern >> 23) &- 126
    return (exponent, max(length, 0))
  }
}
