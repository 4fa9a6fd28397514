internal import ByteIO

/// Coding 4: elements of 8-bit floats that go to the neighbour in the next binade, and how what
/// remains is coded (Formats/delta-coding.md, "Coding 4").
///
/// One change in eight or four crosses the edge of a binade where mantissas have three bits or two.
/// Both neighbours name the edge, so that these elements are told once for both directions. Crossing
/// twice leads back, so strip does the same as apply.
struct CrossingCoding {
  let shape: ChunkShape
  let format: FloatFormat
  let edges: EdgeTable

  init(_ shape: ChunkShape, _ format: FloatFormat) {
    self.shape = shape
    self.format = format
    edges = EdgeTable(format)
  }

  /// Of the levels: what one change weighs.
  private static let prior = 4

  /// What both sides know, given odds by edge.
  func state(_ odds: consuming OddsTable) -> ValuePlane {
    let state = ValuePlane(table: odds, columnCount: shape.columns, prior: Self.prior)
    // Elements at no edge never cross, whatever the table says of 0.
    for level in 0..<64 { state.weights[level] = 0 }
    return state
  }

  /// A chunk cut into its parts.
  struct Parts {
    var rareCount = 0
    var likelyCount = 0
    var positions: [UInt8] = []
    var values: [UInt8] = []
    /// The coded chunk of what remains, and where it starts.
    var rest: [UInt8] = []
    var restStart = 0
  }

  /// Cuts a chunk from behind its first byte to its end.
  func parse(_ reader: inout ByteReader) throws(FormatError) -> Parts {
    let start = reader.position
    var parts = Parts()
    parts.rareCount = try reader.readVariableLength()
    parts.likelyCount = try reader.readVariableLength()
    guard parts.rareCount <= shape.elementCount,
      parts.likelyCount <= shape.elementCount - parts.rareCount
    else {
      throw .corrupt("more crossings than elements", at: start)
    }
    guard parts.rareCount + parts.likelyCount > 0 else {
      throw .corrupt("a chunk of crossings has some", at: start)
    }
    let positionsByteCount = parts.rareCount > 0 ? try reader.readVariableLength() : 0
    let valuesByteCount = try reader.readVariableLength()
    parts.positions = try reader.readBytes(positionsByteCount).array
    parts.values = try reader.readBytes(valuesByteCount).array
    parts.restStart = reader.position
    parts.rest = try reader.readBytes(reader.remaining).array
    // They would recur as often as a patch likes.
    guard parts.rest.first != Coding.crossings.rawValue else {
      throw .corrupt("crossings within crossings", at: parts.restStart)
    }
    return parts
  }
}

extension CrossingCoding {
  /// Makes the elements cross that do.
  ///
  /// - Precondition: `elements` has the chunk's length.
  func cross(_ elements: inout MutableRawSpan, _ parts: Parts) {
    precondition(elements.byteCount == shape.byteCount)
    unsafe elements.withUnsafeMutableBytes { elements in
      guard let elements = elements.baseAddress else { return }
      unsafe cross(elements.assumingMemoryBound(to: UInt8.self), parts)
    }
  }

  /// - Precondition: There are as many elements as the shape says.
  private func cross(_ elements: UnsafeMutablePointer<UInt8>, _ parts: Parts) {
    var values = RangeDecoder(parts.values)
    var table = OddsTable(exponentCount: edges.edgeCount)
    table.code(with: &values)
    var state = state(table)
    var remaining = parts.rareCount + parts.likelyCount
    var gaps = GapDecoder(parts.positions, count: parts.rareCount)
    // What elements may still weigh until the next that crosses, and that when it was last noted.
    var left = gaps.distance
    var noted = left
    let segmentPlaces = SegmentPlaces()
    var trust = StrideTrust()
    let places = unsafe segmentPlaces.pointer
    let columnLevels = unsafe state.levels.columns.pointer
    let allWeights = unsafe state.weights.pointer
    for row in 0..<shape.rows {
      let elements = unsafe elements + row * shape.columns
      var column = 0
      while column < shape.columns {
        let start = column
        let end = min(column + Levels.segment, shape.columns)
        unsafe segmentPlaces.fill(
          elements + start, levels: columnLevels + start, count: end - start
        ) {
          edges.place($0)
        }
        let place = unsafe places - start
        var weights = unsafe allWeights + state.levels.row
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
            defer { column &+= 1 }
            let weight = unsafe weights[Int(place[column])]
            guard weight > left else {
              left &-= weight
              continue
            }
            if weight == GapModel.likelyWeight {
              let edge = unsafe Int(place[column] >> 6)
              guard state.codeFlag(false, class: edge, column: column, with: &values) else {
                continue
              }
              state.levels.passed(weight: noted &- left)
            } else {
              state.levels.passed(weight: noted &- left)
              left = gaps.settle(left: left, weight: weight)
            }
            noted = left
            state.levels.hit(column: column)
            unsafe elements[column] = edges.neighbours[Int(elements[column])]
            remaining -= 1
            if remaining == 0 { return }
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
