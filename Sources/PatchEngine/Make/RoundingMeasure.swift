package import Gradiend

/// What rounding to the base's type keeps of an update: how what was added compares with what was meant
/// (Formats/patch.md, section 3.4).
public struct RoundingMeasure: Sendable, Equatable {
  private let sums: RoundingSums

  package init(_ sums: RoundingSums) { self.sums = sums }

  /// Of the angle between the two; nil if nothing was meant, or nothing was added.
  public var cosine: Double? {
    let squares = sums.meantSquares * sums.addedSquares
    return squares > 0 ? sums.products / squares.squareRoot() : nil
  }

  /// What is kept, for people; nil if nothing was meant, or nothing was added.
  public var text: String? {
    guard let cosine, let normShare else { return nil }
    return Self.text(cosine: cosine, normShare: normShare)
  }

  /// What is kept, for people.
  static func text(cosine: Double, normShare: Double) -> String {
    "\(Quantity.share(normShare)) of its norm, at a cosine of "
      + "\(Quantity.decimal(max(0, cosine), digits: 3)) to what is meant"
  }

  /// The norm of what was added over that of what was meant; nil if nothing was meant.
  public var normShare: Double? {
    sums.meantSquares > 0 ? (sums.addedSquares / sums.meantSquares).squareRoot() : nil
  }
}
