internal import ByteIO

/// Coding 5: changes in words that are made of codes of a few bits, as quantised models have them.
///
/// Most of these change few of their codes. How wide codes are, which way they run and whether they
/// are floats is found by trying, and the chunk says it (Formats/delta-coding.md, "Coding 5").
struct PackedCoding {
  let shape: ChunkShape
  private let byteWidth: Int

  /// - Returns: nil of words that no code is packed in.
  init?(_ shape: ChunkShape) {
    guard case .word(let byteWidth) = shape.element, byteWidth == 1 || byteWidth == 4 else {
      return nil
    }
    self.shape = shape
    self.byteWidth = byteWidth
  }

  /// A chunk cut into its parts.
  struct Parts {
    var layout: PackedLayout
    /// Codes of ``Levels``: row in the lower half, column in the upper.
    var priors: UInt8 = Levels.noPriors
    var count = 0
    var changes: [UInt8] = []
  }

  /// Cuts a chunk from behind its first byte to its end.
  func parse(
    _ reader: inout ByteReader, _ fields: OptionalFields
  ) throws(FormatError) -> Parts {
    let start = reader.position
    guard
      let layout = PackedLayout(
        parsing: try reader.read(UInt8.self), shape, byteWidth: byteWidth)
    else {
      throw .corrupt("codes that do not fill the elements", at: start)
    }
    var parts = Parts(layout: layout)
    if fields.contains(.levels) { parts.priors = try reader.read(UInt8.self) }
    parts.count = try reader.readVariableLength()
    guard parts.count > 0, parts.count <= layout.codeCount else {
      throw .corrupt("\(parts.count) changes of \(layout.codeCount) codes", at: start)
    }
    parts.changes = try reader.readBytes(reader.remaining).array
    return parts
  }
}

// MARK: - Encoding

extension PackedCoding {
  /// A code that changes: its number, row by row, and by how much.
  private struct Change {
    var number: Int32
    var difference: Int32
  }

  /// - Returns: nil where so much changes that bytes as they are may take less.
  func encode(base: RawSpan, result: RawSpan) -> EncodedChunk? {
    let changed = changedBytes(base, result)
    guard changed.count <= shape.byteCount / 16 + 16 else { return nil }
    // Changes are found anew where they are coded: those of all layouts may take ten times the chunk.
    let tried = [2, 3, 4, 5, 6, 8].compactMap { bitWidth in
      [false, true].compactMap {
        PackedLayout(shape, byteWidth: byteWidth, bitWidth: bitWidth, isFloat: $0)
      }
      .map { ($0, estimate(base, result, changed, $0)) }.min { $0.1 < $1.1 }
    }
    guard let least = tried.map(\.1).min() else { return nil }
    // Which way codes run, no estimate tells.
    let best = tried.filter { $0.1 < 1.1 * least }
      .flatMap { across, _ in
        let down = PackedLayout(
          shape, byteWidth: byteWidth, bitWidth: across.bitWidth, isFloat: across.isFloat,
          isDownward: true)
        return [across, down].compactMap(\.self)
      }
      .map { encode(changes(base, result, changed, $0), $0) }
      .min { $0.count < $1.count }
    guard let best, best.count < shape.byteCount / 4 + 16 else { return nil }
    var words = 0
    var last = -1
    for byte in changed where byte / byteWidth != last {
      last = byte / byteWidth
      words += 1
    }
    return EncodedChunk(bytes: best, changedCount: words)
  }

  private func changedBytes(_ base: RawSpan, _ result: RawSpan) -> [Int] {
    var changed: [Int] = []
    let stride = 64
    for start in Swift.stride(from: 0, to: shape.byteCount, by: stride) {
      let range = start..<min(start + stride, shape.byteCount)
      guard !base.extracting(range).hasSameBytes(as: result.extracting(range)) else { continue }
      for byte in range where base[byteAt: byte] != result[byteAt: byte] { changed.append(byte) }
    }
    return changed
  }

  /// Calls `body` with each code that changes: where it begins, and by how much it does.
  private func forEachChange(
    _ base: RawSpan, _ result: RawSpan, _ bytes: [Int], _ layout: PackedLayout,
    _ body: (_ bit: Int, _ difference: Int) -> Void
  ) {
    let width = layout.bitWidth
    var last = -1
    for byte in bytes {
      var bit = 8 * byte / width * width
      while bit < 8 * byte + 8 {
        let (before, after) = (
          base.code(atBit: bit, bitWidth: width), result.code(atBit: bit, bitWidth: width)
        )
        // A code may begin in the byte before.
        if before != after, bit > last {
          body(bit, layout.difference(from: before, to: after))
          last = bit
        }
        bit += width
      }
    }
  }

  /// The codes that change, in order.
  private func changes(
    _ base: RawSpan, _ result: RawSpan, _ bytes: [Int], _ layout: PackedLayout
  ) -> [Change] {
    var changes: [Change] = []
    forEachChange(base, result, bytes, layout) { bit, difference in
      changes.append(
        Change(number: Int32(layout.code(atBit: bit)), difference: Int32(difference)))
    }
    if layout.isDownward { changes.sort { $0.number < $1.number } }
    return changes
  }

  /// About how many bits it takes to code what changes.
  private func estimate(
    _ base: RawSpan, _ result: RawSpan, _ bytes: [Int], _ layout: PackedLayout
  ) -> Double {
    var (count, bitCount) = (0, 0)
    forEachChange(base, result, bytes, layout) { _, difference in
      count += 1
      bitCount += Int.bitWidth - abs(difference).leadingZeroBitCount
    }
    let places = LogScale.eighths(UInt64(layout.codeCount)) - LogScale.eighths(UInt64(count))
    return Double(count * places) / 8 + Double(2 * bitCount)
  }

  private func encode(_ changes: [Change], _ layout: PackedLayout) -> [UInt8] {
    let priors = Self.priors(changes, layout)
    var state = PackedState(layout, priors: priors, count: changes.count)
    var coder = RangeEncoder()
    for change in changes {
      let passed = state.pass(upTo: Int(change.number))
      let weight = state.weight
      state.gaps.encode(before: passed, weight: weight, with: &coder)
      _ = state.codeChange(Int(change.difference), with: &coder)
    }
    var bytes = [
      Coding.packed.rawValue | (priors == Levels.noPriors ? [] : OptionalFields.levels).rawValue
    ]
    bytes.append(layout.byte)
    if priors != Levels.noPriors { bytes.append(priors) }
    bytes.appendVariableLength(changes.count)
    return bytes + coder.finish()
  }

  /// The priors' codes, by how much more rows and columns differ than by chance.
  private static func priors(_ changes: [Change], _ layout: PackedLayout) -> UInt8 {
    func prior(_ count: Int, _ place: (Change) -> Int) -> Int {
      guard count > 1, count <= Levels.mostColumns else { return 15 }
      var found = [Int32](repeating: 0, count: count)
      for change in changes { found[place(change)] += 1 }
      let mean = Float(changes.count) / Float(count)
      var squares = mean * mean * Float(found.count { $0 == 0 })
      for hits in found where hits > 0 {
        squares += (Float(hits) - mean) * (Float(hits) - mean)
      }
      return DispersionSurvey.prior(squares, mean * mean * Float(count), Float(changes.count))
    }
    let rows = prior(layout.rows) { Int($0.number) / layout.columns }
    let columns = layout.rows > 1 ? prior(layout.columns) { Int($0.number) % layout.columns } : 15
    return UInt8(rows | columns << 4)
  }
}

// MARK: - Decoding

extension PackedCoding {
  func decode(
    _ reader: inout ByteReader, _ fields: OptionalFields, from input: RawSpan,
    into output: inout MutableRawSpan, direction: Direction
  ) throws(FormatError) {
    let parts = try parse(&reader, fields)
    unsafe output.withUnsafeMutableBytes { out in
      unsafe input.withUnsafeBytes { unsafe out.copyMemory(from: $0) }
    }
    let layout = parts.layout
    var state = PackedState(layout, priors: parts.priors, count: parts.count)
    var coder = RangeDecoder(parts.changes)
    for _ in 0..<parts.count {
      let next = state.gaps.decodeTarget(with: &coder)
      guard let passed = state.pass(weighing: next.distance) else { return }
      state.gaps.settle(next, before: passed, weight: state.weight, with: &coder)
      let bit = layout.bit(row: state.row, column: state.column)
      let difference = state.codeChange(0, with: &coder)
      let code = input.code(atBit: bit, bitWidth: layout.bitWidth)
      output.setCode(
        layout.adding(direction == .apply ? difference : -difference, to: code), atBit: bit,
        bitWidth: layout.bitWidth)
    }
  }
}
