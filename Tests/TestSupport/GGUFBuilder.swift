/// Builds GGUF files field by field, sound ones and unsound ones.
package struct GGUFBuilder {
  package struct Tensor {
    package var name: String
    /// Innermost dimension first, as in the file.
    package var dimensions: [Int64]
    package var type: Int32
    package var bytes: [UInt8]
    /// Where the header says the tensor starts; where it does if nil.
    package var start: UInt64?

    package init(
      _ name: String, _ dimensions: [Int64], type: Int32, _ bytes: [UInt8], start: UInt64? = nil
    ) {
      self.name = name
      self.dimensions = dimensions
      self.type = type
      self.bytes = bytes
      self.start = start
    }
  }

  package var version: UInt32 = 3
  package var alignment = 32
  package var tensors: [Tensor] = []
  package var trailing: [UInt8] = []
  private var keyCount: UInt64 = 0
  private var keys: [UInt8] = []

  package init() {}

  /// Adds a key whose value has these bytes.
  package mutating func add(_ key: String, type: Int32, _ value: [UInt8]) {
    keyCount += 1
    keys += Self.text(key) + SafetensorsBuilder.littleEndian([type]) + value
  }

  package mutating func add(_ key: String, _ value: String) {
    add(key, type: 8, Self.text(value))
  }

  package mutating func add(_ key: String, _ value: UInt32) {
    add(key, type: 4, SafetensorsBuilder.littleEndian([value]))
  }

  package mutating func add(_ key: String, _ value: UInt16) {
    add(key, type: 2, SafetensorsBuilder.littleEndian([value]))
  }

  package mutating func add(_ key: String, _ value: Int32) {
    add(key, type: 5, SafetensorsBuilder.littleEndian([value]))
  }

  /// The whole file.
  package var bytes: [UInt8] {
    var header = Array("GGUF".utf8) + SafetensorsBuilder.littleEndian([version])
    header += SafetensorsBuilder.littleEndian([UInt64(tensors.count), keyCount]) + keys
    var data: [UInt8] = []
    for tensor in tensors {
      pad(&data)
      header += Self.text(tensor.name)
      header += SafetensorsBuilder.littleEndian([UInt32(tensor.dimensions.count)])
      header += SafetensorsBuilder.littleEndian(tensor.dimensions)
      header += SafetensorsBuilder.littleEndian([tensor.type])
      header += SafetensorsBuilder.littleEndian([tensor.start ?? UInt64(data.count)])
      data += tensor.bytes
    }
    pad(&header)
    pad(&data)
    return header + data + trailing
  }

  private func pad(_ bytes: inout [UInt8]) {
    while !bytes.count.isMultiple(of: alignment) { bytes.append(0) }
  }

  private static func text(_ text: String) -> [UInt8] {
    SafetensorsBuilder.littleEndian([UInt64(text.utf8.count)]) + Array(text.utf8)
  }
}
