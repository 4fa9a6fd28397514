/// The values of a block in three planes, in the order in which they are coded: each tells what to
/// expect of the next.
package struct BlockLayout: Equatable, Sendable {
  package let byteCount: Int
  /// What all elements share.
  package let scales: [BlockValue]
  /// What a run of elements shares; the minima after the scales, as many.
  package let subscales: [BlockValue]
  /// One for each element, or bytes where elements share them.
  package let codes: [BlockValue]
  /// Which sub-scale is zero.
  let subscaleZero: Int
  let minimaCount: Int
  /// Whether the scale is the exponent alone.
  let scaleIsExponent: Bool

  init(
    _ byteCount: Int, scales: [BlockValue], scaleIsExponent: Bool = false,
    subscales: [BlockValue] = [], subscaleZero: Int = 0, minimaCount: Int = 0, codes: [BlockValue]
  ) {
    self.byteCount = byteCount
    self.scales = scales
    self.subscales = subscales
    self.codes = codes
    self.subscaleZero = subscaleZero
    self.minimaCount = minimaCount
    self.scaleIsExponent = scaleIsExponent
  }

  package static let planeCount = 3

  package func values(_ plane: Int) -> [BlockValue] {
    switch plane {
    case 0: scales
    case 1: subscales
    default: codes
    }
  }

  /// How many groups of equal class a plane's values in a block fall into.
  func groupCount(_ plane: Int) -> Int {
    switch plane {
    case 0: max(scales.count, 1)
    case 1: minimaCount > 0 ? 2 : 1
    default: max(subscales.count - minimaCount, 1)
    }
  }

  /// Classes are below this.
  static let classCount = 128

  /// Says for each group of a plane's values how likely they are to change: by what their scale is
  /// in the base, and by whether it changes.
  func classify(
    _ plane: Int, base: UnsafePointer<UInt8>, result: UnsafePointer<UInt8>,
    into classes: UnsafeMutablePointer<Int>
  ) {
    switch plane {
    case 0:
      for index in 0..<groupCount(0) { unsafe classes[index] = index }
    case 1:
      let changed = unsafe differ(scales, base, result) ? 2 : 0
      for index in 0..<groupCount(1) { unsafe classes[index] = index + changed }
    default:
      let isRescaled = unsafe differ(scales, base, result)
      let scale = unsafe scaleLevel(base)
      for index in 0..<groupCount(2) {
        if unsafe isRescaled || subscalesDiffer(index, base, result) {
          unsafe classes[index] = 0
        } else {
          let level = unsafe scale + subscaleLevel(index, base)
          unsafe classes[index] = min(max(level, 1), Self.classCount - 1)
        }
      }
    }
  }

  private func differ(
    _ values: [BlockValue], _ base: UnsafePointer<UInt8>, _ result: UnsafePointer<UInt8>
  ) -> Bool {
    for value in values where unsafe value.read(base) != value.read(result) { return true }
    return false
  }

  private func subscalesDiffer(
    _ index: Int, _ base: UnsafePointer<UInt8>, _ result: UnsafePointer<UInt8>
  ) -> Bool {
    guard index < subscales.count else { return false }
    let scale = subscales[index]
    if unsafe scale.read(base) != scale.read(result) { return true }
    guard minimaCount > 0 else { return false }
    let minimum = subscales[index + minimaCount]
    return unsafe minimum.read(base) != minimum.read(result)
  }

  /// `log2` of the scale, in half octaves, from some zero.
  private func scaleLevel(_ block: UnsafePointer<UInt8>) -> Int {
    guard let scale = scales.first else { return 1 }
    let bits = unsafe scale.read(block)
    if scaleIsExponent { return bits >> 1 }
    let magnitude = bits & 0x7FFF
    // Half precision: below 2^10 there is no leading one to be added.
    return magnitude < 1024
      ? LogScale.eighths(UInt64(magnitude | 1)) >> 2 : magnitude >> 9 + 18
  }

  private func subscaleLevel(_ index: Int, _ block: UnsafePointer<UInt8>) -> Int {
    guard index < subscales.count else { return 0 }
    let subscale = unsafe abs(subscales[index].read(block) - subscaleZero)
    return LogScale.eighths(UInt64(subscale | 1)) >> 2
  }
}
