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

  package static let byteLimit = 8 << 20

  package let elementByteWidth: Int
  private let elementCount: Int
  private let columns: Int
  private let elementsPerChunk: Int
  private let isWholeRows: Bool

  package init(elementType: ElementType, shape: [Int]) {
    let product = shape.reduce(1, *)
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
    let rowByteCount = columns * elementByteWidth
    isWholeRows = rowByteCount <= Self.byteLimit
    elementsPerChunk =
      isWholeRows && columns > 0
      ? Self.byteLimit / rowByteCount * columns : Self.byteLimit / elementByteWidth
  }

  package var startIndex: Int { 0 }

  package var endIndex: Int { (elementCount + elementsPerChunk - 1) / elementsPerChunk }

  package subscript(index: Int) -> Chunk {
    precondition(indices.contains(index))
    let first = index * elementsPerChunk
    let count = Swift.min(elementsPerChunk, elementCount - first)
    return Chunk(
      firstElement: first,
      rows: isWholeRows ? count / columns : 1,
      columns: isWholeRows ? columns : count,
      byteRange: first * elementByteWidth..<(first + count) * elementByteWidth)
  }
}
