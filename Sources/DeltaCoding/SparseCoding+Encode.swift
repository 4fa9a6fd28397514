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
    let (counts, hits) = survey.ofBothSides
    let dispersion = unsafe DispersionSurvey(
      base, result, shape: shape, counts: counts, hits: hits, layout: layout)
    header.priors = UInt8(dispersion.rowPrior | dispersion.columnPrior << 4)

    var gaps = GapEncoder()
    var flags = RangeEncoder()
    var crossings = RangeEncoder()
    var values = RangeEncoder()
    var table = OddsTable(counts: counts, hits: hits, sizes: survey.sizes)
    table.code(with: &values)
    _ = values.codeRaw(UInt32(survey.leastBinades), count: layout.exponentBitCount)
    var state = SparseState(
      header, odds: table, leastBinades: survey.leastBinades, shape: shape,
      layout: layout)
    var remaining = survey.changedCount

    // What elements weighed since the last gap's end, and that when it was last noted.
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
        trust.startSegment()
        while column < end {
          let weights = unsafe allWeights + state.levels.row
          column = unsafe SegmentPlaces.firstNotable(
            base, result, weights: weights, places: place, in: column..<end, passed: &passed,
            &trust)
          guard column < end else { break }
          defer { column &+= 1 }
          let before = unsafe base[column]
          let after = unsafe result[column]
          guard before != after else {
            state.encodeNoChange(
              exponent: unsafe Int(place[column] >> 6), column: column, with: &flags)
            continue
          }
          state.levels.passed(weight: passed &- noted)
          let change = SparseChange(
            step: layout.step(from: before, to: after),
            base: state.side(before, column: column), result: state.side(after, column: column))
          _ = state.codeChange(
            of: before, to: after, change.step, column: column, direction: .apply,
            with: &values)
          if let part = change.weights {
            gaps.encode(before: passed &+ part.from, weight: part.width)
            passed = 0
          }
          change.settle(flags: &flags, crossings: &crossings)
          noted = passed
          state.learn(change, column: column)
          remaining -= 1
          if remaining == 0 { break rows }
        }
        state.levels.passed(weight: passed &- noted)
        noted = passed
        state.levels.refreshRow()
      }
      state.endRow()
    }

    header.rareCount = gaps.count
    header.likelyCount = survey.changedCount - gaps.count
    let parts = Parts(
      header: header, positions: gaps.finish(), flags: flags.finish(),
      crossings: crossings.finish(), values: values.finish())
    return EncodedChunk(bytes: parts.bytes, changedCount: survey.changedCount)
  }
}
