package import ByteIO
package import Checkpoints

/// Digests of tensors and of whole checkpoints (Formats/patch.md, section 5).
package enum TensorDigest {
  /// The digest of a tensor whose chunks have these digests.
  package static func combine(_ chunks: some Sequence<Digest128>) -> Digest128 {
    var bytes: [UInt8] = []
    for chunk in chunks { bytes.append(chunk) }
    return Digest128(of: bytes.rawSpan)
  }

  /// The digest of all tensors.
  ///
  /// - Complexity: O(n log n) in the number of tensors.
  package static func combine(
    _ tensors: some Sequence<
      (name: String, elementType: ElementType, shape: [Int], digest: Digest128)
    >
  ) -> Digest128 {
    var bytes: [UInt8] = []
    for tensor in tensors.sorted(by: {
      $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
    }) {
      bytes.appendText(tensor.name)
      bytes.append(tensor.elementType.code)
      bytes.appendVariableLength(tensor.shape.count)
      for dimension in tensor.shape { bytes.appendVariableLength(dimension) }
      bytes.append(tensor.digest)
    }
    return Digest128(of: bytes.rawSpan)
  }
}

extension [UInt8] {
  /// Appends a digest as it is stored: low half, then high half.
  package mutating func append(_ digest: Digest128) {
    appendLittleEndian(digest.low)
    appendLittleEndian(digest.high)
  }

  /// Appends the length of `text` in UTF-8, then its bytes.
  package mutating func appendText(_ text: String) {
    appendVariableLength(text.utf8.count)
    append(contentsOf: text.utf8)
  }
}

extension ByteReader {
  /// Reads a text behind its length.
  package mutating func readText() throws(FormatError) -> String {
    try readUTF8(try readVariableLength())
  }

  /// Reads a digest as it is stored.
  package mutating func readDigest128() throws(FormatError) -> Digest128 {
    let low = try read(UInt64.self)
    return Digest128(high: try read(UInt64.self), low: low)
  }
}

extension ElementType {
  /// The codes of Formats/patch.md, section 4.1: the order of the cases, which grows at its end.
  package var code: UInt8 {
    UInt8(ElementType.allCases.firstIndex(of: self) ?? 0)
  }

  package init?(code: UInt8) {
    guard code < ElementType.allCases.count else { return nil }
    self = ElementType.allCases[Int(code)]
  }
}
