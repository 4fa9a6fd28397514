/// How a change leads from one float to another.
enum ChangeStep {
  /// Within a binade, by less than one.
  case within
  /// Over the edge of a binade that is the nearest to both of its ends, so both sides know it.
  case near
  /// Otherwise.
  case wide
}

/// The edge of its binade that a float is the nearest to: the exponent above it, and on which side it lies.
struct NearestEdge {
  let exponent: Int
  let isBelow: Bool

  @inline(__always)
  init<Word: FixedWidthInteger & UnsignedInteger>(_ bits: Word, _ layout: FloatLayout) {
    let mantissaBitCount = layout.mantissaBitCount
    isBelow = bits &>> Word(truncatingIfNeeded: mantissaBitCount &- 1) & 1 == 1
    exponent = bits.exponent(mantissaBitCount: mantissaBitCount) &+ (isBelow ? 1 : 0)
  }
}

/// Whether changes cross into another binade.
///
/// Each side expects it by its own distance from the nearer edge of its binade, and by how large changes are there;
/// what is written lies where both say so (Formats/delta-coding.md, "Steps").
struct CrossingModel: ~Copyable {
  /// Whether a change crosses, by context; whether a crossing is near; whether a wide one is far.
  private let models = AdaptiveBits(count: First.far + 4)
  /// Whether the last two wide steps were far.
  private var history = 0

  private enum First {
    static let crosses = 0
    static let near = 256
    static let far = 512
  }

  /// A far step leads over at least so many binades: from zero, or to the other sign.
  static let leastFar = 8

  init() {
    for context in 0..<256 {
      let octaves = context >> 4 - context & 15
      models.start(
        First.crosses + context,
        at: octaves >= 0 ? 28_000 : LogScale.probability(4 * octaves - 2), trust: 6)
      models.start(First.near + context, at: octaves > 4 ? 20_000 : 60_000, trust: 4)
    }
    for history in 0..<4 { models.start(First.far + history, at: 32_768, trust: 2) }
  }

  /// What is known of changes of some `2^octaves` ordinals at a float whose distance is of this class.
  @inline(__always)
  static func context(octaves: Int, distance: Int) -> Int {
    min(max(octaves, 0), 15) << 4 | distance
  }

  /// The probability that a change crosses, in 65,536ths.
  @inline(__always)
  func crossingShare(_ context: Int) -> UInt32 { models.probability(First.crosses + context) }

  /// The probability that a crossing is near, in 65,536ths.
  @inline(__always)
  func nearShare(_ context: Int) -> UInt32 { models.probability(First.near + context) }

  /// Learns from a change what either side could have expected.
  @inline(__always)
  func learn(_ step: ChangeStep, _ context: Int) {
    models.learn(step != .within, at: First.crosses + context)
    if step != .within { models.learn(step == .near, at: First.near + context) }
  }

  /// Codes whether a wide step is far.
  mutating func codeIsFar<Coder: BinaryCoder & ~Copyable>(
    _ isFar: Bool, with coder: inout Coder
  ) -> Bool {
    let isFar = coder.code(isFar, models, First.far + history)
    history = history << 1 & 2 | (isFar ? 1 : 0)
    return isFar
  }
}
