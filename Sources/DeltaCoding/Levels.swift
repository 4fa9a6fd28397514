/// How much likelier than its exponent says an element is to change, by its row and its column.
///
/// Updates are sums of outer products, so what has changed in a row so far, and in a column in the
/// rows above, against what was expected of it, tells the rest of them. Both learn as logistic
/// regression does on line: by score over information (Formats/delta-coding.md, "Levels"). Both are
/// in 65,536ths of a change, levels in half octaves.
struct Levels: ~Copyable {
  /// What stands for "no level": levels are stored with this added.
  static let bias = 16
  /// That of a row and of a column together.
  static let noLevel = 2 * bias
  /// A row's level is looked at again after so many columns.
  static let segment = 64
  /// The columns' levels are looked at again after so many rows at the latest.
  private static let patience = 32
  /// Both priors of a chunk without levels: 15 in either half.
  static let noPriors: UInt8 = 0xFF
  /// Levels of more columns than any model has would take more memory than they are worth.
  static let mostColumns = 1 << 20
  /// One change.
  static let unit = 65_536
  /// Information about a column beyond that of so many changes does not count.
  private static let mostInformation = 512 * unit

  /// The levels of the columns, biased.
  let columns: UncheckedBuffer<UInt8>
  /// The level of the row, biased.
  private(set) var row = Levels.bias
  private let learnsRows: Bool
  private let learnsColumns: Bool

  private let rowPrior: Int
  private var rowLevel = FineLevel()
  private var rowScore = 0
  private var rowInformation: Int

  private let columnLevels: UncheckedBuffer<FineLevel>
  private let columnScores: UncheckedBuffer<Int32>
  private let columnInformation: UncheckedBuffer<UInt32>
  /// By biased level: a column's share in the unlikely changes, and how many these are.
  private let shares = UncheckedBuffer<Int>(repeating: 0, count: 2 * bias)
  private let expected = UncheckedBuffer<Int>(repeating: 0, count: 2 * bias)
  /// Since the columns' levels were last looked at: unlikely changes expected, changes found, rows.
  private var unlikely = 0
  private var found = 0
  private var rows = 0

  /// A prior is the logarithm of how many changes it weighs, plus 4; 15 turns the levels off. Those of more
  /// than ``mostColumns`` are off.
  init(columnCount: Int, rowPrior: Int, columnPrior: Int) {
    learnsRows = rowPrior != 15
    learnsColumns = columnPrior != 15 && columnCount <= Self.mostColumns
    self.rowPrior = (Self.unit << rowPrior) >> 4
    rowInformation = self.rowPrior
    columns = UncheckedBuffer(repeating: UInt8(Self.bias), count: columnCount)
    for level in 0..<shares.count { shares[level] = Self.share(level) }
    let learnt = learnsColumns ? columnCount : 0
    columnLevels = UncheckedBuffer(repeating: FineLevel(), count: learnt)
    columnScores = UncheckedBuffer(repeating: 0, count: learnt)
    columnInformation = UncheckedBuffer(
      repeating: UInt32((Self.unit << columnPrior) >> 4), count: learnt)
  }

  /// Notes the elements passed over since the last note: `2^30` in weight is one change expected.
  @inline(__always)
  mutating func passed(weight: Int64) {
    let expected = Int(truncatingIfNeeded: weight >> 14)
    rowScore &-= expected
    rowInformation &+= expected
    unlikely &+= expected
  }

  /// Notes an element that was looked at, and the probability that it would change.
  @inline(__always)
  mutating func visited(column: Int, probability: Int32, information: UInt32) {
    rowScore &-= Int(probability)
    rowInformation &+= Int(information)
    guard learnsColumns else { return }
    columnScores.add(0 &- probability, at: column)
    columnInformation.add(information, at: column)
  }

  /// Notes a change.
  @inline(__always)
  mutating func hit(column: Int) {
    found &+= 1
    rowScore &+= Self.unit
    refreshRow()
    guard learnsColumns else { return }
    columnScores.add(Int32(Self.unit), at: column)
    refresh(column)
  }

  /// Looks at the row's level again.
  @inline(__always)
  mutating func refreshRow() {
    guard learnsRows, rowLevel.learn(score: rowScore, information: rowInformation) else { return }
    rowScore = 0
    row = rowLevel.biased
  }

  /// Looks at a column's level again, after so many unlikely changes more were expected of it.
  @inline(__always)
  private func refresh(_ column: Int, expected: Int = 0) {
    let score = Int(columnScores[column]) &- expected
    let information = min(Int(columnInformation[column]) &+ expected, Self.mostInformation)
    columnInformation[column] = UInt32(truncatingIfNeeded: information)
    var level = columnLevels[column]
    guard level.learn(score: score, information: information) else {
      columnScores[column] = Int32(truncatingIfNeeded: score)
      return
    }
    columnScores[column] = 0
    columnLevels[column] = level
    columns[column] = UInt8(truncatingIfNeeded: level.biased)
  }

  /// Ends a row. The columns' levels are looked at again once half as many changes were found as
  /// there are columns.
  ///
  /// - Returns: whether they were.
  @discardableResult
  mutating func endRow() -> Bool {
    rows += 1
    let looks = learnsColumns && (2 * found >= columns.count || rows == Self.patience)
    if looks {
      refreshColumns()
      (unlikely, found, rows) = (0, 0, 0)
    }
    row = Self.bias
    rowLevel = FineLevel()
    rowScore = 0
    rowInformation = rowPrior
    return looks
  }

  /// Shares the unlikely changes that were expected out to the columns, by their levels.
  private func refreshColumns() {
    var shares = 0
    for column in 0..<columns.count { shares &+= self.shares[Int(columns[column])] }
    let unit = (unlikely << 16) / max(shares, 1)
    for level in 0..<expected.count {
      expected[level] = min((unit &* self.shares[level]) >> 16, 1 << 28)
    }
    for column in 0..<columns.count {
      refresh(column, expected: expected[Int(columns[column])])
    }
  }

  /// How many unlikely changes to expect of a column of this biased level, against others: a level as
  /// a power. Above four octaves there are no more, as few of the elements are unlikely then.
  private static func share(_ level: Int) -> Int {
    let level = min(level, bias + 8)
    return (level & 1 == 0 ? 128 : 181) << (level >> 1)
  }
}

/// A level as it is learnt, in 256ths of half octaves.
struct FineLevel: BitwiseCopyable {
  private var value: Int16 = 0

  /// From a natural logarithm to 256ths of half octaves.
  private static let perUnit = 739
  /// A lesson is put off until it moves the level by an eighth of an octave, as divisions take time.
  private static let shortestStep = 64
  /// No lesson moves a level by more than three octaves.
  private static let longestStep = 6 * 256

  /// Moves to where the likelihood of what was seen is the largest, if its curve is as known.
  ///
  /// - Returns: whether it did.
  @inline(__always)
  mutating func learn(score: Int, information: Int) -> Bool {
    let scaled = score &* Self.perUnit
    guard abs(scaled) >= information &* Self.shortestStep else { return false }
    let step = min(max(scaled / information, -Self.longestStep), Self.longestStep)
    value = Int16(truncatingIfNeeded: min(max(Int(value) &+ step, -16 * 256), 15 * 256 + 127))
    return true
  }

  /// The nearest half octave, with ``Levels/bias``.
  @inline(__always)
  var biased: Int { (Int(value) &+ 128) >> 8 &+ Levels.bias }
}
