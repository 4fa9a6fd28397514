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
  private var values = RangeEncoder()
  private var counts = MoveCounts()
  private let mantissaBitCount: Int

  init(_ survey: ChangeSurvey, layout: FloatLayout) {
    remaining = survey.movedCount
    mantissaBitCount = layout.mantissaBitCount
    model = MoveModel(table: OddsTable(exponentCount: layout.exponentCount), layout: layout)
    guard remaining > 0 else { return }
    model.fit(moved: survey.moved, counts: survey.resultCounts)
    model.codeTable(with: &values)
    model.complete()
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
    let reached = after.exponent(mantissaBitCount: mantissaBitCount)
    let hasMoved = reached != exponent
    if weight == GapModel.likelyWeight {
      let odds = model.odds(after, biasedLevel: biasedLevel)
      _ = model.codeFlag(hasMoved, odds: odds, exponent: reached, with: &values)
      if hasMoved { counts.likely += 1 }
    } else {
      model.gaps.encode(before: passed, weight: weight, with: &positions)
      counts.rare += 1
      passed = 0
    }
    if hasMoved {
      remaining -= 1
      _ = model.codeExponent(exponent, of: after, base: bases, with: &values)
    }
  }

  /// Writes which exponents the base may have had, where the chunk does not say so otherwise.
  mutating func codeBases(_ bases: borrowing OddsTable) {
    for exponent in 0..<bases.odds.count {
      _ = values.codeRaw(bases.odds[exponent] == OddsTable.closed ? 0 : 1, count: 1)
    }
  }

  consuming func finish() -> (counts: MoveCounts, positions: [UInt8], values: [UInt8]) {
    let hasMoves = counts.total > 0
    let counts = counts
    return (counts, positions.finish(), hasMoves ? values.finish() : [])
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

  init(_ counts: MoveCounts, positions: [UInt8], values: [UInt8], layout: FloatLayout) {
    self.positions = RangeDecoder(positions)
    self.values = RangeDecoder(values)
    rare = counts.rare
    remaining = counts.total
    mantissaBitCount = layout.mantissaBitCount
    model = MoveModel(table: OddsTable(exponentCount: layout.exponentCount), layout: layout)
    guard remaining > 0 else { return }
    model.codeTable(with: &self.values)
    model.complete()
    if rare > 0 { next = model.gaps.decodeTarget(with: &self.positions) }
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
    guard remaining > 0 else { return own }
    left &+= weight
    if weight == GapModel.likelyWeight {
      let odds = model.odds(bits, biasedLevel: biasedLevel)
      guard model.codeFlag(false, odds: odds, exponent: own, with: &values) else { return own }
    } else {
      model.gaps.settle(next, before: next.distance &- left, weight: weight, with: &positions)
      rare &-= 1
      next = rare > 0 ? model.gaps.decodeTarget(with: &positions) : GapModel.Target()
      left = next.distance
    }
    remaining &-= 1
    // Once all moves are known, nothing is likely any more.
    if remaining == 0 { left = .max }
    return model.codeExponent(0, of: bits, base: bases, with: &values)
  }

  /// Reads which exponents the base may have had.
  mutating func codeBases(_ bases: inout OddsTable) {
    for exponent in 0..<bases.odds.count {
      if values.codeRaw(0, count: 1) == 1 { bases.odds[exponent] = 0 }
    }
    bases.findEnds()
  }
}
