/// A coarser update for one tensor: ordinal deltas cut to multiples of powers of two, chosen so
/// that the update errs by no more than it may.
///
/// Applying and stripping stay exact inverses: only the result differs, and by a known error.
package struct Quantisation: Sendable {
  /// For ``ChunkCoder/encode(base:result:shifts:)`` of every chunk of the tensor.
  package let shifts: ShiftTable
  /// Σ (coarse − exact)² and Σ (exact − base)², over the elements where both are finite.
  package let squaredError: Double
  package let squaredUpdate: Double

  private let format: FloatFormat
  private let shiftByExponent: [Int]

  /// Whether elements of this format can be made coarser. Those of 8 bits are as coarse as can be.
  package static func suits(_ format: FloatFormat) -> Bool { format.byteWidth > 1 }

  /// RMS error over RMS update; 0 where nothing changes.
  package var relativeError: Double {
    squaredUpdate > 0 ? (squaredError / squaredUpdate).squareRoot() : 0
  }

  /// Chooses shifts for the whole tensor.
  ///
  /// All elements get about the same absolute step, the best a uniform quantiser can do; what that
  /// leaves of the allowance, as steps are powers of two, goes to whole exponents at twice the step.
  ///
  /// - Parameters:
  ///   - base: The tensor before the update.
  ///   - result: The tensor after it, as long as `base`.
  ///   - format: Of both.
  ///   - maxRelativeError: RMS of the error over RMS of the update, at most; 0 keeps `result`.
  /// - Complexity: O(elements), a few passes.
  package init(
    base: RawSpan, result: RawSpan, format: FloatFormat, maxRelativeError: Double
  ) {
    precondition(base.byteCount == result.byteCount && Self.suits(format))
    self.format = format
    let layout = FloatLayout(format)
    let update = UpdateSurvey(base: base, result: result, format: format)
    squaredUpdate = update.squares
    // A hair less, as sums in another order differ in their last digits.
    let allowance = maxRelativeError * maxRelativeError * update.squares * (1 - 1e-9)
    var shifts = [Int](repeating: 0, count: layout.exponentCount)
    var error = 0.0
    if allowance > 0, update.changedCount > 0 {
      // A uniform step errs by its square over twelve, on average.
      var step = Int((12 * allowance / Double(update.changedCount)).squareRoot().exponent)
      let typical = Int((update.squares / Double(update.changedCount)).squareRoot().exponent)
      var plain = Self.shifts(step: step, typical: typical, update.mayBeCoarse, layout)
      var plainError = Self.squaredErrors(base, result, plain, format)
      // Ends: a step below the least spacing of floats has shifts of 0, and those do not err.
      while plainError.reduce(0, +) > allowance {
        step -= 1
        plain = Self.shifts(step: step, typical: typical, update.mayBeCoarse, layout)
        plainError = Self.squaredErrors(base, result, plain, format)
      }
      let coarse = Self.shifts(step: step + 1, typical: typical, update.mayBeCoarse, layout)
      let coarseError = Self.squaredErrors(base, result, coarse, format)
      shifts = plain
      error = plainError.reduce(0, +)
      for exponent in shifts.indices.reversed() where coarse[exponent] > plain[exponent] {
        let more = coarseError[exponent] - plainError[exponent]
        guard error + more <= allowance else { continue }
        error += more
        shifts[exponent] = coarse[exponent]
      }
    }
    shiftByExponent = shifts
    self.shifts = ShiftTable(shifts)
    squaredError = error
  }

  /// Shifts that give ordinals about the same step `2^step` in value.
  ///
  /// Where the base is smaller than a `typical` update, the result's exponent sets the step.
  private static func shifts(
    step: Int, typical: Int, _ mayBeCoarse: [Bool], _ layout: FloatLayout
  ) -> [Int] {
    (0..<layout.exponentCount).map { exponent in
      guard mayBeCoarse[exponent] else { return 0 }
      let spacing = max(exponent - layout.exponentBias, typical + 1) - layout.mantissaBitCount
      return min(max(step - spacing, 0), layout.mantissaBitCount)
    }
  }

  /// Writes to `coarse` what becomes of `result`: the base plus the coarser update.
  ///
  /// - Precondition: The spans are as long as each other, and parts of the tensor that the shifts
  ///   were chosen for.
  package func quantise(base: RawSpan, result: RawSpan, into coarse: inout MutableRawSpan) {
    precondition(base.byteCount == result.byteCount && base.byteCount == coarse.byteCount)
    if format == .float32 {
      quantise(base, result, into: &coarse, as: UInt32.self)
    } else {
      quantise(base, result, into: &coarse, as: UInt16.self)
    }
  }

  private func quantise<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ base: RawSpan, _ result: RawSpan, into coarse: inout MutableRawSpan, as _: Word.Type
  ) {
    let layout = FloatLayout(format)
    for offset in stride(from: 0, to: base.byteCount, by: MemoryLayout<Word>.size) {
      let before: Word = base.word(at: offset)
      let shift = shiftByExponent[before.exponent(mantissaBitCount: layout.mantissaBitCount)]
      let bits = Self.coarse(before, result.word(at: offset), shift)
      coarse.storeBytes(of: bits.littleEndian, toByteOffset: offset, as: Word.self)
    }
  }

  /// `after`, its ordinal moved to the nearest that is a multiple of `2^shift` from that of `before`.
  @inline(__always)
  private static func coarse<Word: FixedWidthInteger & UnsignedInteger>(
    _ before: Word, _ after: Word, _ shift: Int
  ) -> Word {
    let rises = after.ordinal &- before.ordinal
    guard shift > 0, rises != 0 else { return after }
    let isNegative = rises &>> Word(Word.bitWidth &- 1) == 1
    let magnitude = isNegative ? 0 &- rises : rises
    let half: Word = 1 &<< Word(truncatingIfNeeded: shift &- 1)
    // Magnitudes are at most 2^(bitWidth - 1): adding a half of at most 2^22 does not wrap.
    let rounded = (magnitude &+ half) & (0 &- (half &+ half))
    return (before.ordinal &+ (isNegative ? 0 &- rounded : rounded)).floatBits
  }

  /// Squared errors of the update, summed by the base's exponent; infinite where a result would
  /// cease to be finite.
  private static func squaredErrors(
    _ base: RawSpan, _ result: RawSpan, _ shifts: [Int], _ format: FloatFormat
  ) -> [Double] {
    format == .float32
      ? squaredErrors(base, result, shifts, format, as: UInt32.self)
      : squaredErrors(base, result, shifts, format, as: UInt16.self)
  }

  private static func squaredErrors<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ base: RawSpan, _ result: RawSpan, _ shifts: [Int], _ format: FloatFormat, as _: Word.Type
  ) -> [Double] {
    let layout = FloatLayout(format)
    let mantissaBitCount = layout.mantissaBitCount
    let errors = UncheckedBuffer<Double>(repeating: 0, count: layout.exponentCount)
    let shift = UncheckedBuffer<Int>(repeating: 0, count: layout.exponentCount)
    for exponent in shifts.indices { shift[exponent] = shifts[exponent] }
    forEachPair(base, result) { (before: Word, after: Word) in
      let exponent = before.exponent(mantissaBitCount: mantissaBitCount)
      let rounded = coarse(before, after, shift[exponent])
      guard rounded != after else { return }
      let error = format.value(UInt32(rounded)) - format.value(UInt32(after))
      errors[exponent] += error.isFinite ? error * error : .infinity
    }
    return (0..<layout.exponentCount).map { errors[$0] }
  }

  /// Calls `body` with every element before and after.
  @inline(__always)
  fileprivate static func forEachPair<Word: FixedWidthInteger & BitwiseCopyable>(
    _ base: RawSpan, _ result: RawSpan, _ body: (Word, Word) -> Void
  ) {
    let width = MemoryLayout<Word>.size
    unsafe base.withUnsafeBytes { base in
      unsafe result.withUnsafeBytes { result in
        guard let before = base.baseAddress, let after = result.baseAddress else { return }
        for offset in stride(from: 0, to: base.count, by: width) {
          unsafe body(
            Word(littleEndian: before.loadUnaligned(fromByteOffset: offset, as: Word.self)),
            Word(littleEndian: after.loadUnaligned(fromByteOffset: offset, as: Word.self)))
        }
      }
    }
  }
}

/// What an update amounts to.
private struct UpdateSurvey {
  private(set) var changedCount = 0
  /// Σ (after − before)², where both are finite.
  private(set) var squares = 0.0
  /// Whether all elements whose base has this exponent are finite, before and after.
  private(set) var mayBeCoarse: [Bool]

  init(base: RawSpan, result: RawSpan, format: FloatFormat) {
    mayBeCoarse = [Bool](repeating: true, count: FloatLayout(format).exponentCount)
    if format == .float32 {
      add(base, result, format, as: UInt32.self)
    } else {
      add(base, result, format, as: UInt16.self)
    }
  }

  private mutating func add<Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ base: RawSpan, _ result: RawSpan, _ format: FloatFormat, as _: Word.Type
  ) {
    let layout = FloatLayout(format)
    let last = layout.exponentCount - 1
    let mantissaBitCount = layout.mantissaBitCount
    let isCoarse = UncheckedBuffer<Bool>(repeating: true, count: layout.exponentCount)
    var count = 0
    var sum = 0.0
    Quantisation.forEachPair(base, result) { (before: Word, after: Word) in
      guard before != after else { return }
      count &+= 1
      let exponent = before.exponent(mantissaBitCount: mantissaBitCount)
      guard exponent < last, after.exponent(mantissaBitCount: mantissaBitCount) < last else {
        isCoarse[exponent] = false
        return
      }
      let change = format.value(UInt32(after)) - format.value(UInt32(before))
      sum += change * change
    }
    changedCount = count
    squares = sum
    for exponent in mayBeCoarse.indices { mayBeCoarse[exponent] = isCoarse[exponent] }
  }
}

extension FloatFormat {
  /// The number that these bits stand for.
  fileprivate func value(_ bits: UInt32) -> Double {
    switch self {
    case .bfloat16: Double(Float(bitPattern: bits << 16))
    case .float16: Double(Float16(bitPattern: UInt16(truncatingIfNeeded: bits)))
    default: Double(Float(bitPattern: bits))
    }
  }
}

extension RawSpan {
  @inline(__always)
  fileprivate func word<Word: FixedWidthInteger & BitwiseCopyable>(at offset: Int) -> Word {
    Word(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: Word.self))
  }
}
