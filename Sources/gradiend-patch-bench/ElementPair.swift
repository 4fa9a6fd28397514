import ByteIO
import Glibc

/// The elements of a tensor in base and result, as bits.
struct ElementPair {
  private let base: MappedFile
  private let baseOffset: Int
  private let result: MappedFile
  private let resultOffset: Int
  let count: Int

  init(base: MappedFile, at baseOffset: Int, result: MappedFile, at resultOffset: Int, count: Int) {
    self.base = base
    self.baseOffset = baseOffset
    self.result = result
    self.resultOffset = resultOffset
    self.count = count
  }

  /// Whether base and result are the same, bit for bit.
  func areEqual(byteWidth: Int) -> Bool {
    for start in stride(from: 0, to: count, by: 1 << 20) {
      let bytes = start * byteWidth..<min(start + 1 << 20, count) * byteWidth
      var isEqual = true
      read(base, at: baseOffset, bytes) { base in
        read(result, at: resultOffset, bytes) { result in
          guard let base = base.baseAddress, let result = result.baseAddress else { return }
          isEqual = memcmp(base, result, bytes.count) == 0
        }
      }
      if !isEqual { return false }
    }
    return true
  }

  /// Calls `body` for every element in order, with its position and both bit patterns.
  ///
  /// Memory of the files is given back on the way.
  @inline(__always)
  func forEach<Bits: FixedWidthInteger>(_: Bits.Type, _ body: (Int, Bits, Bits) -> Void) {
    let width = MemoryLayout<Bits>.size
    for start in stride(from: 0, to: count, by: 1 << 20) {
      let end = min(start + 1 << 20, count)
      let bytes = start * width..<end * width
      read(base, at: baseOffset, bytes) { base in
        read(result, at: resultOffset, bytes) { result in
          for index in 0..<end - start {
            body(
              start + index,
              base.loadUnaligned(fromByteOffset: index * width, as: Bits.self),
              result.loadUnaligned(fromByteOffset: index * width, as: Bits.self))
          }
        }
      }
    }
  }

  @inline(__always)
  private func read(
    _ file: MappedFile, at offset: Int, _ bytes: Range<Int>,
    _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    let range = offset + bytes.lowerBound..<offset + bytes.upperBound
    file.bytes.extracting(range).withUnsafeBytes(body)
    file.releasePages(in: range)
  }
}
