/// Where sign, exponent and mantissa of a float lie, and its ordinals.
///
/// The ordinal of a bit pattern is the pattern itself, as a signed integer, if its sign bit is 0;
/// otherwise that with all bits but the sign flipped. So neighbours differ by 1, −0 is −1, and all
/// patterns, NaNs included, have an ordinal of their own.
struct FloatLayout {
  let bitWidth: Int
  let mantissaBitCount: Int

  init(_ format: FloatFormat) {
    bitWidth = 8 * format.byteWidth
    mantissaBitCount = format.mantissaBitCount
  }

  /// Exponents are below this: 32 or 256.
  var exponentCount: Int { 1 << (bitWidth - 1 - mantissaBitCount) }

  /// The biased exponent of 1.
  var exponentBias: Int { exponentCount / 2 - 1 }
}

extension FixedWidthInteger where Self: UnsignedInteger {
  /// The ordinal of the float that has these bits, modulo `2^bitWidth`.
  @inline(__always)
  var ordinal: Self {
    // All ones if the sign bit is set.
    let sign = 0 &- (self >> Self(Self.bitWidth &- 1))
    return self ^ (sign >> 1)
  }

  /// The bits of the float that has this ordinal: the map is its own inverse.
  @inline(__always)
  var floatBits: Self { ordinal }

  /// The biased exponent of the float that has these bits.
  @inline(__always)
  func exponent(mantissaBitCount: Int) -> Int {
    Int(truncatingIfNeeded: (self & (Self.max >> 1)) &>> Self(truncatingIfNeeded: mantissaBitCount))
  }
}
