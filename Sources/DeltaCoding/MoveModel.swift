/// Which elements of the result have another exponent than those of the base, and which the base's
/// had: what strip must know before it can use anything else.
///
/// To have moved, an element must have changed by at least its distance to the nearer edge of its
/// binade. One that is twice as far from there has the odds of the next exponent above
/// (Formats/delta-coding.md, "Moves").
struct MoveModel: ~Copyable {
  /// The distance's bit length, by the upper bits of the mantissa.
  private let classes: UncheckedBuffer<UInt8>
  /// Odds by exponent and upper bits of the mantissa.
  private let oddsByBits: UncheckedBuffer<Int16>
  /// Weights, by odds, level included, from ``leastOdds`` on.
  private let weights: UncheckedBuffer<Int64>
  private let models = AdaptiveBits(count: 96)
  private let classShift: Int
  private let mantissaBitCount: Int
  var gaps = GapModel()

  private enum First {
    static let flag = 0
    static let near = 64
    static let side = 72
    static let below = 73
    static let above = 84
  }

  private static let leastOdds = OddsTable.coded.lowerBound - Levels.noLevel

  init(_ odds: borrowing OddsTable, layout: FloatLayout) {
    mantissaBitCount = layout.mantissaBitCount
    let known = min(mantissaBitCount, 10)
    classShift = mantissaBitCount - known
    classes = UncheckedBuffer(repeating: 0, count: 1 << known)
    for upper in 0..<(1 << known) {
      // The lesser of the distances to the lower and to the upper end, in what is known.
      let distance = min(upper, (1 << known) - 1 - upper)
      classes[upper] = max(
        UInt8(Int.bitWidth - distance.leadingZeroBitCount), layout.bitWidth == 8 ? 1 : 0)
    }
    oddsByBits = UncheckedBuffer(repeating: 0, count: layout.exponentCount << known)
    for exponent in 0..<layout.exponentCount {
      // Of the least distances only the uppermost bits are known: half of them are half as long.
      var nearest = OddsTable.coded.lowerBound
      for unknown in 0...classShift {
        nearest = max(nearest, odds.expected(exponent + classShift - unknown) - 2 * unknown)
      }
      var byDistance = [Int16(nearest)]
      for distance in 1..<known {
        byDistance.append(Int16(odds.expected(exponent + distance + classShift)))
      }
      for upper in 0..<(1 << known) {
        oddsByBits[exponent << known | upper] = byDistance[Int(classes[upper])]
      }
    }
    weights = UncheckedBuffer(repeating: 0, count: 128)
    weights.copy(
      GapModel.weights, from: Self.leastOdds - GapModel.leastOdds, count: 128, to: 0)
    for index in 0..<64 {
      models.start(
        First.flag + index, at: LogScale.probability(index + OddsTable.likely), trust: 6)
    }
    for index in 0..<8 { models.start(First.near + index, at: 64_000 - 6_000 * index, trust: 4) }
  }

  /// The bit length of the distance of these bits to the nearer edge of their binade.
  @inline(__always)
  private func distanceClass<Word: FixedWidthInteger & UnsignedInteger>(_ bits: Word) -> Int {
    let mantissa = Int(truncatingIfNeeded: bits) & (1 << mantissaBitCount - 1)
    return Int(classes[mantissa >> classShift])
  }

  /// What elements of the result weigh, for loops that keep it in registers.
  ///
  /// - Important: It must not outlive the model.
  @unsafe
  struct Weights {
    fileprivate let odds: UnsafePointer<Int16>
    /// By biased level plus odds.
    fileprivate let weights: UnsafePointer<Int64>
    fileprivate let shift: Int

    /// What an element with these bits weighs.
    @inline(__always)
    func callAsFunction<Word: FixedWidthInteger & UnsignedInteger>(
      _ bits: Word, biasedLevel: Int
    ) -> Int64 {
      let place = Int(
        truncatingIfNeeded: unsafe (bits & (Word.max >> 1)) &>> Word(truncatingIfNeeded: shift))
      return unsafe weights[Int(odds[place]) &+ biasedLevel]
    }
  }

  var elementWeights: Weights {
    unsafe Weights(
      odds: oddsByBits.pointer,
      weights: weights.pointer - (Self.leastOdds + Levels.noLevel), shift: classShift)
  }

  /// Codes whether an element that is looked at has moved, given the bits of the result.
  func codeFlag<Coder: BinaryCoder & ~Copyable, Word: FixedWidthInteger & UnsignedInteger>(
    _ moves: Bool, _ bits: Word, biasedLevel: Int, with coder: inout Coder
  ) -> Bool {
    let place = Int(
      truncatingIfNeeded: (bits & (Word.max >> 1)) >> Word(truncatingIfNeeded: classShift))
    let odds = Int(oddsByBits[place]) + biasedLevel - Levels.noLevel
    return coder.code(moves, models, First.flag + ChangeModel.flag(odds))
  }

  /// Codes the base's exponent, given the bits of the result.
  func codeExponent<Coder: BinaryCoder & ~Copyable, Word: FixedWidthInteger & UnsignedInteger>(
    _ exponent: Int, of bits: Word, bases: borrowing OddsTable, with coder: inout Coder
  ) -> Int {
    let own = bits.exponent(mantissaBitCount: mantissaBitCount)
    let isUpper = bits >> Word(mantissaBitCount - 1) & 1 == 1
    let near = own + (isUpper ? 1 : -1)
    if bases.isOpen(near),
      coder.code(exponent == near, models, First.near + min(distanceClass(bits), 7))
    {
      return near
    }
    let far = isUpper ? own - 1 : own - 2
    let hasBelow = far >= bases.lowest
    let hasAbove = (isUpper ? own + 2 : own + 1) <= bases.highest
    // A damaged chunk may leave nothing.
    guard hasBelow || hasAbove else { return own }
    let isBelow =
      hasBelow && hasAbove ? coder.code(exponent < own, models, First.side) : hasBelow
    let last = isBelow ? bases.lowest : bases.highest
    var candidate = isBelow ? far : (isUpper ? own + 2 : own + 1)
    var rank = 0
    while candidate != last {
      if bases.isOpen(candidate) {
        let model = (isBelow ? First.below : First.above) + min(rank, 10)
        if coder.code(exponent == candidate, models, model) { break }
        rank += 1
      }
      candidate += isBelow ? -1 : 1
    }
    return candidate
  }
}
