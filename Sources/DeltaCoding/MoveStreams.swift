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
  private var gaps = GapEncoder()
  private var values: RangeEncoder
  private var counts = MoveCounts()
  private let mantissaBitCount: Int
  /// What elements weighed since the last one that moved and was unlikely to.
  private var passed: Int64 = 0
  /// Where the weights of a segment's elements lie, and how many of these were passed.
  private let places = SegmentPlaces()
  private var place = 0
  private var trust = StrideTrust()

  /// Goes on with `values`, which say what `odds` are unless a reader knows that already.
  init(
    count: Int, odds: borrowing OddsTable, layout: FloatLayout, values: consuming RangeEncoder
  ) {
    remaining = count
    self.values = values
    mantissaBitCount = layout.mantissaBitCount
    model = MoveModel(odds, layout: layout)
  }

  /// Begins with a segment of the result.
  @inline(__always)
  mutating func startSegment<Word: FixedWidthInteger & UnsignedInteger>(
    _ result: UnsafePointer<Word>, levels: UnsafePointer<UInt8>, count: Int
  ) {
    place = 0
    trust.startSegment()
    guard remaining > 0 else { return }
    let weights = unsafe model.elementWeights
    unsafe places.fill(result, levels: levels, count: count) { unsafe weights.place($0) }
  }

  /// Codes which of the segment's elements moved, from the last one passed up to `end`, all at the same
  /// level of the row.
  @inline(__always)
  mutating func pass<Word: FixedWidthInteger & UnsignedInteger>(
    _ base: UnsafePointer<Word>, _ result: UnsafePointer<Word>, upTo end: Int, rowLevel: Int,
    bases: borrowing OddsTable
  ) {
    guard remaining > 0, place < end else { return }
    let weights = unsafe model.elementWeights.pointer + rowLevel
    let places = unsafe places.pointer
    let shift = Word(truncatingIfNeeded: mantissaBitCount)
    let exponents = ((Word.max >> 1) &>> shift) &<< shift
    let mask = UInt64.max / UInt64(Word.max) * UInt64(exponents)
    var sum = passed
    var trust = trust
    while place < end {
      let singles = trust.passStrides(in: place..<end) { start in
        let stride = unsafe SegmentPlaces.strideSum(weights, places + start)
        guard stride < GapModel.likelyWeight,
          unsafe !SegmentPlaces.stridesDiffer(base + start, result + start, mask: mask)
        else { return false }
        sum &+= stride
        return true
      }
      place = singles.lowerBound
      while place < singles.upperBound {
        let weight = unsafe weights[Int(places[place])]
        let before = unsafe base[place]
        let after = unsafe result[place]
        if (before ^ after) & exponents == 0, weight != GapModel.likelyWeight {
          sum &+= weight
        } else {
          passed = sum
          unsafe code(
            before, after, place: Int(places[place]) &+ rowLevel, weight: weight, bases: bases)
          guard remaining > 0 else { return }
          sum = passed
        }
        place &+= 1
      }
    }
    passed = sum
    self.trust = trust
  }

  /// Codes an element that moved, or that is looked at.
  private mutating func code<Word: FixedWidthInteger & UnsignedInteger>(
    _ before: Word, _ after: Word, place: Int, weight: Int64, bases: borrowing OddsTable
  ) {
    let exponent = before.exponent(mantissaBitCount: mantissaBitCount)
    let hasMoved = after.exponent(mantissaBitCount: mantissaBitCount) != exponent
    if weight == GapModel.likelyWeight {
      _ = model.codeFlag(hasMoved, place: place, with: &values)
      if hasMoved { counts.likely += 1 }
    } else {
      gaps.encode(before: passed, weight: weight)
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
    return (counts, gaps.finish(), values.finish())
  }
}

/// Reads what a ``MoveEncoder`` wrote.
struct MoveDecoder: ~Copyable {
  private var model: MoveModel
  private var gaps: GapDecoder
  private var values: RangeDecoder
  private(set) var remaining: Int
  /// What elements may weigh until the first that moved.
  var distance: Int64 { remaining > 0 ? gaps.distance : .max }
  private let mantissaBitCount: Int

  init(
    _ counts: MoveCounts, odds: borrowing OddsTable, layout: FloatLayout, positions: [UInt8],
    values: consuming RangeDecoder
  ) {
    gaps = GapDecoder(positions, count: counts.rare)
    self.values = values
    remaining = counts.total
    mantissaBitCount = layout.mantissaBitCount
    model = MoveModel(odds, layout: layout)
  }

  /// See ``MoveModel/Weights``.
  var weights: MoveModel.Weights { unsafe model.elementWeights }

  /// The exponent that the base had where the result has these bits and `left` is used up.
  ///
  /// `place` is that of its weight, levels included; `left` is what elements may weigh until the next
  /// that moved, this one already subtracted, and is set anew.
  mutating func exponent<Word: FixedWidthInteger & UnsignedInteger>(
    of bits: Word, place: Int, weight: Int64, left: inout Int64, bases: borrowing OddsTable
  ) -> Int {
    let own = bits.exponent(mantissaBitCount: mantissaBitCount)
    guard remaining > 0 else {
      left = .max
      return own
    }
    left &+= weight
    if weight == GapModel.likelyWeight {
      guard model.codeFlag(false, place: place, with: &values) else { return own }
    } else {
      left = gaps.settle(left: left, weight: weight)
    }
    remaining &-= 1
    // Once all moves are known, nothing is likely any more.
    if remaining == 0 { left = .max }
    return model.codeExponent(0, of: bits, bases: bases, with: &values)
  }
}
