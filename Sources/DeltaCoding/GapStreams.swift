/// Writes where unlikely changes are, into a stream of its own.
struct GapEncoder: ~Copyable {
  private var model = GapModel()
  private var coder = RangeEncoder()
  /// How many gaps were written.
  private(set) var count = 0

  /// Writes that the next change is the element that weighs `weight` after `before` in weights.
  mutating func encode(before: Int64, weight: Int64) {
    model.encode(before: before, weight: weight, with: &coder)
    count += 1
  }

  consuming func finish() -> [UInt8] { coder.finish() }
}

/// Reads what a ``GapEncoder`` wrote.
struct GapDecoder: ~Copyable {
  private var model = GapModel()
  private var coder: RangeDecoder
  private var remaining: Int
  private var next = GapModel.Target()

  /// What elements may weigh before the next change.
  var distance: Int64 { next.distance }

  init(_ stream: [UInt8], count: Int) {
    coder = RangeDecoder(stream)
    remaining = count
    if count > 0 { next = model.decodeTarget(with: &coder) }
  }

  /// Ends a gap at an element of this weight, before which elements may still weigh `left`, or that part of
  /// one which begins `from` behind.
  ///
  /// - Returns: what they may weigh from there to the next change.
  @inline(__always)
  mutating func settle(left: Int64, from: Int64 = 0, weight: Int64) -> Int64 {
    model.settle(next, before: next.distance &- left &+ from, weight: weight, with: &coder)
    remaining &-= 1
    next = remaining > 0 ? model.decodeTarget(with: &coder) : GapModel.Target()
    return next.distance
  }
}
