/// Directions of changes, taken for a product of a sign of the row and a sign of the column.
///
/// (Formats/delta-coding.md, "Signs".)
struct SignModel: ~Copyable {
  private let models = AdaptiveBits(count: 9)
  /// By column, how often its changes had the row's own direction, less how often not.
  private let columns: UncheckedBuffer<Int32>
  /// How well the row's changes so far agree with the columns' signs.
  private var row: Int64 = 0
  /// The row's changes, until its own direction is known: column, and 1 if the ordinal fell.
  private var changes: [UInt32] = []

  /// In percent, how often the guess is right, by the bit length of its evidence.
  private static let trust = [50, 60, 66, 72, 78, 80, 84, 88, 94]

  /// Whether directions are told one by one.
  private let isOff: Bool

  /// Also off where there are more columns than have levels.
  init(columnCount: Int, isOff: Bool) {
    let isOff = isOff || columnCount > Levels.mostColumns
    self.isOff = isOff
    columns = UncheckedBuffer(repeating: 0, count: isOff ? 0 : columnCount)
    for (index, percent) in Self.trust.enumerated() {
      models.start(index, at: percent * 655, trust: 8)
    }
  }

  @inline(__always)
  mutating func code<Coder: BinaryCoder & ~Copyable>(
    _ falls: Bool, column: Int, with coder: inout Coder
  ) -> Bool {
    guard !isOff else { return coder.codeRaw(falls ? 1 : 0, count: 1) == 1 }
    let sign = Int64(columns[column])
    let evidence = row &* sign
    let expectsFall = evidence < 0
    let certainty = min(64 &- evidence.magnitude.leadingZeroBitCount, 8)
    let isRight = coder.code(falls == expectsFall, models, certainty)
    let falls = isRight == expectsFall
    note(falls, column: column)
    return falls
  }

  /// Notes which way a change went.
  @inline(__always)
  mutating func note(_ falls: Bool, column: Int) {
    guard !isOff else { return }
    let sign = Int64(columns[column])
    row &+= falls ? 0 &- sign : sign
    changes.append(UInt32(truncatingIfNeeded: column) << 1 | (falls ? 1 : 0))
  }

  /// Lets the columns learn from a row that is complete.
  mutating func endRow() {
    for change in changes {
      let column = Int(change >> 1)
      let agrees = (change & 1 == 0) == (row >= 0)
      columns.add(agrees ? 1 : -1, at: column)
    }
    changes.removeAll(keepingCapacity: true)
    row = 0
  }
}
