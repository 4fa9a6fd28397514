/// What both sides of ``SparseCoding`` know while they pass over a chunk.
struct SparseState: ~Copyable {
  var levels: Levels
  var changes: ChangeModel
  var gaps = GapModel()
  let odds: CompleteOdds
  let shifts: UncheckedBuffer<UInt8>
  /// Weights by exponent (64 each) and biased level of row and column together.
  let weights: UncheckedBuffer<Int64>
  /// Room for where the weights of a segment's elements lie.
  let places = UncheckedBuffer<UInt16>(repeating: 0, count: Levels.segment)
  /// Probabilities in 65,536ths, by half octaves of odds from −64 on.
  private let probabilities: UncheckedBuffer<UInt32>

  /// Both biases together: a level of 0.
  static let noLevel = 2 * Levels.bias

  init(
    _ header: SparseCoding.Header, odds: consuming CompleteOdds, leastReach: Int,
    shape: ChunkShape, layout: FloatLayout
  ) {
    levels = Levels(
      columnCount: shape.columns, rowPrior: Int(header.priors & 15),
      columnPrior: Int(header.priors >> 4))
    changes = ChangeModel(
      mantissaBitCount: layout.mantissaBitCount, columnCount: shape.columns,
      predictsSigns: header.priors != 0xFF)
    changes.leastReach = leastReach
    shifts = UncheckedBuffer(repeating: 0, count: layout.exponentCount)
    for (exponent, shift) in header.shifts.expanded(layout).enumerated() {
      shifts[exponent] = UInt8(shift)
    }
    probabilities = UncheckedBuffer(repeating: 0, count: 128)
    for index in 0..<128 {
      probabilities[index] = UInt32(LogScale.probability(index - 64))
    }
    weights = UncheckedBuffer(repeating: 0, count: layout.exponentCount << 6)
    for exponent in stride(from: odds.table.lowest, through: odds.table.highest, by: 1)
    where odds.table.odds[exponent] != OddsTable.closed {
      let first = Int(odds.table.odds[exponent]) - Self.noLevel - GapModel.leastOdds
      weights.copy(GapModel.weights, from: first, count: 64, to: exponent << 6)
    }
    self.odds = odds
  }

  @inline(__always)
  private func probability(_ odds: Int) -> UInt64 {
    UInt64(probabilities[min(max(odds + 64, 0), 127)])
  }

  /// The level of an element, row and column together, in half octaves.
  @inline(__always)
  func level(column: Int) -> Int {
    Int(levels.columns[column]) + levels.row - Self.noLevel
  }

  /// Codes whether an element that is looked at changes.
  @inline(__always)
  mutating func codeFlag<Coder: BinaryCoder & ~Copyable>(
    _ changes: Bool, exponent: Int, column: Int, with coder: inout Coder
  ) -> Bool {
    let odds = Int(odds.table.odds[exponent])
    let columnLevel = Int(levels.columns[column]) - Levels.bias
    let rowLevel = levels.row - Levels.bias
    levels.visited(probability: probability(odds + columnLevel))
    levels.visited(column: column, probability: probability(odds + rowLevel))
    return self.changes.codeFlag(changes, odds: odds + columnLevel + rowLevel, with: &coder)
  }

  /// Codes a change, and learns from it.
  @inline(__always)
  mutating func codeChange<Coder: BinaryCoder & ~Copyable>(
    magnitude: UInt32, falls: Bool, exponent: Int, column: Int, rare: Bool, with coder: inout Coder
  ) -> (magnitude: UInt32, falls: Bool) {
    let magnitude = changes.codeMagnitude(
      magnitude, exponent: exponent, level: level(column: column),
      shift: Int(shifts[exponent]), sizes: odds.sizes, with: &coder)
    let falls = changes.codeSign(falls, column: column, with: &coder)
    levels.hit(column: column, rare: rare)
    return (magnitude, falls)
  }

  mutating func endRow(_ index: Int) {
    changes.endRow()
    levels.endRow(index)
  }
}
