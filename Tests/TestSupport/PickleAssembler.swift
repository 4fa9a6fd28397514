/// Writes pickles opcode by opcode, as Python does it in protocol 2 or as nobody should.
package struct PickleAssembler {
  package private(set) var bytes: [UInt8] = []

  /// Begins with the protocol.
  package init(version: UInt8 = 2) { bytes = [0x80, version] }

  /// Appends opcodes that take no argument, by the letters of Python's documentation.
  package mutating func append(_ letters: String) { bytes += Array(letters.utf8) }

  package mutating func append(_ raw: [UInt8]) { bytes += raw }

  package mutating func string(_ text: String) {
    bytes += [UInt8(ascii: "X")] + SafetensorsBuilder.littleEndian([UInt32(text.utf8.count)])
    bytes += Array(text.utf8)
  }

  /// Appends an integer in as many bytes as Python takes.
  package mutating func integer(_ value: Int) {
    switch value {
    case 0...0xFF: bytes += [UInt8(ascii: "K"), UInt8(value)]
    case 0...0xFFFF:
      bytes += [UInt8(ascii: "M")] + SafetensorsBuilder.littleEndian([UInt16(value)])
    case Int(Int32.min)...Int(Int32.max):
      bytes += [UInt8(ascii: "J")] + SafetensorsBuilder.littleEndian([Int32(value)])
    default: bytes += [0x8A, 8] + SafetensorsBuilder.littleEndian([Int64(value)])
    }
  }

  package mutating func global(_ module: String, _ name: String) {
    append("c\(module)\n\(name)\n")
  }

  package mutating func tuple(_ integers: [Int]) {
    append("(")
    for integer in integers { self.integer(integer) }
    append("t")
  }

  /// Keeps the value on top under a number.
  package mutating func put(_ number: Int) {
    bytes +=
      number < 256
      ? [UInt8(ascii: "q"), UInt8(number)]
      : [UInt8(ascii: "r")] + SafetensorsBuilder.littleEndian([UInt32(number)])
  }

  package mutating func get(_ number: Int) {
    bytes +=
      number < 256
      ? [UInt8(ascii: "h"), UInt8(number)]
      : [UInt8(ascii: "j")] + SafetensorsBuilder.littleEndian([UInt32(number)])
  }

  package mutating func storage(_ type: String, key: String, count: Int) {
    append("(")
    string("storage")
    global("torch", type)
    string(key)
    string("cpu")
    integer(count)
    append("tQ")
  }

  /// The call that makes a tensor of a storage; strides are those of rows without gaps.
  package mutating func tensor(
    _ type: String, key: String, count: Int, offset: Int = 0, shape: [Int], strides: [Int]? = nil
  ) {
    global("torch._utils", "_rebuild_tensor_v2")
    append("(")
    storage(type, key: key, count: count)
    integer(offset)
    tuple(shape)
    tuple(strides ?? Self.strides(shape))
    append([0x89])  // no gradient
    emptyOrderedDictionary()
    append("tR")
  }

  package mutating func emptyOrderedDictionary() {
    global("collections", "OrderedDict")
    append(")R")
  }

  private static func strides(_ shape: [Int]) -> [Int] {
    var strides: [Int] = []
    var stride = 1
    for length in shape.reversed() {
      strides.insert(stride, at: 0)
      stride &*= max(1, length)
    }
    return strides
  }
}
