package import ByteIO
package import Checkpoints

extension PatchIndex {
  /// The rows of a tensor that converters keep, where they may leave out others, with digests of their
  /// own: for who has only these (Formats/patch.md, section 4.2).
  package struct KeptRows: Equatable, Sendable {
    package var rows: Range<Int>
    package var baseDigest: Digest32
    package var resultDigest: Digest32
    /// Elements of these rows that differ in the result.
    package var changedCount: Int

    package init(
      rows: Range<Int>, baseDigest: Digest32, resultDigest: Digest32, changedCount: Int
    ) {
      self.rows = rows
      self.baseDigest = baseDigest
      self.resultDigest = resultDigest
      self.changedCount = changedCount
    }
  }
}

extension PatchIndex.Tensor {
  package var chunks: TensorChunks {
    TensorChunks(elementType: elementType, shape: shape, keptRows: kept?.rows)
  }

  /// The kept rows as a tensor of their own, whose bytes in `deltas` are among those of all.
  package var keptPart: Self? {
    guard let kept else { return nil }
    var part = self
    part.kept = nil
    part.shape[0] = kept.rows.count
    part.baseDigest = kept.baseDigest
    part.change?.resultDigest = kept.resultDigest
    part.change?.elementCount = kept.changedCount
    if kept.changedCount == 0 { part.change = nil }
    return part
  }
}

// MARK: - Writing and reading

extension PatchIndex {
  /// The end of the table: nothing if there are no tensors with kept rows.
  func appendKeptRows(to table: inout [UInt8]) {
    let cut = tensors.enumerated().filter { $1.kept != nil }
    guard !cut.isEmpty else { return }
    table.appendVariableLength(cut.count)
    for (position, tensor) in cut {
      guard let kept = tensor.kept else { continue }
      table.appendVariableLength(position)
      kept.write(to: &table)
    }
  }

  static func readKeptRows(
    _ fields: inout ByteReader, into tensors: inout [Tensor]
  ) throws(FormatError) {
    let count = try fields.readVariableLength()
    guard count > 0, count <= tensors.count else {
      throw .corrupt(
        "the patch's index claims \(count) tensors with kept rows", at: fields.position)
    }
    var next = 0
    for _ in 0..<count {
      let position = fields.position
      let index = try fields.readVariableLength()
      guard (next..<tensors.count).contains(index) else {
        throw .corrupt("the patch's index keeps rows of tensor number \(index)", at: position)
      }
      next = index + 1
      let tensor = tensors[index]
      tensors[index].kept = try KeptRows(
        parsing: &fields, of: tensor.name, tensor.elementType, tensor.shape,
        changedCount: tensor.change?.elementCount ?? 0)
    }
  }
}

extension PatchIndex.KeptRows {
  /// Writes what the table says of a tensor, behind its number.
  package func write(to bytes: inout [UInt8]) {
    bytes.appendVariableLength(rows.lowerBound)
    bytes.appendVariableLength(rows.count)
    bytes.appendLittleEndian(baseDigest.value)
    bytes.appendVariableLength(changedCount)
    if changedCount > 0 { bytes.appendLittleEndian(resultDigest.value) }
  }

  /// Reads what ``write(to:)`` wrote of a tensor of which `changedCount` elements differ.
  ///
  /// - Throws: ``FormatError`` if the tensor cannot have such rows.
  package init(
    parsing fields: inout ByteReader, of name: String, _ elementType: ElementType, _ shape: [Int],
    changedCount limit: Int
  ) throws(FormatError) {
    let (first, count) = (try fields.readVariableLength(), try fields.readVariableLength())
    let position = fields.position
    guard elementType.elementByteCount != nil, shape.count == 2, count > 0, count < shape[0],
      first <= shape[0] - count
    else {
      throw .corrupt(
        "tensor '\(name)' of shape \(shape) claims \(count) kept rows after \(first)", at: position)
    }
    rows = first..<first + count
    baseDigest = Digest32(value: try fields.read(UInt32.self))
    changedCount = try fields.readVariableLength()
    guard changedCount <= min(limit, count * shape[1]) else {
      throw .corrupt(
        "tensor '\(name)' claims \(changedCount) changes in its kept rows", at: position)
    }
    resultDigest =
      changedCount > 0 ? Digest32(value: try fields.read(UInt32.self)) : baseDigest
  }
}
