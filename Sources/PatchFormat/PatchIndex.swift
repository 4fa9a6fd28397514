package import ByteIO
package import Checkpoints

/// The table of all tensors of the base, and what changes in them (Formats/patch.md, section 4).
package struct PatchIndex: Equatable, Sendable {
  package struct Tensor: Equatable, Sendable {
    package var name: String
    package var elementType: ElementType
    package var shape: [Int]
    package var baseDigest: Digest32
    /// Nil if nothing changes.
    package var change: Change?
    /// Set if a converter may leave out rows.
    package var kept: KeptRows?

    package init(
      name: String, elementType: ElementType, shape: [Int], baseDigest: Digest32, change: Change?,
      kept: KeptRows? = nil
    ) {
      self.name = name
      self.elementType = elementType
      self.shape = shape
      self.baseDigest = baseDigest
      self.change = change
      self.kept = kept
    }

    package var elementCount: Int { shape.reduce(1, *) }

    package var resultDigest: Digest32 { change?.resultDigest ?? baseDigest }
  }

  package struct Change: Equatable, Sendable {
    package var elementCount: Int
    package var resultDigest: Digest32
    /// Within `deltas`.
    package var byteRange: Range<Int>

    package init(elementCount: Int, resultDigest: Digest32, byteRange: Range<Int>) {
      self.elementCount = elementCount
      self.resultDigest = resultDigest
      self.byteRange = byteRange
    }
  }

  package var tensors: [Tensor]
  var metadataDigest: Digest128
  var deltasDigest: Digest128
}

// MARK: - Writing

extension PatchIndex {
  /// The bytes of the tensor `index`.
  func encoded() -> [UInt8] {
    var table: [UInt8] = []
    table.append(metadataDigest)
    table.append(deltasDigest)
    table.appendVariableLength(tensors.count)
    for tensor in tensors { table.appendVariableLength(tensor.name.utf8.count) }
    for tensor in tensors { table.append(contentsOf: tensor.name.utf8) }
    for tensor in tensors { table.append(tensor.elementType.code) }
    for tensor in tensors { table.appendVariableLength(tensor.shape.count) }
    for tensor in tensors {
      for dimension in tensor.shape { table.appendVariableLength(dimension) }
    }
    for tensor in tensors { table.appendLittleEndian(tensor.baseDigest.value) }
    for tensor in tensors { table.appendVariableLength(tensor.change?.elementCount ?? 0) }
    let changes = tensors.compactMap(\.change)
    for change in changes { table.appendLittleEndian(change.resultDigest.value) }
    for change in changes { table.appendVariableLength(change.byteRange.count) }
    appendKeptRows(to: &table)
    return TableFrame.pack(table)
  }
}

// MARK: - Reading

extension PatchIndex {
  /// Parses the bytes of the tensor `index`.
  ///
  /// - Parameters:
  ///   - bytes: the whole tensor.
  ///   - deltasByteCount: the length of the tensor `deltas`, which the table must fill.
  /// - Throws: ``FormatError``; offsets are those of `bytes`, or of the table once it is unpacked.
  init(parsing bytes: RawSpan, deltasByteCount: Int) throws(FormatError) {
    let table = try TableFrame.unpack(
      bytes, of: "the patch's index", remedy: "download the patch again")
    var fields = ByteReader(table.rawSpan)
    metadataDigest = try fields.readDigest128()
    deltasDigest = try fields.readDigest128()
    let start = fields.position
    do {
      tensors = try Self.tensors(&fields, deltasByteCount: deltasByteCount)
    } catch {
      guard Self.isOutdated(table.rawSpan, from: start, deltasByteCount: deltasByteCount) else {
        throw error
      }
      throw .unsupported(
        "the patch was made by a development version from before the release of its format; make it "
          + "again with this version", at: 0)
    }
    if !fields.isAtEnd { try Self.readKeptRows(&fields, into: &tensors) }
    guard fields.isAtEnd else {
      throw .corrupt("the patch's index goes on after its end", at: fields.position)
    }
  }

  private static let digestByteCount = 4

  /// Whether a table is one of those that had digests of 64 bits, and chunks of another form.
  private static func isOutdated(
    _ table: RawSpan, from start: Int, deltasByteCount: Int
  ) -> Bool {
    var fields = ByteReader(table.extracting(start..<table.byteCount))
    let tensors = try? tensors(&fields, deltasByteCount: deltasByteCount, digestByteCount: 8)
    return tensors != nil && fields.isAtEnd
  }

  private static func tensors(
    _ fields: inout ByteReader, deltasByteCount: Int, digestByteCount: Int = Self.digestByteCount
  ) throws(FormatError) -> [Tensor] {
    let count = try fields.readVariableLength()
    // A tensor takes at least 8 bytes, so a larger count cannot be meant.
    guard count <= fields.remaining / 8 else {
      throw .corrupt("the patch's index claims \(count) tensors", at: fields.position)
    }
    try Checkpoint.checkTensorCount(count, at: fields.position)
    let nameLengths = try fields.readVariableLengths(count)
    var tensors: [Tensor] = []
    tensors.reserveCapacity(count)
    var names: Set<String> = []
    for length in nameLengths {
      let position = fields.position
      let name = try fields.readUTF8(length)
      guard names.insert(name).inserted else {
        throw .corrupt("the patch's index names '\(name)' twice", at: position)
      }
      tensors.append(
        Tensor(
          name: name, elementType: .uint8, shape: [], baseDigest: Digest32(value: 0), change: nil))
    }
    for index in 0..<count {
      let code = try fields.read(UInt8.self)
      guard let type = ElementType(code: code) else {
        throw .unsupported(
          "tensor '\(tensors[index].name)' has the unknown type \(code)", at: fields.position - 1)
      }
      tensors[index].elementType = type
    }
    let ranks = try fields.readVariableLengths(count)
    for index in 0..<count {
      tensors[index].shape = try shape(ranks[index], of: tensors[index], &fields)
    }
    for index in 0..<count {
      tensors[index].baseDigest = try digest(&fields, byteCount: digestByteCount)
    }
    try readChanges(
      &fields, into: &tensors, deltasByteCount: deltasByteCount,
      digestByteCount: digestByteCount)
    return tensors
  }

  private static func shape(
    _ rank: Int, of tensor: Tensor, _ fields: inout ByteReader
  ) throws(FormatError) -> [Int] {
    guard rank <= fields.remaining else {
      throw .corrupt("tensor '\(tensor.name)' claims \(rank) dimensions", at: fields.position)
    }
    let position = fields.position
    let shape = try fields.readVariableLengths(rank)
    guard tensor.elementType.byteCount(of: shape) != nil else {
      let isSmall = tensor.elementType.fits(shape)
      let fault = isSmall ? "does not fill whole bytes or blocks" : "overflows"
      throw .corrupt("tensor '\(tensor.name)': shape \(shape) \(fault)", at: position)
    }
    return shape
  }

  private static func digest(
    _ fields: inout ByteReader, byteCount: Int
  ) throws(FormatError) -> Digest32 {
    var digest = ByteReader(try fields.readBytes(byteCount))
    return Digest32(value: try digest.read(UInt32.self))
  }

  private static func readChanges(
    _ fields: inout ByteReader, into tensors: inout [Tensor], deltasByteCount: Int,
    digestByteCount: Int
  ) throws(FormatError) {
    var changed: [(index: Int, elementCount: Int)] = []
    for index in tensors.indices {
      let position = fields.position
      let count = try fields.readVariableLength()
      guard count <= tensors[index].elementCount else {
        throw .corrupt(
          "tensor '\(tensors[index].name)' claims \(count) changes in "
            + "\(tensors[index].elementCount) elements", at: position)
      }
      if count > 0 { changed.append((index, count)) }
    }
    for change in changed {
      tensors[change.index].change = Change(
        elementCount: change.elementCount,
        resultDigest: try digest(&fields, byteCount: digestByteCount),
        byteRange: 0..<0)
    }
    var end = 0
    for change in changed {
      let position = fields.position
      let byteCount = try fields.readVariableLength()
      guard byteCount <= deltasByteCount - end else {
        throw .corrupt(
          "tensor '\(tensors[change.index].name)' ends past the patch's deltas", at: position)
      }
      tensors[change.index].change?.byteRange = end..<end + byteCount
      end += byteCount
    }
    guard end == deltasByteCount else {
      throw .corrupt(
        "\(deltasByteCount - end) bytes of the patch's deltas belong to no tensor",
        at: fields.position)
    }
  }
}
