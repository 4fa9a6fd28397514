internal import ByteIO

extension SparseCoding {
  func encode(
    base: RawSpan, result: RawSpan, survey: ChangeSurvey, shifts: ShiftTable
  ) -> EncodedChunk {
    unsafe base.withUnsafeBytes { base in
      unsafe result.withUnsafeBytes { result in
        guard let base = base.baseAddress, let result = result.baseAddress else {
          return EncodedChunk(bytes: [], changedCount: 0)
        }
        return switch layout.bitWidth {
        case 8:
          unsafe encode(
            base.assumingMemoryBound(to: UInt8.self), result.assumingMemoryBound(to: UInt8.self),
            survey, shifts)
        case 16:
          unsafe encode(
            base.assumingMemoryBound(to: UInt16.self), result.assumingMemoryBound(to: UInt16.self),
            survey, shifts)
        default:
          unsafe encode(
            base.assumingMemoryBound(to: UInt32.self), result.assumingMemoryBound(to: UInt32.self),
            survey, shifts)
        }
      }
    }
  }

  /// - Precondition: Both pointers hold the shape's elements.
  @inline(__always)
  private func encode<Word: FixedWidthInteger & UnsignedInteger>(
    _ base: UnsafePointer<Word>, _ result: UnsafePointer<Word>, _ survey: ChangeSurvey,
    _ shifts: ShiftTable
  ) -> EncodedChunk {
    var header = Header()
    header.shifts = shifts
    let dispersion = unsafe DispersionSurvey(
      base, result, shape: shape, survey: survey, layout: layout)
    header.priors = UInt8(dispersion.rowPrior | dispersion.columnPrior << 4)

    var gaps = GapEncoder()
    var values = RangeEncoder()
    var table = OddsTable(counts: survey.counts, hits: survey.hits, sizes: survey.sizes)
    table.code(with: &values)
    _ = values.codeRaw(UInt32(survey.leastReach), count: layout.exponentBitCount)
    var state = SparseState(
      header, odds: table, leastReach: survey.leastReach, shape: shape,
      layout: layout)
    var moves = MoveEncoder(
      count: survey.movedCount, odds: state.odds, layout: layout, values: RangeEncoder())
    var remaining = survey.changedCount

    // What elements weighed since the last change, and that when it was last noted.
    var passed: Int64 = 0
    var noted: Int64 = 0
    let columnLevels = unsafe state.levels.columns.pointer
    let allWeights = unsafe state.weights.pointer
    let places = unsafe state.places.pointer
    var trust = StrideTrust()
    rows: for row in 0..<shape.rows {
      let base = unsafe base + row * shape.columns
      let result = unsafe result + row * shape.columns
      var column = 0
      while column < shape.columns {
        let start = column
        let end = min(start + Levels.segment, shape.columns)
        unsafe state.places.fill(base + start, levels: columnLevels + start, count: end - start) {
          $0.exponentPlace(layout)
        }
        let place = unsafe places - start
        unsafe moves.startSegment(result + start, levels: columnLevels + start, count: end - start)
        trust.startSegment()
        while column < end {
          let rowLevel = state.levels.row
          let weights = unsafe allWeights + rowLevel
          column = unsafe SegmentPlaces.firstNotable(
            base, result, weights: weights, places: place, in: column..<end, passed: &passed,
            &trust)
          guard column < end else { break }
          let before = unsafe base[column]
          let after = unsafe result[column]
          let weight = unsafe weights[Int(place[column])]
          let exponent = unsafe Int(place[column] >> 6)
          let isRare = weight != GapModel.likelyWeight
          if !isRare {
            guard
              state.codeFlag(before != after, exponent: exponent, column: column, with: &values)
            else {
              column &+= 1
              continue
            }
          }
          // Levels stand still up to a change.
          unsafe moves.pass(
            base + start, result + start, upTo: column &- start &+ 1, rowLevel: rowLevel,
            bases: state.odds)
          state.levels.passed(weight: passed &- noted)
          if isRare {
            gaps.encode(before: passed, weight: weight)
            passed = 0
          } else {
            header.likelyCount += 1
          }
          noted = passed
          let rises = after.ordinal &- before.ordinal
          let falls = rises >> Word(Word.bitWidth - 1) == 1
          let magnitude = UInt32(truncatingIfNeeded: falls ? 0 &- rises : rises)
          _ = state.codeChange(
            magnitude: magnitude, falls: falls, exponent: exponent, column: column,
            with: &values)
          remaining -= 1
          if remaining == 0 { break rows }
          column &+= 1
        }
        unsafe moves.pass(
          base + start, result + start, upTo: end - start, rowLevel: state.levels.row,
          bases: state.odds)
        state.levels.passed(weight: passed &- noted)
        noted = passed
        state.levels.refreshRow()
      }
      state.endRow()
    }

    header.rareCount = gaps.count
    let positionBytes = gaps.finish()
    let valueBytes = values.finish()
    let moved = moves.finish()
    var fields: OptionalFields = []
    if header.priors != Levels.noPriors { fields.insert(.levels) }
    if moved.counts.total > 0 { fields.insert(.moves) }
    if header.shifts != ShiftTable() { fields.insert(.shifts) }
    var bytes = [Coding.sparse.rawValue | fields.rawValue]
    if fields.contains(.levels) { bytes.append(header.priors) }
    bytes.appendVariableLength(header.rareCount)
    bytes.appendVariableLength(header.likelyCount)
    if fields.contains(.moves) { moved.counts.write(to: &bytes) }
    if fields.contains(.shifts) { header.shifts.write(to: &bytes) }
    if header.rareCount > 0 { bytes.appendVariableLength(positionBytes.count) }
    if fields.contains(.moves) { bytes.appendVariableLength(valueBytes.count) }
    if moved.counts.rare > 0 { bytes.appendVariableLength(moved.positions.count) }
    if header.rareCount > 0 { bytes += positionBytes }
    bytes += valueBytes
    if moved.counts.rare > 0 { bytes += moved.positions }
    if fields.contains(.moves) { bytes += moved.values }
    return EncodedChunk(bytes: bytes, changedCount: survey.changedCount)
  }
}
