import ByteIO
import Checkpoints
import Dispatch
import Synchronization

/// A safetensors file of BF16 tensors, written block by block on all cores.
struct StreamedTensors {
  private let file: WritableFile
  private let payloadOffset: Int
  private let ranges: [String: Range<Int>]

  /// Writes the header for `tensors`, which lie in this order.
  init(_ file: WritableFile, _ tensors: [ModelShape.Tensor]) throws {
    self.file = file
    var members: [JSONValue.Member] = [
      .init("__metadata__", .object([.init("format", .string("pt"))]))
    ]
    var ranges: [String: Range<Int>] = [:]
    var end = 0
    for tensor in tensors {
      let range = end..<end + 2 * tensor.elementCount
      end = range.upperBound
      ranges[tensor.name] = range
      members.append(.init(tensor: tensor.name, .bfloat16, shape: tensor.shape, at: range))
    }
    self.ranges = ranges
    let header = SafetensorsHeader.bytes(members)
    payloadOffset = header.count
    try file.write(header.rawSpan, at: 0)
  }

  /// Fills elements of a tensor.
  ///
  /// - Parameters:
  ///   - name: the tensor.
  ///   - elements: which of its elements.
  ///   - values: puts the values of a range, counted from the first of `elements`, into an array
  ///     that has its length. Ranges begin at even numbers.
  /// - Throws: ``SystemError`` if writing fails, as on a full disk.
  func fill(
    _ name: String, _ elements: Range<Int>,
    _ values: @Sendable (Range<Int>, inout [Float]) -> Void
  ) throws {
    let start = payloadOffset + offset(of: name) + 2 * elements.lowerBound
    let blockSize = 1 << 19
    let failure = Mutex<SystemError?>(nil)
    DispatchQueue.concurrentPerform(iterations: (elements.count + blockSize - 1) / blockSize) {
      let range = $0 * blockSize..<min(($0 + 1) * blockSize, elements.count)
      var floats = [Float](repeating: 0, count: range.count)
      values(range, &floats)
      let bits = floats.map { Self.bfloat16($0) }
      do throws(SystemError) {
        try file.write(bits.span.bytes, at: start + 2 * range.lowerBound)
      } catch {
        failure.withLock { $0 = error }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  /// Leaves a tensor zero, in a file of its full length that takes no space for it.
  func leaveZero(_ name: String, elementCount: Int) throws {
    let last: [UInt8] = [0, 0]
    try file.write(last.rawSpan, at: payloadOffset + offset(of: name) + 2 * (elementCount - 1))
  }

  private func offset(of name: String) -> Int {
    guard let range = ranges[name] else { preconditionFailure("no tensor '\(name)'") }
    return range.lowerBound
  }

  /// Rounds to nearest even.
  @inline(__always)
  private static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
  }
}
