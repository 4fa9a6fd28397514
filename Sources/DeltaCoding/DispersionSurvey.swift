/// How much rows and columns differ in what changes, beyond what exponents explain.
///
/// From some hundred rows. The decoder is told the outcome as two priors of ``Levels``.
struct DispersionSurvey {
  /// The prior's code for rows and for columns; 15 where levels would only follow noise.
  private(set) var rowPrior = 15
  private(set) var columnPrior = 15

  private static let sampledRows = 128

  /// `hits[e]` of `counts[e]` elements of exponent e changed.
  ///
  /// - Precondition: Both pointers hold the shape's elements.
  @inline(__always)
  init<Word: FixedWidthInteger & UnsignedInteger>(
    _ base: UnsafePointer<Word>, _ result: UnsafePointer<Word>, shape: ChunkShape,
    counts: [Int], hits: [Int], layout: FloatLayout
  ) {
    let probabilities = UncheckedBuffer<Float>(repeating: 0, count: layout.exponentCount)
    for exponent in 0..<layout.exponentCount where hits[exponent] > 0 {
      probabilities[exponent] = Float(hits[exponent]) / Float(counts[exponent])
    }
    let columnExcess = UncheckedBuffer<Float>(repeating: 0, count: shape.columns)
    let columnPredicted = UncheckedBuffer<Float>(repeating: 0, count: shape.columns)
    let probability = unsafe probabilities.pointer
    let excess = unsafe columnExcess.pointer
    let predicted = unsafe columnPredicted.pointer
    var rowSquares: Float = 0
    var rowPredictedSquares: Float = 0
    var variance: Float = 0
    let step = max(1, shape.rows / Self.sampledRows)
    for row in stride(from: 0, to: shape.rows, by: step) {
      let base = unsafe base + row * shape.columns
      let result = unsafe result + row * shape.columns
      var rowExcess: Float = 0
      var rowPredicted: Float = 0
      var rowVariance: Float = 0
      for column in 0..<shape.columns {
        let (before, after) = unsafe (base[column], result[column])
        // As likely as the side expects that is more surprised.
        let chance = unsafe min(
          probability[before.exponent(mantissaBitCount: layout.mantissaBitCount)],
          probability[after.exponent(mantissaBitCount: layout.mantissaBitCount)])
        let surprise: Float = (before == after ? 0 : 1) - chance
        unsafe excess[column] += surprise
        unsafe predicted[column] += chance
        rowExcess += surprise
        rowPredicted += chance
        rowVariance += chance * (1 - chance)
      }
      rowSquares += rowExcess * rowExcess
      rowPredictedSquares += rowPredicted * rowPredicted
      variance += rowVariance
    }
    var columnSquares: Float = 0
    var columnPredictedSquares: Float = 0
    for column in 0..<shape.columns {
      columnSquares += columnExcess[column] * columnExcess[column]
      columnPredictedSquares += columnPredicted[column] * columnPredicted[column]
    }
    let columnsTell = shape.rows > 1
    rowPrior = Self.prior(rowSquares, rowPredictedSquares, variance)
    columnPrior = columnsTell ? Self.prior(columnSquares, columnPredictedSquares, variance) : 15
  }

  /// The code of the prior for counts whose squared surprises add up to `squares`, where chance
  /// explains `variance` and the predictions' squares add up to `predicted`.
  ///
  /// The rest is the variance of levels, and a prior should be worth one over that. Levels have long
  /// tails, so a third is better; and where they differ little, they would follow noise.
  static func prior(_ squares: Float, _ predicted: Float, _ variance: Float) -> Int {
    let excess = squares - variance
    guard excess > variance / 10, 10 * excess > predicted else { return 15 }
    // To the nearest octave.
    return (0..<6).first { Float(1 << $0) * 1.41 > 16 * 0.35 * predicted / excess } ?? 6
  }
}
