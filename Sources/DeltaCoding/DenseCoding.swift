internal import ByteIO

/// Coding 2: every element's delta, by a token whose frequencies the base's exponent selects, and
/// raw bits.
///
/// For chunks where most elements change (Formats/delta-coding.md, "Coding 2").
struct DenseCoding {
  let shape: ChunkShape
  let layout: FloatLayout

  init(_ shape: ChunkShape, _ format: FloatFormat) {
    self.shape = shape
    layout = FloatLayout(format)
  }

  /// A chunk cut into its parts.
  struct Parts {
    var shifts = ShiftTable()
    var moves = MoveCounts()
    var model: [UInt8] = []
    var tokens: [UInt8] = []
    var bits: [UInt8] = []
    var movePositions: [UInt8] = []
    var moveValues: [UInt8] = []

    var streamByteCount: Int {
      model.count + tokens.count + bits.count + movePositions.count + moveValues.count
    }
  }

  /// Cuts a chunk from behind its first byte to its end.
  func parse(
    _ reader: inout ByteReader, _ fields: OptionalFields
  ) throws(FormatError) -> Parts {
    var parts = Parts()
    if fields.contains(.moves) {
      parts.moves = try MoveCounts(parsing: &reader, elementCount: shape.elementCount)
    }
    if fields.contains(.shifts) {
      parts.shifts = try ShiftTable(parsing: &reader, layout: layout)
    }
    let modelByteCount = try reader.readVariableLength()
    let tokensByteCount = try reader.readVariableLength()
    let bitsByteCount = fields.contains(.moves) ? try reader.readVariableLength() : nil
    let movePositionsByteCount = parts.moves.rare > 0 ? try reader.readVariableLength() : 0
    parts.model = try reader.readBytes(modelByteCount).array
    parts.tokens = try reader.readBytes(tokensByteCount).array
    parts.bits = try reader.readBytes(bitsByteCount ?? reader.remaining).array
    parts.movePositions = try reader.readBytes(movePositionsByteCount).array
    parts.moveValues = try reader.readBytes(reader.remaining).array
    return parts
  }

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
    _ shiftTable: ShiftTable
  ) -> EncodedChunk {
    let count = shape.elementCount
    let mantissaBitCount = layout.mantissaBitCount
    let shifts = shiftTable.buffer(layout)
    let counts = UncheckedBuffer<Int>(repeating: 0, count: layout.exponentCount << 7)
    let tokens = UncheckedBuffer<UInt8>(repeating: 0, count: count)
    var bits = BitWriter(elementCount: count)
    for index in 0..<count {
      let before = unsafe base[index]
      let exponent = before.exponent(mantissaBitCount: mantissaBitCount)
      let rises = unsafe result[index].ordinal &- before.ordinal
      let falls = rises >> Word(Word.bitWidth - 1) == 1
      let magnitude =
        UInt32(truncatingIfNeeded: falls ? 0 &- rises : rises) >> UInt32(shifts[exponent])
      let token = Token.token(of: magnitude)
      tokens[index] = UInt8(truncatingIfNeeded: token)
      counts[exponent << 7 | token] += 1
      guard magnitude > 0 else { continue }
      let rawBitCount = Token.rawBitCount(token)
      // At most 30 bits of the magnitude are raw.
      let raw = magnitude & (1 << UInt32(rawBitCount) - 1)
      bits.append(raw << 1 | (falls ? 1 : 0), count: rawBitCount + 1)
    }
    var model = TokenModel(
      counts: (0..<layout.exponentCount).map { exponent in
        (0..<Token.count).map { counts[exponent << 7 | $0] }
      })
    var modelCoder = RangeEncoder()
    model.code(with: &modelCoder)
    var encoder = TokenEncoder(model, elementCount: count)
    for index in stride(from: count - 1, through: 0, by: -1) {
      let exponent = unsafe base[index].exponent(mantissaBitCount: mantissaBitCount)
      encoder.prepend(Int(tokens[index]), table: Int(model.tables[exponent]), index: index)
    }
    var bases = OddsTable(counts: survey.counts, hits: survey.hits, sizes: survey.sizes)
    var moveValues = RangeEncoder()
    if survey.movedCount > 0 { bases.code(with: &moveValues) }
    var moves = MoveEncoder(
      count: survey.movedCount, odds: bases, layout: layout, values: moveValues)
    for index in 0..<count {
      unsafe moves.encode(base[index], result[index], bases: bases)
    }
    let moved = moves.finish()
    var fields: OptionalFields = []
    var streams = [modelCoder.finish(), encoder.finish(), bits.finish()]
    if moved.counts.total > 0 {
      fields.insert(.moves)
      if moved.counts.rare > 0 { streams.append(moved.positions) }
      streams.append(moved.values)
    }
    if shiftTable != ShiftTable() { fields.insert(.shifts) }
    var bytes = [Coding.dense.rawValue | fields.rawValue]
    if fields.contains(.moves) { moved.counts.write(to: &bytes) }
    if fields.contains(.shifts) { shiftTable.write(to: &bytes) }
    for stream in streams.dropLast() { bytes.appendVariableLength(stream.count) }
    for stream in streams { bytes += stream }
    return EncodedChunk(bytes: bytes, changedCount: survey.changedCount)
  }

  func decode(
    _ reader: inout ByteReader, _ fields: OptionalFields, from input: RawSpan,
    into output: inout MutableRawSpan, direction: Direction
  ) throws(FormatError) {
    let parts = try parse(&reader, fields)
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

  /// - Precondition: Both pointers hold the shape's elements.
  @inline(__always)
  private func decode<Word: FixedWidthInteger & UnsignedInteger>(
    _ parts: Parts, _ source: UnsafePointer<Word>, _ target: UnsafeMutablePointer<Word>,
    _ direction: Direction
  ) {
    var modelCoder = RangeDecoder(parts.model)
    var model = TokenModel(exponentCount: layout.exponentCount)
    model.code(with: &modelCoder)
    var tokens = TokenDecoder(parts.tokens, model)
    var bits = BitReader(parts.bits)
    let mantissaBitCount = layout.mantissaBitCount
    let shifts = parts.shifts.buffer(layout)
    let firsts = UncheckedBuffer<UInt32>(repeating: 0, count: 128)
    let rawBitCounts = UncheckedBuffer<UInt8>(repeating: 0, count: 128)
    for token in 0..<Token.count {
      firsts[token] = Token.first(token)
      rawBitCounts[token] = UInt8(Token.rawBitCount(token))
    }
    let strips = direction == .strip && parts.moves.total > 0
    var bases = OddsTable(exponentCount: layout.exponentCount)
    var moveValues = RangeDecoder(parts.moveValues)
    if strips { bases.code(with: &moveValues) }
    var moves = MoveDecoder(
      strips ? parts.moves : MoveCounts(), odds: bases, layout: layout,
      positions: parts.movePositions, values: moveValues)
    let sign: Word = direction == .apply ? 0 : .max
    for index in 0..<shape.elementCount {
      let word = unsafe source[index]
      let exponent =
        strips
        ? moves.exponent(of: word, bases: bases)
        : word.exponent(mantissaBitCount: mantissaBitCount)
      let token = tokens.next(table: Int(model.tables[exponent]))
      guard token > 0 else {
        unsafe target[index] = word
        continue
      }
      let count = Int(rawBitCounts[token]) &+ 1
      let raw = bits.read(count)
      let magnitude = (firsts[token] &+ raw >> 1) &<< UInt32(shifts[exponent])
      let negative = (0 &- Word(truncatingIfNeeded: raw & 1)) ^ sign
      let delta = (Word(truncatingIfNeeded: magnitude) ^ negative) &- negative
      unsafe target[index] = (word.ordinal &+ delta).floatBits
    }
  }
}
