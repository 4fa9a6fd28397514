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
  /// Whether the file has what the converter read, and the patch what it made of it.
  let isReversed: Bool
  private let kind: Kind

  /// The file has what the converter makes of values of the patch's type.
  ///
  /// Nil if `stored` cannot hold them.
  init?(stored: ElementType, value: ElementType, isShifted: Bool) {
    guard let kind = Self.kind(from: value, to: stored, isShifted) else { return nil }
    (self.stored, self.value, self.kind, isReversed) = (stored, value, kind, false)
  }

  /// The patch has what the converter makes of the file's values.
  ///
  /// Nil if these cannot be told from what it makes of them.
  init?(source stored: ElementType, converted value: ElementType, isShifted: Bool) {
    guard let kind = Self.kind(from: stored, to: value, isShifted) else { return nil }
    (self.stored, self.value, self.kind, isReversed) = (stored, value, kind, true)
  }

  private static func kind(from: ElementType, to: ElementType, _ isShifted: Bool) -> Kind? {
    switch (from, to, isShifted) {
    case (.bfloat16, .float32, true): .shiftedBrain
    case (.float16, .float32, true): .shiftedHalf
    case (.float32, .float32, true): .shiftedSingle
    case (_, _, true): nil
    case (to, to, false): Kind.none
    case (.bfloat16, .float32, false): .brainToSingle
    case (.bfloat16, .float16, false): .brainToHalf
    case (.float16, .float32, false): .halfToSingle
    default: nil
    }
  }

  /// Whether values are stored as they are.
  var isIdentity: Bool { kind == .none }

  /// Whether the stored type lacks some values of the patch's.
  var losesValues: Bool { kind == .brainToHalf || (isReversed && !isIdentity) }

  var storedWidth: Int { stored.byteCount(of: []) ?? 1 }
  var valueWidth: Int { value.byteCount(of: []) ?? 1 }

  /// Reads values back.
  ///
  /// - Returns: the position of the first element that would not be stored in the same bits again,
  ///   if there is one.
  func read(_ stored: RawSpan, into values: inout MutableRawSpan) -> Int? {
    (isReversed ? convert(stored, into: &values) : revert(stored, into: &values)).first
  }

  /// Stores values, rounded as the converter does it.
  ///
  /// - Returns: how many cannot be read back, and the position of the first of them.
  func write(_ values: RawSpan, into stored: inout MutableRawSpan) -> Losses {
    isReversed ? revert(values, into: &stored) : convert(values, into: &stored)
  }

  /// Elements that cannot be told from what was made of them.
  typealias Losses = (count: Int, first: Int?)

  /// Does what the converter does.
  private func convert(_ source: RawSpan, into target: inout MutableRawSpan) -> Losses {
    switch kind {
    case .none: preconditionFailure("nothing to convert")
    case .brainToSingle: Self.convert(BrainToSingle.self, source, &target)
    case .brainToHalf: Self.convert(BrainToHalf.self, source, &target)
    case .halfToSingle: Self.convert(HalfToSingle.self, source, &target)
    case .shiftedBrain: Self.convert(ShiftedBrain.self, source, &target)
    case .shiftedHalf: Self.convert(ShiftedHalf.self, source, &target)
    case .shiftedSingle: Self.convert(ShiftedSingle.self, source, &target)
    }
  }

  /// Undoes what the converter does.
  private func revert(_ target: RawSpan, into source: inout MutableRawSpan) -> Losses {
    switch kind {
    case .none: preconditionFailure("nothing to convert")
    case .brainToSingle: Self.revert(BrainToSingle.self, target, &source)
    case .brainToHalf: Self.revert(BrainToHalf.self, target, &source)
    case .halfToSingle: Self.revert(HalfToSingle.self, target, &source)
    case .shiftedBrain: Self.revert(ShiftedBrain.self, target, &source)
    case .shiftedHalf: Self.revert(ShiftedHalf.self, target, &source)
    case .shiftedSingle: Self.revert(ShiftedSingle.self, target, &source)
    }
  }

  @inline(__always)
  private static func convert<Cast: FloatCast>(
    _: Cast.Type, _ source: RawSpan, _ target: inout MutableRawSpan
  ) -> Losses {
    map(source, &target) { (bits: Cast.Source) -> (Cast.Target, Bool) in
      let converted = Cast.convert(bits)
      return (converted, Cast.revert(converted) == bits)
    }
  }

  @inline(__always)
  private static func revert<Cast: FloatCast>(
    _: Cast.Type, _ target: RawSpan, _ source: inout MutableRawSpan
  ) -> Losses {
    map(target, &source) { (bits: Cast.Target) -> (Cast.Source, Bool) in
      let reverted = Cast.revert(bits)
      return (reverted, Cast.convert(reverted) == bits)
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
