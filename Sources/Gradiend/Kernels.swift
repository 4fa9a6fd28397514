internal import CLinux
internal import FloatKernels
internal import FloatKernelsV3

/// The kernels of this processor, chosen once.
///
/// Both sets give the same bits; tests compare them over all 16-bit values.
@unsafe
package struct Kernels: Sendable {
  package typealias Widen = @Sendable (UnsafeRawPointer, UnsafeMutablePointer<Float>, Int) -> Void
  package typealias InPlace = @Sendable (UnsafeMutablePointer<Float>, Int) -> Void
  package typealias Multiply = @Sendable (UnsafeMutablePointer<Float>, Float, Int) -> Void
  package typealias Add = @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
  package typealias AddProducts =
    @Sendable (UnsafePointer<Float>, UnsafePointer<Float>, Int, UnsafeMutablePointer<Float>, Int) ->
    Void
  package typealias AddToBase =
    @Sendable (UnsafeRawPointer, UnsafePointer<Float>, UnsafeMutableRawPointer, Int) -> Void

  package let widenBFloat16: Widen
  package let widenFloat16: Widen
  package let roundToBFloat16: InPlace
  package let roundToFloat16: InPlace
  package let multiply: Multiply
  package let add: Add
  package let addProducts: AddProducts
  package let addToFloat32: AddToBase
  package let addToBFloat16: AddToBase
  package let addToFloat16: AddToBase

  package static let current = unsafe clinux_has_x86_64_v3() ? v3 : portable

  package static let portable = unsafe Kernels(
    widenBFloat16: FloatKernels::FloatKernels.widenBFloat16(_:to:count:),
    widenFloat16: FloatKernels::FloatKernels.widenFloat16(_:to:count:),
    roundToBFloat16: FloatKernels::FloatKernels.roundToBFloat16(_:count:),
    roundToFloat16: FloatKernels::FloatKernels.roundToFloat16(_:count:),
    multiply: FloatKernels::FloatKernels.multiply(_:by:count:),
    add: FloatKernels::FloatKernels.add(_:to:count:),
    addProducts: FloatKernels::FloatKernels.addProducts(_:_:width:to:count:),
    addToFloat32: FloatKernels::FloatKernels.addToFloat32(_:_:to:count:),
    addToBFloat16: FloatKernels::FloatKernels.addToBFloat16(_:_:to:count:),
    addToFloat16: FloatKernels::FloatKernels.addToFloat16(_:_:to:count:))

  package static let v3 = unsafe Kernels(
    widenBFloat16: FloatKernelsV3::FloatKernels.widenBFloat16(_:to:count:),
    widenFloat16: FloatKernelsV3::FloatKernels.widenFloat16(_:to:count:),
    roundToBFloat16: FloatKernelsV3::FloatKernels.roundToBFloat16(_:count:),
    roundToFloat16: FloatKernelsV3::FloatKernels.roundToFloat16(_:count:),
    multiply: FloatKernelsV3::FloatKernels.multiply(_:by:count:),
    add: FloatKernelsV3::FloatKernels.add(_:to:count:),
    addProducts: FloatKernelsV3::FloatKernels.addProducts(_:_:width:to:count:),
    addToFloat32: FloatKernelsV3::FloatKernels.addToFloat32(_:_:to:count:),
    addToBFloat16: FloatKernelsV3::FloatKernels.addToBFloat16(_:_:to:count:),
    addToFloat16: FloatKernelsV3::FloatKernels.addToFloat16(_:_:to:count:))
}
