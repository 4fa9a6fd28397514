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
        return if layout.bitWidth == 16 {
          unsafe encode(
            base.assumingMemoryBound(to: UInt16.self), result.assumingMemoryBound(to: UInt16.self),
            survey, shifts)
        } else {
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

    var positions = RangeEncoder()
    var values = RangeEncoder()
    var table = OddsTable(counts: survey.counts, hits: survey.hits)
    table.code(with: &values)
    _ = values.codeRaw(UInt32(survey.leastReach), count: 8)
    var state = SparseState(
      header, odds: table.completed(), leastReach: survey.leastReach, shape: shape,
      layout: layout)
    var moves = MoveEncoder(survey, layout: layout)
    var remaining = survey.changedCount

    let mantissaBitCount = layout.mantissaBitCount
    // What elements weighed since the last change, and that when it was last noted.
    var passed: Int64 = 0
    var noted: Int64 = 0
    let columnLevels = unsafe state.levels.columns.pointer
    let allWeights = unsafe state.weights.pointer
    rows: for row in 0..<shape.rows {
      let base = unsafe base + row * shape.columns
      let result = unsafe result + row * shape.columns
      var column = 0
      while column < shape.columns {
        let end = min(column + Levels.segment, shape.columns)
        var rowLevel = state.levels.row
        while column < end {
          let before = unsafe base[column]
          let after = unsafe result[column]
          let level = unsafe Int(columnLevels[column]) &+ rowLevel
          let exponent = before.exponent(mantissaBitCount: mantissaBitCount)
          if moves.remaining > 0 {
            moves.code(before, after, biasedLevel: level, bases: state.odds.table)
          }
          let weight = unsafe allWeights[exponent << 6 &+ level]
          if before == after, weight != GapModel.likelyWeight {
            passed &+= weight
            column &+= 1
            continue
          }
          if weight == GapModel.likelyWeight {
            guard
              state.codeFlag(
                before != after, exponent: exponent, column: column, with: &values)
            else {
              column &+= 1
              continue
            }
            state.levels.passed(weight: passed &- noted)
            noted = passed
            header.likelyCount += 1
          } else {
            state.levels.passed(weight: passed &- noted)
            state.gaps.encode(before: passed, weight: weight, with: &positions)
            passed = 0
            noted = 0
            header.rareCount += 1
          }
          let rises = after.ordinal &- before.ordinal
          let falls = rises >> Word(Word.bitWidth - 1) == 1
          let magnitude = UInt32(truncatingIfNeeded: falls ? 0 &- rises : rises)
          _ = state.codeChange(
            magnitude: magnitude, falls: falls, exponent: exponent, column: column,
            rare: weight != GapModel.likelyWeight, with: &values)
          remaining -= 1
          if remaining == 0 { break rows }
          rowLevel = state.levels.row
          column &+= 1
        }
        state.levels.passed(weight: passed &- noted)
        noted = passed
        state.levels.refreshRow()
      }
      state.endRow(row)
    }

    let positionBytes = positions.finish()
    let valueBytes = values.finish()
    let moved = moves.finish()
    var bytes = [Coding.sparse.rawValue, header.priors]
    bytes.appendVariableLength(header.rareCount)
    bytes.appendVariableLength(header.likelyCount)
    moved.counts.write(to: &bytes)
    header.shifts.write(to: &bytes)
    bytes.appendVariableLength(positionBytes.count)
    bytes.appendVariableLength(valueBytes.count)
    bytes.appendVariableLength(moved.positions.count)
    bytes += positionBytes
    bytes += valueBytes
    bytes += moved.positions
    bytes += moved.values
    return EncodedChunk(bytes: bytes, changedCount: survey.changedCount)
  }
}
