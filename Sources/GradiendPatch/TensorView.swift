internal import ByteIO
internal import Checkpoints
internal import PatchFormat

/// One tensor of a patch as it is stored: under another name, in another order, in another type.
struct TensorView: Sendable {
  /// As the patch has it.
  let tensor: PatchIndex.Tensor
  /// Read from the first, written to all: a tied head may be stored twice.
  let stored: [Checkpoint.Tensor]
  /// From the patch's order to the file's.
  let layout: GGUFMapping.Layout
  let conversion: FloatConversion
  /// Rows of the stored tensor before those that the patch has.
  var skippedRowCount = 0

  /// The name in the file, for messages.
  var storedName: String { stored[0].name }

  /// Elements of a row, in the patch's order.
  private var columnCount: Int { tensor.shape.count > 1 ? tensor.shape.last ?? 1 : 1 }
  private var rowCount: Int { tensor.elementCount / max(columnCount, 1) }

  /// Whether rows can be moved about: chunks are made of whole ones, and heads too.
  var canBeMoved: Bool {
    guard layout != .same else { return true }
    guard layout.fits(tensor.shape) else { return false }
    return columnCount * max(conversion.valueWidth, conversion.storedWidth)
      <= TensorChunks.byteLimit
  }

  /// Where a chunk is stored, if it lies there in one piece and in order.
  func storedRange(of item: ChunkPlan.Item) -> Range<Int>? {
    guard layout == .same else { return nil }
    let width = conversion.storedWidth
    let start = start(of: stored[0]) + item.chunk.firstElement * width
    return start..<start + item.chunk.rows * item.chunk.columns * width
  }

  /// The rows of a chunk, in the patch's order.
  private func rows(of item: ChunkPlan.Item) -> Range<Int> {
    let first = item.chunk.firstElement / columnCount
    return first..<first + item.chunk.rows * item.chunk.columns / columnCount
  }

  /// Where the first row of the patch is stored.
  private func start(of copy: Checkpoint.Tensor) -> Int {
    copy.descriptor.byteRange.lowerBound + skippedRowCount * columnCount * conversion.storedWidth
  }

  /// Where a row of the patch is stored.
  private func storedRow(_ row: Int) -> Int { layout.row(row, of: rowCount) }

  /// The bytes of the stored tensors that the patch does not have.
  var otherByteRanges: [(fileIndex: Int, byteRange: Range<Int>)] {
    stored.flatMap { copy in
      let whole = copy.descriptor.byteRange
      let start = start(of: copy)
      let end = start + tensor.elementCount * conversion.storedWidth
      return [whole.lowerBound..<start, end..<whole.upperBound].filter { !$0.isEmpty }.map {
        (copy.fileIndex, $0)
      }
    }
  }
}

// MARK: - Reading

extension TensorView {
  /// The bytes of a chunk as they are stored, in the patch's order.
  func gather(_ item: ChunkPlan.Item, from file: MappedFile) -> [UInt8] {
    let width = conversion.storedWidth
    let rows = rows(of: item)
    let start = stored[0].descriptor.byteRange.lowerBound
    let rowByteCount = columnCount * width
    var bytes = [UInt8](repeating: 0, count: rows.count * rowByteCount)
    let source = file.bytes.extracting(stored[0].descriptor.byteRange)
    if layout == .transposed {
      // One column after the other is read, as they are the rows of the file.
      for column in 0..<columnCount {
        bytes.copyElements(
          rows.count, width: width, to: column * width, step: rowByteCount,
          from: source, at: (column * rowCount + rows.lowerBound) * width, step: width)
      }
    } else {
      for (offset, row) in rows.enumerated() {
        bytes.copyElements(
          1, width: rowByteCount, to: offset * rowByteCount, step: 0, from: source,
          at: storedRow(row) * rowByteCount, step: 0)
      }
    }
    file.releasePages(in: start..<start + source.byteCount)
    return bytes
  }
}

// MARK: - Writing

extension TensorView {
  /// Writes the bytes of a chunk, given in the patch's order and the stored type.
  func scatter(
    _ bytes: RawSpan, of item: ChunkPlan.Item, to output: any TensorOutput
  ) throws(PatchError) {
    for copy in stored {
      let start = start(of: copy)
      func write(_ bytes: RawSpan, at offset: Int) throws(PatchError) {
        try output.write(bytes, file: copy.fileIndex, at: start + offset)
      }
      switch layout {
      case .same: try write(bytes, at: item.chunk.firstElement * conversion.storedWidth)
      case .headRows(let headCount), .headHalves(let headCount):
        try writeRows(bytes, rows(of: item), headSize: rowCount / headCount, write)
      case .transposed: try writeColumns(bytes, rows(of: item), write)
      }
    }
  }

  private func writeRows(
    _ bytes: RawSpan, _ rows: Range<Int>, headSize: Int,
    _ write: (RawSpan, Int) throws(PatchError) -> Void
  ) throws(PatchError) {
    let rowByteCount = columnCount * conversion.storedWidth
    guard rows.lowerBound.isMultiple(of: headSize), rows.count.isMultiple(of: headSize) else {
      for (offset, row) in rows.enumerated() {
        let first = offset * rowByteCount
        try write(bytes.extracting(first..<first + rowByteCount), storedRow(row) * rowByteCount)
      }
      return
    }
    // Whole heads lie in one piece.
    var ordered = [UInt8](repeating: 0, count: bytes.byteCount)
    for (offset, row) in rows.enumerated() {
      ordered.copyElements(
        1, width: rowByteCount, to: (storedRow(row) - rows.lowerBound) * rowByteCount, step: 0,
        from: bytes, at: offset * rowByteCount, step: 0)
    }
    try write(ordered.rawSpan, rows.lowerBound * rowByteCount)
  }

  private func writeColumns(
    _ bytes: RawSpan, _ rows: Range<Int>, _ write: (RawSpan, Int) throws(PatchError) -> Void
  ) throws(PatchError) {
    let width = conversion.storedWidth
    let pieceByteCount = rows.count * width
    var ordered = [UInt8](repeating: 0, count: bytes.byteCount)
    for column in 0..<columnCount {
      ordered.copyElements(
        rows.count, width: width, to: column * pieceByteCount, step: width,
        from: bytes, at: column * width, step: columnCount * width)
    }
    guard rows.count < rowCount else { return try write(ordered.rawSpan, 0) }
    for column in 0..<columnCount {
      let first = column * pieceByteCount
      try write(
        ordered.rawSpan.extracting(first..<first + pieceByteCount),
        (column * rowCount + rows.lowerBound) * width)
    }
  }
}
