internal import ByteIO
package import Checkpoints
internal import DeltaCoding
package import ModelNames
internal import PatchFormat
internal import Synchronization

/// Where and how a source holds the values of a tensor: under another name perhaps, among the elements
/// of a larger one, in another order, in another type.
package struct TensorPlacement: Sendable {
  /// The tensor, as the patch or the base has it.
  package let name: String
  package let elementType: ElementType
  package let shape: [Int]
  /// Read from the first, written to all: a tied head may be stored twice.
  package let stored: [StoredTensor]
  /// From the tensor's order to the source's.
  package let order: ElementOrder
  package let conversion: FloatConversion
  /// Elements of the stored tensor before those of this one.
  package let firstElement: Int

  /// A tensor by what it is, and where it is; without more, as it is.
  package init(
    _ name: String, _ elementType: ElementType, _ shape: [Int], _ stored: [StoredTensor],
    order: ElementOrder = .same, conversion: FloatConversion? = nil, firstElement: Int = 0
  ) {
    self.name = name
    self.elementType = elementType
    self.shape = shape
    self.stored = stored
    self.order = order
    self.conversion = conversion ?? FloatConversion(identity: elementType)
    self.firstElement = firstElement
  }

  /// The name in the source.
  package var storedName: String { stored[0].name }

  // MARK: Places

  private var elementCount: Int { shape.reduce(1, *) }

  /// Elements of a row, and how many rows there are, in the tensor's order.
  private var columnCount: Int { shape.count > 1 ? shape.last ?? 1 : 1 }
  private var rowCount: Int { elementCount / max(columnCount, 1) }
  private var rowByteCount: Int { columnCount * conversion.storedWidth }

  /// The rows of a chunk that is made of whole ones, in the tensor's order.
  private func rows(of chunk: Chunk<some TensorInChunks>) -> Range<Int> {
    let first = chunk.firstElement / columnCount
    return first..<first + chunk.shape.elementCount / columnCount
  }

  /// Whether elements can be moved about: chunks are made of whole rows, and heads too.
  package var canBeReordered: Bool {
    guard order != .same else { return true }
    return order.fits(shape)
      && columnCount * max(conversion.valueWidth, conversion.storedWidth) <= TensorChunks.byteLimit
  }

  /// Where in the stored tensor a chunk lies, if its order is the tensor's.
  private func storedRange(of chunk: Chunk<some TensorInChunks>) -> Range<Int> {
    guard !conversion.isIdentity || firstElement > 0 else { return chunk.byteRange }
    let start = (firstElement + chunk.firstElement) * conversion.storedWidth
    return start..<start + chunk.shape.elementCount * conversion.storedWidth
  }

  /// The bytes of the stored tensors that are not this one's.
  package var unmatchedBytes: [StoredBytes] {
    guard firstElement > 0 || stored[0].shape != order.shape(of: shape) else { return [] }
    return stored.flatMap { copy in
      let start = firstElement * conversion.storedWidth
      let end = start + elementCount * conversion.storedWidth
      return [0..<start, end..<copy.byteCount].filter { !$0.isEmpty }.map {
        StoredBytes(tensor: copy, byteRange: $0)
      }
    }
  }
}

/// Some bytes of a tensor of a source.
package struct StoredBytes: Sendable {
  package let tensor: StoredTensor
  /// Within the tensor.
  package let byteRange: Range<Int>

  /// The range in pieces no longer than a chunk.
  var pieces: [Range<Int>] {
    stride(from: byteRange.lowerBound, to: byteRange.upperBound, by: TensorChunks.byteLimit).map {
      $0..<min($0 + TensorChunks.byteLimit, byteRange.upperBound)
    }
  }
}

// MARK: - Reading

extension TensorPlacement {
  /// A copy of a chunk's values, in the tensor's type and order.
  ///
  /// - Throws: ``PatchError`` if the source does not tell what they are.
  package func values(
    of chunk: Chunk<some TensorInChunks>, from source: any TensorSource
  ) throws(PatchError) -> [UInt8] {
    let bytes =
      order == .same
      ? source.bytes(of: stored[0], in: storedRange(of: chunk)) : gather(chunk, from: source)
    guard !conversion.isIdentity else { return bytes }
    var values = [UInt8](uninitializedByteCount: chunk.byteRange.count)
    var fault: Int?
    values.withMutableRawSpan { fault = conversion.read(bytes.rawSpan, into: &$0) }
    if let fault {
      throw PatchError(
        .mismatch, path: source.path, tensor: storedName,
        "tensor '\(storedName)' does not hold \(elementType.name) values as a converter leaves "
          + "them: \(element(fault, of: chunk)) cannot be read back from \(conversion.stored.name)",
        remedy: "the patch is for a base in \(elementType.name)")
    }
    return values
  }

  /// Calls `body` with a chunk's values, as ``values(of:from:)`` gives them.
  package func withValues<Result>(
    of chunk: Chunk<some TensorInChunks>, from source: any TensorSource,
    _ body: (RawSpan) throws(PatchError) -> Result
  ) throws(PatchError) -> Result {
    guard order == .same, conversion.isIdentity else {
      let values = try values(of: chunk, from: source)
      return try body(values.rawSpan)
    }
    return try source.withBytes(of: stored[0], in: storedRange(of: chunk), body)
  }

  /// The bytes of a chunk as they are stored, in the tensor's order.
  private func gather(_ chunk: Chunk<some TensorInChunks>, from source: any TensorSource) -> [UInt8]
  {
    let rows = rows(of: chunk)
    var gathered = [UInt8](uninitializedByteCount: rows.count * rowByteCount)
    guard order != .transposed else {
      gatherColumns(rows, from: source, into: &gathered)
      return gathered
    }
    let block = order.block(around: rows, of: rowCount)
    let bytes = source.bytes(
      of: stored[0], in: block.lowerBound * rowByteCount..<block.upperBound * rowByteCount)
    for (offset, row) in rows.enumerated() {
      gathered.copyElements(
        1, width: rowByteCount, to: offset * rowByteCount, step: 0, from: bytes.rawSpan,
        at: (order.row(row, of: rowCount) - block.lowerBound) * rowByteCount, step: 0)
    }
    return gathered
  }

  /// Reads the tensor's columns, which are the stored rows, as many at a time as a chunk has bytes.
  private func gatherColumns(
    _ rows: Range<Int>, from source: any TensorSource, into gathered: inout [UInt8]
  ) {
    let width = conversion.storedWidth
    let columnByteCount = rowCount * width
    let stripe = max(1, TensorChunks.byteLimit / max(1, columnByteCount))
    for first in stride(from: 0, to: columnCount, by: stripe) {
      let columns = first..<min(first + stripe, columnCount)
      let bytes = source.bytes(
        of: stored[0],
        in: columns.lowerBound * columnByteCount..<columns.upperBound * columnByteCount)
      for column in columns {
        gathered.copyElements(
          rows.count, width: width, to: column * width, step: rowByteCount, from: bytes.rawSpan,
          at: (column - first) * columnByteCount + rows.lowerBound * width, step: width)
      }
    }
  }

  /// Names an element of a chunk, and its tensor where the patch has another name for it.
  private func element(_ index: Int, of chunk: Chunk<some TensorInChunks>) -> String {
    let element = "element \(chunk.firstElement + index)"
    return name == storedName ? element : "\(element) of '\(name)'"
  }

  /// Why the values may be others than those of the patch's checkpoint: the end of a sentence, or
  /// nothing.
  package var remark: String {
    guard conversion.losesValues else { return "" }
    return "; it is stored in \(conversion.stored.name), which does not hold all "
      + "\(conversion.value.name) values"
  }
}

// MARK: - Writing

/// Takes bytes of the tensors of a source: into its files or its memory, or into others in its image.
///
/// It is written before the digests of the whole are known, so that what is written has to be thrown
/// away, or undone, if they are wrong.
package protocol TensorSink: Sendable {
  /// - Parameters:
  ///   - bytes: as they are stored.
  ///   - tensor: of the source.
  ///   - offset: in that tensor.
  /// - Throws: ``PatchError`` if they cannot be written.
  func write(_ bytes: RawSpan, to tensor: StoredTensor, at offset: Int) throws(PatchError)
}

extension TensorPlacement {
  /// Writes a chunk, given in the tensor's type and order.
  ///
  /// - Parameters:
  ///   - values: the chunk's bytes.
  ///   - chunk: the chunk.
  ///   - sink: gets them as they are stored.
  ///   - path: of the source, for messages.
  ///   - losses: counts values that the stored type cannot hold; nil refuses them.
  /// - Throws: ``PatchError`` if a value could not be read back; what `sink` throws.
  package func write(
    _ values: RawSpan, of chunk: Chunk<some TensorInChunks>, to sink: any TensorSink, path: String,
    countingIn losses: LossCounter?
  ) throws(PatchError) {
    guard !conversion.isIdentity else { return try scatter(values, of: chunk, to: sink) }
    var bytes = [UInt8](
      uninitializedByteCount: chunk.shape.elementCount * conversion.storedWidth)
    var lost: FloatConversion.Losses = (0, nil)
    bytes.withMutableRawSpan { lost = conversion.write(values, into: &$0) }
    if let first = lost.first {
      guard let losses else {
        throw PatchError(
          .mismatch, path: path, tensor: storedName,
          "tensor '\(storedName)': \(element(first, of: chunk)) does not fit "
            + "\(conversion.stored.name), so strip could not give this file back",
          remedy:
            "keep what that needs in an undo patch; a copy in F32 or \(elementType.name) needs none",
          option: .undo(elementType: elementType.name))
      }
      losses.add(lost.count)
    }
    try scatter(bytes.rawSpan, of: chunk, to: sink)
  }

  private func scatter(
    _ bytes: RawSpan, of chunk: Chunk<some TensorInChunks>, to sink: any TensorSink
  ) throws(PatchError) {
    for copy in stored {
      switch order {
      case .same: try sink.write(bytes, to: copy, at: storedRange(of: chunk).lowerBound)
      case .transposed: try writeColumns(bytes, rows(of: chunk), to: copy, sink)
      case .interleavedHalves, .separatedHalves:
        try writeRows(bytes, rows(of: chunk), to: copy, sink)
      }
    }
  }

  private func writeRows(
    _ bytes: RawSpan, _ rows: Range<Int>, to copy: StoredTensor, _ sink: any TensorSink
  ) throws(PatchError) {
    guard order.block(around: rows, of: rowCount) == rows else {
      for (offset, row) in rows.enumerated() {
        let first = offset * rowByteCount
        try sink.write(
          bytes.extracting(first..<first + rowByteCount), to: copy,
          at: order.row(row, of: rowCount) * rowByteCount)
      }
      return
    }
    // Whole heads lie in one piece.
    var ordered = [UInt8](repeating: 0, count: bytes.byteCount)
    for (offset, row) in rows.enumerated() {
      ordered.copyElements(
        1, width: rowByteCount, to: (order.row(row, of: rowCount) - rows.lowerBound) * rowByteCount,
        step: 0, from: bytes, at: offset * rowByteCount, step: 0)
    }
    try sink.write(ordered.rawSpan, to: copy, at: rows.lowerBound * rowByteCount)
  }

  private func writeColumns(
    _ bytes: RawSpan, _ rows: Range<Int>, to copy: StoredTensor, _ sink: any TensorSink
  ) throws(PatchError) {
    let width = conversion.storedWidth
    let ordered = bytes.transposed(rows: rows.count, columns: columnCount, width: width)
    guard rows.count < rowCount else { return try sink.write(ordered.rawSpan, to: copy, at: 0) }
    let pieceByteCount = rows.count * width
    for column in 0..<columnCount {
      let first = column * pieceByteCount
      try sink.write(
        ordered.rawSpan.extracting(first..<first + pieceByteCount), to: copy,
        at: (column * rowCount + rows.lowerBound) * width)
    }
  }
}

/// Counts values that were rounded when they were stored.
package final class LossCounter: Sendable {
  private let total = Mutex(0)

  package var count: Int { total.withLock { $0 } }

  package func add(_ count: Int) { total.withLock { $0 += count } }
}
