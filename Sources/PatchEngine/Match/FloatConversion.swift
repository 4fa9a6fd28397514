internal import ByteIO
package import Checkpoints

/// How values of one type of floats are stored in another, as a converter does it, and read back
/// (Formats/gguf-mapping.md, section 5).
///
/// A value can be read back if storing it again gives the same bits; only then can strip restore
/// what was patched.
package struct FloatConversion: Sendable {
  /// What the source has.
  let stored: ElementType
  /// What the patch has.
  let value: ElementType
  /// Whether the stored type lacks some values of the patch's.
  let losesValues: Bool
  /// What is added in single precision to values when they are stored.
  private let offset: Float?

  /// Types as the converter may change them, when it adds nothing and when it adds 1 to norms.
  private static let casts: Set<[ElementType]> = [
    [.bfloat16, .float32], [.bfloat16, .float16], [.float16, .float32],
  ]
  private static let shiftedCasts: Set<[ElementType]> = [
    [.bfloat16, .float32], [.float16, .float32], [.float32, .float32],
  ]

  private static func exists(_ from: ElementType, _ to: ElementType, addsOne: Bool) -> Bool {
    addsOne ? shiftedCasts.contains([from, to]) : from == to || casts.contains([from, to])
  }

  /// The source has what the converter makes of values of the patch's type.
  ///
  /// Nil if `stored` cannot hold them.
  init?(stored: ElementType, value: ElementType, addsOne: Bool) {
    guard Self.exists(value, stored, addsOne: addsOne) else { return nil }
    (self.stored, self.value, offset) = (stored, value, addsOne ? 1 : nil)
    losesValues = value == .bfloat16 && stored == .float16
  }

  /// The patch has what the converter makes of the source's values.
  ///
  /// Nil if these cannot be told from what it makes of them.
  init?(source stored: ElementType, converted value: ElementType, addsOne: Bool) {
    guard Self.exists(stored, value, addsOne: addsOne) else { return nil }
    (self.stored, self.value, offset) = (stored, value, addsOne ? -1 : nil)
    losesValues = addsOne || stored != value
  }

  /// A copy in other floats, or in the same.
  ///
  /// Nil if the values of either cannot be told from those of the other.
  package init?(of value: ElementType, storedIn stored: ElementType) {
    if stored == value {
      self.init(identity: value)
    } else if let wider = Self(stored: stored, value: value, addsOne: false) {
      self = wider
      // Wide floats may hold no values but those of narrower ones; digests tell.
    } else if let narrower = Self(source: stored, converted: value, addsOne: false) {
      self = narrower
    } else {
      return nil
    }
  }

  /// Values that are stored as they are.
  init(identity type: ElementType) {
    (stored, value, offset, losesValues) = (type, type, nil, false)
  }

  /// Whether values are stored as they are.
  var isIdentity: Bool { stored == value && offset == nil }

  var storedWidth: Int { stored.elementByteCount ?? 1 }
  var valueWidth: Int { value.elementByteCount ?? 1 }

  /// Elements that cannot be told from what was made of them.
  typealias Losses = (count: Int, first: Int?)

  /// Reads values back.
  ///
  /// - Returns: the position of the first element that would not be stored in the same bits again,
  ///   if there is one.
  func read(_ stored: RawSpan, into values: inout MutableRawSpan) -> Int? {
    Self.convert(stored, self.stored, into: &values, value, adding: offset.map(-)).first
  }

  /// Stores values, rounded to nearest even.
  ///
  /// - Returns: how many cannot be read back, and the position of the first of them.
  func write(_ values: RawSpan, into stored: inout MutableRawSpan) -> Losses {
    Self.convert(values, value, into: &stored, self.stored, adding: offset)
  }

  private static func convert(
    _ input: RawSpan, _ from: ElementType, into output: inout MutableRawSpan, _ to: ElementType,
    adding offset: Float?
  ) -> Losses {
    switch (from, to) {
    case (.bfloat16, .float32): map(BFloat16Bits.self, Float32Bits.self, input, &output, offset)
    case (.float32, .bfloat16): map(Float32Bits.self, BFloat16Bits.self, input, &output, offset)
    case (.bfloat16, .float16): map(BFloat16Bits.self, Float16Bits.self, input, &output, offset)
    case (.float16, .bfloat16): map(Float16Bits.self, BFloat16Bits.self, input, &output, offset)
    case (.float16, .float32): map(Float16Bits.self, Float32Bits.self, input, &output, offset)
    case (.float32, .float16): map(Float32Bits.self, Float16Bits.self, input, &output, offset)
    case (.float32, .float32): map(Float32Bits.self, Float32Bits.self, input, &output, offset)
    default: preconditionFailure("there is no such conversion")
    }
  }

  @inline(__always)
  private static func map<From: FloatBits, To: FloatBits>(
    _: From.Type, _: To.Type, _ input: RawSpan, _ output: inout MutableRawSpan, _ offset: Float?
  ) -> Losses {
    guard let offset else {
      return map(input, &output) { (bits: From.Bits) in
        let converted = To.narrow(From.widen(bits))
        return (converted, From.narrow(To.widen(converted)) == bits)
      }
    }
    return map(input, &output) { (bits: From.Bits) in
      let converted = To.narrow((Float(bitPattern: From.widen(bits)) + offset).bitPattern)
      let back = (Float(bitPattern: To.widen(converted)) - offset).bitPattern
      return (converted, From.narrow(back) == bits)
    }
  }

  /// Has `body` map each element; it also tells whether nothing was lost.
  @inline(__always)
  private static func map<In, Out>(
    _ input: RawSpan, _ output: inout MutableRawSpan, _ body: (In) -> (Out, Bool)
  ) -> Losses
  where In: FixedWidthInteger & BitwiseCopyable, Out: FixedWidthInteger & BitwiseCopyable {
    let (from, to) = (MemoryLayout<In>.size, MemoryLayout<Out>.size)
    let count = input.byteCount / from
    precondition(output.byteCount == count * to)
    var lossCount = 0
    var first: Int?
    unsafe input.withUnsafeBytes { input in
      unsafe output.withUnsafeMutableBytes { output in
        for index in 0..<count {
          let bits = unsafe input.loadUnaligned(fromByteOffset: index * from, as: In.self)
          let (mapped, isExact) = body(bits)
          unsafe output.storeBytes(of: mapped, toByteOffset: index * to, as: Out.self)
          lossCount &+= isExact ? 0 : 1
        }
      }
      // Rare, and kept out of the loop above, which is then one of vectors.
      guard lossCount > 0 else { return }
      first = (0..<count).first { index in
        !body(unsafe input.loadUnaligned(fromByteOffset: index * from, as: In.self)).1
      }
    }
    return (lossCount, first)
  }
}

/// The bits of a type of floats, and those of the single-precision number of the same value.
private protocol FloatBits {
  associatedtype Bits: FixedWidthInteger & BitwiseCopyable

  /// Keeps the payload of a NaN.
  static func widen(_ bits: Bits) -> UInt32
  /// Rounds to nearest even, and keeps the payload of a NaN where it can.
  static func narrow(_ single: UInt32) -> Bits
}

private enum Float32Bits: FloatBits {
  static func widen(_ bits: UInt32) -> UInt32 { bits }
  static func narrow(_ single: UInt32) -> UInt32 { single }
}

private enum BFloat16Bits: FloatBits {
  @inline(__always)
  static func widen(_ bits: UInt16) -> UInt32 { UInt32(bits) << 16 }

  @inline(__always)
  static func narrow(_ single: UInt32) -> UInt16 {
    let high = UInt16(truncatingIfNeeded: single >> 16)
    guard single & 0xFFFF != 0 else { return high }
    // A NaN whose payload does not fit becomes a quiet one.
    guard single & 0x7FFF_FFFF <= 0x7F80_0000 else { return high | 0x40 }
    return UInt16(truncatingIfNeeded: (single + 0x7FFF + (single >> 16 & 1)) >> 16)
  }
}

private enum Float16Bits: FloatBits {
  @inline(__always)
  static func widen(_ bits: UInt16) -> UInt32 {
    guard bits & 0x7C00 == 0x7C00 else { return Float(Float16(bitPattern: bits)).bitPattern }
    return UInt32(bits & 0x8000) << 16 | 0x7F80_0000 | UInt32(bits & 0x3FF) << 13
  }

  @inline(__always)
  static func narrow(_ single: UInt32) -> UInt16 {
    guard single & 0x7F80_0000 == 0x7F80_0000 else {
      return Float16(Float(bitPattern: single)).bitPattern
    }
    return UInt16(truncatingIfNeeded: single >> 16 & 0x8000 | 0x7C00 | single >> 13 & 0x3FF)
  }
}
