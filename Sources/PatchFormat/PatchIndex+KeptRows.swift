package import ByteIO
internal import Checkpoints

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
      table.appendVariableLength(kept.rows.lowerBound)
      table.appendVariableLength(kept.rows.count)
      table.appendLittleEndian(kept.baseDigest.value)
      table.appendVariableLength(kept.changedCount)
      if kept.changedCount > 0 { table.appendLittleEndian(kept.resultDigest.value) }
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
      let (first, rowCount) = (
        try fields.readVariableLength(), try fields.readVariableLength()
      )
      guard (next..<tensors.count).contains(index) else {
        throw .corrupt("the patch's index keeps rows of tensor number \(index)", at: position)
      }
      next = index + 1
      tensors[index].kept = try keptRows(first, rowCount, of: tensors[index], &fields)
    }
  }

  private static func keptRows(
    _ first: Int, _ count: Int, of tensor: Tensor, _ fields: inout ByteReader
  ) throws(FormatError) -> KeptRows {
    let position = fields.position
    guard tensor.elementType.elementByteCount != nil, tensor.shape.count == 2, count > 0,
      count < tensor.shape[0], first <= tensor.shape[0] - count
    else {
      throw .corrupt(
        "tensor '\(tensor.name)' of shape \(tensor.shape) claims \(count) kept rows after \(first)",
        at: position)
    }
    let baseDigest = Digest32(value: try fields.read(UInt32.self))
    let changedCount = try fields.readVariableLength()
    guard changedCount <= min(tensor.change?.elementCount ?? 0, count * tensor.shape[1]) else {
      throw .corrupt(
        "tensor '\(tensor.name)' claims \(changedCount) changes in its kept rows", at: position)
    }
    return KeptRows(
      rows: first..<first + count, baseDigest: baseDigest,
      resultDigest: changedCount > 0 ? Digest32(value: try fields.read(UInt32.self)) : baseDigest,
      changedCount: changedCount)
  }
}
