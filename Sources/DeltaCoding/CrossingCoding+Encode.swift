internal import ByteIO

extension CrossingCoding {
  /// Fewer crossings are not worth a table of their own.
  private static let leastCount = 4

  /// Codes the elements that cross.
  ///
  /// - Returns: The chunk up to where the coding of what remains begins, and what becomes of `base`; nil
  ///   where few cross.
  func encode(base: RawSpan, result: RawSpan) -> (chunk: EncodedChunk, crossed: [UInt8])? {
    let survey = CrossingSurvey(base: base, result: result, edges)
    guard survey.count >= Self.leastCount else { return nil }
    let chunk = unsafe base.withUnsafeBytes { base in
      unsafe survey.crossed.withUnsafeBufferPointer { crossed in
        guard let base = base.baseAddress, let crossed = crossed.baseAddress else {
          return EncodedChunk(bytes: [], changedCount: 0)
        }
        return unsafe encode(base.assumingMemoryBound(to: UInt8.self), crossed, survey)
      }
    }
    return (chunk, survey.crossed)
  }

  /// - Precondition: Both pointers hold the shape's elements.
  private func encode(
    _ base: UnsafePointer<UInt8>, _ crossed: UnsafePointer<UInt8>, _ survey: CrossingSurvey
  ) -> EncodedChunk {
    var values = RangeEncoder()
    var gaps = GapEncoder()
    var table = OddsTable(counts: survey.counts, hits: survey.hits)
    table.code(with: &values)
    var state = state(table)
    // What elements weighed since the last rare one that crosses, and that when it was last noted.
    var passed: Int64 = 0
    var noted: Int64 = 0
    var remaining = survey.count
    let segmentPlaces = SegmentPlaces()
    var trust = StrideTrust()
    let columnLevels = unsafe state.levels.columns.pointer
    let allWeights = unsafe state.weights.pointer
    rows: for row in 0..<shape.rows {
      let base = unsafe base + row * shape.columns
      let crossed = unsafe crossed + row * shape.columns
      var column = 0
      while column < shape.columns {
        let start = column
        let end = min(start + Levels.segment, shape.columns)
        unsafe segmentPlaces.fill(
          base + start, levels: columnLevels + start, count: end - start
        ) {
          edges.place($0)
        }
        let places = unsafe segmentPlaces.pointer - start
        trust.startSegment()
        while column < end {
          let weights = unsafe allWeights + state.levels.row
          column = unsafe SegmentPlaces.firstNotable(
            base, crossed, weights: weights, places: places, in: column..<end, passed: &passed,
            &trust)
          guard column < end else { break }
          let place = unsafe Int(places[column])
          let weight = unsafe weights[place]
          if weight == GapModel.likelyWeight {
            let crosses = unsafe base[column] != crossed[column]
            guard state.codeFlag(crosses, class: place >> 6, column: column, with: &values) else {
              column &+= 1
              continue
            }
            state.levels.passed(weight: passed &- noted)
          } else {
            state.levels.passed(weight: passed &- noted)
            gaps.encode(before: passed, weight: weight)
            passed = 0
          }
          noted = passed
          state.levels.hit(column: column)
          remaining -= 1
          if remaining == 0 { break rows }
          column &+= 1
        }
        state.levels.passed(weight: passed &- noted)
        noted = passed
        state.levels.refreshRow()
      }
      state.endRow()
    }
    let rareCount = gaps.count
    let (positionBytes, valueBytes) = (gaps.finish(), values.finish())
    var bytes = [Coding.crossings.rawValue]
    bytes.appendVariableLength(rareCount)
    bytes.appendVariableLength(survey.count - rareCount)
    if rareCount > 0 { bytes.appendVariableLength(positionBytes.count) }
    bytes.appendVariableLength(valueBytes.count)
    if rareCount > 0 { bytes += positionBytes }
    return EncodedChunk(bytes: bytes + valueBytes, changedCount: survey.count)
  }
}

/// What an encoder counts before it codes crossings.
struct CrossingSurvey {
  /// Elements by the edge they are at, and those of them that cross.
  private(set) var counts: [Int]
  private(set) var hits: [Int]
  private(set) var count = 0
  /// The base once they have crossed.
  private(set) var crossed: [UInt8]

  /// - Precondition: Both spans are as long.
  init(base: RawSpan, result: RawSpan, _ edges: EdgeTable) {
    counts = [Int](repeating: 0, count: edges.edgeCount)
    hits = counts
    crossed = []
    var elements = base.array
    unsafe elements.withUnsafeMutableBufferPointer { elements in
      unsafe result.withUnsafeBytes { result in
        guard let elements = elements.baseAddress, let result = result.baseAddress else { return }
        unsafe cross(elements, result.assumingMemoryBound(to: UInt8.self), base.byteCount, edges)
      }
    }
    crossed = elements
  }

  /// - Precondition: Both pointers hold `byteCount` elements.
  private mutating func cross(
    _ base: UnsafeMutablePointer<UInt8>, _ result: UnsafePointer<UInt8>, _ byteCount: Int,
    _ edges: EdgeTable
  ) {
    // As many histograms as a stride has elements, as neighbours are often the same.
    let lanes = UncheckedBuffer<UInt32>(repeating: 0, count: SegmentPlaces.strideLength << 8)
    let lane = unsafe lanes.pointer
    for start in stride(from: 0, to: byteCount, by: SegmentPlaces.strideLength) {
      let isWhole = start + SegmentPlaces.strideLength <= byteCount
      let stop = isWhole ? start &+ SegmentPlaces.strideLength : byteCount
      for index in start..<stop {
        let place = unsafe (index &- start) << 8 | Int(base[index])
        unsafe lane[place] &+= 1
      }
      guard unsafe !isWhole || SegmentPlaces.stridesDiffer(base + start, result + start) else {
        continue
      }
      for index in start..<stop where unsafe base[index] != result[index] {
        let (before, after) = unsafe (base[index], result[index])
        let edge = Int(edges.place(before) >> 6)
        guard edge > 0, after == edges.neighbours[Int(before)] else { continue }
        unsafe base[index] = after
        hits[edge] += 1
        count += 1
      }
    }
    for place in 0..<lanes.count {
      counts[Int(edges.place(UInt8(place & 255)) >> 6)] += Int(lanes[place])
    }
  }
}
