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
  private(set) var remaining: Int
  private var model: MoveModel
  private var positions = RangeEncoder()
  private var values: RangeEncoder
  private var counts = MoveCounts()
  private let mantissaBitCount: Int

  /// Goes on with `values`, which say what `odds` are unless a reader knows that already.
  init(
    count: Int, odds: borrowing OddsTable, layout: FloatLayout, values: consuming RangeEncoder
  ) {
    remaining = count
    self.values = values
    mantissaBitCount = layout.mantissaBitCount
    model = MoveModel(odds, layout: layout)
  }

  /// See ``MoveModel/Weights``.
  var weights: MoveModel.Weights { unsafe model.elementWeights }

  /// Codes an element that moved, or that is looked at.
  ///
  /// `passed` is what elements weighed since the last one that moved and was unlikely to; it is set
  /// to 0 if this is such a one.
  mutating func code<Word: FixedWidthInteger & UnsignedInteger>(
    _ before: Word, _ after: Word, biasedLevel: Int, weight: Int64, passed: inout Int64,
    bases: borrowing OddsTable
  ) {
    let exponent = before.exponent(mantissaBitCount: mantissaBitCount)
    let hasMoved = after.exponent(mantissaBitCount: mantissaBitCount) != exponent
    if weight == GapModel.likelyWeight {
      _ = model.codeFlag(hasMoved, after, biasedLevel: biasedLevel, with: &values)
      if hasMoved { counts.likely += 1 }
    } else {
      model.gaps.encode(before: passed, weight: weight, with: &positions)
      counts.rare += 1
      passed = 0
    }
    if hasMoved {
      remaining -= 1
      _ = model.codeExponent(exponent, of: after, bases: bases, with: &values)
    }
  }

  consuming func finish() -> (counts: MoveCounts, positions: [UInt8], values: [UInt8]) {
    let counts = counts
    return (counts, positions.finish(), values.finish())
  }
}

/// Reads what a ``MoveEncoder`` wrote.
struct MoveDecoder: ~Copyable {
  private var model: MoveModel
  private var positions: RangeDecoder
  private var values: RangeDecoder
  private var rare: Int
  private(set) var remaining: Int
  private var next = GapModel.Target()
  /// What elements may weigh until the first that moved.
  var distance: Int64 { next.distance }
  private let mantissaBitCount: Int

  init(
    _ counts: MoveCounts, odds: borrowing OddsTable, layout: FloatLayout, positions: [UInt8],
    values: consuming RangeDecoder
  ) {
    self.positions = RangeDecoder(positions)
    self.values = values
    rare = counts.rare
    remaining = counts.total
    mantissaBitCount = layout.mantissaBitCount
    model = MoveModel(odds, layout: layout)
    if rare > 0 { next = model.gaps.decodeTarget(with: &self.positions) }
    if remaining == 0 { next.distance = .max }
  }

  /// See ``MoveModel/Weights``.
  var weights: MoveModel.Weights { unsafe model.elementWeights }

  /// The exponent that the base had where the result has these bits and `left` is used up.
  ///
  /// `left` is what elements may weigh until the next that moved, this one already subtracted; it
  /// is set anew.
  mutating func exponent<Word: FixedWidthInteger & UnsignedInteger>(
    of bits: Word, biasedLevel: Int, weight: Int64, left: inout Int64,
    bases: borrowing OddsTable
  ) -> Int {
    let own = bits.exponent(mantissaBitCount: mantissaBitCount)
    guard remaining > 0 else {
      left = .max
      return own
    }
    left &+= weight
    if weight == GapModel.likelyWeight {
      guard model.codeFlag(false, bits, biasedLevel: biasedLevel, with: &values) else {
        return own
      }
    } else {
      model.gaps.settle(next, before: next.distance &- left, weight: weight, with: &positions)
      rare &-= 1
      next = rare > 0 ? model.gaps.decodeTarget(with: &positions) : GapModel.Target()
      left = next.distance
    }
    remaining &-= 1
    // Once all moves are known, nothing is likely any more.
    if remaining == 0 { left = .max }
    return model.codeExponent(0, of: bits, bases: bases, with: &values)
  }
}
