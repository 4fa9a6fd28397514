/// How much more often than exponents alone predict the elements of a row so far, and of a column
/// in the rows above, have changed. Both sides know it while they decode.
///
/// The level is the rounded logarithm to base 2 of both ratios' product, from -5 to 8.
struct ChangeLevels {
  static let count = 14

  /// For each column: changes in the rows above, and how many were expected.
  private var columns: [(seen: Double, expected: Double)]
  private var rowSeen = 0.5
  private var rowExpected = 0.5

  init(columnCount: Int) {
    columns = Array(repeating: (0.5, 0.5), count: columnCount)
  }

  mutating func beginRow() {
    rowSeen = 0.5
    rowExpected = 0.5
  }

  /// The level of the next element of a row, from 0 to 13, before it is counted itself.
  ///
  /// `probability` is how often elements of its exponent change.
  @inline(__always)
  mutating func next(column: Int, hasChanged: Bool, probability: Double) -> Int {
    let (seen, expected) = columns[column]
    let ratio = (rowSeen * seen) / (rowExpected * expected)
    let change = hasChanged ? 1.0 : 0.0
    rowSeen += change
    rowExpected += probability
    columns[column] = (seen + change, expected + probability)
    // The exponent of √2 times a number is its logarithm, rounded.
    let level = Int((ratio * 1.414_213_562_373_095_1).exponent)
    return min(max(level, -5), 8) + 5
  }
}
