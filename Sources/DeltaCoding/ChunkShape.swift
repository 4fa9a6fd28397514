/// What a coder must know of a chunk before it sees any byte.
///
/// A chunk is a run of consecutive elements of one tensor, seen as `rows × columns`, row-major. Of
/// a type whose elements come in blocks, these are the blocks.
package struct ChunkShape: Equatable, Sendable {
  package var element: CodedElement
  package var rows: Int
  package var columns: Int

  package init(element: CodedElement, rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0)
    self.element = element
    self.rows = rows
    self.columns = columns
  }

  package var elementCount: Int { rows * columns }
  package var byteCount: Int { elementCount * element.byteWidth }
}

/// How the elements of a chunk are to be understood.
package enum CodedElement: Equatable, Hashable, Sendable {
  case float(FloatFormat)
  /// Quantised blocks of so many elements.
  case block(BlockFormat, elementCount: Int)
  /// Anything else: little-endian words of 1, 2, 4 or 8 bytes without further meaning.
  case word(byteWidth: Int)

  package var byteWidth: Int {
    switch self {
    case .float(let format): format.byteWidth
    case .block(let format, _): format.layout.byteCount
    case .word(let byteWidth): byteWidth
    }
  }

  /// How many elements of the tensor it stands for.
  var elementCount: Int {
    if case .block(_, let elementCount) = self { elementCount } else { 1 }
  }
}

/// The floating-point types whose ordinals are coded.
package enum FloatFormat: Equatable, Hashable, Sendable {
  case bfloat16
  case float16
  case float32
  /// The 8-bit floats, whatever bias they have and whichever of their bits stand for NaN.
  case float8E4M3
  case float8E5M2

  package var byteWidth: Int {
    switch self {
    case .float8E4M3, .float8E5M2: 1
    case .bfloat16, .float16: 2
    case .float32: 4
    }
  }

  /// Bits below the exponent.
  package var mantissaBitCount: Int {
    switch self {
    case .bfloat16: 7
    case .float16: 10
    case .float32: 23
    case .float8E4M3: 3
    case .float8E5M2: 2
    }
  }
}
