/// What both sides of ``SparseCoding`` know while they pass over a chunk.
struct SparseState: ~Copyable {
  var levels: Levels
  private var changes: ChangeModel
  private var crossings = CrossingModel()
  let odds: OddsTable
  private let layout: FloatLayout
  private let distances: EdgeDistances
  private let shifts: UncheckedBuffer<UInt8>
  private let leastShift: Int
  /// Weights by exponent (64 each) and biased level of row and column together.
  let weights: UncheckedBuffer<Int64>
  /// Where the weights of a segment's elements lie.
  let places = SegmentPlaces()
  /// By class of odds: the probability that an element changes, and the information that it gives.
  private let probabilities: UncheckedBuffer<Int32>
  private let information: UncheckedBuffer<UInt32>

  init(
    _ header: SparseCoding.Header, odds: consuming OddsTable, leastBinades: Int,
    shape: ChunkShape, layout: FloatLayout
  ) {
    levels = Levels(
      columnCount: shape.columns, rowPrior: Int(header.priors & 15),
      columnPrior: Int(header.priors >> 4))
    changes = ChangeModel(
      mantissaBitCount: layout.mantissaBitCount, columnCount: shape.columns,
      leastBinades: leastBinades, predictsSigns: header.priors != Levels.noPriors)
    self.layout = layout
    distances = EdgeDistances(layout)
    shifts = header.shifts.buffer(layout)
    leastShift = header.shifts.expanded(layout).min() ?? 0
    probabilities = UncheckedBuffer(repeating: 0, count: ChangeModel.flagCount)
    information = UncheckedBuffer(repeating: 0, count: ChangeModel.flagCount)
    for flag in 0..<ChangeModel.flagCount {
      let probability = LogScale.probability(flag + OddsTable.likely)
      probabilities[flag] = Int32(probability)
      information[flag] = LogScale.information(probability)
    }
    weights = odds.weights()
    // So that there are parts of each.
    for place in 0..<weights.count where weights[place] == 1 { weights[place] = 2 }
    self.odds = odds
  }

  /// The level of an element, row and column together, in half octaves.
  @inline(__always)
  func level(column: Int) -> Int {
    Int(levels.columns[column]) &+ levels.row &- Levels.noLevel
  }

  /// What is expected of an element that has these bits on one side.
  @inline(__always)
  func side<Word: FixedWidthInteger & UnsignedInteger>(_ bits: Word, column: Int) -> SparseSide {
    let (exponent, distance) = distances.split(bits)
    let biasedLevel = Int(levels.columns[column]) &+ levels.row
    let level = biasedLevel &- Levels.noLevel
    let flag = ChangeModel.flag(Int(odds.odds[exponent]) &+ level)
    let context = CrossingModel.context(
      octaves: (odds.size(exponent) &+ level) >> 1, distance: distance)
    return SparseSide(
      weight: weights[exponent << 6 | biasedLevel], flag: flag, context: context,
      changeShare: changes.flagShare(flag), crossingShare: crossings.crossingShare(context),
      nearShare: crossings.nearShare(context))
  }

  /// Writes that an element that is looked at does not change.
  @inline(__always)
  mutating func encodeNoChange(exponent: Int, column: Int, with flags: inout RangeEncoder) {
    let flag = flag(exponent: exponent, column: column)
    let bound = AdaptiveBits.bound(in: flags.width, changes.flagShare(flag))
    noteNoChange(flag, from: bound, column: column, with: &flags)
  }

  /// Reads whether an element that is looked at does not change.
  ///
  /// If it does, its flag must be settled once both sides are known.
  @inline(__always)
  mutating func decodeNoChange(
    exponent: Int, column: Int, with flags: inout RangeDecoder
  ) -> Bool {
    let flag = flag(exponent: exponent, column: column)
    let bound = AdaptiveBits.bound(in: flags.width, changes.flagShare(flag))
    guard !flags.isBelow(bound) else { return false }
    noteNoChange(flag, from: bound, column: column, with: &flags)
    return true
  }

  @inline(__always)
  private mutating func noteNoChange<Coder: BinaryCoder & ~Copyable>(
    _ flag: Int, from bound: UInt64, column: Int, with flags: inout Coder
  ) {
    flags.narrow(from: bound, to: flags.width)
    changes.learnFlag(false, flag)
    visited(flag, column: column)
  }

  @inline(__always)
  private func flag(exponent: Int, column: Int) -> Int {
    ChangeModel.flag(Int(odds.odds[exponent]) &+ level(column: column))
  }

  /// Notes that an element was looked at.
  @inline(__always)
  private mutating func visited(_ flag: Int, column: Int) {
    levels.visited(
      column: column, probability: probabilities[flag], information: information[flag])
  }

  /// Codes what becomes of an element that changes, one side given the other.
  ///
  /// - Parameters:
  ///   - bits: The side that a decoder has: the base's to apply, the result's to strip.
  ///   - known: The other side, which only an encoder knows.
  ///   - step: How the change leads from one to the other.
  ///   - column: Of the element.
  ///   - direction: Apply unless the result's side is given.
  ///   - values: The coder of what changes are.
  /// - Returns: the other side.
  @inline(__always)
  mutating func codeChange<
    Coder: BinaryCoder & ~Copyable, Word: FixedWidthInteger & UnsignedInteger
  >(
    of bits: Word, to known: Word, _ step: ChangeStep, column: Int, direction: Direction,
    with values: inout Coder
  ) -> Word {
    let rises = known.ordinal &- bits.ordinal
    let knownFalls = rises >> Word(Word.bitWidth - 1) == 1
    let known = UInt32(truncatingIfNeeded: knownFalls ? 0 &- rises : rises)
    let level = level(column: column)
    let magnitude: UInt32
    let falls: Bool
    switch step {
    case .within:
      let exponent = bits.exponent(mantissaBitCount: layout.mantissaBitCount)
      magnitude = changes.codeMagnitude(
        known, exponent: exponent, level: level, shift: Int(shifts[exponent]), odds: odds,
        with: &values)
      falls = changes.codeSign(knownFalls, column: column, with: &values)
    case .near:
      let edge = NearestEdge(bits, layout)
      let baseIsBelow = edge.isBelow == (direction == .apply)
      // Only a damaged chunk has an exponent that is none.
      let base = min(max(edge.exponent &- (baseIsBelow ? 1 : 0), 0), shifts.count &- 1)
      magnitude = changes.codeMagnitude(
        known, exponent: edge.exponent &- 1, level: level, shift: Int(shifts[base]), odds: odds,
        with: &values)
      let isNegative = bits >> Word(Word.bitWidth - 1) == 1
      falls = baseIsBelow == isNegative
      changes.noteSign(falls, column: column)
    case .wide:
      let binades = Int(known >> UInt32(layout.mantissaBitCount))
      let isFar = crossings.codeIsFar(binades >= CrossingModel.leastFar, with: &values)
      magnitude = changes.codeBinades(
        known, isFar: isFar, level: level, shift: leastShift, odds: odds, with: &values)
      falls = changes.codeSign(knownFalls, column: column, with: &values)
    }
    let distance = Word(truncatingIfNeeded: magnitude)
    let isUp = falls == (direction == .strip)
    return (isUp ? bits.ordinal &+ distance : bits.ordinal &- distance).floatBits
  }

  /// Learns from a change.
  @inline(__always)
  mutating func learn(_ change: SparseChange, column: Int) {
    crossings.learn(change.step, change.base.context)
    crossings.learn(change.step, change.result.context)
    let (base, result) = (change.base, change.result)
    if base.isLikely { changes.learnFlag(true, base.flag) }
    if result.isLikely, !base.isLikely || result.flag != base.flag {
      changes.learnFlag(true, result.flag)
    }
    // Rows and columns are judged by the side that is more surprised.
    if base.isLikely, result.isLikely { visited(min(base.flag, result.flag), column: column) }
    levels.hit(column: column)
  }

  mutating func endRow() {
    changes.endRow()
    levels.endRow()
  }
}
