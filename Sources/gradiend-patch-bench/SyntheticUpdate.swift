import Glibc

/// An update as training leaves it: nearly an outer product, as gradients are, with noise.
struct SyntheticUpdate {
  private let columns: [Float]
  private let rowNumbers: NormalNumbers
  private let noise: NormalNumbers
  private let noiseScale: Float

  /// - Parameters:
  ///   - shape: of the parameter; a vector is one row.
  ///   - seed: of the whole synthesis.
  ///   - path: tells this update from all others.
  ///   - scale: about the root of the mean square.
  init(shape: [Int], seed: UInt64, path: (Int, Int), scale: Float) {
    let columnNumbers = NormalNumbers(seed: seed, path.0, path.1, 0)
    rowNumbers = NormalNumbers(seed: seed, path.0, path.1, 1)
    noise = NormalNumbers(seed: seed, path.0, path.1, 2)
    noiseScale = 0.25 * scale
    // The mean square of two factors is that of e^(1.6 z), e^1.28, for each.
    let normalised = scale / exp(1.28)
    columns = (0..<(shape.last ?? 1)).map { normalised * Self.factor(columnNumbers, $0) }
  }

  /// Puts the update of elements `range` into `values`.
  func fill(_ values: inout [Float], _ range: Range<Int>) {
    noise.fill(&values, from: range.lowerBound)
    var (row, column) = range.lowerBound.quotientAndRemainder(dividingBy: columns.count)
    var index = 0
    while index < values.count {
      let count = min(columns.count - column, values.count - index)
      let factor = Self.factor(rowNumbers, row)
      for offset in 0..<count {
        values[index + offset] =
          noiseScale * values[index + offset] + factor * columns[column + offset]
      }
      index += count
      row += 1
      column = 0
    }
  }

  /// Many are small, few are large: a sign and a log-normal size.
  private static func factor(_ numbers: NormalNumbers, _ index: Int) -> Float {
    let size = exp(0.8 * numbers[2 * index])
    return numbers[2 * index + 1] < 0 ? -size : size
  }
}
