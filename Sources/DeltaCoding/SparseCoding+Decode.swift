internal import ByteIO

extension SparseCoding {
  func apply(
    _ parts: Parts, to base: RawSpan, into result: inout MutableRawSpan
  ) {
    unsafe base.withUnsafeBytes { source in
      unsafe result.withUnsafeMutableBytes { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        switch layout.bitWidth {
        case 8:
          unsafe apply(
            parts, source.assumingMemoryBound(to: UInt8.self),
            target.assumingMemoryBound(to: UInt8.self))
        case 16:
          unsafe apply(
            parts, source.assumingMemoryBound(to: UInt16.self),
            target.assumingMemoryBound(to: UInt16.self))
        default:
          unsafe apply(
            parts, source.assumingMemoryBound(to: UInt32.self),
            target.assumingMemoryBound(to: UInt32.self))
        }
      }
    }
  }

  func strip(
    _ parts: Parts, from result: RawSpan, into base: inout MutableRawSpan
  ) {
    unsafe result.withUnsafeBytes { source in
      unsafe base.withUnsafeMutableBytes { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        switch layout.bitWidth {
        case 8:
          unsafe self.strip(
            parts, source.assumingMemoryBound(to: UInt8.self),
            target.assumingMemoryBound(to: UInt8.self))
        case 16:
          unsafe self.strip(
            parts, source.assumingMemoryBound(to: UInt16.self),
            target.assumingMemoryBound(to: UInt16.self))
        default:
          unsafe self.strip(
            parts, source.assumingMemoryBound(to: UInt32.self),
            target.assumingMemoryBound(to: UInt32.self))
        }
      }
    }
  }

  private func state(_ header: Header, _ values: inout RangeDecoder) -> SparseState {
    var table = OddsTable(exponentCount: layout.exponentCount)
    table.code(with: &values)
    let leastReach = Int(values.codeRaw(0, count: layout.exponentBitCount))
    return SparseState(
      header, odds: table, leastReach: leastReach, shape: shape, layout: layout)
  }

  /// - Precondition: Both pointers hold the shape's elements.
  @inline(__always)
  private func apply<Word: FixedWidthInteger & UnsignedInteger>(
    _ parts: Parts, _ source: UnsafePointer<Word>, _ target: UnsafeMutablePointer<Word>
  ) {
    var values = RangeDecoder(parts.values)
    var state = state(parts.header, &values)
    var remaining = parts.header.rareCount + parts.header.likelyCount

    var gaps = GapDecoder(parts.positions, count: parts.header.rareCount)
    // What elements may still weigh until the next change, and that when it was last noted.
    var left = gaps.distance
    var noted = left
    let columnLevels = unsafe state.levels.columns.pointer
    let allWeights = unsafe state.weights.pointer
    let places = unsafe state.places.pointer
    var trust = StrideTrust()
    for row in 0..<shape.rows {
      let source = unsafe source + row * shape.columns
      let target = unsafe target + row * shape.columns
      var column = 0
      while column < shape.columns {
        let start = column
        let end = min(start + Levels.segment, shape.columns)
        unsafe (target + start).update(from: source + start, count: end - start)
        unsafe state.places.fill(source + start, levels: columnLevels + start, count: end - start) {
          $0.exponentPlace(layout)
        }
        var weights = unsafe allWeights + state.levels.row
        let place = unsafe places - start
        trust.startSegment()
        while column < end {
          let singles = trust.passStrides(in: column..<end) { start in
            let sum = unsafe SegmentPlaces.strideSum(weights, place + start)
            guard sum <= left else { return false }
            left &-= sum
            return true
          }
          column = singles.lowerBound
          while column < singles.upperBound {
            let bits = unsafe source[column]
            let weight = unsafe weights[Int(place[column])]
            left &-= weight
            if left < 0 {
              let exponent = unsafe Int(place[column] >> 6)
              if weight == GapModel.likelyWeight {
                left &+= weight
                guard state.codeFlag(false, exponent: exponent, column: column, with: &values)
                else {
                  column &+= 1
                  continue
                }
                state.levels.passed(weight: noted &- left)
              } else {
                left &+= weight
                state.levels.passed(weight: noted &- left)
                left = gaps.settle(left: left, weight: weight)
              }
              noted = left
              let change = state.codeChange(
                magnitude: 0, falls: false, exponent: exponent, column: column,
                with: &values)
              let distance = Word(truncatingIfNeeded: change.magnitude)
              let ordinal = change.falls ? bits.ordinal &- distance : bits.ordinal &+ distance
              unsafe target[column] = ordinal.floatBits
              remaining &-= 1
              guard remaining > 0 else {
                let done = row * shape.columns + column + 1
                let rest = shape.elementCount - done
                unsafe (target + column + 1).update(from: source + column + 1, count: rest)
                return
              }
              unsafe weights = allWeights + state.levels.row
            }
            column &+= 1
          }
        }
        state.levels.passed(weight: noted &- left)
        noted = left
        state.levels.refreshRow()
      }
      state.endRow()
    }
  }

  /// - Precondition: Both pointers hold the shape's elements.
  @inline(__always)
  private func strip<Word: FixedWidthInteger & UnsignedInteger>(
    _ parts: Parts, _ source: UnsafePointer<Word>, _ target: UnsafeMutablePointer<Word>
  ) {
    var values = RangeDecoder(parts.values)
    var state = state(parts.header, &values)
    var moves = MoveDecoder(
      parts.moves, odds: state.odds, layout: layout, positions: parts.movePositions,
      values: RangeDecoder(parts.moveValues))
    let moveWeights = unsafe moves.weights
    var leftToMove = moves.distance
    var remaining = parts.header.rareCount + parts.header.likelyCount

    var gaps = GapDecoder(parts.positions, count: parts.header.rareCount)
    var left = gaps.distance
    var noted = left
    let columnLevels = unsafe state.levels.columns.pointer
    let allWeights = unsafe state.weights.pointer
    let places = unsafe state.places.pointer
    // Of the result's elements among those that moved.
    let allMovePlaces = SegmentPlaces()
    let movePlaces = unsafe allMovePlaces.pointer
    var trust = StrideTrust()
    for row in 0..<shape.rows {
      let source = unsafe source + row * shape.columns
      let target = unsafe target + row * shape.columns
      var column = 0
      while column < shape.columns {
        let start = column
        let end = min(start + Levels.segment, shape.columns)
        unsafe (target + start).update(from: source + start, count: end - start)
        unsafe state.places.fill(source + start, levels: columnLevels + start, count: end - start) {
          $0.exponentPlace(layout)
        }
        unsafe allMovePlaces.fill(source + start, levels: columnLevels + start, count: end - start)
        {
          unsafe moveWeights.place($0)
        }
        let place = unsafe places - start
        let movePlace = unsafe movePlaces - start
        var rowLevel = state.levels.row
        trust.startSegment()
        while column < end {
          let singles = trust.passStrides(in: column..<end) { start in
            let sum = unsafe SegmentPlaces.strideSum(allWeights + rowLevel, place + start)
            let moveSum = unsafe SegmentPlaces.strideSum(
              moveWeights.pointer + rowLevel, movePlace + start)
            guard sum <= left, moveSum <= leftToMove else { return false }
            left &-= sum
            leftToMove &-= moveSum
            return true
          }
          column = singles.lowerBound
          while column < singles.upperBound {
            let bits = unsafe source[column]
            var weightPlace = unsafe Int(place[column]) &+ rowLevel
            let moveWeightPlace = unsafe Int(movePlace[column]) &+ rowLevel
            let moveWeight = unsafe moveWeights.pointer[moveWeightPlace]
            leftToMove &-= moveWeight
            if leftToMove < 0 {
              let exponent = moves.exponent(
                of: bits, place: moveWeightPlace, weight: moveWeight, left: &leftToMove,
                bases: state.odds)
              weightPlace = weightPlace & 63 | exponent << 6
            }
            let weight = unsafe allWeights[weightPlace]
            left &-= weight
            if left < 0 {
              let exponent = weightPlace >> 6
              left &+= weight
              if weight == GapModel.likelyWeight {
                guard state.codeFlag(false, exponent: exponent, column: column, with: &values)
                else {
                  column &+= 1
                  continue
                }
                state.levels.passed(weight: noted &- left)
              } else {
                state.levels.passed(weight: noted &- left)
                left = gaps.settle(left: left, weight: weight)
              }
              noted = left
              let change = state.codeChange(
                magnitude: 0, falls: false, exponent: exponent, column: column,
                with: &values)
              let distance = Word(truncatingIfNeeded: change.magnitude)
              let ordinal = change.falls ? bits.ordinal &+ distance : bits.ordinal &- distance
              unsafe target[column] = ordinal.floatBits
              remaining &-= 1
              guard remaining > 0 else {
                let done = row * shape.columns + column + 1
                let rest = shape.elementCount - done
                unsafe (target + column + 1).update(from: source + column + 1, count: rest)
                return
              }
              rowLevel = state.levels.row
            }
            column &+= 1
          }
        }
        state.levels.passed(weight: noted &- left)
        noted = left
        state.levels.refreshRow()
      }
      state.endRow()
    }
  }
}
