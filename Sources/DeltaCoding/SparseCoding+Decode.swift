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
    var positions = RangeDecoder(parts.positions)
    var values = RangeDecoder(parts.values)
    var state = state(parts.header, &values)
    var rareCount = parts.header.rareCount
    var remaining = parts.header.rareCount + parts.header.likelyCount

    var next = GapModel.Target()
    if rareCount > 0 { next = state.gaps.decodeTarget(with: &positions) }
    // What elements may still weigh until the next change, and that when it was last noted.
    var left = next.distance
    var noted = left
    let columnLevels = unsafe state.levels.columns.pointer
    let allWeights = unsafe state.weights.pointer
    let places = unsafe state.places.pointer
    // How well strides have gone of late.
    var trust = 8
    for row in 0..<shape.rows {
      let source = unsafe source + row * shape.columns
      let target = unsafe target + row * shape.columns
      var column = 0
      while column < shape.columns {
        let end = min(column + Levels.segment, shape.columns)
        unsafe (target + column).update(from: source + column, count: end - column)
        var weights = unsafe allWeights + state.levels.row
        // Where each element's weight lies, but for the row's level. A change in this row alters the
        // level of its own column only, so these stay right for the columns behind it.
        for index in column..<end {
          unsafe places[index &- column] =
            UInt16(truncatingIfNeeded: source[index].exponentPlace(layout))
            &+ UInt16(columnLevels[index])
        }
        let place = unsafe places - column
        trust = max(trust, 2)
        while column < end {
          if let sum = unsafe GapModel.sum(weights, place + column, count: end &- column),
            sum <= left
          {
            left &-= sum
            column &+= GapModel.strideLength
            trust = min(trust &+ 1, 8)
            continue
          }
          // Where changes are many, strides fail too often to be worth trying.
          trust &-= 3
          let stop = trust > 0 ? min(column &+ GapModel.strideLength, end) : end
          while column < stop {
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
                state.gaps.settle(
                  next, before: next.distance &- left, weight: weight, with: &positions)
                rareCount &-= 1
                next =
                  rareCount > 0 ? state.gaps.decodeTarget(with: &positions) : GapModel.Target()
                left = next.distance
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
    var positions = RangeDecoder(parts.positions)
    var values = RangeDecoder(parts.values)
    var state = state(parts.header, &values)
    var moves = MoveDecoder(
      parts.moves, odds: state.odds, layout: layout, positions: parts.movePositions,
      values: RangeDecoder(parts.moveValues))
    let moveWeights = unsafe moves.weights
    var leftToMove = moves.distance
    let mantissaBitCount = layout.mantissaBitCount
    var rareCount = parts.header.rareCount
    var remaining = parts.header.rareCount + parts.header.likelyCount

    var next = GapModel.Target()
    if rareCount > 0 { next = state.gaps.decodeTarget(with: &positions) }
    var left = next.distance
    var noted = left
    let columnLevels = unsafe state.levels.columns.pointer
    let allWeights = unsafe state.weights.pointer
    for row in 0..<shape.rows {
      let source = unsafe source + row * shape.columns
      let target = unsafe target + row * shape.columns
      var column = 0
      while column < shape.columns {
        let end = min(column + Levels.segment, shape.columns)
        unsafe (target + column).update(from: source + column, count: end - column)
        var rowLevel = state.levels.row
        while column < end {
          let bits = unsafe source[column]
          let level = unsafe Int(columnLevels[column]) &+ rowLevel
          var exponent = bits.exponent(mantissaBitCount: mantissaBitCount)
          let moveWeight = unsafe moveWeights(bits, biasedLevel: level)
          leftToMove &-= moveWeight
          if leftToMove < 0 {
            exponent = moves.exponent(
              of: bits, biasedLevel: level, weight: moveWeight, left: &leftToMove,
              bases: state.odds)
          }
          let weight = unsafe allWeights[exponent << 6 &+ level]
          left &-= weight
          if left < 0 {
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
              state.gaps.settle(
                next, before: next.distance &- left, weight: weight, with: &positions)
              rareCount &-= 1
              next =
                rareCount > 0 ? state.gaps.decodeTarget(with: &positions) : GapModel.Target()
              left = next.distance
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
        state.levels.passed(weight: noted &- left)
        noted = left
        state.levels.refreshRow()
      }
      state.endRow()
    }
  }
}
