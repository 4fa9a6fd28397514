/// What changes look like: how large, and in which direction.
///
/// Everything is told from an exponent and the levels of row and column, which both directions know
/// (Formats/delta-coding.md, "Changes").
struct ChangeModel: ~Copyable {
  private let models = AdaptiveBits(count: 360)
  private let mantissaBitCount: Int
  private var signs: SignModel
  /// The fewest binades of a far step.
  private let leastBinades: Int

  private enum First {
    static let flag = 0
    static let double = 64
    static let further = 128
    static let far = 192
    static let fraction = 256
    static let over = 352
  }

  init(mantissaBitCount: Int, columnCount: Int, leastBinades: Int, predictsSigns: Bool) {
    self.leastBinades = leastBinades
    self.mantissaBitCount = mantissaBitCount
    signs = SignModel(columnCount: columnCount, isOff: !predictsSigns)
    for index in 0..<64 {
      models.start(First.flag + index, at: LogScale.probability(index - 4), trust: 8)
      // Octaves from even odds.
      let saturated = LogScale.probability(2 * (index - 32) + 1)
      models.start(First.double + index, at: max(saturated, 4_500), trust: 8)
      models.start(First.further + index, at: max(saturated, 13_000), trust: 8)
      models.start(First.far + index, at: max(saturated, 26_000), trust: 4)
    }
    for length in 2..<32 {
      models.start(First.fraction + 3 * length, at: 21_000, trust: 12)
      models.start(First.fraction + 3 * length + 1, at: 25_600, trust: 12)
      models.start(First.fraction + 3 * length + 2, at: 28_000, trust: 12)
    }
  }

  /// The class of the odds of an element that is looked at.
  @inline(__always)
  static func flag(_ odds: Int) -> Int { min(max(odds &- OddsTable.likely, 0), flagCount - 1) }

  /// How many classes there are.
  static let flagCount = 64

  /// The probability of a change, in 65,536ths.
  @inline(__always)
  func flagShare(_ flag: Int) -> UInt32 { models.probability(First.flag + flag) }

  @inline(__always)
  func learnFlag(_ changes: Bool, _ flag: Int) {
    models.learn(changes, at: First.flag + flag)
  }

  /// Codes how far the ordinal moves, by less than a binade: `magnitude`, at least 1, a multiple of
  /// `2^shift`.
  ///
  /// The level is that of row and column together, in half octaves.
  @inline(__always)
  func codeMagnitude<Coder: BinaryCoder & ~Copyable>(
    _ magnitude: UInt32, exponent: Int, level: Int, shift: Int,
    odds: borrowing OddsTable, with coder: inout Coder
  ) -> UInt32 {
    let quotient = magnitude >> UInt32(shift)
    let digits = mantissaBitCount - shift
    let knownLength = 32 - quotient.leadingZeroBitCount
    var length = 1
    var model = First.double
    while length < digits {
      let octave = (odds.size(exponent &+ shift &+ length) &+ level) >> 1
      guard coder.code(knownLength > length, models, model + min(max(octave + 32, 0), 63)) else {
        break
      }
      length += 1
      model = First.further
    }
    return codeFraction(quotient, length: length, with: &coder) << UInt32(shift)
  }

  /// Codes how far the ordinal moves, into another binade; `magnitude` is a multiple of `2^shift`.
  func codeBinades<Coder: BinaryCoder & ~Copyable>(
    _ magnitude: UInt32, isFar: Bool, level: Int, shift: Int, odds: borrowing OddsTable,
    with coder: inout Coder
  ) -> UInt32 {
    let known = Int(magnitude >> UInt32(mantissaBitCount))
    var binades = isFar ? leastBinades : 0
    let most = isFar ? odds.odds.count : CrossingModel.leastFar - 1
    while binades < most {
      let octave = (odds.size(binades + mantissaBitCount + 1) + level) >> 1
      let model = isFar ? First.far + min(max(octave + 32, 0), 63) : First.over + binades
      guard coder.code(known > binades, models, model) else { break }
      binades += 1
    }
    let digits = mantissaBitCount - shift
    let rest = coder.codeRaw(
      (magnitude >> UInt32(shift)) & (1 << UInt32(digits) - 1), count: digits)
    return UInt32(truncatingIfNeeded: binades) << UInt32(mantissaBitCount) | rest << UInt32(shift)
  }

  /// Codes a number of `length` bits, the first of them 1.
  @inline(__always)
  private func codeFraction<Coder: BinaryCoder & ~Copyable>(
    _ number: UInt32, length: Int, with coder: inout Coder
  ) -> UInt32 {
    guard length > 1 else { return 1 }
    var result: UInt32 = 1
    var model = First.fraction + 3 * length
    for index in 1...min(length - 1, 2) {
      let bit = coder.code(number >> UInt32(length - 1 - index) & 1 == 1, models, model)
      result = 2 * result + (bit ? 1 : 0)
      model += bit ? 2 : 1
    }
    let rest = max(length - 3, 0)
    let low = coder.codeRaw(number & (1 << UInt32(rest) - 1), count: rest)
    return result << UInt32(rest) | low
  }

  /// Codes whether the ordinal falls.
  @inline(__always)
  mutating func codeSign<Coder: BinaryCoder & ~Copyable>(
    _ falls: Bool, column: Int, with coder: inout Coder
  ) -> Bool {
    signs.code(falls, column: column, with: &coder)
  }

  /// Notes a direction that is known without being told.
  @inline(__always)
  mutating func noteSign(_ falls: Bool, column: Int) {
    signs.note(falls, column: column)
  }

  mutating func endRow() {
    signs.endRow()
  }
}
