/// What both sides of ``SparseCoding`` know while they pass over a chunk.
struct SparseState: ~Copyable {
  var levels: Levels
  var changes: ChangeModel
  let odds: OddsTable
  let shifts: UncheckedBuffer<UInt8>
  /// Weights by exponent (64 each) and biased level of row and column together.
  let weights: UncheckedBuffer<Int64>
  /// Where the weights of a segment's elements lie.
  let places = SegmentPlaces()
  /// By class of odds: the probability that an element changes, and the information that it gives.
  private let probabilities: UncheckedBuffer<Int32>
  private let information: UncheckedBuffer<UInt32>

  init(
    _ header: SparseCoding.Header, odds: consuming OddsTable, leastReach: Int,
    shape: ChunkShape, layout: FloatLayout
  ) {
    levels = Levels(
      columnCount: shape.columns, rowPrior: Int(header.priors & 15),
      columnPrior: Int(header.priors >> 4))
    changes = ChangeModel(
      mantissaBitCount: layout.mantissaBitCount, columnCount: shape.columns,
      predictsSigns: header.priors != Levels.noPriors)
    changes.leastReach = leastReach
    shifts = UncheckedBuffer(repeating: 0, count: layout.exponentCount)
    for (exponent, shift) in header.shifts.expanded(layout).enumerated() {
      shifts[exponent] = UInt8(shift)
    }
    probabilities = UncheckedBuffer(repeating: 0, count: ChangeModel.flagCount)
    information = UncheckedBuffer(repeating: 0, count: ChangeModel.flagCount)
    for flag in 0..<ChangeModel.flagCount {
      let probability = LogScale.probability(flag + OddsTable.likely)
      probabilities[flag] = Int32(probability)
      information[flag] = LogScale.information(probability)
    }
    weights = odds.weights()
    self.odds = odds
  }

  /// The level of an element, row and column together, in half octaves.
  @inline(__always)
  func level(column: Int) -> Int {
    Int(levels.columns[column]) &+ levels.row &- Levels.noLevel
  }

  /// Codes whether an element that is looked at changes.
  @inline(__always)
  mutating func codeFlag<Coder: BinaryCoder & ~Copyable>(
    _ changes: Bool, exponent: Int, column: Int, with coder: inout Coder
  ) -> Bool {
    let flag = ChangeModel.flag(Int(odds.odds[exponent]) &+ level(column: column))
    levels.visited(
      column: column, probability: probabilities[flag], information: information[flag])
    return self.changes.codeFlag(changes, flag, with: &coder)
  }

  /// Codes a change, and learns from it.
  @inline(__always)
  mutating func codeChange<Coder: BinaryCoder & ~Copyable>(
    magnitude: UInt32, falls: Bool, exponent: Int, column: Int, with coder: inout Coder
  ) -> (magnitude: UInt32, falls: Bool) {
    let magnitude = changes.codeMagnitude(
      magnitude, exponent: exponent, level: level(column: column),
      shift: Int(shifts[exponent]), odds: odds, with: &coder)
    let falls = changes.codeSign(falls, column: column, with: &coder)
    levels.hit(column: column)
    return (magnitude, falls)
  }

  mutating func endRow() {
    changes.endRow()
    levels.endRow()
  }
}
