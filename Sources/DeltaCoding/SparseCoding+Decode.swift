internal import ByteIO

extension SparseCoding {
  func decode(
    _ parts: Parts, from input: RawSpan, into output: inout MutableRawSpan, direction: Direction
  ) {
    unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        switch layout.bitWidth {
        case 8:
          unsafe decode(
            parts, source.assumingMemoryBound(to: UInt8.self),
            target.assumingMemoryBound(to: UInt8.self), direction)
        case 16:
          unsafe decode(
            parts, source.assumingMemoryBound(to: UInt16.self),
            target.assumingMemoryBound(to: UInt16.self), direction)
        default:
          unsafe decode(
            parts, source.assumingMemoryBound(to: UInt32.self),
            target.assumingMemoryBound(to: UInt32.self), direction)
        }
      }
    }
  }

  private func state(_ header: Header, _ values: inout RangeDecoder) -> SparseState {
    var table = OddsTable(exponentCount: layout.exponentCount)
    table.code(with: &values)
    let leastBinades = Int(values.codeRaw(0, count: layout.exponentBitCount))
    return SparseState(
      header, odds: table, leastBinades: leastBinades, shape: shape, layout: layout)
  }

  /// - Precondition: Both pointers hold the shape's elements.
  @inline(__always)
  private func decode<Word: FixedWidthInteger & UnsignedInteger>(
    _ parts: Parts, _ source: UnsafePointer<Word>, _ target: UnsafeMutablePointer<Word>,
    _ direction: Direction
  ) {
    var flags = RangeDecoder(parts.flags)
    var crossings = RangeDecoder(parts.crossings)
    var values = RangeDecoder(parts.values)
    var state = state(parts.header, &values)
    var remaining = parts.header.rareCount + parts.header.likelyCount

    // What elements may weigh before the next change among unlikely ones, and that when last noted.
    var gaps = GapDecoder(parts.positions, count: parts.header.rareCount)
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
          let singles = trust.passStrides(in: column..<end) { first in
            let sum = unsafe SegmentPlaces.strideSum(weights, place + first)
            guard sum <= left else { return false }
            left &-= sum
            return true
          }
          column = singles.lowerBound
          while column < singles.upperBound {
            defer { column &+= 1 }
            let weight = unsafe weights[Int(place[column])]
            guard weight > left else {
              left &-= weight
              continue
            }
            if weight == GapModel.likelyWeight {
              let exponent = unsafe Int(place[column] >> 6)
              guard
                !state.decodeNoChange(exponent: exponent, column: column, with: &flags)
              else { continue }
            }
            let bits = unsafe source[column]
            let side = state.side(bits, column: column)
            let crosses =
              side.isLikely
              ? flags.isBelow(side.flagBounds(in: flags.width).crossing)
              : left < side.crossingWeight
            let step: ChangeStep =
              !crosses
              ? .within
              : crossings.isBelow(side.nearBound(in: crossings.width)) ? .near : .wide
            state.levels.passed(weight: noted &- left)
            let other = state.codeChange(
              of: bits, to: 0, step, column: column, direction: direction,
              with: &values)
            unsafe target[column] = other
            let otherSide = state.side(other, column: column)
            let change =
              direction == .apply
              ? SparseChange(step: step, base: side, result: otherSide)
              : SparseChange(step: step, base: otherSide, result: side)
            if let part = change.weights {
              left = gaps.settle(left: left, from: part.from, weight: part.width)
            }
            change.settle(flags: &flags, crossings: &crossings)
            noted = left
            state.learn(change, column: column)
            remaining &-= 1
            guard remaining > 0 else {
              let done = row * shape.columns + column + 1
              let rest = shape.elementCount - done
              unsafe (target + column + 1).update(from: source + column + 1, count: rest)
              return
            }
            unsafe weights = allWeights + state.levels.row
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
