/// Logarithms in half octaves, the unit of all levels (Formats/delta-coding.md, "Half octaves").
enum LogScale {
  /// `2^(⌊halfOctaves / 2⌋ + shift)`: 0 where that is below one, `2^47` where beyond.
  ///
  /// Whole octaves do: with the half of an odd number, patches are a little larger.
  static func power(_ halfOctaves: Int, shift: Int = 0) -> UInt64 {
    let exponent = halfOctaves + 2 * shift
    return exponent < 0 ? 0 : 1 << UInt64(min(exponent >> 1, 47))
  }

  /// The probability, in 65,536ths, whose odds are `2^(halfOctaves / 2)` to one.
  static func probability(_ halfOctaves: Int) -> Int {
    let whole = power(halfOctaves, shift: 16)
    let odds = halfOctaves & 1 == 0 ? whole : (whole * 46_341) >> 15
    return Int((odds << 16) / (odds + 65_536))
  }

  /// What an event of this probability tells, whichever way it ends, about a level: p · (1 − p).
  static func information(_ probability: Int) -> UInt32 {
    UInt32((probability * (65_536 - probability)) >> 16)
  }

  /// `8 · log2(value)`, near enough: the five bits below the leading one count.
  @inline(__always)
  static func eighths(_ value: UInt64) -> Int {
    let exponent = 63 &- value.leadingZeroBitCount
    let fraction = Int(truncatingIfNeeded: (value << UInt64(63 &- exponent)) >> 58) & 31
    // `round(8 · log2(1 + i / 32))` for i of 0 to 15 and of 16 to 31, four bits each.
    let rounded: UInt64 = fraction < 16 ? 0x4444_3333_2221_1100 : 0x8877_7776_6666_5555
    return 8 &* exponent &+ Int(truncatingIfNeeded: rounded >> UInt64(4 &* (fraction & 15))) & 15
  }
}
