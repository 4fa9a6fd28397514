internal import ByteIO
internal import Checkpoints

/// How values of a patch's type are stored in a file of another one, and read back
/// (Formats/gguf-mapping.md, section 5).
///
/// A value can be read back if storing it again gives the same bits; only then can strip restore a
/// file that was patched.
struct FloatConversion: Sendable {
  private enum Kind: Sendable {
    case none
    case brainToSingle, brainToHalf, halfToSingle
    /// 1 is added in single precision.
    case shiftedBrain, shiftedHalf, shiftedSingle
  }

  let stored: ElementType
  let value: ElementType
  private let kind: Kind

  /// Nil if `stored` cannot hold the values of `value`.
  init?(stored: ElementType, value: ElementType, isShifted: Bool) {
    self.stored = stored
    self.value = value
    switch (stored, value, isShifted) {
    case (.float32, .bfloat16, true): kind = .shiftedBrain
    case (.float32, .float16, true): kind = .shiftedHalf
    case (.float32, .float32, true): kind = .shiftedSingle
    case (_, _, true): return nil
    case (value, value, false): kind = .none
    case (.float32, .bfloat16, false): kind = .brainToSingle
    case (.float16, .bfloat16, false): kind = .brainToHalf
    case (.float32, .float16, false): kind = .halfToSingle
    default: return nil
    }
  }

  /// Whether values are stored as they are.
  var isIdentity: Bool { kind == .none }

  var storedWidth: Int { stored.byteCount(of: []) ?? 1 }
  var valueWidth: Int { value.byteCount(of: []) ?? 1 }

  /// Reads values back.
  ///
  /// - Returns: the position of the first element that is no stored value, if there is one.
  func read(_ stored: RawSpan, into values: inout MutableRawSpan) -> Int? {
    switch kind {
    case .none: preconditionFailure("nothing to convert")
    case .brainToSingle:
      convert(stored, &values) { (bits: UInt32) in
        bits & 0xFFFF == 0 ? UInt16(truncatingIfNeeded: bits >> 16) : nil
      }
    case .brainToHalf:
      convert(stored, &values) { (bits: UInt16) in
        let wide = Self.single(half: bits)
        return wide & 0xFFFF == 0 ? UInt16(truncatingIfNeeded: wide >> 16) : nil
      }
    case .halfToSingle:
      convert(stored, &values) { (bits: UInt32) in
        let half = Self.half(single: bits)
        return Self.single(half: half) == bits ? half : nil
      }
    case .shiftedBrain:
      convert(stored, &values) { (bits: UInt32) in
        let value = Self.brain(single: Self.lowered(bits))
        return Self.raised(UInt32(value) << 16) == bits ? value : nil
      }
    case .shiftedHalf:
      convert(stored, &values) { (bits: UInt32) in
        let value = Self.half(single: Self.lowered(bits))
        return Self.raised(Self.single(half: value)) == bits ? value : nil
      }
    case .shiftedSingle:
      convert(stored, &values) { (bits: UInt32) in
        let value = Self.lowered(bits)
        return Self.raised(value) == bits ? value : nil
      }
    }
  }

  /// Stores values, rounded as the converter does it.
  ///
  /// - Returns: how many cannot be read back, and the position of the first of them.
  func write(
    _ values: RawSpan, into stored: inout MutableRawSpan
  ) -> (count: Int, first: Int?) {
    switch kind {
    case .none: preconditionFailure("nothing to convert")
    case .brainToSingle:
      store(values, &stored) { (bits: UInt16) in (UInt32(bits) << 16, true) }
    case .brainToHalf:
      store(values, &stored) { (bits: UInt16) in
        let half = Self.half(single: UInt32(bits) << 16)
        return (half, Self.single(half: half) == UInt32(bits) << 16)
      }
    case .halfToSingle:
      store(values, &stored) { (bits: UInt16) in (Self.single(half: bits), true) }
    case .shiftedBrain:
      store(values, &stored) { (bits: UInt16) in
        let raised = Self.raised(UInt32(bits) << 16)
        return (raised, Self.brain(single: Self.lowered(raised)) == bits)
      }
    case .shiftedHalf:
      store(values, &stored) { (bits: UInt16) in
        let raised = Self.raised(Self.single(half: bits))
        return (raised, Self.half(single: Self.lowered(raised)) == bits)
      }
    case .shiftedSingle:
      store(values, &stored) { (bits: UInt32) in
        let raised = Self.raised(bits)
        return (raised, Self.lowered(raised) == bits)
      }
    }
  }

  @inline(__always)
  private func store<In, Out>(
    _ values: RawSpan, _ stored: inout MutableRawSpan, _ body: (In) -> (Out, Bool)
  ) -> (count: Int, first: Int?)
  where In: FixedWidthInteger & BitwiseCopyable, Out: FixedWidthInteger & BitwiseCopyable {
    var losses: (count: Int, first: Int?) = (0, nil)
    var index = 0
    _ = convert(values, &stored) { (bits: In) -> Out? in
      let (converted, isExact) = body(bits)
      if !isExact {
        losses.count += 1
        losses.first = losses.first ?? index
      }
      index += 1
      return converted
    }
    return losses
  }

  @inline(__always)
  private func convert<In, Out>(
    _ input: RawSpan, _ output: inout MutableRawSpan, _ body: (In) -> Out?
  ) -> Int?
  where In: FixedWidthInteger & BitwiseCopyable, Out: FixedWidthInteger & BitwiseCopyable {
    let (from, to) = (MemoryLayout<In>.size, MemoryLayout<Out>.size)
    let count = input.byteCount / from
    precondition(output.byteCount == count * to)
    var fault: Int?
    unsafe input.withUnsafeBytes { input in
      unsafe output.withUnsafeMutableBytes { output in
        for index in 0..<count {
          let bits = unsafe input.loadUnaligned(fromByteOffset: index * from, as: In.self)
          guard let converted = body(bits) else {
            fault = index
            return
          }
          unsafe output.storeBytes(of: converted, toByteOffset: index * to, as: Out.self)
        }
      }
    }
    return fault
  }

  // MARK: Casts, as the converter does them

  /// Keeps the payload of a NaN.
  @inline(__always)
  private static func single(half bits: UInt16) -> UInt32 {
    guard bits & 0x7C00 == 0x7C00 else { return Float(Float16(bitPattern: bits)).bitPattern }
    return UInt32(bits & 0x8000) << 16 | 0x7F80_0000 | UInt32(bits & 0x3FF) << 13
  }

  /// Rounds to nearest even.
  @inline(__always)
  private static func half(single bits: UInt32) -> UInt16 {
    guard bits & 0x7F80_0000 == 0x7F80_0000 else {
      return Float16(Float(bitPattern: bits)).bitPattern
    }
    return UInt16(truncatingIfNeeded: bits >> 16 & 0x8000 | 0x7C00 | bits >> 13 & 0x3FF)
  }

  /// Rounds to nearest even; a NaN becomes a quiet one.
  @inline(__always)
  private static func brain(single bits: UInt32) -> UInt16 {
    guard bits & 0x7FFF_FFFF <= 0x7F80_0000 else {
      return UInt16(truncatingIfNeeded: bits >> 16) | 0x40
    }
    return UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
  }

  @inline(__always)
  private static func raised(_ bits: UInt32) -> UInt32 { (Float(bitPattern: bits) + 1).bitPattern }

  @inline(__always)
  private static func lowered(_ bits: UInt32) -> UInt32 {
    (Float(bitPattern: bits) - 1).bitPattern
  }
}
