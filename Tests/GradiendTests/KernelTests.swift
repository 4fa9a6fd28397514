import CLinux
import Glibc
import Gradiend
import TestSupport
import Testing

/// Both sets of kernels against each other, over every 16-bit value.
@Suite(
  .enabled(if: clinux_has_x86_64_v3(), "the processor lacks the x86-64-v3 instructions"))
struct KernelTests {
  let portable = Kernels.portable
  let v3 = Kernels.v3

  static let words = (0...UInt16.max).map { $0 }

  /// Zeros, denormals, halves of ulps, large values, infinities and NaN.
  static let updates: [Float] = [
    0, -0.0, 1, -1, 1e-3, -9.7e-5, 0x1p-8, 0x1p-9, -0x1p-12, 0x1p-24, 0x1p-25, -0x1p-133, 0x1p-149,
    65504, -65520, 3.3e38, .greatestFiniteMagnitude, .infinity, -.infinity, .nan,
  ]

  /// Both halfway points of every bfloat16, and what lies beside them.
  static let bfloat16Inputs = words.flatMap { high in
    [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF].map {
      Float(bitPattern: UInt32(high) << 16 | UInt32($0))
    }
  }

  /// Every float16, the point halfway to the next, and what lies beside that.
  static let float16Inputs = words.flatMap { word -> [Float] in
    let value = Float16(bitPattern: word)
    guard value.magnitude < .greatestFiniteMagnitude else {
      return [Float(value), 65519, 65520, 65521]
    }
    let halfway = (Float(value) + valueOfFloat16(word + 1)) / 2
    return [Float(value), halfway.nextDown, halfway, halfway.nextUp]
  }

  @Test func `both sets widen every 16-bit value alike`() {
    for (one, other) in [
      (portable.widenBFloat16, v3.widenBFloat16), (portable.widenFloat16, v3.widenFloat16),
    ] {
      let (first, second) = (widened(Self.words, by: one), widened(Self.words, by: other))
      #expect(differences(first, second).isEmpty)
    }
  }

  @Test func `widening keeps every value`() {
    let bfloats = widened(Self.words, by: v3.widenBFloat16)
    #expect(bfloats.map(\.bitPattern) == Self.words.map { UInt32($0) << 16 })
    let halves = widened(Self.words, by: v3.widenFloat16)
    #expect(differencesInValue(halves, Self.words.map(valueOfFloat16)).isEmpty)
  }

  @Test func `both sets round to bfloat16 alike, to nearest even`() {
    let inputs = Self.bfloat16Inputs
    let found = inPlace(inputs, by: portable.roundToBFloat16)
    #expect(differences(found, inPlace(inputs, by: v3.roundToBFloat16)).isEmpty)
    let expected = inputs.map { $0.isFinite ? roundedToBFloat16($0) : $0 }
    #expect(differencesInValue(found, expected).isEmpty)
  }

  @Test func `both sets round to float16 alike, to nearest even`() {
    let inputs = Self.float16Inputs
    let found = inPlace(inputs, by: portable.roundToFloat16)
    #expect(differences(found, inPlace(inputs, by: v3.roundToFloat16)).isEmpty)
    let expected = inputs.map { $0.isFinite ? roundedToFloat16($0) : $0 }
    #expect(differencesInValue(found, expected).isEmpty)
  }

  @Test(arguments: updates)
  func `both sets add an update to every 16-bit base alike`(update: Float) {
    let updates = Array(repeating: update, count: Self.words.count)
    for (one, other) in [
      (portable.addToBFloat16, v3.addToBFloat16), (portable.addToFloat16, v3.addToFloat16),
    ] {
      let found = added(updates, to: Self.words, by: one)
      #expect(found == added(updates, to: Self.words, by: other))
    }
  }

  @Test(arguments: updates)
  func `a NaN in the base keeps its bits, whatever is added`(update: Float) {
    for (add, infinity) in [(v3.addToBFloat16, 0x7F80), (v3.addToFloat16, 0x7C00)] {
      let words = Self.words.filter { $0 & 0x7FFF > infinity }
      let updates = Array(repeating: update, count: words.count)
      #expect(added(updates, to: words, by: add) == bytes(of: words))
    }
  }

  @Test func `a NaN that arises is the quiet one, whatever its bits were`() {
    let updates: [Float] = [.infinity, .nan, -.nan, Float(bitPattern: 0xFFA0_1234)]
    let infinity = -Float.infinity
    for kernels in [portable, v3] {
      let singles = Array(repeating: infinity.bitPattern, count: updates.count)
      #expect(
        added(updates, to: singles, by: kernels.addToFloat32)
          == bytes(of: singles.map { _ in 0x7FC0_0000 as UInt32 }))
      let halves = Array(repeating: Float16(infinity).bitPattern, count: updates.count)
      #expect(
        added(updates, to: halves, by: kernels.addToFloat16)
          == bytes(of: halves.map { _ in 0x7E00 as UInt16 }))
      let bfloats = Array(
        repeating: UInt16(infinity.bitPattern >> 16), count: updates.count)
      #expect(
        added(updates, to: bfloats, by: kernels.addToBFloat16)
          == bytes(of: bfloats.map { _ in 0x7FC0 as UInt16 }))
    }
  }

  @Test func `both sets work on single precision alike`() {
    var generator = SeededGenerator(seed: 3)
    let bits = (0..<50_000).map { _ in UInt32(truncatingIfNeeded: generator.next()) }
    let values = bits.map { Float(bitPattern: $0) }
    let others = values.shuffled(using: &generator)
    let found = added(others, to: bits, by: portable.addToFloat32)
    #expect(found == added(others, to: bits, by: v3.addToFloat32))
    #expect(
      differences(sum(values, others, by: portable.add), sum(values, others, by: v3.add)).isEmpty)
    for factor in [0, -0.0, 0.01, -3, 0x1p-126, .infinity] as [Float] {
      let found = inPlace(values) { portable.multiply($0, factor, $1) }
      let other = inPlace(values) { v3.multiply($0, factor, $1) }
      #expect(differences(found, other).isEmpty)
    }
  }

  @Test(arguments: [1, 2, 3, 7, 64], [1, 7, 8, 9, 50])
  func `both sets add products in turn, each in one rounding`(width: Int, count: Int) {
    var generator = SeededGenerator(seed: UInt64(width * count))
    // Some of any bits, some that cancel, so that all but the last rounding show.
    func value() -> Float {
      let bits = generator.next()
      return bits & 3 == 0
        ? Float(bitPattern: UInt32(truncatingIfNeeded: bits >> 32))
        : Float(Int(bits >> 40) - 1 << 23) / 0x1p23
    }
    let rows = (0..<width * count).map { _ in value() }
    let factors = (0..<width).map { _ in value() }
    let expected = (0..<count).map { row in
      (0..<width).reduce(-0.0 as Float) { sum, index in
        fmaf(rows[row * width + index], factors[index], sum)
      }
    }
    let starts = [Float](repeating: -0.0, count: count)
    for kernels in [portable, v3] {
      let found = sums(rows, factors, from: starts, by: kernels.addProducts)
      #expect(differencesInValue(found, expected).isEmpty)
    }
  }

  @Test(arguments: 0...67)
  func `no length and no alignment makes a difference`(count: Int) {
    var generator = SeededGenerator(seed: UInt64(count))
    let words = (0..<count).map { _ in UInt16.random(in: 0x3000...0x4000, using: &generator) }
    let singles = (0..<count).map { _ in
      UInt32.random(in: 0x3E00_0000...0x3F00_0000, using: &generator)
    }
    let updates = (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
    for offset in [0, 1, 3] {
      for kernels in [portable, v3] {
        let halves = words.map { Float(Float16(bitPattern: $0)) }
        #expect(widened(words, offset: offset, by: kernels.widenFloat16) == halves)
        let bfloats = words.map { Float(bitPattern: UInt32($0) << 16) }
        #expect(widened(words, offset: offset, by: kernels.widenBFloat16) == bfloats)
        let sums = zip(halves, updates).map { Float16($0 + $1).bitPattern }
        #expect(
          added(updates, to: words, offset: offset, by: kernels.addToFloat16) == bytes(of: sums))
        let roundedSums = zip(bfloats, updates).map { roundedToBFloat16($0 + $1).bitPattern >> 16 }
        #expect(
          added(updates, to: words, offset: offset, by: kernels.addToBFloat16)
            == bytes(of: roundedSums.map { UInt16($0) }))
        let exactSums = zip(singles, updates).map { (Float(bitPattern: $0) + $1).bitPattern }
        #expect(
          added(updates, to: singles, offset: offset, by: kernels.addToFloat32)
            == bytes(of: exactSums))
      }
    }
    for kernels in [portable, v3] {
      #expect(inPlace(updates, by: kernels.roundToBFloat16) == updates.map(roundedToBFloat16))
      #expect(inPlace(updates, by: kernels.roundToFloat16) == updates.map(roundedToFloat16))
      #expect(inPlace(updates) { kernels.multiply($0, 0.3, $1) } == updates.map { $0 * 0.3 })
      #expect(sum(updates, updates, by: kernels.add) == updates.map { $0 + $0 })
    }
  }
}
