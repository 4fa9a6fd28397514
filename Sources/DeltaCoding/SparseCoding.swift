internal import ByteIO

/// Coding 1: changes one by one, each by its distance from the one before and its size, given what
/// the base's exponents, the row and the column say.
///
/// Formats/delta-coding.md, "Coding 1".
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
    /// Changes among elements that were unlikely to change.
    var rareCount = 0
    /// Changes among elements that were looked at one by one.
    var likelyCount = 0
    var shifts = ShiftTable()
  }

  /// A chunk cut into its parts.
  struct Parts {
    var header = Header()
    var positions: [UInt8] = []
    var values: [UInt8] = []
    var moves = MoveCounts()
    var movePositions: [UInt8] = []
    var moveValues: [UInt8] = []

    var streamByteCount: Int {
      positions.count + values.count + movePositions.count + moveValues.count
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
    if fields.contains(.moves) {
      parts.moves = try MoveCounts(parsing: &reader, elementCount: shape.elementCount)
    }
    if fields.contains(.shifts) {
      parts.header.shifts = try ShiftTable(parsing: &reader, layout: layout)
    }
    guard
      parts.header.rareCount <= shape.elementCount,
      parts.header.likelyCount <= shape.elementCount - parts.header.rareCount
    else {
      throw .corrupt("more changes than elements", at: start)
    }
    let positionsByteCount = parts.header.rareCount > 0 ? try reader.readVariableLength() : 0
    let valuesByteCount = fields.contains(.moves) ? try reader.readVariableLength() : nil
    let movePositionsByteCount = parts.moves.rare > 0 ? try reader.readVariableLength() : 0
    parts.positions = try reader.readBytes(positionsByteCount).array
    parts.values = try reader.readBytes(valuesByteCount ?? reader.remaining).array
    parts.movePositions = try reader.readBytes(movePositionsByteCount).array
    parts.moveValues = try reader.readBytes(reader.remaining).array
    return parts
  }

  func decode(
    _ reader: inout ByteReader, _ fields: OptionalFields, from input: RawSpan,
    into output: inout MutableRawSpan, direction: Direction
  ) throws(FormatError) {
    let parts = try parse(&reader, fields)
    guard parts.header.rareCount + parts.header.likelyCount > 0 else {
      throw .corrupt("a chunk that changes nothing has no bytes", at: 0)
    }
    switch direction {
    case .apply: apply(parts, to: input, into: &output)
    case .strip: strip(parts, from: input, into: &output)
    }
  }
}
