/// Where both sides of ``PackedCoding`` are in a chunk, and what they know.
///
/// No code's weight depends on what it is, so what a run of columns weighs is added up once, and
/// passed as one until a level in it changes.
struct PackedState: ~Copyable {
  var gaps = GapModel()
  private var levels: Levels
  private var signs: SignModel
  private let differences = DifferenceModel()
  private let layout: PackedLayout
  /// Whether no code has a level, so that all weigh the same.
  private let isEven: Bool
  /// The code that is looked at.
  private(set) var row = 0
  private(set) var column = 0
  /// What the codes since the last note weigh.
  private var unnoted: Int64 = 0
  /// By biased level of row and column together.
  private let weights = UncheckedBuffer<Int64>(repeating: 0, count: 64)
  /// What each segment weighs, at which level of its row; of a level that none has if not known.
  private let sums: UncheckedBuffer<Int64>
  private let sumLevels: UncheckedBuffer<UInt8>
  private static let unknown: UInt8 = .max

  /// No code is likelier than this to change: none is looked at one by one.
  private static let mostOdds = OddsTable.likely - 1

  init(_ layout: PackedLayout, priors: UInt8, count: Int) {
    self.layout = layout
    let isWide = layout.columns > Levels.mostColumns
    let (rowPrior, columnPrior) = (Int(priors & 15), isWide ? 15 : Int(priors >> 4))
    isEven = rowPrior == 15 && columnPrior == 15
    // One row may be a whole chunk.
    let columnCount = isEven ? 0 : layout.columns
    levels = Levels(columnCount: columnCount, rowPrior: rowPrior, columnPrior: columnPrior)
    signs = SignModel(columnCount: columnCount, isOff: isWide || priors == Levels.noPriors)
    let unchanged = max(layout.codeCount - count, 1)
    let odds = (LogScale.eighths(UInt64(count)) - LogScale.eighths(UInt64(unchanged))) >> 2
    for level in 0..<64 {
      let likelihood = max(odds, OddsTable.coded.lowerBound) + level - Levels.noLevel
      weights[level] = GapModel.weights[min(likelihood, Self.mostOdds) - GapModel.leastOdds]
    }
    let segmentCount = (columnCount + Levels.segment - 1) / Levels.segment
    sums = UncheckedBuffer(repeating: 0, count: segmentCount)
    sumLevels = UncheckedBuffer(repeating: Self.unknown, count: segmentCount)
  }

  /// What the code that is looked at weighs.
  var weight: Int64 {
    weights[isEven ? Levels.noLevel : levels.row + Int(levels.columns[column])]
  }

  /// Goes on to the code with this number, not before the one that is looked at.
  ///
  /// - Returns: what those before it weigh.
  mutating func pass(upTo number: Int) -> Int64 {
    guard !isEven else { return pass(count: number - self.number) }
    let target = (row: number / layout.columns, column: number % layout.columns)
    var passed: Int64 = 0
    while row < target.row || segmentEnd <= target.column {
      passed += sumToSegmentEnd
      passSegment()
    }
    let start = passed
    while column < target.column {
      passed += weight
      column += 1
    }
    unnoted += passed - start
    return passed
  }

  /// Goes on to the code in which this weight is used up.
  ///
  /// - Returns: what those before it weigh; nil if the chunk ends before.
  mutating func pass(weighing distance: Int64) -> Int64? {
    guard !isEven else {
      let count = Int(distance / weight)
      return count < layout.codeCount - number ? pass(count: count) : nil
    }
    var passed: Int64 = 0
    while row < layout.rows {
      let sum = sumToSegmentEnd
      guard passed + sum <= distance else { break }
      passed += sum
      passSegment()
    }
    guard row < layout.rows else { return nil }
    let start = passed
    while passed + weight <= distance {
      passed += weight
      column += 1
    }
    unnoted += passed - start
    return passed
  }

  /// Goes on by so many codes, all of which weigh the same.
  private mutating func pass(count: Int) -> Int64 {
    let passed = Int64(count) * weight
    (row, column) = (number + count).quotientAndRemainder(dividingBy: layout.columns)
    return passed
  }

  private var number: Int { row * layout.columns + column }

  /// Codes the difference of the code that is looked at, learns from it, and goes on to the next.
  mutating func codeChange<Coder: BinaryCoder & ~Copyable>(
    _ difference: Int, with coder: inout Coder
  ) -> Int {
    levels.passed(weight: unnoted)
    unnoted = 0
    let falls = signs.code(difference < 0, column: column, with: &coder)
    let magnitude = differences.code(abs(difference), isRescaled: false, with: &coder)
    guard !isEven else {
      _ = pass(count: 1)
      return falls ? -magnitude : magnitude
    }
    levels.hit(column: column)
    sumLevels[column / Levels.segment] = Self.unknown
    column += 1
    if column == layout.columns || column.isMultiple(of: Levels.segment) { endSegment() }
    return falls ? -magnitude : magnitude
  }

  private var segmentEnd: Int {
    min((column / Levels.segment + 1) * Levels.segment, layout.columns)
  }

  /// What the codes from the one that is looked at to the end of its segment weigh.
  private var sumToSegmentEnd: Int64 {
    let segment = column / Levels.segment
    let isWhole = column.isMultiple(of: Levels.segment)
    if isWhole, Int(sumLevels[segment]) == levels.row { return sums[segment] }
    var sum: Int64 = 0
    for column in column..<segmentEnd { sum += weights[levels.row + Int(levels.columns[column])] }
    if isWhole {
      sums[segment] = sum
      sumLevels[segment] = UInt8(levels.row)
    }
    return sum
  }

  private mutating func passSegment() {
    unnoted += sumToSegmentEnd
    column = segmentEnd
    endSegment()
  }

  private mutating func endSegment() {
    levels.passed(weight: unnoted)
    unnoted = 0
    levels.refreshRow()
    guard column == layout.columns else { return }
    (row, column) = (row + 1, 0)
    signs.endRow()
    if levels.endRow() {
      for segment in 0..<sumLevels.count { sumLevels[segment] = Self.unknown }
    }
  }
}
