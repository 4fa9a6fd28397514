/// How much likelier than its exponent says an element is to change, by its row and its column.
///
/// Updates are sums of outer products, so what has changed in a row so far, and in a column in the
/// rows above, against what exponents alone predict, tells the rest of them
/// (Formats/delta-coding.md, "Levels"). All counts are in 65,536ths of a change, levels in half
/// octaves.
struct Levels: ~Copyable {
  /// What stands for "no level": levels are stored with this added.
  static let bias = 16
  /// A row's level is looked at again after so many columns.
  static let segment = 128

  /// The levels of the columns, biased.
  let columns: UncheckedBuffer<UInt8>
  /// The level of the row, biased.
  private(set) var row = Levels.bias
  private let rowPrior: UInt64?
  private let columnPrior: UInt64?

  private var rowHits: UInt64 = 0
  private var rowPredicted: UInt64 = 0
  private var common: UInt64 = 0
  private var rareHits: UInt64 = 0
  private let columnHits: UncheckedBuffer<UInt32>
  private let columnPredicted: UncheckedBuffer<UInt64>

  /// A prior is the logarithm of how many changes it weighs, plus 4; 15 turns the levels off.
  init(columnCount: Int, rowPrior: Int, columnPrior: Int) {
    self.rowPrior = Self.prior(rowPrior)
    self.columnPrior = Self.prior(columnPrior)
    columns = UncheckedBuffer(repeating: UInt8(Self.bias), count: columnCount)
    let learnt = self.columnPrior == nil ? 0 : columnCount
    columnHits = UncheckedBuffer(repeating: 0, count: learnt)
    columnPredicted = UncheckedBuffer(repeating: 0, count: learnt)
  }

  private static func prior(_ code: Int) -> UInt64? {
    code == 15 ? nil : (65_536 << UInt64(code)) >> 4
  }

  /// How many half octaves more changes there were than predicted, biased.
  @inline(__always)
  private static func level(_ hits: UInt64, _ predicted: UInt64, _ prior: UInt64) -> Int {
    let difference = LogScale.eighths(hits &+ prior) &- LogScale.eighths(predicted &+ prior)
    return min(max((difference &+ 2) >> 2, -bias), bias - 1) &+ bias
  }

  /// Notes what the elements since the last note weighed, at the row's level then.
  @inline(__always)
  mutating func passed(weight: Int64) {
    // 2^30 is one change; the row's own level is taken out again.
    let changes = UInt64(truncatingIfNeeded: weight) >> 14
    let whole = UInt64(row &>> 1)
    let level = row & 1 == 0 ? changes : (changes &* 46_341) >> 16
    rowPredicted &+= (level << 8) >> whole
  }

  /// Notes an element that was looked at, whose odds by exponent and column alone are given.
  @inline(__always)
  mutating func visited(probability: UInt64) {
    rowPredicted &+= probability
  }

  /// Notes what an element that was looked at predicted of its column.
  @inline(__always)
  func visited(column: Int, probability: UInt64) {
    if columnPrior != nil { columnPredicted.add(probability, at: column) }
  }

  /// Notes a change.
  @inline(__always)
  mutating func hit(column: Int, rare: Bool) {
    if rare { rareHits &+= 1 }
    rowHits &+= 65_536
    if let columnPrior {
      columnHits.add(1, at: column)
      columns[column] = UInt8(
        truncatingIfNeeded: Self.level(
          UInt64(columnHits[column]) << 16, columnPredicted[column] &+ common, columnPrior))
    }
    refreshRow()
  }

  /// Looks at the row's level again.
  @inline(__always)
  mutating func refreshRow() {
    if let rowPrior { row = Self.level(rowHits, rowPredicted, rowPrior) }
  }

  /// Ends row `index`: the columns' levels are looked at again every thirty-two rows, and more often
  /// at the start.
  mutating func endRow(_ index: Int) {
    common = (rareHits << 16) / UInt64(max(columns.count, 1))
    if let columnPrior {
      let count = columns.count
      let next = index + 1
      if next & 31 == 0 || (next < 32 && next & (next - 1) == 0) {
        let predicted = unsafe columnPredicted.pointer
        let hits = unsafe columnHits.pointer
        let levels = unsafe columns.pointer
        for column in 0..<count {
          unsafe levels[column] = UInt8(
            truncatingIfNeeded: Self.level(
              UInt64(hits[column]) << 16, predicted[column] &+ common, columnPrior))
        }
      }
    }
    row = Self.bias
    rowHits = 0
    rowPredicted = 0
  }
}
