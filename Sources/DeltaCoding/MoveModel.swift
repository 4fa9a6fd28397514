/// Which elements of the result have another exponent than those of the base, and which the base's
/// had: what strip must know before it can use anything else.
///
/// To have moved, an element must have changed by at least its distance to the nearer edge of its
/// binade. One that is twice as far from there has the odds of the next exponent above
/// (Formats/delta-coding.md, "Moves").
struct MoveModel: ~Copyable {
  /// Weights by place, biased levels of row and column included.
  private let weights: UncheckedBuffer<Int64>
  private let distances: EdgeDistances
  private let line: OddsLine.Narrow
  /// By exponent: the place of elements whose distance is not known, which only wide floats have.
  private let nearest: UncheckedBuffer<UInt16>
  private let models = AdaptiveBits(count: 96)
  private let mantissaBitCount: Int

  private enum First {
    static let flag = 0
    static let near = 64
    static let side = 72
    static let below = 73
    static let above = 84
  }

  private static let leastOdds = OddsTable.coded.lowerBound

  init(_ odds: borrowing OddsTable, layout: FloatLayout) {
    mantissaBitCount = layout.mantissaBitCount
    distances = EdgeDistances(layout)
    line = odds.narrowLine
    let unknownBitCount = distances.unknownBitCount
    nearest = UncheckedBuffer(
      repeating: 0, count: unknownBitCount > 0 ? layout.exponentCount : 0)
    for exponent in 0..<nearest.count {
      // Of the least distances only the uppermost bits are known: half of them are half as long.
      let largest = (0...unknownBitCount).map {
        odds.expected(exponent + unknownBitCount - $0) - 2 * $0
      }.reduce(Self.leastOdds, max)
      nearest[exponent] = UInt16(largest - Self.leastOdds)
    }
    weights = UncheckedBuffer(repeating: 0, count: 128)
    let first = Self.leastOdds - Levels.noLevel - GapModel.leastOdds
    weights.copy(GapModel.weights, from: first, count: weights.count, to: 0)
    for index in 0..<64 {
      models.start(
        First.flag + index, at: LogScale.probability(index + OddsTable.likely), trust: 6)
    }
    for index in 0..<8 { models.start(First.near + index, at: 64_000 - 6_000 * index, trust: 4) }
  }

  /// What elements of the result weigh, for loops that keep it in registers.
  ///
  /// - Important: It must not outlive the model.
  @unsafe
  struct Weights {
    fileprivate let distances: EdgeDistances
    fileprivate let line: OddsLine.Narrow
    fileprivate let nearest: UnsafePointer<UInt16>
    /// By place, and the biased levels of row and column.
    let pointer: UnsafePointer<Int64>

    /// Where the weight of an element with these bits lies, but for levels.
    @inline(__always)
    func place<Word: FixedWidthInteger & UnsignedInteger>(_ bits: Word) -> UInt16 {
      let (exponent, distance) = unsafe distances.split(bits)
      if Word.bitWidth > 16, distance == 0 { return unsafe nearest[Int(exponent)] }
      let odds = unsafe line.odds(
        exponent &+ distance &+ Int16(truncatingIfNeeded: distances.unknownBitCount))
      return UInt16(truncatingIfNeeded: odds &- Int16(MoveModel.leastOdds))
    }
  }

  var elementWeights: Weights {
    unsafe Weights(
      distances: distances, line: line, nearest: nearest.pointer, pointer: weights.pointer)
  }

  /// Codes whether an element that is looked at has moved, given its place, levels included.
  func codeFlag<Coder: BinaryCoder & ~Copyable>(
    _ moves: Bool, place: Int, with coder: inout Coder
  ) -> Bool {
    let odds = place + Self.leastOdds - Levels.noLevel
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
      coder.code(
        exponent == near, models, First.near + min(Int(distances.split(bits).distance), 7))
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
