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

  var exponentBitCount: Int { bitWidth - 1 - mantissaBitCount }

  /// Exponents are below this.
  var exponentCount: Int { 1 << exponentBitCount }

  /// How a change leads from one float to another.
  @inline(__always)
  func step<Word: FixedWidthInteger & UnsignedInteger>(from before: Word, to after: Word)
    -> ChangeStep
  {
    let rises = after.ordinal &- before.ordinal
    let binades = min(rises, 0 &- rises) >> Word(mantissaBitCount)
    if binades == 0,
      before.exponent(mantissaBitCount: mantissaBitCount)
        == after.exponent(mantissaBitCount: mantissaBitCount)
    {
      return .within
    }
    let (edge, other) = (NearestEdge(before, self), NearestEdge(after, self))
    let haveSameSign = (before ^ after) >> Word(Word.bitWidth - 1) == 0
    return haveSameSign && edge.exponent == other.exponent && edge.isBelow != other.isBelow
      ? .near : .wide
  }

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

  /// 64 times the exponent: where tables by exponent and level have the exponent's part.
  @inline(__always)
  func exponentPlace(_ layout: FloatLayout) -> UInt16 {
    let mantissaBitCount = layout.mantissaBitCount
    guard Self.bitWidth > 8 else {
      let exponent = (self & (Self.max >> 1)) &>> Self(truncatingIfNeeded: mantissaBitCount)
      return UInt16(truncatingIfNeeded: exponent) << 6
    }
    // Of wide floats, one shift less in the innermost loops.
    let shift = Self(truncatingIfNeeded: mantissaBitCount &- 6)
    let mask = UInt16(truncatingIfNeeded: (layout.exponentCount &- 1) << 6)
    return UInt16(truncatingIfNeeded: self &>> shift) & mask
  }
}
