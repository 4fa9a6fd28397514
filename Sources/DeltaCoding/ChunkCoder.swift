package import ByteIO

/// Turns a base chunk and a result chunk into few bytes, and back.
///
/// An encoded chunk is a byte that names a coding, and that coding's streams (Formats/delta-coding.md). A chunk
/// in which nothing changed has no bytes at all.
package struct ChunkCoder: Sendable {
  package let shape: ChunkShape

  package init(_ shape: ChunkShape) {
    self.shape = shape
  }

  /// Encodes what turns `base` into `result`.
  ///
  /// - Precondition: Both spans hold `shape.byteCount` bytes.
  /// - Complexity: O(`shape.elementCount`).
  package func encode(
    base: RawSpan, result: RawSpan, shifts: ShiftTable = ShiftTable()
  ) -> EncodedChunk {
    precondition(base.byteCount == shape.byteCount && result.byteCount == shape.byteCount)
    guard !result.hasSameBytes(as: base) else { return EncodedChunk(bytes: [], changedCount: 0) }
    switch shape.element {
    case .float(let format):
      return encodeFloats(format, base: base, result: result, shifts: shifts)
    case .block(let format, _):
      let chunk = BlockCoding(shape, format).encode(base: base, result: result)
      // Where most values change there is nothing to find, and bytes as they are bound the size.
      guard chunk.bytes.count > shape.byteCount / 4 else { return chunk }
      let planes = PlaneCoding(shape).encode(base: base, result: result)
      return planes.bytes.count < chunk.bytes.count ? planes : chunk
    case .word:
      if let chunk = PackedCoding(shape)?.encode(base: base, result: result) { return chunk }
    }
    return PlaneCoding(shape).encode(base: base, result: result)
  }

  private func encodeFloats(
    _ format: FloatFormat, base: RawSpan, result: RawSpan, shifts: ShiftTable
  ) -> EncodedChunk {
    AlignedElements.with(base, byteWidth: format.byteWidth) { base in
      AlignedElements.with(result, byteWidth: format.byteWidth) { result in
        encode(format, base: base, result: result, shifts: shifts)
      }
    }
  }

  private func encode(
    _ format: FloatFormat, base: RawSpan, result: RawSpan, shifts: ShiftTable
  ) -> EncodedChunk {
    let survey = ChangeSurvey(
      base: base, result: result, count: shape.elementCount, layout: FloatLayout(format))
    var chunk =
      encode(format, base: base, result: result, survey, shifts)
      ?? PlaneCoding(shape).encode(base: base, result: result)
    // Which bits of 8-bit floats are not finite hangs on the type.
    chunk.nonFiniteCount = format.byteWidth > 1 ? survey.nonFiniteCount : 0
    return chunk
  }

  /// - Returns: nil where bytes as they are would not be larger.
  private func encode(
    _ format: FloatFormat, base: RawSpan, result: RawSpan, _ survey: ChangeSurvey,
    _ shifts: ShiftTable
  ) -> EncodedChunk? {
    // Where many elements moved to another exponent, the two have little to do with each other.
    guard survey.movedCount <= shape.elementCount / 4 else { return nil }
    var shifts = shifts
    if format == .float32, shifts == ShiftTable() {
      shifts = ShiftTable(commonTo: base, result, count: shape.elementCount)
    }
    let chunk =
      survey.changedCount > shape.elementCount / 2
      ? DenseCoding(shape, format).encode(
        base: base, result: result, survey: survey, shifts: shifts)
      : SparseCoding(shape, format).encode(
        base: base, result: result, survey: survey, shifts: shifts)
    return chunk.bytes.count < shape.byteCount - shape.byteCount / 8 ? chunk : nil
  }

  /// Writes to `result` what `chunk` makes of `base`.
  ///
  /// - Precondition: All spans but `chunk` hold `shape.byteCount` bytes. `result` is aligned to the
  ///   elements; `base` need not be.
  /// - Throws: ``FormatError``, its offset counted from the start of `chunk`, if the chunk is not
  ///   one that fits this shape. `result` then holds nothing of use.
  /// - Complexity: O(`shape.elementCount`), whatever `chunk` says.
  package func apply(
    _ chunk: RawSpan, to base: RawSpan, into result: inout MutableRawSpan
  ) throws(FormatError) {
    try decode(chunk, from: base, into: &result, direction: .apply)
  }

  /// Writes to `base` what `chunk` made `result` from: the inverse of ``apply(_:to:into:)``.
  ///
  /// - Precondition: As ``apply(_:to:into:)``.
  /// - Throws: As ``apply(_:to:into:)``.
  package func strip(
    _ chunk: RawSpan, from result: RawSpan, into base: inout MutableRawSpan
  ) throws(FormatError) {
    try decode(chunk, from: result, into: &base, direction: .strip)
  }

  /// The longest chunk that is read. A writer that stores elements as they are where nothing else is
  /// shorter needs less, so that memory is bounded by the elements and not by the patch.
  private var byteCountLimit: Int { shape.byteCount + shape.byteCount / 8 + 1024 }

  private func checkByteCount(of chunk: RawSpan) throws(FormatError) {
    guard chunk.byteCount <= byteCountLimit else {
      throw .limitExceeded(
        "a chunk of \(chunk.byteCount) bytes for elements of \(shape.byteCount)", at: 0)
    }
  }

  /// Says where the bytes of `chunk` went.
  ///
  /// - Throws: ``FormatError`` if the chunk's own header is damaged; streams are not looked into.
  package func summary(of chunk: RawSpan) throws(FormatError) -> ChunkSummary {
    guard chunk.byteCount > 0 else { return ChunkSummary(coding: "unchanged") }
    try checkByteCount(of: chunk)
    var reader = ByteReader(chunk)
    let id = try reader.read(UInt8.self)
    switch try coding(id) {
    case .planes:
      return ChunkSummary(coding: "planes", header: 1, values: chunk.byteCount - 1)
    case .sparse(let coding, let fields):
      let parts = try coding.parse(&reader, fields)
      return ChunkSummary(
        coding: "sparse",
        header: chunk.byteCount - parts.positionByteCount - parts.valueByteCount,
        positions: parts.positionByteCount, values: parts.valueByteCount)
    case .dense(let coding, let fields):
      let parts = try coding.parse(&reader, fields)
      return ChunkSummary(
        coding: "dense", header: chunk.byteCount - parts.streamByteCount,
        values: parts.model.count + parts.tokens.count + parts.bits.count,
        strip: parts.movePositions.count + parts.moveValues.count)
    case .packed(let coding, let fields):
      let parts = try coding.parse(&reader, fields)
      return ChunkSummary(
        coding: "packed", header: chunk.byteCount - parts.changes.count, values: parts.changes.count
      )
    case .blocks(let coding):
      let parts = try coding.parse(&reader)
      let positions = parts.positions.reduce(0) { $0 + $1.count }
      return ChunkSummary(
        coding: "blocks", header: chunk.byteCount - positions - parts.values.count,
        positions: positions, values: parts.values.count)
    }
  }

  private func decode(
    _ chunk: RawSpan, from input: RawSpan, into output: inout MutableRawSpan,
    direction: Direction
  ) throws(FormatError) {
    precondition(input.byteCount == shape.byteCount && output.byteCount == shape.byteCount)
    if chunk.byteCount == 0 {
      unsafe output.withUnsafeMutableBytes { out in
        unsafe input.withUnsafeBytes { unsafe out.copyMemory(from: $0) }
      }
      return
    }
    try checkByteCount(of: chunk)
    // What is decoded must not change while it is: the models rely on what was read before.
    let copy = chunk.array
    let chunk = copy.rawSpan
    if case .float(let format) = shape.element {
      precondition(AlignedElements.are(output.bytes, byteWidth: format.byteWidth))
      try AlignedElements.with(input, byteWidth: format.byteWidth) {
        (input) throws(FormatError) in
        try decodeAligned(chunk, from: input, into: &output, direction: direction)
      }
    } else {
      try decodeAligned(chunk, from: input, into: &output, direction: direction)
    }
  }

  /// As above, of a chunk that is not empty, where elements lie as they should.
  private func decodeAligned(
    _ chunk: RawSpan, from input: RawSpan, into output: inout MutableRawSpan,
    direction: Direction
  ) throws(FormatError) {
    var reader = ByteReader(chunk)
    let id = try reader.read(UInt8.self)
    switch try coding(id) {
    case .planes:
      try PlaneCoding(shape).decode(&reader, from: input, into: &output, direction: direction)
    case .dense(let coding, let fields):
      try coding.decode(&reader, fields, from: input, into: &output, direction: direction)
    case .sparse(let coding, let fields):
      try coding.decode(&reader, fields, from: input, into: &output, direction: direction)
    case .packed(let coding, let fields):
      try coding.decode(&reader, fields, from: input, into: &output, direction: direction)
    case .blocks(let coding):
      try coding.decode(&reader, from: input, into: &output, direction: direction)
    }
    guard reader.isAtEnd else {
      throw .corrupt("\(reader.remaining) bytes after the last stream", at: reader.position)
    }
  }

  private enum ShapedCoding {
    case planes
    case sparse(SparseCoding, OptionalFields)
    case dense(DenseCoding, OptionalFields)
    case blocks(BlockCoding)
    case packed(PackedCoding, OptionalFields)
  }

  /// The coding that a chunk's first byte names, ready for this shape.
  private func coding(_ byte: UInt8) throws(FormatError) -> ShapedCoding {
    let fields = OptionalFields(rawValue: byte & 0xF0)
    let id = byte & 0x0F
    guard !Coding.outdatedIDs.contains(id) else {
      throw .unsupported(
        "coding \(id) is that of a development version from before the release of the format; make the "
          + "patch again with this version", at: 0)
    }
    guard let coding = Coding(rawValue: id), coding.optionalFields.isSuperset(of: fields) else {
      throw .unsupported("coding \(byte) is unknown to this version", at: 0)
    }
    switch (coding, shape.element) {
    case (.planes, _): return .planes
    case (.sparse, .float(let format)): return .sparse(SparseCoding(shape, format), fields)
    case (.dense, .float(let format)): return .dense(DenseCoding(shape, format), fields)
    case (.blocks, .block(let format, _)): return .blocks(BlockCoding(shape, format))
    case (.packed, .word):
      guard let coding = PackedCoding(shape) else { fallthrough }
      return .packed(coding, fields)
    default: throw .corrupt("coding \(id) is for other types of elements", at: 0)
    }
  }
}

/// The ids of Formats/delta-coding.md, "A coded chunk".
package enum Coding: UInt8, CaseIterable, Sendable {
  case planes = 0
  case dense = 2
  case blocks = 3
  case packed = 5
  case sparse = 6

  /// Those of development versions.
  static let outdatedIDs: [UInt8] = [1, 4]

  /// Those that a chunk of this coding may have.
  var optionalFields: OptionalFields {
    switch self {
    case .sparse: [.levels, .crossings, .shifts, .flags]
    case .dense: [.moves, .shifts]
    case .packed: [.levels]
    case .planes, .blocks: []
    }
  }
}

/// What a chunk says only where there is something to say, in the upper half of its first byte.
struct OptionalFields: OptionSet {
  let rawValue: UInt8

  static let levels = Self(rawValue: 0x10)
  /// Of dense chunks.
  static let moves = Self(rawValue: 0x20)
  /// Of sparse chunks.
  static let crossings = Self(rawValue: 0x20)
  static let shifts = Self(rawValue: 0x40)
  static let flags = Self(rawValue: 0x80)
}

/// In which direction a patch is followed.
package enum Direction: Sendable {
  /// From the base to the result.
  case apply
  /// From the result to the base.
  case strip
}

/// The bytes of one chunk, and what is known of it.
package struct EncodedChunk: Equatable, Sendable {
  package var bytes: [UInt8]
  /// Elements whose bits differ.
  package var changedCount: Int
  /// Those of floats that are NaN or infinite in the result only; of 8-bit floats, nobody counts them.
  package var nonFiniteCount = 0
}

/// Where the bytes of a chunk went, adding up to all of them.
package struct ChunkSummary: Equatable, Sendable {
  package var coding: String
  /// First byte, counts, lengths and shifts.
  package var header = 0
  /// Which elements change.
  package var positions = 0
  /// How they change.
  package var values = 0
  /// What only ``ChunkCoder/strip(_:from:into:)`` needs.
  package var strip = 0
}
