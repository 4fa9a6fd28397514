/// Element-wise loops over raw floats, written so that the compiler turns them into vectors.
///
/// This file is compiled twice, as `FloatKernels` for every processor and as `FloatKernelsV3` for
/// those of level x86-64-v3. The results are the same to the bit: multiplications and additions
/// stay separate unless they are fused by name, and no sum is reordered. Callers have checked every
/// count, and pointers need no alignment.
@unsafe
package enum FloatKernels {
  // MARK: To and from Float

  package static func widenBFloat16(
    _ source: UnsafeRawPointer, to target: UnsafeMutablePointer<Float>, count: Int
  ) {
    for index in 0..<count {
      let bits = unsafe source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
      unsafe target[index] = Float(bitPattern: UInt32(bits) << 16)
    }
  }

  package static func widenFloat16(
    _ source: UnsafeRawPointer, to target: UnsafeMutablePointer<Float>, count: Int
  ) {
    for index in 0..<count {
      unsafe target[index] = Float(
        source.loadUnaligned(fromByteOffset: 2 * index, as: Float16.self))
    }
  }

  /// Rounds each value to bfloat16, to nearest even; the values stay floats.
  package static func roundToBFloat16(_ values: UnsafeMutablePointer<Float>, count: Int) {
    for index in 0..<count {
      unsafe values[index] = Float(bitPattern: UInt32(bfloat16(values[index])) << 16)
    }
  }

  /// Rounds each value to float16, to nearest even; the values stay floats.
  package static func roundToFloat16(_ values: UnsafeMutablePointer<Float>, count: Int) {
    for index in 0..<count { unsafe values[index] = Float(Float16(values[index])) }
  }

  // MARK: Arithmetic

  /// `values = values · factor`.
  package static func multiply(
    _ values: UnsafeMutablePointer<Float>, by factor: Float, count: Int
  ) {
    for index in 0..<count { unsafe values[index] *= factor }
  }

  /// `values = values + summands`.
  package static func add(
    _ summands: UnsafePointer<Float>, to values: UnsafeMutablePointer<Float>, count: Int
  ) {
    for index in 0..<count { unsafe values[index] += summands[index] }
  }

  /// `values = values + rows · factors`, the products of a row added one after the other, each in
  /// one rounding with the sum so far.
  ///
  /// There are `width` factors, and a row of `width` values for each of `values`. Where the processor
  /// has no fused operation, the C library's takes some 30 ns.
  package static func addProducts(
    _ rows: UnsafePointer<Float>, _ factors: UnsafePointer<Float>, width: Int,
    to values: UnsafeMutablePointer<Float>, count: Int
  ) {
    // Eight rows at a time, as each sum waits for the one before.
    let whole = count & ~7
    for first in stride(from: 0, to: whole, by: 8) {
      let row = unsafe rows + first * width
      let sums = unsafe UnsafeMutableRawPointer(values + first)
      var lanes = unsafe sums.loadUnaligned(as: SIMD8<Float>.self)
      for index in 0..<width {
        let column = unsafe SIMD8(
          row[index], row[width + index], row[2 * width + index], row[3 * width + index],
          row[4 * width + index], row[5 * width + index], row[6 * width + index],
          row[7 * width + index])
        unsafe lanes.addProduct(column, SIMD8(repeating: factors[index]))
      }
      unsafe sums.storeBytes(of: lanes, as: SIMD8<Float>.self)
    }
    for first in whole..<count {
      for index in 0..<width {
        unsafe values[first].addProduct(rows[first * width + index], factors[index])
      }
    }
  }

  // MARK: Base plus update, rounded to single precision and then to the base's type. A NaN in the
  // base keeps its bits, and any other becomes the quiet one, whatever the processor makes.

  package static func addToFloat32(
    _ base: UnsafeRawPointer, _ update: UnsafePointer<Float>, to result: UnsafeMutableRawPointer,
    count: Int
  ) {
    for index in 0..<count {
      let bits = unsafe base.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
      let sum = unsafe Float(bitPattern: bits) + update[index]
      let isNaN = bits & 0x7FFF_FFFF > 0x7F80_0000
      unsafe result.storeBytes(
        of: isNaN ? bits : sum.isNaN ? 0x7FC0_0000 : sum.bitPattern, toByteOffset: 4 * index,
        as: UInt32.self)
    }
  }

  package static func addToBFloat16(
    _ base: UnsafeRawPointer, _ update: UnsafePointer<Float>, to result: UnsafeMutableRawPointer,
    count: Int
  ) {
    for index in 0..<count {
      let bits = unsafe base.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
      let sum = unsafe Float(bitPattern: UInt32(bits) << 16) + update[index]
      let isNaN = bits & 0x7FFF > 0x7F80
      unsafe result.storeBytes(
        of: isNaN ? bits : bfloat16(sum), toByteOffset: 2 * index, as: UInt16.self)
    }
  }

  package static func addToFloat16(
    _ base: UnsafeRawPointer, _ update: UnsafePointer<Float>, to result: UnsafeMutableRawPointer,
    count: Int
  ) {
    for index in 0..<count {
      let bits = unsafe base.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
      let sum = unsafe Float(Float16(bitPattern: bits)) + update[index]
      let isNaN = bits & 0x7FFF > 0x7C00
      unsafe result.storeBytes(
        of: isNaN ? bits : sum.isNaN ? 0x7E00 : Float16(sum).bitPattern, toByteOffset: 2 * index,
        as: UInt16.self)
    }
  }

  /// The bits of `value` rounded to bfloat16, to nearest even.
  @inline(__always)
  private static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    // A NaN could be rounded into an infinity; it becomes the quiet NaN instead.
    let isNaN = bits & 0x7FFF_FFFF > 0x7F80_0000
    let rounded = (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16
    return UInt16(truncatingIfNeeded: isNaN ? 0x7FC0 : rounded)
  }
}
