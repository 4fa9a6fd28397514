/// Which elements of the result have another exponent than those of the base, and which the base's
/// had: what strip must know of a dense chunk before it can use anything else.
///
/// To have moved, an element must have changed by at least its distance to the nearer edge of its
/// binade. One that is twice as far from there has the odds of the next exponent above
/// (Formats/delta-coding.md, "Moves").
struct MoveModel: ~Copyable {
  private let distances: EdgeDistances
  /// By exponent: the odds of elements whose distance is not known, which only wide floats have.
  private let nearest: [Int]
  private let models = AdaptiveBits(count: 96)
  private let mantissaBitCount: Int

  private enum First {
    static let flag = 0
    static let near = 64
    static let side = 72
    static let below = 73
    static let above = 84
  }

  init(_ odds: borrowing OddsTable, layout: FloatLayout) {
    mantissaBitCount = layout.mantissaBitCount
    distances = EdgeDistances(layout)
    let unknownBitCount = distances.unknownBitCount
    var nearest: [Int] = []
    for exponent in 0..<(unknownBitCount > 0 ? layout.exponentCount : 0) {
      // Of the least distances only the uppermost bits are known: half of them are half as long.
      let largest = (0...unknownBitCount).map {
        odds.expected(exponent + unknownBitCount - $0) - 2 * $0
      }.reduce(OddsTable.coded.lowerBound, max)
      nearest.append(largest)
    }
    self.nearest = nearest
    for index in 0..<64 {
      models.start(
        First.flag + index, at: LogScale.probability(index + OddsTable.likely), trust: 6)
    }
    for index in 0..<8 { models.start(First.near + index, at: 64_000 - 6_000 * index, trust: 4) }
  }

  /// The odds that an element of the result with these bits has moved.
  @inline(__always)
  func odds<Word: FixedWidthInteger & UnsignedInteger>(
    of bits: Word, _ bases: borrowing OddsTable
  ) -> Int {
    let (exponent, distance) = distances.split(bits)
    if Word.bitWidth > 16, distance == 0 { return nearest[exponent] }
    return bases.expected(exponent + distance + distances.unknownBitCount)
  }

  /// What an element of these odds weighs.
  @inline(__always)
  static func weight(_ odds: Int) -> Int64 { GapModel.weights[odds - GapModel.leastOdds] }

  /// Codes whether an element that is looked at has moved.
  func codeFlag<Coder: BinaryCoder & ~Copyable>(
    _ moves: Bool, odds: Int, with coder: inout Coder
  ) -> Bool {
    coder.code(moves, models, First.flag + ChangeModel.flag(odds))
  }

  /// Codes the base's exponent, given the bits of the result.
  func codeExponent<Coder: BinaryCoder & ~Copyable, Word: FixedWidthInteger & UnsignedInteger>(
    _ exponent: Int, of bits: Word, bases: borrowing OddsTable, with coder: inout Coder
  ) -> Int {
    let own = bits.exponent(mantissaBitCount: mantissaBitCount)
    let isUpper = bits >> Word(mantissaBitCount - 1) & 1 == 1
    let near = own + (isUpper ? 1 : -1)
    if bases.isOpen(near),
      coder.code(
        exponent == near, models, First.near + min(distances.split(bits).distance, 7))
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
