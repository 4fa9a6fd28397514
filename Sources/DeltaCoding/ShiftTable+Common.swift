internal import ByteIO

extension ShiftTable {
  /// Fewer zero bits are not worth a table.
  private static let leastShift = 4

  /// The shifts that all changes from `base` to `result` allow, if these are wide floats that were
  /// made from narrow ones.
  ///
  /// The narrow type shows in the low bits, which are the same everywhere. An exponent at which a
  /// change has bits there, as where it crosses zero, gets no shift.
  ///
  /// - Precondition: Both spans hold `count` values of single precision.
  init(commonTo base: RawSpan, _ result: RawSpan, count: Int) {
    let layout = FloatLayout(.float32)
    var bits = [UInt32](repeating: 0, count: layout.exponentCount)
    var histogram = [Int](repeating: 0, count: layout.mantissaBitCount + 1)
    var changedCount = 0
    for index in 0..<count {
      // In bounds: both spans hold `count` words, as the caller has checked.
      let before = unsafe base.unsafeLoadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
      let after = unsafe result.unsafeLoadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
      guard before != after else { continue }
      let difference = after.ordinal &- before.ordinal
      bits[before.exponent(mantissaBitCount: layout.mantissaBitCount)] |= difference
      histogram[min(difference.trailingZeroBitCount, layout.mantissaBitCount)] += 1
      changedCount += 1
    }
    var shift = layout.mantissaBitCount
    var fittingCount = histogram[shift]
    while shift > 0, fittingCount < changedCount - changedCount / 16 {
      shift -= 1
      fittingCount += histogram[shift]
    }
    guard changedCount > 0, shift >= Self.leastShift else {
      self.init()
      return
    }
    self.init(bits.map { $0.trailingZeroBitCount >= shift ? shift : 0 })
  }
}
