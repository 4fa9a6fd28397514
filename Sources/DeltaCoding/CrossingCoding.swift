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
  private let edges: EdgeTable

  init(_ shape: ChunkShape, _ format: FloatFormat) {
    self.shape = shape
    self.format = format
    edges = EdgeTable(format)
  }

  /// Of the levels: what one change weighs.
  private static let prior = 4

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

/// Which bytes of 8-bit floats lie at the edge of a binade, and their neighbours across it.
struct EdgeTable: Sendable {
  /// By byte: the exponent above the edge; 0 for bytes at none.
  private(set) var edges = [UInt8](repeating: 0, count: 256)
  /// By byte: the neighbour across the edge; the byte itself at none.
  private(set) var neighbours = (0...255).map { UInt8($0) }
  /// Edges are below this.
  let edgeCount: Int

  init(_ format: FloatFormat) {
    let layout = FloatLayout(format)
    edgeCount = layout.exponentCount
    for edge in 1..<edgeCount {
      for sign in [0, 0x80] {
        let upper = edge << layout.mantissaBitCount | sign
        for (byte, neighbour) in [(upper, upper - 1), (upper - 1, upper)] {
          edges[byte] = UInt8(edge)
          neighbours[byte] = UInt8(neighbour)
        }
      }
    }
  }
}

// MARK: - Encoding

extension CrossingCoding {
  /// Fewer crossings are not worth a table of their own.
  private static let leastCount = 4

  /// Codes the elements that cross, and makes them cross in `base`.
  ///
  /// - Returns: The chunk up to where the coding of what remains begins, and how many elements cross;
  ///   nil where these are few, `base` then being as it was.
  func encode(_ base: inout [UInt8], result: RawSpan) -> (bytes: [UInt8], count: Int)? {
    let neighbours = edges.neighbours
    var crosses = [Bool](repeating: false, count: base.count)
    var counts = [Int](repeating: 0, count: edges.edgeCount)
    var hits = counts
    var count = 0
    for index in base.indices {
      let edge = Int(edges.edges[Int(base[index])])
      counts[edge] += 1
      guard edge > 0, result[byteAt: index] == neighbours[Int(base[index])] else { continue }
      crosses[index] = true
      hits[edge] += 1
      count += 1
    }
    guard count >= Self.leastCount else { return nil }
    var values = RangeEncoder()
    var positions = RangeEncoder()
    var table = OddsTable(counts: counts, hits: hits)
    table.code(with: &values)
    var state = ValuePlane(table: table, columnCount: shape.columns, prior: Self.prior)
    var rareCount = 0
    // What elements weighed since the last rare one that crosses, and that when it was last noted.
    var passed: Int64 = 0
    var noted: Int64 = 0
    var remaining = count
    rows: for row in 0..<shape.rows {
      for column in 0..<shape.columns {
        let index = row * shape.columns + column
        let edge = Int(edges.edges[Int(base[index])])
        let weight = state.weight(class: edge, column: column)
        let isRare = weight != GapModel.likelyWeight
        let isHit =
          isRare
          ? crosses[index]
          : state.codeFlag(crosses[index], class: edge, column: column, with: &values)
        if isHit {
          state.levels.passed(weight: passed &- noted)
          if isRare {
            state.gaps.encode(before: passed, weight: weight, with: &positions)
            passed = 0
            rareCount += 1
          }
          noted = passed
          state.levels.hit(column: column)
          remaining -= 1
          if remaining == 0 { break rows }
        } else if isRare {
          passed &+= weight
        }
        if (column + 1).isMultiple(of: Levels.segment) || column + 1 == shape.columns {
          state.levels.passed(weight: passed &- noted)
          noted = passed
          state.levels.refreshRow()
        }
      }
      state.endRow()
    }
    for index in base.indices where crosses[index] { base[index] = neighbours[Int(base[index])] }
    let (positionBytes, valueBytes) = (positions.finish(), values.finish())
    var bytes = [Coding.crossings.rawValue]
    bytes.appendVariableLength(rareCount)
    bytes.appendVariableLength(count - rareCount)
    if rareCount > 0 { bytes.appendVariableLength(positionBytes.count) }
    bytes.appendVariableLength(valueBytes.count)
    if rareCount > 0 { bytes += positionBytes }
    return (bytes + valueBytes, count)
  }
}

// MARK: - Decoding

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
    var positions = RangeDecoder(parts.positions)
    var values = RangeDecoder(parts.values)
    var table = OddsTable(exponentCount: edges.edgeCount)
    table.code(with: &values)
    var state = ValuePlane(table: table, columnCount: shape.columns, prior: Self.prior)
    var rareCount = parts.rareCount
    var remaining = parts.rareCount + parts.likelyCount
    var next = GapModel.Target()
    if rareCount > 0 { next = state.gaps.decodeTarget(with: &positions) }
    // What elements may still weigh until the next that crosses, and that when it was last noted.
    var left = next.distance
    var noted = left
    let edgePlaces = UncheckedBuffer<UInt16>(repeating: 0, count: 256)
    for byte in 0..<256 { edgePlaces[byte] = UInt16(edges.edges[byte]) << 6 }
    let places = UncheckedBuffer<UInt16>(repeating: 0, count: Levels.segment)
    let columnLevels = unsafe state.levels.columns.pointer
    let allWeights = unsafe state.weights.pointer
    for row in 0..<shape.rows {
      let elements = unsafe elements + row * shape.columns
      var column = 0
      while column < shape.columns {
        let start = column
        let end = min(column + Levels.segment, shape.columns)
        for index in start..<end {
          places[index &- start] =
            unsafe edgePlaces[Int(elements[index])] &+ UInt16(columnLevels[index])
        }
        while column < end {
          let weights = unsafe allWeights + state.levels.row
          if let sum = unsafe GapModel.sum(
            weights, places.pointer + (column &- start), count: end &- column), sum <= left
          {
            left &-= sum
            column &+= GapModel.strideLength
            continue
          }
          let place = Int(places[column &- start])
          let weight = unsafe weights[place]
          guard weight > left else {
            left &-= weight
            column &+= 1
            continue
          }
          if weight == GapModel.likelyWeight {
            guard state.codeFlag(false, class: place >> 6, column: column, with: &values) else {
              column &+= 1
              continue
            }
            state.levels.passed(weight: noted &- left)
          } else {
            state.levels.passed(weight: noted &- left)
            state.gaps.settle(
              next, before: next.distance &- left, weight: weight, with: &positions)
            rareCount -= 1
            next = rareCount > 0 ? state.gaps.decodeTarget(with: &positions) : GapModel.Target()
            left = next.distance
          }
          noted = left
          state.levels.hit(column: column)
          unsafe elements[column] = edges.neighbours[Int(elements[column])]
          remaining -= 1
          if remaining == 0 { return }
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
