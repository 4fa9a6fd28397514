internal import ByteIO

// What a new file begins with (Formats/gguf.md).

extension GGUFHeader {
  /// The values of keys that are written.
  package enum WrittenValue: Sendable {
    case string(String)
    case float(Float)

    fileprivate var type: GGUFValueType {
      switch self {
      case .string: .string
      case .float: .float32
      }
    }
  }

  private static let writtenAlignment = 32

  /// The next multiple of the alignment, at which a tensor may begin.
  package static func aligned(_ offset: Int) -> Int {
    (offset + writtenAlignment - 1) / writtenAlignment * writtenAlignment
  }

  /// A header of version 3, up to where the first tensor begins.
  ///
  /// - Parameters:
  ///   - metadata: keys and values.
  ///   - tensors: of F32, their byte ranges counted from the end of the header.
  /// - Returns: what a file begins with.
  package static func bytes(
    _ metadata: [(key: String, value: WrittenValue)], _ tensors: [TensorDescriptor]
  ) -> [UInt8] {
    var bytes = Array(magic.utf8)
    bytes.appendLittleEndian(UInt32(3))
    bytes.appendLittleEndian(UInt64(tensors.count))
    bytes.appendLittleEndian(UInt64(metadata.count))
    for (key, value) in metadata {
      bytes.appendGGUFText(key)
      bytes.appendLittleEndian(value.type.rawValue)
      switch value {
      case .string(let text): bytes.appendGGUFText(text)
      case .float(let number): bytes.appendLittleEndian(number.bitPattern)
      }
    }
    for tensor in tensors {
      precondition(tensor.elementType == .float32)
      bytes.appendGGUFText(tensor.name)
      bytes.appendLittleEndian(UInt32(tensor.shape.count))
      // Innermost dimension first.
      for length in tensor.shape.reversed() { bytes.appendLittleEndian(UInt64(length)) }
      bytes.appendLittleEndian(UInt32(0))
      bytes.appendLittleEndian(UInt64(tensor.byteRange.lowerBound))
    }
    return bytes + Array(repeating: 0, count: aligned(bytes.count) - bytes.count)
  }
}

extension [UInt8] {
  fileprivate mutating func appendGGUFText(_ text: String) {
    appendLittleEndian(UInt64(text.utf8.count))
    self += Array(text.utf8)
  }
}
