/// What both sides know, while they pass over a chunk, of small values in rows and columns of which
/// few change: a plane of ``BlockCoding``.
struct ValuePlane: ~Copyable {
  var levels: Levels
  private var signs: SignModel
  private let flags = AdaptiveBits(count: ChangeModel.flagCount)
  private let differences = DifferenceModel()
  private let table: OddsTable
  /// By class (64 each) and biased level of row and column together.
  let weights: UncheckedBuffer<Int64>

  /// - Parameters:
  ///   - table: Odds by class.
  ///   - columnCount: Of the plane.
  ///   - prior: Of ``Levels``, for rows and columns.
  init(table: consuming OddsTable, columnCount: Int, prior: Int) {
    levels = Levels(columnCount: columnCount, rowPrior: prior, columnPrior: prior)
    signs = SignModel(columnCount: columnCount, isOff: false)
    for index in 0..<ChangeModel.flagCount {
      flags.start(index, at: LogScale.probability(index - 4), trust: 8)
    }
    weights = table.weights()
    self.table = table
  }

  /// What a value weighs.
  @inline(__always)
  func weight(class index: Int, column: Int) -> Int64 {
    weights[index << 6 &+ levels.row &+ Int(levels.columns[column])]
  }

  /// Codes whether a value that is looked at changes.
  mutating func codeFlag<Coder: BinaryCoder & ~Copyable>(
    _ changes: Bool, class index: Int, column: Int, with coder: inout Coder
  ) -> Bool {
    let level = Int(levels.columns[column]) + levels.row - Levels.noLevel
    let place = ChangeModel.flag(Int(table.odds[index]) + level)
    let probability = LogScale.probability(place + OddsTable.likely)
    levels.visited(
      column: column, probability: Int32(probability),
      information: LogScale.information(probability))
    return coder.code(changes, flags, place)
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
    let magnitude = differences.code(abs(difference), isRescaled: index == 0, with: &coder)
    levels.hit(column: column)
    return falls ? -magnitude : magnitude
  }

  mutating func endRow() {
    signs.endRow()
    levels.endRow()
  }
}
