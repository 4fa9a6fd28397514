internal import ByteIO

extension [UInt8] {
  /// Copies elements of `width` bytes, `step` bytes apart on each side.
  mutating func copyElements(
    _ elementCount: Int, width: Int, to target: Int, step targetStep: Int, from span: RawSpan,
    at source: Int, step sourceStep: Int
  ) {
    guard elementCount > 0 else { return }
    precondition(target >= 0 && target + (elementCount - 1) * targetStep + width <= count)
    precondition(
      source >= 0 && source + (elementCount - 1) * sourceStep + width <= span.byteCount)
    unsafe withUnsafeMutableBytes { to in
      unsafe span.withUnsafeBytes { from in
        guard let to = to.baseAddress, let from = from.baseAddress else { return }
        // Both ends were checked above, and steps only go forward.
        switch width {
        case 2:
          for index in 0..<elementCount {
            let value = unsafe from.loadUnaligned(
              fromByteOffset: source + index * sourceStep, as: UInt16.self)
            unsafe to.storeBytes(
              of: value, toByteOffset: target + index * targetStep, as: UInt16.self)
          }
        case 4:
          for index in 0..<elementCount {
            let value = unsafe from.loadUnaligned(
              fromByteOffset: source + index * sourceStep, as: UInt32.self)
            unsafe to.storeBytes(
              of: value, toByteOffset: target + index * targetStep, as: UInt32.self)
          }
        default:
          for index in 0..<elementCount {
            unsafe (to + target + index * targetStep).copyMemory(
              from: from + source + index * sourceStep, byteCount: width)
          }
        }
      }
    }
  }
}

extension RawSpan {
  /// The elements of a matrix of `rows × columns`, each of `width` bytes, column by column.
  func transposed(rows: Int, columns: Int, width: Int) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: byteCount)
    for column in 0..<columns {
      result.copyElements(
        rows, width: width, to: column * rows * width, step: width, from: self,
        at: column * width, step: columns * width)
    }
    return result
  }
}
