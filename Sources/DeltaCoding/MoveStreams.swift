internal import ByteIO

/// How many elements moved to another exponent: unlikely ones, and ones that were looked at.
struct MoveCounts {
  var rare = 0
  var likely = 0

  var total: Int { rare + likely }

  init() {}

  init(parsing reader: inout ByteReader, elementCount: Int) throws(FormatError) {
    let start = reader.position
    rare = try reader.readVariableLength()
    likely = try reader.readVariableLength()
    guard rare <= elementCount, likely <= elementCount - rare else {
      throw .corrupt("more moves than elements", at: start)
    }
  }

  func write(to bytes: inout [UInt8]) {
    bytes.appendVariableLength(rare)
    bytes.appendVariableLength(likely)
  }
}

/// Writes which elements moved, and from where, for strip.
struct MoveEncoder: ~Copyable {
  private var remaining: Int
  private var model: MoveModel
  private var gaps = GapEncoder()
  private var values: RangeEncoder
  private var counts = MoveCounts()
  private let mantissaBitCount: Int
  /// What elements weighed since the last one that moved and was unlikely to.
  private var passed: Int64 = 0

  /// Goes on with `values`, which say what `odds` are.
  init(
    count: Int, odds: borrowing OddsTable, layout: FloatLayout, values: consuming RangeEncoder
  ) {
    remaining = count
    self.values = values
    mantissaBitCount = layout.mantissaBitCount
    model = MoveModel(odds, layout: layout)
  }

  /// Codes whether the next element moved, and from which exponent.
  mutating func encode<Word: FixedWidthInteger & UnsignedInteger>(
    _ before: Word, _ after: Word, bases: borrowing OddsTable
  ) {
    guard remaining > 0 else { return }
    let exponent = before.exponent(mantissaBitCount: mantissaBitCount)
    let hasMoved = after.exponent(mantissaBitCount: mantissaBitCount) != exponent
    let odds = model.odds(of: after, bases)
    let weight = MoveModel.weight(odds)
    if weight == GapModel.likelyWeight {
      guard model.codeFlag(hasMoved, odds: odds, with: &values) else { return }
      counts.likely += 1
    } else {
      guard hasMoved else {
        passed += weight
        return
      }
      gaps.encode(before: passed, weight: weight)
      counts.rare += 1
      passed = 0
    }
    remaining -= 1
    _ = model.codeExponent(exponent, of: after, bases: bases, with: &values)
  }

  consuming func finish() -> (counts: MoveCounts, positions: [UInt8], values: [UInt8]) {
    let counts = counts
    return (counts, gaps.finish(), values.finish())
  }
}

/// Reads what a ``MoveEncoder`` wrote.
struct MoveDecoder: ~Copyable {
  private var model: MoveModel
  private var gaps: GapDecoder
  private var values: RangeDecoder
  private var remaining: Int
  /// What elements may weigh before the next one that moved and was unlikely to.
  private var left: Int64
  private let mantissaBitCount: Int

  init(
    _ counts: MoveCounts, odds: borrowing OddsTable, layout: FloatLayout, positions: [UInt8],
    values: consuming RangeDecoder
  ) {
    gaps = GapDecoder(positions, count: counts.rare)
    left = gaps.distance
    self.values = values
    remaining = counts.total
    mantissaBitCount = layout.mantissaBitCount
    model = MoveModel(odds, layout: layout)
  }

  /// The exponent that the base had where the next element of the result has these bits.
  mutating func exponent<Word: FixedWidthInteger & UnsignedInteger>(
    of bits: Word, bases: borrowing OddsTable
  ) -> Int {
    let own = bits.exponent(mantissaBitCount: mantissaBitCount)
    guard remaining > 0 else { return own }
    let odds = model.odds(of: bits, bases)
    let weight = MoveModel.weight(odds)
    if weight == GapModel.likelyWeight {
      guard model.codeFlag(false, odds: odds, with: &values) else { return own }
    } else {
      guard left < weight else {
        left -= weight
        return own
      }
      left = gaps.settle(left: left, weight: weight)
    }
    remaining -= 1
    return model.codeExponent(0, of: bits, bases: bases, with: &values)
  }
}
