/// What the models need of either side of the range coder.
///
/// A model is written once: it hands over the bit that an encoder knows and goes on with the bit
/// that comes back, which for a decoder is the one it read.
protocol BinaryCoder: ~Copyable {
  /// Codes one bit whose odds `models[index]` has learnt, and lets it learn.
  mutating func code(_ bit: Bool, _ models: borrowing AdaptiveBits, _ index: Int) -> Bool

  /// Codes the `count` low bits of `value`, at most 32, all equally likely.
  mutating func codeRaw(_ value: UInt32, count: Int) -> UInt32

  /// How wide the interval is.
  var width: UInt64 { get }

  /// Narrows the interval to a part of it.
  mutating func narrow(from: UInt64, to: UInt64)
}

/// A set of adaptive probabilities (Formats/delta-coding.md, "Adaptive bits").
struct AdaptiveBits: ~Copyable {
  /// The probability of a one in the upper half, in 65,536ths, and how often it learnt in the lower.
  let states: UncheckedBuffer<UInt32>
  private let rates: UncheckedBuffer<UInt32>

  /// How often a probability may learn before its rate stays as it is.
  static let patience: UInt32 = 90
  /// Probabilities stay between these, so that no bit costs more than eleven bits.
  static let least: UInt32 = 32
  static let most: UInt32 = 65_504

  init(count: Int) {
    states = UncheckedBuffer(repeating: 32_768 << 16, count: count)
    rates = UncheckedBuffer(repeating: 0, count: Int(Self.patience) + 1)
    for seen in 0...Int(Self.patience) {
      rates[seen] = UInt32(327_680 / (5 * seen + 8))
    }
  }

  /// Sets where a probability starts, and after how many lessons' worth of trust.
  func start(_ index: Int, at probability: Int, trust: Int) {
    let probability = min(max(UInt32(probability), Self.least), Self.most)
    states[index] = probability << 16 | UInt32(trust)
  }

  @inline(__always)
  func probability(_ index: Int) -> UInt32 { states[index] >> 16 }

  /// Where the part of an interval of this width ends that has this probability, in 65,536ths.
  @inline(__always)
  static func bound(in width: UInt64, _ probability: UInt32) -> UInt64 {
    (width >> 16) &* UInt64(probability)
  }

  @inline(__always)
  func learn(_ bit: Bool, at index: Int) { learn(bit, at: index, state: states[index]) }

  @inline(__always)
  func learn(_ bit: Bool, at index: Int, state: UInt32) {
    let seen = state & 0xFFFF
    let probability = Int32(bitPattern: state >> 16)
    let goal = Int32(bitPattern: bit ? Self.most : Self.least)
    // Both factors are below 2^16 in magnitude and a rate is at most 40,960: no overflow.
    let step = ((goal &- probability) &* Int32(bitPattern: rates[Int(seen)])) >> 16
    let next = UInt32(bitPattern: probability &+ step) << 16
    states[index] = next | (seen &+ (seen < Self.patience ? 1 : 0))
  }
}

/// Writes bits as a number in an interval that shrinks with each.
struct RangeEncoder: ~Copyable, BinaryCoder {
  private var low: UInt64 = 0
  private var range: UInt64 = .max
  private var bytes: [UInt8] = []

  @inline(__always)
  mutating func code(_ bit: Bool, _ models: borrowing AdaptiveBits, _ index: Int) -> Bool {
    let state = models.states[index]
    let bound = AdaptiveBits.bound(in: range, state >> 16)
    if bit {
      range = bound
    } else {
      advance(bound)
      range &-= bound
    }
    models.learn(bit, at: index, state: state)
    normalise()
    return bit
  }

  @inline(__always)
  mutating func codeRaw(_ value: UInt32, count: Int) -> UInt32 {
    guard count > 0 else { return 0 }
    narrow(to: UInt64(value), width: 1, ofPowerOfTwo: count)
    return value
  }

  /// Narrows the interval to `start ..< start + width` of `2^exponent` parts.
  mutating func narrow(to start: UInt64, width: UInt64, ofPowerOfTwo exponent: Int) {
    let part = range >> UInt64(exponent)
    advance(start &* part)
    range = width &* part
    normalise()
  }

  var width: UInt64 { range }

  @inline(__always)
  mutating func narrow(from: UInt64, to: UInt64) {
    advance(from)
    range = to &- from
    normalise()
  }

  private mutating func advance(_ distance: UInt64) {
    let (sum, overflows) = low.addingReportingOverflow(distance)
    low = sum
    guard overflows else { return }
    var index = bytes.count - 1
    while bytes[index] == 0xFF {
      bytes[index] = 0
      index -= 1
    }
    bytes[index] += 1
  }

  private mutating func normalise() {
    guard range < RangeDecoder.leastRange else { return }
    let shift = range.leadingZeroBitCount & ~7
    for taken in stride(from: 8, through: shift, by: 8) {
      bytes.append(UInt8(truncatingIfNeeded: low >> UInt64(64 - taken)))
    }
    low <<= UInt64(shift)
    range <<= UInt64(shift)
  }

  /// Ends the stream with as few bytes as tell the last interval from all others.
  consuming func finish() -> [UInt8] {
    for byteCount in 0...8 {
      let mask: UInt64 = byteCount == 8 ? 0 : .max >> UInt64(8 * byteCount)
      let (sum, overflows) = low.addingReportingOverflow(mask)
      let value = sum & ~mask
      guard value &- low < range else { continue }
      if overflows { advance(mask) }
      for taken in stride(from: 8, through: 8 * byteCount, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(64 - taken)))
      }
      break
    }
    // A reader takes what is missing for zeros.
    while bytes.last == 0 { bytes.removeLast() }
    return bytes
  }
}

/// Reads what a ``RangeEncoder`` wrote; bytes past the end are zeros.
@safe
struct RangeDecoder: ~Copyable, BinaryCoder {
  /// Every step finds the interval at least this wide.
  static let leastRange: UInt64 = 1 << 48

  private var range: UInt64 = .max
  /// Where the number lies in the interval. Only a damaged stream has it outside.
  private var code: UInt64 = 0
  private let stream: UncheckedBuffer<UInt8>
  private let end: Int
  private var position = 0

  init(_ bytes: [UInt8]) {
    end = bytes.count
    stream = UncheckedBuffer(repeating: 0, count: bytes.count + 16)
    stream.copy(bytes, from: 0, count: bytes.count, to: 0)
    code = load()
    position = min(8, end)
  }

  /// The next eight bytes, first one uppermost.
  @inline(__always)
  private func load() -> UInt64 {
    checkIndex(position <= end)
    return unsafe UInt64(
      bigEndian: UnsafeRawPointer(stream.pointer).loadUnaligned(
        fromByteOffset: position, as: UInt64.self))
  }

  @inline(__always)
  mutating func code(_: Bool, _ models: borrowing AdaptiveBits, _ index: Int) -> Bool {
    decode(models, index)
  }

  @inline(__always)
  mutating func decode(_ models: borrowing AdaptiveBits, _ index: Int) -> Bool {
    let state = models.states[index]
    let bound = AdaptiveBits.bound(in: range, state >> 16)
    let bit = code < bound
    if bit {
      range = bound
    } else {
      code &-= bound
      range &-= bound
    }
    models.learn(bit, at: index, state: state)
    normalise()
    return bit
  }

  @inline(__always)
  mutating func codeRaw(_: UInt32, count: Int) -> UInt32 {
    guard count > 0 else { return 0 }
    let value = place(ofPowerOfTwo: count)
    narrow(to: value, width: 1, ofPowerOfTwo: count)
    return UInt32(truncatingIfNeeded: value)
  }

  /// Which of `2^exponent` parts of the interval the number is in.
  @inline(__always)
  func place(ofPowerOfTwo exponent: Int) -> UInt64 {
    min(code / (range >> UInt64(exponent)), (1 << UInt64(exponent)) - 1)
  }

  /// Narrows the interval to `start ..< start + width` of `2^exponent` parts.
  @inline(__always)
  mutating func narrow(to start: UInt64, width: UInt64, ofPowerOfTwo exponent: Int) {
    let part = range >> UInt64(exponent)
    code &-= start &* part
    range = width &* part
    normalise()
  }

  var width: UInt64 { range }

  /// Whether the number lies below this in the interval.
  @inline(__always)
  func isBelow(_ bound: UInt64) -> Bool { code < bound }

  /// As in ``BinaryCoder``; only a damaged stream has the part empty.
  @inline(__always)
  mutating func narrow(from: UInt64, to: UInt64) {
    code &-= from
    range = to > from ? to &- from : 1
    normalise()
  }

  @inline(__always)
  private mutating func normalise() {
    guard range < Self.leastRange else { return }
    let shift = range.leadingZeroBitCount & ~7
    // `load` is asked for before the shift, which may be up to 56: `range` is never zero.
    code = code << UInt64(shift) | load() >> UInt64(64 - shift)
    range <<= UInt64(shift)
    position = min(position + shift / 8, end)
  }
}
