/// How a converter moves the elements of a matrix about (Formats/gguf-mapping.md, section 4).
package enum ElementOrder: Equatable, Sendable {
  case same
  /// The rows of each of so many heads: those of the first half and those of the second in turn, as
  /// llama.cpp's rotary embedding wants them.
  case interleavedHalves(headCount: Int)
  /// The inverse: the first of each two rows of a head, then the second.
  case separatedHalves(headCount: Int)
  case transposed

  /// What puts the elements back.
  package var inverse: ElementOrder {
    switch self {
    case .interleavedHalves(let headCount): .separatedHalves(headCount: headCount)
    case .separatedHalves(let headCount): .interleavedHalves(headCount: headCount)
    case .same, .transposed: self
    }
  }

  /// Whether a tensor of this shape can be moved so: heads are made of whole pairs of rows.
  package func fits(_ shape: [Int]) -> Bool {
    switch self {
    case .same: true
    case .interleavedHalves(let headCount), .separatedHalves(let headCount):
      headCount > 0 && (1...2).contains(shape.count) && shape[0].isMultiple(of: headCount)
        && (shape[0] / headCount).isMultiple(of: 2)
    case .transposed: shape.count == 2
    }
  }

  /// The shape that a tensor of `shape` has afterwards.
  package func shape(of shape: [Int]) -> [Int] { self == .transposed ? shape.reversed() : shape }

  /// Where row `row` of `count` rows goes.
  ///
  /// - Precondition: It is rows that move, and the order fits a shape of `count` rows.
  package func row(_ row: Int, of count: Int) -> Int {
    switch self {
    case .same, .transposed: return row
    case .interleavedHalves(let headCount):
      let size = count / headCount
      let (half, index) = (row % size).quotientAndRemainder(dividingBy: size / 2)
      return row / size * size + 2 * index + half
    case .separatedHalves(let headCount):
      let size = count / headCount
      let (index, half) = (row % size).quotientAndRemainder(dividingBy: 2)
      return row / size * size + half * (size / 2) + index
    }
  }

  /// The rows within which `rows` of `count` move: those of whole heads.
  ///
  /// - Precondition: It is rows that move.
  package func block(around rows: Range<Int>, of count: Int) -> Range<Int> {
    switch self {
    case .same, .transposed: return rows
    case .interleavedHalves(let headCount), .separatedHalves(let headCount):
      let size = count / headCount
      return rows.lowerBound / size * size..<(rows.upperBound + size - 1) / size * size
    }
  }
}
