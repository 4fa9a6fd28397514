internal import ByteIO

/// Coding 3: changes in quantised blocks one by one, scales, sub-scales and codes apart
/// (Formats/block-coding.md).
///
/// Where a value may change is told from its scale, which is coded before it, from its row and from
/// its column; never from the value itself, which the two directions see differently.
struct BlockCoding {
  let shape: ChunkShape
  let layout: BlockLayout

  init(_ shape: ChunkShape, _ format: BlockFormat) {
    self.shape = shape
    layout = format.layout
  }

  /// Of the levels: what half a change weighs.
  private static let prior = 3

  /// How many values of a plane change, after a gap and after a look.
  struct Counts {
    var rare = 0
    var likely = 0
    var total: Int { rare + likely }
  }

  /// A chunk cut into its parts.
  struct Parts {
    var counts: [Counts] = []
    /// By plane.
    var positions: [[UInt8]] = []
    var values: [UInt8] = []
  }

  /// Cuts a chunk from behind its coding id to its end.
  func parse(_ reader: inout ByteReader) throws(FormatError) -> Parts {
    let start = reader.position
    var parts = Parts()
    for plane in 0..<BlockLayout.planeCount {
      let counts = Counts(
        rare: try reader.readVariableLength(), likely: try reader.readVariableLength())
      let valueCount = shape.elementCount * layout.values(plane).count
      guard counts.rare <= valueCount, counts.likely <= valueCount - counts.rare else {
        throw .corrupt("more changes than values", at: start)
      }
      parts.counts.append(counts)
    }
    guard parts.counts.contains(where: { $0.total > 0 }) else {
      throw .corrupt("a chunk that changes nothing has no bytes", at: start)
    }
    var byteCounts: [Int] = []
    for counts in parts.counts {
      byteCounts.append(counts.rare > 0 ? try reader.readVariableLength() : 0)
    }
    for byteCount in byteCounts { parts.positions.append(try reader.readBytes(byteCount).array) }
    parts.values = try reader.readBytes(reader.remaining).array
    return parts
  }

  func encode(base: RawSpan, result: RawSpan) -> EncodedChunk {
    unsafe base.withUnsafeBytes { base in
      unsafe result.withUnsafeBytes { result in
        guard let base = base.baseAddress, let result = result.baseAddress else {
          return EncodedChunk(bytes: [], changedCount: 0)
        }
        return unsafe encode(
          base.assumingMemoryBound(to: UInt8.self), result.assumingMemoryBound(to: UInt8.self))
      }
    }
  }

  func decode(
    _ reader: inout ByteReader, from input: RawSpan, into output: inout MutableRawSpan,
    direction: Direction
  ) throws(FormatError) {
    let parts = try parse(&reader)
    unsafe output.withUnsafeMutableBytes { output in
      unsafe input.withUnsafeBytes { input in
        unsafe output.copyMemory(from: input)
        guard let input = input.baseAddress, let output = output.baseAddress else { return }
        unsafe decode(
          parts, input.assumingMemoryBound(to: UInt8.self),
          output.assumingMemoryBound(to: UInt8.self), direction)
      }
    }
  }
}

// MARK: - Encoding

extension BlockCoding {
  /// - Precondition: Both pointers hold the shape's blocks.
  private func encode(
    _ base: UnsafePointer<UInt8>, _ result: UnsafePointer<UInt8>
  ) -> EncodedChunk {
    let survey = unsafe BlockSurvey(shape, layout, base, result)
    guard survey.changedBlockCount > 0 else { return EncodedChunk(bytes: [], changedCount: 0) }
    var values = RangeEncoder()
    var counts = [Counts](repeating: Counts(), count: BlockLayout.planeCount)
    var positions: [[UInt8]] = []
    for plane in 0..<BlockLayout.planeCount {
      guard survey.hits[plane].contains(where: { $0 > 0 }) else {
        positions.append([])
        continue
      }
      var gaps = GapEncoder()
      counts[plane].likely = unsafe encode(plane, survey, base, result, &gaps, &values)
      counts[plane].rare = gaps.count
      positions.append(gaps.finish())
    }
    var bytes = [Coding.blocks.rawValue]
    for count in counts {
      bytes.appendVariableLength(count.rare)
      bytes.appendVariableLength(count.likely)
    }
    for (count, stream) in zip(counts, positions) where count.rare > 0 {
      bytes.appendVariableLength(stream.count)
    }
    for (count, stream) in zip(counts, positions) where count.rare > 0 { bytes += stream }
    bytes += values.finish()
    return EncodedChunk(
      bytes: bytes, changedCount: survey.changedBlockCount * shape.element.elementCount)
  }

  /// - Returns: how many values that are looked at change.
  private func encode(
    _ plane: Int, _ survey: BlockSurvey, _ base: UnsafePointer<UInt8>,
    _ result: UnsafePointer<UInt8>, _ gaps: inout GapEncoder, _ values: inout RangeEncoder
  ) -> Int {
    var likelyCount = 0
    var table = OddsTable(counts: survey.counts[plane], hits: survey.hits[plane])
    table.code(with: &values)
    let places = layout.values(plane)
    var state = ValuePlane(
      table: table, columnCount: shape.columns * places.count, prior: Self.prior)
    var remaining = survey.hits[plane].reduce(0, +)
    let groupCount = layout.groupCount(plane)
    let classes = UncheckedBuffer<Int>(repeating: 0, count: groupCount)
    let groupSize = places.count / groupCount
    var passed: Int64 = 0
    var noted: Int64 = 0
    let weights = unsafe state.weights.pointer
    let columnLevels = unsafe state.levels.columns.pointer
    for row in 0..<shape.rows {
      var column = 0
      for index in row * shape.columns..<(row + 1) * shape.columns {
        let base = unsafe base + index * layout.byteCount
        let result = unsafe result + index * layout.byteCount
        unsafe layout.classify(plane, base: base, result: result, into: classes.pointer)
        let isChanged = survey.changes(index)
        for place in 0..<places.count {
          let group = groupSize > 0 ? min(place / groupSize, groupCount - 1) : 0
          let level = unsafe state.levels.row + Int(columnLevels[column])
          let weight = unsafe weights[classes[group] << 6 + level]
          let before = unsafe isChanged ? places[place].read(base) : 0
          let after = unsafe isChanged ? places[place].read(result) : 0
          if weight == GapModel.likelyWeight {
            if state.codeFlag(
              before != after, class: classes[group], column: column, with: &values)
            {
              likelyCount += 1
            }
          } else if before != after {
            state.levels.passed(weight: passed &- noted)
            gaps.encode(before: passed, weight: weight)
            passed = 0
            noted = 0
          } else {
            passed &+= weight
          }
          if before != after {
            state.levels.passed(weight: passed &- noted)
            noted = passed
            _ = state.codeChange(
              after - before, class: classes[group], column: column, with: &values)
            remaining -= 1
            if remaining == 0 { return likelyCount }
          }
          column += 1
        }
        state.levels.passed(weight: passed &- noted)
        noted = passed
        state.levels.refreshRow()
      }
      state.endRow()
    }
    return likelyCount
  }
}

// MARK: - Decoding

extension BlockCoding {
  /// - Precondition: Both pointers hold the shape's blocks, `output` a copy of `input`.
  private func decode(
    _ parts: Parts, _ input: UnsafePointer<UInt8>, _ output: UnsafeMutablePointer<UInt8>,
    _ direction: Direction
  ) {
    var values = RangeDecoder(parts.values)
    for plane in 0..<BlockLayout.planeCount where parts.counts[plane].total > 0 {
      unsafe decode(
        plane, parts.counts[plane], parts.positions[plane], input, output, direction, &values)
    }
  }

  private func decode(
    _ plane: Int, _ counts: Counts, _ stream: [UInt8], _ input: UnsafePointer<UInt8>,
    _ output: UnsafeMutablePointer<UInt8>, _ direction: Direction, _ values: inout RangeDecoder
  ) {
    var table = OddsTable(exponentCount: BlockLayout.classCount)
    table.code(with: &values)
    let places = layout.values(plane)
    var state = ValuePlane(
      table: table, columnCount: shape.columns * places.count, prior: Self.prior)
    var gaps = GapDecoder(stream, count: counts.rare)
    var remaining = counts.total
    let groupCount = layout.groupCount(plane)
    let classes = UncheckedBuffer<Int>(repeating: 0, count: groupCount)
    let groupSize = places.count / groupCount
    // What values may still weigh until the next change, and that when it was last noted.
    var left = gaps.distance
    var noted = left
    let weights = unsafe state.weights.pointer
    let columnLevels = unsafe state.levels.columns.pointer
    for row in 0..<shape.rows {
      var column = 0
      for index in row * shape.columns..<(row + 1) * shape.columns {
        let input = unsafe input + index * layout.byteCount
        let output = unsafe output + index * layout.byteCount
        if direction == .apply {
          unsafe layout.classify(plane, base: input, result: output, into: classes.pointer)
        } else {
          unsafe layout.classify(plane, base: output, result: input, into: classes.pointer)
        }
        for group in 0..<groupCount {
          let end = group + 1 < groupCount ? (group + 1) * groupSize : places.count
          for place in group * groupSize..<end {
            let level = unsafe state.levels.row + Int(columnLevels[column])
            let weight = unsafe weights[classes[group] << 6 + level]
            left &-= weight
            guard left < 0 else {
              column += 1
              continue
            }
            left &+= weight
            if weight == GapModel.likelyWeight {
              guard state.codeFlag(false, class: classes[group], column: column, with: &values)
              else {
                column += 1
                continue
              }
              state.levels.passed(weight: noted &- left)
            } else {
              state.levels.passed(weight: noted &- left)
              left = gaps.settle(left: left, weight: weight)
            }
            noted = left
            let difference = state.codeChange(
              0, class: classes[group], column: column, with: &values)
            let value = unsafe places[place].read(input)
            unsafe places[place].write(
              direction == .apply ? value + difference : value - difference, to: output)
            remaining -= 1
            if remaining == 0 { return }
            column += 1
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
