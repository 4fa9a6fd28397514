internal import Checkpoints

/// Where the elements of a tensor lie, one after the other.
package enum TensorMemory: Sendable {
  case address(Address)
  case device(any TensorDevice)

  /// An address that a caller vouches for.
  @safe
  package struct Address: @unchecked Sendable {
    package let pointer: UnsafeMutableRawPointer

    package init(_ pointer: UnsafeMutableRawPointer) { unsafe self.pointer = pointer }

    /// Writes bytes there, for which the caller vouches, too.
    package func write(_ bytes: RawSpan, at offset: Int) {
      unsafe bytes.withUnsafeBytes { bytes in
        guard let source = bytes.baseAddress else { return }
        unsafe (pointer + offset).copyMemory(from: source, byteCount: bytes.count)
      }
    }
  }

  enum Identity: Hashable {
    case address(UInt)
    case device(ObjectIdentifier)
  }

  var identity: Identity {
    switch self {
    case .address(let address): .address(unsafe UInt(bitPattern: address.pointer))
    case .device(let device): .device(ObjectIdentifier(device))
    }
  }

  /// Whether as many bytes can lie there. Devices take elements, which need bytes of their own.
  func holds(_ type: ElementType, byteCount: Int) -> Bool {
    guard case .address(let address) = self else { return type.elementByteCount != nil }
    let start = unsafe UInt(bitPattern: address.pointer)
    return !start.addingReportingOverflow(UInt(byteCount)).overflow
  }

  func addresses(byteCount: Int) -> Range<UInt>? {
    guard case .address(let address) = self, byteCount > 0 else { return nil }
    let start = unsafe UInt(bitPattern: address.pointer)
    return start..<start + UInt(byteCount)
  }
}

/// A tensor in the memory of a device, such as a graphics processor, by way of those who can reach it.
package protocol TensorDevice: AnyObject, Sendable {
  /// Copies bytes of the tensor.
  ///
  /// - Returns: false if that is not possible.
  func read(_ byteRange: Range<Int>, into buffer: UnsafeMutableRawBufferPointer) -> Bool

  /// Puts elements to their places.
  ///
  /// - Parameters:
  ///   - words: the elements, one after the other.
  ///   - indices: where each goes, counted in elements.
  /// - Returns: false if that is not possible; what became of them is then unknown.
  func write(_ words: RawSpan, at indices: [Int64]) -> Bool
}
