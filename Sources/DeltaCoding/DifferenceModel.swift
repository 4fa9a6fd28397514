/// By how much small values change: a length, then the digits below the leading one
/// (Formats/block-coding.md, "Differences").
struct DifferenceModel: ~Copyable {
  private let models = AdaptiveBits(count: 320)

  private static let lengths = 0
  private static let digits = 48
  /// Values have 16 bits at most.
  private static let longest = 16

  init() {
    for index in 0..<2 * (Self.longest + 1) {
      models.start(Self.lengths + index, at: 8_000, trust: 4)
    }
  }

  /// Codes a magnitude of at least 1; `isRescaled` says whether the value's scale changes, too.
  func code<Coder: BinaryCoder & ~Copyable>(
    _ known: Int, isRescaled: Bool, with coder: inout Coder
  ) -> Int {
    let knownLength = Int.bitWidth - known.leadingZeroBitCount
    let context = Self.lengths + (isRescaled ? 0 : Self.longest + 1)
    var length = 1
    while length < Self.longest, coder.code(knownLength > length, models, context + length) {
      length += 1
    }
    var magnitude = 1
    for place in stride(from: length - 2, through: 0, by: -1) {
      let bit = coder.code(known >> place & 1 == 1, models, Self.digits + length << 4 + place)
      magnitude = 2 * magnitude + (bit ? 1 : 0)
    }
    return magnitude
  }
}
