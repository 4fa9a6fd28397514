internal import ByteIO

/// Coding 6: changes one by one, each by its distance from the one before and its size, given what
/// exponents, the row and the column say; in bits that are read alike in both directions.
///
/// Formats/delta-coding.md, "Coding 6".
struct SparseCoding {
  let shape: ChunkShape
  let layout: FloatLayout

  init(_ shape: ChunkShape, _ format: FloatFormat) {
    self.shape = shape
    layout = FloatLayout(format)
  }

  /// What a chunk says before its streams.
  struct Header {
    /// Codes of ``Levels``: row in the lower half, column in the upper.
    var priors: UInt8 = Levels.noPriors
    /// Changes told by gaps: either side was unlikely to change.
    var rareCount = 0
    /// Changes told by flags alone: both sides were looked at.
    var likelyCount = 0
    var shifts = ShiftTable()
  }

  /// A chunk cut into its parts.
  struct Parts {
    var header = Header()
    var positions: [UInt8] = []
    var flags: [UInt8] = []
    var crossings: [UInt8] = []
    var values: [UInt8] = []

    /// The bytes that say which elements change, and those that say how.
    var positionByteCount: Int { positions.count + flags.count }
    var valueByteCount: Int { crossings.count + values.count }

    /// The chunk.
    var bytes: [UInt8] {
      var fields: OptionalFields = []
      if header.priors != Levels.noPriors { fields.insert(.levels) }
      if header.shifts != ShiftTable() { fields.insert(.shifts) }
      if !flags.isEmpty { fields.insert(.flags) }
      if !crossings.isEmpty { fields.insert(.crossings) }
      var bytes = [Coding.sparse.rawValue | fields.rawValue]
      if fields.contains(.levels) { bytes.append(header.priors) }
      bytes.appendVariableLength(header.rareCount)
      bytes.appendVariableLength(header.likelyCount)
      if fields.contains(.shifts) { header.shifts.write(to: &bytes) }
      if header.rareCount > 0 { bytes.appendVariableLength(positions.count) }
      if fields.contains(.flags) { bytes.appendVariableLength(flags.count) }
      if fields.contains(.crossings) { bytes.appendVariableLength(crossings.count) }
      return bytes + positions + flags + crossings + values
    }
  }

  /// Cuts a chunk from behind its first byte to its end.
  func parse(
    _ reader: inout ByteReader, _ fields: OptionalFields
  ) throws(FormatError) -> Parts {
    let start = reader.position
    var parts = Parts()
    if fields.contains(.levels) { parts.header.priors = try reader.read(UInt8.self) }
    parts.header.rareCount = try reader.readVariableLength()
    parts.header.likelyCount = try reader.readVariableLength()
    if fields.contains(.shifts) {
      parts.header.shifts = try ShiftTable(parsing: &reader, layout: layout)
    }
    guard
      parts.header.rareCount <= shape.elementCount,
      parts.header.likelyCount <= shape.elementCount - parts.header.rareCount
    else {
      throw .corrupt("more changes than elements", at: start)
    }
    guard parts.header.rareCount + parts.header.likelyCount > 0 else {
      throw .corrupt("a chunk that changes nothing has no bytes", at: start)
    }
    let positionsByteCount = parts.header.rareCount > 0 ? try reader.readVariableLength() : 0
    let flagsByteCount = fields.contains(.flags) ? try reader.readVariableLength() : 0
    let crossingsByteCount = fields.contains(.crossings) ? try reader.readVariableLength() : 0
    parts.positions = try reader.readBytes(positionsByteCount).array
    parts.flags = try reader.readBytes(flagsByteCount).array
    parts.crossings = try reader.readBytes(crossingsByteCount).array
    parts.values = try reader.readBytes(reader.remaining).array
    return parts
  }

  func decode(
    _ reader: inout ByteReader, _ fields: OptionalFields, from input: RawSpan,
    into output: inout MutableRawSpan, direction: Direction
  ) throws(FormatError) {
    let parts = try parse(&reader, fields)
    decode(parts, from: input, into: &output, direction: direction)
  }
}
