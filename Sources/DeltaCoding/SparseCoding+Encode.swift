internal import ByteIO

extension SparseCoding {
  func encode(base: RawSpan, result: RawSpan, shifts: ShiftTable = ShiftTable()) -> EncodedChunk {
    unsafe base.withUnsafeBytes { base in
      unsafe result.withUnsafeBytes { result in
        guard let base = base.baseAddress, let result = result.baseAddress else {
          return EncodedChunk(bytes: [], changedCount: 0)
        }
        return if layout.bitWidth == 16 {
          unsafe encode(
            base.assumingMemoryBound(to: UInt16.self), result.assumingMemoryBound(to: UInt16.self),
            shifts)
        } else {
          unsafe encode(
            base.assumingMemoryBound(to: UInt32.self), result.assumingMemoryBound(to: UInt32.self),
            shifts)
        }
      }
    }
  }

  /// - Precondition: Both pointers hold the shape's elements.
  @inline(__always)
  private func encode<Word: FixedWidthInteger & UnsignedInteger>(
    _ base: UnsafePointer<Word>, _ result: UnsafePointer<Word>, _ shifts: ShiftTable
  ) -> EncodedChunk {
    let survey = unsafe ChangeSurvey(
      base, result, count: shape.elementCount, layout: layout)
    guard survey.changedCount > 0 else { return EncodedChunk(bytes: [], changedCount: 0) }
    var header = Header()
    header.shifts = shifts
    let dispersion = unsafe DispersionSurvey(
      base, result, shape: shape, survey: survey, layout: layout)
    header.priors = UInt8(dispersion.rowPrior | dispersion.columnPrior << 4)

    var positions = RangeEncoder()
    var values = RangeEncoder()
    var movePositions = RangeEncoder()
    var moveValues = RangeEncoder()
    var table = OddsTable(counts: survey.counts, hits: survey.hits)
    table.code(with: &values)
    _ = values.codeRaw(UInt32(survey.leastReach), count: 8)
    var state = SparseState(
      header, odds: table.completed(), leastReach: survey.leastReach, shape: shape,
      layout: layout)
    var moves = MoveModel(table: OddsTable(exponentCount: layout.exponentCount), layout: layout)
    moves.fit(moved: survey.moved, counts: survey.resultCounts)
    var remaining = survey.changedCount
    var remainingMoves = survey.movedCount
    var moveCounts = MoveCounts()
    if remainingMoves > 0 {
      moves.codeTable(with: &moveValues)
      moves.complete()
    }
    let moveOdds = unsafe moves.oddsByBits.pointer
    let moveWeights = unsafe moves.weights.pointer - (MoveModel.leastOdds + SparseState.noLevel)

    let mantissaBitCount = layout.mantissaBitCount
    // What elements weighed since the last change, and that when it was last noted.
    var passed: Int64 = 0
    var noted: Int64 = 0
    var passedToMove: Int64 = 0
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
          if remainingMoves > 0 {
            let reached = after.exponent(mantissaBitCount: mantissaBitCount)
            let hasMoved = reached != exponent
            let odds = unsafe Int(moveOdds[moves.place(after)]) &+ level
            let weight = unsafe moveWeights[odds]
            if hasMoved || weight == GapModel.likelyWeight {
              if weight == GapModel.likelyWeight {
                _ = moves.codeFlag(
                  hasMoved, odds: odds - SparseState.noLevel, exponent: reached, with: &moveValues)
                if hasMoved { moveCounts.likelyCount += 1 }
              } else {
                moves.gaps.encode(before: passedToMove, weight: weight, with: &movePositions)
                moveCounts.rareCount += 1
                passedToMove = 0
              }
              if hasMoved {
                remainingMoves -= 1
                _ = moves.codeExponent(
                  exponent, of: after, base: state.odds.table, with: &moveValues)
              }
            } else {
              passedToMove &+= weight
            }
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
      unsafe state.endRow(row, elements: base, mantissaBitCount: mantissaBitCount)
    }

    let positionBytes = positions.finish()
    let valueBytes = values.finish()
    let movePositionBytes = movePositions.finish()
    let moveValueBytes = moveValues.finish()
    var bytes = [Coding.sparse.rawValue, header.priors]
    bytes.appendVariableLength(header.rareCount)
    bytes.appendVariableLength(header.likelyCount)
    bytes.appendVariableLength(moveCounts.rareCount)
    bytes.appendVariableLength(moveCounts.likelyCount)
    header.shifts.write(to: &bytes)
    bytes.appendVariableLength(positionBytes.count)
    bytes.appendVariableLength(valueBytes.count)
    bytes.appendVariableLength(movePositionBytes.count)
    bytes += positionBytes
    bytes += valueBytes
    bytes += movePositionBytes
    bytes += moveValueBytes
    return EncodedChunk(bytes: bytes, changedCount: survey.changedCount)
  }
}
