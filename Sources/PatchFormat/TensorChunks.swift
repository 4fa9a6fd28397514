package import Checkpoints

/// How a tensor is cut into chunks (Formats/patch.md, section 5).
package struct TensorChunks: Sendable, RandomAccessCollection {
  /// Consecutive elements of the tensor, seen as `rows × columns`. Those of a block type are its
  /// blocks.
  package struct Chunk: Equatable, Sendable {
    /// Position of the first element in the tensor, row-major.
    package let firstElement: Int
    package let rows: Int
    package let columns: Int
    /// Within the tensor.
    package let byteRange: Range<Int>
  }

  /// Rows that are cut as if they were a tensor.
  private struct Part {
    let elements: Range<Int>
    let chunks: Range<Int>
  }

  package static let byteLimit = 8 << 20

  package let elementByteWidth: Int
  /// Of the rows that a converter keeps, if it may leave out others; else of all.
  package let keptIndices: Range<Int>
  private let parts: [Part]
  private let columns: Int
  private let elementsPerChunk: Int
  private let isWholeRows: Bool

  /// - Parameters:
  ///   - elementType: the tensor's.
  ///   - shape: the tensor's.
  ///   - keptRows: those that a converter keeps, of a tensor of two dimensions whose elements are whole
  ///     bytes; nil if it keeps all.
  package init(elementType: ElementType, shape: [Int], keptRows: Range<Int>? = nil) {
    let product = shape.reduce(1, *)
    let elementCount: Int
    let columns: Int
    switch elementType.storage {
    case .bits(let bitWidth) where bitWidth < 8:
      elementByteWidth = 1
      elementCount = product * bitWidth / 8
      columns = elementCount
    case .bits(let bitWidth):
      elementByteWidth = bitWidth / 8
      elementCount = product
      columns = shape.last ?? 1
    case .blocks(let block):
      elementByteWidth = block.byteCount
      elementCount = product / block.elementCount
      columns = (shape.last ?? 1) / block.elementCount
    }
    self.columns = columns
    let rowByteCount = columns * elementByteWidth
    isWholeRows = rowByteCount <= Self.byteLimit
    let perChunk =
      isWholeRows && columns > 0
      ? Self.byteLimit / rowByteCount * columns : Self.byteLimit / elementByteWidth
    elementsPerChunk = perChunk
    let kept = keptRows.map { $0.lowerBound * columns..<$0.upperBound * columns }
    let bounds = [0, kept?.lowerBound, kept?.upperBound, elementCount].compactMap(\.self)
    var parts: [Part] = []
    for (start, end) in zip(bounds, bounds.dropFirst()) {
      let first = parts.last?.chunks.upperBound ?? 0
      parts.append(
        Part(
          elements: start..<end, chunks: first..<first + (end - start + perChunk - 1) / perChunk))
    }
    self.parts = parts
    keptIndices = parts[kept == nil ? 0 : 1].chunks
  }

  package var startIndex: Int { 0 }

  package var endIndex: Int { parts.last?.chunks.upperBound ?? 0 }

  package subscript(index: Int) -> Chunk {
    guard let part = parts.first(where: { $0.chunks.contains(index) }) else {
      preconditionFailure("there is no chunk \(index)")
    }
    let first = part.elements.lowerBound + (index - part.chunks.lowerBound) * elementsPerChunk
    let count = Swift.min(elementsPerChunk, part.elements.upperBound - first)
    return Chunk(
      firstElement: first,
      rows: isWholeRows ? count / columns : 1,
      columns: isWholeRows ? columns : count,
      byteRange: first * elementByteWidth..<(first + count) * elementByteWidth)
  }
}
