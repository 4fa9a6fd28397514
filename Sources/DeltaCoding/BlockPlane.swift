/// What both sides of ``BlockCoding`` know of one plane while they pass over a chunk.
struct BlockPlane: ~Copyable {
  var levels: Levels
  var gaps = GapModel()
  private var signs: SignModel
  private let models = AdaptiveBits(count: 1024)
  private let table: OddsTable
  /// By class (64 each) and biased level of row and column together.
  let weights: UncheckedBuffer<Int64>

  /// Both biases together: a level of 0.
  private static let noLevel = 2 * Levels.bias
  private static let flags = 0
  private static let lengths = 64
  private static let fractions = 128
  /// Values have 16 bits at most.
  private static let longest = 16

  init(table: consuming OddsTable, columnCount: Int) {
    // Levels of more columns than any model has would take more memory than they are worth.
    let columnPrior = columnCount <= 1 << 20 ? 3 : 15
    levels = Levels(columnCount: columnCount, rowPrior: 3, columnPrior: columnPrior)
    signs = SignModel(columnCount: columnCount, isOff: columnPrior == 15)
    for index in 0..<64 {
      models.start(Self.flags + index, at: LogScale.probability(index - 4), trust: 8)
    }
    for index in 0..<2 * (Self.longest + 1) {
      models.start(Self.lengths + index, at: 8_000, trust: 4)
    }
    weights = UncheckedBuffer(repeating: 0, count: BlockLayout.classCount << 6)
    for index in stride(from: table.lowest, through: table.highest, by: 1)
    where table.odds[index] != OddsTable.closed {
      let first = Int(table.odds[index]) - Self.noLevel - GapModel.leastOdds
      weights.copy(GapModel.weights, from: first, count: 64, to: index << 6)
    }
    self.table = table
  }

  /// Codes whether a value that is looked at changes.
  mutating func codeFlag<Coder: BinaryCoder & ~Copyable>(
    _ changes: Bool, class index: Int, column: Int, with coder: inout Coder
  ) -> Bool {
    let level = Int(levels.columns[column]) + levels.row - Self.noLevel
    let place = ChangeModel.flag(Int(table.odds[index]) + level)
    let probability = LogScale.probability(place + OddsTable.likely)
    levels.visited(
      column: column, probability: Int32(probability),
      information: LogScale.information(probability))
    return coder.code(changes, models, Self.flags + place)
  }

  /// Codes a change, and learns from it.
  ///
  /// - Parameters:
  ///   - difference: Result minus base, not 0.
  ///   - index: The class of the value; 0 if its scale changes, too.
  ///   - column: Of all the plane's values in a row of blocks.
  ///   - coder: Of the values.
  /// - Returns: The difference.
  mutating func codeChange<Coder: BinaryCoder & ~Copyable>(
    _ difference: Int, class index: Int, column: Int, with coder: inout Coder
  ) -> Int {
    let falls = signs.code(difference < 0, column: column, with: &coder)
    let known = abs(difference)
    let knownLength = Int.bitWidth - known.leadingZeroBitCount
    let context = Self.lengths + (index == 0 ? 0 : Self.longest + 1)
    var length = 1
    while length < Self.longest, coder.code(knownLength > length, models, context + length) {
      length += 1
    }
    var magnitude = 1
    for place in stride(from: length - 2, through: 0, by: -1) {
      let bit = coder.code(
        known >> place & 1 == 1, models, Self.fractions + length << 4 + place)
      magnitude = 2 * magnitude + (bit ? 1 : 0)
    }
    levels.hit(column: column)
    return falls ? -magnitude : magnitude
  }

  mutating func endRow() {
    signs.endRow()
    levels.endRow()
  }
}
