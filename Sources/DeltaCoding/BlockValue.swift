/// Where one small number lies in a block: some bits of one byte, and above these some of another.
package struct BlockValue: Equatable, Sendable {
  package struct Bits: Equatable, Sendable {
    package var byte: Int
    package var shift: Int
    package var width: Int
  }

  package var low: Bits
  package var high: Bits
  /// Whether the uppermost bit is a sign, so that values are taken in the order of their numbers.
  package var isSigned = false

  package var width: Int { low.width + high.width }

  /// The value in a block, 0 the lowest.
  @inline(__always)
  func read(_ block: UnsafePointer<UInt8>) -> Int {
    let lower = unsafe Int(block[low.byte] >> UInt8(low.shift)) & (1 << low.width - 1)
    let upper = unsafe Int(block[high.byte] >> UInt8(high.shift)) & (1 << high.width - 1)
    return (upper << low.width | lower) ^ (isSigned ? 1 << (width - 1) : 0)
  }

  /// Puts a value where ``read(_:)`` finds it, without the bits that are too high for it.
  func write(_ value: Int, to block: UnsafeMutablePointer<UInt8>) {
    let bits = value ^ (isSigned ? 1 << (width - 1) : 0)
    unsafe Self.write(bits, low, block)
    unsafe Self.write(bits >> low.width, high, block)
  }

  private static func write(_ value: Int, _ bits: Bits, _ block: UnsafeMutablePointer<UInt8>) {
    let mask = UInt8(truncatingIfNeeded: (1 << bits.width - 1) << bits.shift)
    let shifted = UInt8(truncatingIfNeeded: value << bits.shift)
    unsafe block[bits.byte] = block[bits.byte] & ~mask | shifted & mask
  }
}

extension [BlockValue] {
  private static func value(_ byte: Int, shift: Int = 0, width: Int) -> BlockValue {
    BlockValue(
      low: .init(byte: byte, shift: shift, width: width),
      high: .init(byte: byte, shift: 0, width: 0))
  }

  /// The same values with the bits of `high` above theirs.
  func with(high: [BlockValue]) -> [BlockValue] {
    precondition(count == high.count)
    return indices.map { BlockValue(low: self[$0].low, high: high[$0].low) }
  }

  /// Numbers of 16 bits at these bytes.
  static func halves(at bytes: Int...) -> [BlockValue] {
    bytes.map { byte in
      BlockValue(
        low: .init(byte: byte, shift: 0, width: 8),
        high: .init(byte: byte + 1, shift: 0, width: 8))
    }
  }

  static func bytes(_ count: Int, at start: Int) -> [BlockValue] {
    (0..<count).map { value(start + $0, width: 8) }
  }

  static func signedBytes(_ count: Int, at start: Int) -> [BlockValue] {
    bytes(count, at: start).map { value in
      var value = value
      value.isSigned = true
      return value
    }
  }

  /// Numbers one after the other, lowest bits first; one every `step` bits.
  static func fields(
    _ count: Int, bits: Int, at start: Int, step: Int? = nil, shift: Int = 0
  ) -> [BlockValue] {
    (0..<count).map { index in
      let bit = index * (step ?? bits) + shift
      return value(start + bit / 8, shift: bit % 8, width: bits)
    }
  }

  /// The first half of the numbers in the lower halves of bytes, the second half in the upper.
  static func nibblePairs(_ count: Int, at start: Int) -> [BlockValue] {
    (0..<count).map { index in
      value(start + index % (count / 2), shift: index < count / 2 ? 0 : 4, width: 4)
    }
  }

  /// `values` repeated, each time `step` bytes further.
  static func runs(_ count: Int, of values: [BlockValue], step: Int) -> [BlockValue] {
    (0..<count).flatMap { run in
      values.map { value($0.low.byte + run * step, shift: $0.low.shift, width: $0.low.width) }
    }
  }

  /// 256 numbers in runs of bytes: the lowest bits of a run's bytes, then the next, then the next
  /// run.
  static func strided(bits: Int, run: Int, at start: Int) -> [BlockValue] {
    (0..<256).map { index in
      let perRun = run * 8 / bits
      let inRun = index % perRun
      return value(
        start + index / perRun * run + inRun % run, shift: inRun / run * bits, width: bits)
    }
  }

  /// The eight scales and eight minima of Q4_K and Q5_K.
  static func sixBitScales(at start: Int) -> [BlockValue] {
    let plain = (0..<8).map { value(start + $0, width: 6) }
    func split(_ index: Int, low: Int, high: Int) -> BlockValue {
      BlockValue(
        low: .init(byte: start + 8 + index, shift: low, width: 4),
        high: .init(byte: start + high + index, shift: 6, width: 2))
    }
    let scales = plain[..<4] + (0..<4).map { split($0, low: 0, high: 0) }
    let minima = plain[4...] + (0..<4).map { split($0, low: 4, high: 4) }
    return Array(scales + minima)
  }

  /// The sixteen scales of Q3_K.
  static func threeBitScales(at start: Int) -> [BlockValue] {
    (0..<16).map { index in
      BlockValue(
        low: .init(byte: start + index % 8, shift: index / 8 * 4, width: 4),
        high: .init(byte: start + 8 + index % 4, shift: index / 4 * 2, width: 2))
    }
  }
}
