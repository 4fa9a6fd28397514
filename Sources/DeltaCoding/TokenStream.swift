internal import ByteIO

/// Writes tokens backwards, each with the frequencies of its table, by two alternating rANS states
/// (Formats/delta-coding.md, "Token stream").
struct TokenEncoder: ~Copyable {
  private var states: (UInt32, UInt32) = (1 << 16, 1 << 16)
  /// Words in the order of writing, which is the reverse of the stream's; at most one an element.
  private let words: UncheckedBuffer<UInt16>
  private var wordCount = 0
  /// `frequency << 16 | start`, by table and token.
  private let ranges: UncheckedBuffer<UInt32>

  init(_ model: borrowing TokenModel, elementCount: Int) {
    words = UncheckedBuffer(repeating: 0, count: elementCount)
    ranges = UncheckedBuffer(repeating: 0, count: model.frequencies.count << 7)
    for (table, frequencies) in model.frequencies.enumerated() {
      var start: UInt32 = 0
      for (token, frequency) in frequencies.enumerated() {
        ranges[table << 7 | token] = UInt32(frequency) << 16 | start
        start += UInt32(frequency)
      }
    }
  }

  /// Prepends the token of element `index`; elements come last one first.
  @inline(__always)
  mutating func prepend(_ token: Int, table: Int, index: Int) {
    if index & 1 == 0 {
      states.0 = pushed(states.0, token, table)
    } else {
      states.1 = pushed(states.1, token, table)
    }
  }

  @inline(__always)
  private mutating func pushed(_ state: UInt32, _ token: Int, _ table: Int) -> UInt32 {
    let range = ranges[table << 7 | token]
    let frequency = range >> 16
    var state = state
    // `frequency` is at most 2^11, so this bound is at most 2^32 and then never reached.
    if UInt64(state) >= UInt64(frequency) << UInt64(32 - TokenModel.totalShift) {
      words[wordCount] = UInt16(truncatingIfNeeded: state)
      wordCount &+= 1
      state >>= 16
    }
    let (quotient, remainder) = state.quotientAndRemainder(dividingBy: frequency)
    return quotient << UInt32(TokenModel.totalShift) &+ remainder &+ range & 0xFFFF
  }

  consuming func finish() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(2 * wordCount + 8)
    bytes.appendLittleEndian(states.0)
    bytes.appendLittleEndian(states.1)
    for index in stride(from: wordCount - 1, through: 0, by: -1) {
      bytes.append(UInt8(truncatingIfNeeded: words[index]))
      bytes.append(UInt8(truncatingIfNeeded: words[index] >> 8))
    }
    return bytes
  }
}

/// Reads what a ``TokenEncoder`` wrote; words past the end are zeros.
struct TokenDecoder: ~Copyable {
  private var states: (UInt32, UInt32)
  private let stream: UncheckedBuffer<UInt8>
  private let end: Int
  private var position = 8
  /// `token << 24 | (frequency − 1) << 12 | (slot − start)`, by table and slot.
  private let slots: UncheckedBuffer<UInt32>

  init(_ bytes: [UInt8], _ model: borrowing TokenModel) {
    end = max(bytes.count, 8)
    stream = UncheckedBuffer(repeating: 0, count: end + 8)
    stream.copy(bytes, from: 0, count: bytes.count, to: 0)
    states = (0, 0)
    slots = UncheckedBuffer(
      repeating: 0, count: model.frequencies.count << TokenModel.totalShift)
    for (table, frequencies) in model.frequencies.enumerated() {
      var slot = table << TokenModel.totalShift
      for (token, frequency) in frequencies.enumerated() {
        for offset in 0..<Int(frequency) {
          slots[slot] =
            UInt32(token) << 24 | UInt32(frequency - 1) << 12 | UInt32(offset)
          slot += 1
        }
      }
    }
    states = (word(at: 0) | word(at: 2) << 16, word(at: 4) | word(at: 6) << 16)
  }

  @inline(__always)
  private func word(at position: Int) -> UInt32 {
    UInt32(stream[position]) | UInt32(stream[position + 1]) << 8
  }

  /// The token of the next element.
  @inline(__always)
  mutating func next(table: Int) -> Int {
    let mask = UInt32(TokenModel.total - 1)
    var state = states.0
    let slot = slots[table << TokenModel.totalShift | Int(state & mask)]
    let frequency = (slot >> 12) & 0xFFF &+ 1
    state = frequency &* (state >> UInt32(TokenModel.totalShift)) &+ slot & 0xFFF
    if state < 1 << 16 {
      state = state << 16 | word(at: position)
      position = min(position &+ 2, end)
    }
    states = (states.1, state)
    return Int(slot >> 24)
  }
}

/// Bits that are all equally likely, the first of them lowest in the first byte.
struct BitWriter: ~Copyable {
  private let words: UncheckedBuffer<UInt32>
  private var wordCount = 0
  private var pending: UInt64 = 0
  private var pendingCount = 0

  /// A writer for `elementCount` numbers of at most 32 bits.
  init(elementCount: Int) {
    words = UncheckedBuffer(repeating: 0, count: elementCount + 1)
  }

  /// Appends the `count` low bits of `value`, at most 32; the others are 0.
  @inline(__always)
  mutating func append(_ value: UInt32, count: Int) {
    pending |= UInt64(value) &<< UInt64(truncatingIfNeeded: pendingCount)
    pendingCount &+= count
    guard pendingCount >= 32 else { return }
    words[wordCount] = UInt32(truncatingIfNeeded: pending)
    wordCount &+= 1
    pending >>= 32
    pendingCount &-= 32
  }

  consuming func finish() -> [UInt8] {
    let byteCount = 4 * wordCount + (pendingCount + 7) / 8
    words[wordCount] = UInt32(truncatingIfNeeded: pending)
    return unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      for index in 0..<byteCount {
        unsafe buffer[index] = UInt8(
          truncatingIfNeeded: words[index >> 2] >> UInt32(8 * (index & 3)))
      }
      count = byteCount
    }
  }
}

/// Reads what a ``BitWriter`` wrote; bits past the end are zeros.
struct BitReader: ~Copyable {
  private let stream: UncheckedBuffer<UInt8>
  private let end: Int
  private var position = 0

  init(_ bytes: [UInt8]) {
    end = 8 * bytes.count
    stream = UncheckedBuffer(repeating: 0, count: bytes.count + 8)
    stream.copy(bytes, from: 0, count: bytes.count, to: 0)
  }

  /// The next `count` bits, at most 32.
  @inline(__always)
  mutating func read(_ count: Int) -> UInt32 {
    checkIndex(position <= end && count <= 32)
    let word = unsafe UInt64(
      littleEndian: UnsafeRawPointer(stream.pointer).loadUnaligned(
        fromByteOffset: position >> 3, as: UInt64.self))
    let bits = word &>> UInt64(truncatingIfNeeded: position & 7)
    position = min(position &+ count, end)
    return UInt32(truncatingIfNeeded: bits & ((1 &<< UInt64(truncatingIfNeeded: count)) &- 1))
  }
}
