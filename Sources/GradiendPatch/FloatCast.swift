/// A cast of llama.cpp's converter between the bits of two types, and its inverse where there is one.
protocol FloatCast {
  associatedtype Source: FixedWidthInteger & BitwiseCopyable
  associatedtype Target: FixedWidthInteger & BitwiseCopyable

  static func convert(_ bits: Source) -> Target
  /// What ``convert(_:)`` made `bits` of, or what comes nearest to it.
  static func revert(_ bits: Target) -> Source
}

enum BrainToSingle: FloatCast {
  static func convert(_ bits: UInt16) -> UInt32 { UInt32(bits) << 16 }
  static func revert(_ bits: UInt32) -> UInt16 { Bits.cut(single: bits) }
}

enum BrainToHalf: FloatCast {
  static func convert(_ bits: UInt16) -> UInt16 { Bits.half(single: UInt32(bits) << 16) }
  static func revert(_ bits: UInt16) -> UInt16 { Bits.cut(single: Bits.single(half: bits)) }
}

enum HalfToSingle: FloatCast {
  static func convert(_ bits: UInt16) -> UInt32 { Bits.single(half: bits) }
  static func revert(_ bits: UInt32) -> UInt16 { Bits.half(single: bits) }
}

enum ShiftedBrain: FloatCast {
  static func convert(_ bits: UInt16) -> UInt32 { Bits.raised(UInt32(bits) << 16) }
  static func revert(_ bits: UInt32) -> UInt16 { Bits.brain(single: Bits.lowered(bits)) }
}

enum ShiftedHalf: FloatCast {
  static func convert(_ bits: UInt16) -> UInt32 { Bits.raised(Bits.single(half: bits)) }
  static func revert(_ bits: UInt32) -> UInt16 { Bits.half(single: Bits.lowered(bits)) }
}

enum ShiftedSingle: FloatCast {
  static func convert(_ bits: UInt32) -> UInt32 { Bits.raised(bits) }
  static func revert(_ bits: UInt32) -> UInt32 { Bits.lowered(bits) }
}

private enum Bits {
  /// Keeps the payload of a NaN.
  @inline(__always)
  static func single(half bits: UInt16) -> UInt32 {
    guard bits & 0x7C00 == 0x7C00 else { return Float(Float16(bitPattern: bits)).bitPattern }
    return UInt32(bits & 0x8000) << 16 | 0x7F80_0000 | UInt32(bits & 0x3FF) << 13
  }

  /// Rounds to nearest even.
  @inline(__always)
  static func half(single bits: UInt32) -> UInt16 {
    guard bits & 0x7F80_0000 == 0x7F80_0000 else {
      return Float16(Float(bitPattern: bits)).bitPattern
    }
    return UInt16(truncatingIfNeeded: bits >> 16 & 0x8000 | 0x7C00 | bits >> 13 & 0x3FF)
  }

  /// Rounds to nearest even; a NaN becomes a quiet one.
  @inline(__always)
  static func brain(single bits: UInt32) -> UInt16 {
    guard bits & 0x7FFF_FFFF <= 0x7F80_0000 else {
      return UInt16(truncatingIfNeeded: bits >> 16) | 0x40
    }
    return UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
  }

  /// As ``brain(single:)``, but keeps the payload of a NaN where it can.
  @inline(__always)
  static func cut(single bits: UInt32) -> UInt16 {
    bits & 0xFFFF == 0 ? UInt16(truncatingIfNeeded: bits >> 16) : brain(single: bits)
  }

  @inline(__always)
  static func raised(_ bits: UInt32) -> UInt32 { (Float(bitPattern: bits) + 1).bitPattern }

  @inline(__always)
  static func lowered(_ bits: UInt32) -> UInt32 { (Float(bitPattern: bits) - 1).bitPattern }
}
