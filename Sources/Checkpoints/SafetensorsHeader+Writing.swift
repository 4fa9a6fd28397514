internal import ByteIO

// What a header is made of (Formats/safetensors.md).

extension JSONValue.Member {
  /// What a header says of a tensor.
  ///
  /// - Parameters:
  ///   - name: of the tensor.
  ///   - type: of its elements.
  ///   - shape: outermost dimension first.
  ///   - byteRange: where its bytes are, counted from the end of the header.
  package init(tensor name: String, _ type: ElementType, shape: [Int], at byteRange: Range<Int>) {
    self.init(
      name,
      .object([
        .init("dtype", .string(type.name)),
        .init("shape", .array(shape.map { .integer($0) })),
        .init(
          "data_offsets",
          .array([.integer(byteRange.lowerBound), .integer(byteRange.upperBound)])),
      ]))
  }
}

extension SafetensorsHeader {
  /// The JSON of a header, filled with blanks so that the tensors' bytes begin at a multiple of 8.
  package static func text(_ members: [JSONValue.Member]) -> [UInt8] {
    let text = Array(JSONValue.object(members).text().utf8)
    return text + Array(repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
  }

  /// All that a file begins with: the length of the JSON, and the JSON.
  package static func bytes(_ members: [JSONValue.Member]) -> [UInt8] {
    let text = text(members)
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(UInt64(text.count))
    return bytes + text
  }
}
