internal import ByteIO

/// Reads keys and values of a GGUF header.
enum GGUFValueParser {
  /// The limits of llama.cpp.
  private static let textByteLimit: UInt64 = 1 << 30
  private static let arrayCountLimit: UInt64 = 1 << 30
  /// How many elements of an array are kept.
  private static let keptCount = 16

  /// Reads a length and as many bytes, which need not be UTF-8.
  static func readText(_ reader: inout ByteReader) throws(FormatError) -> [UInt8] {
    try reader.readBytes(try textByteCount(&reader)).array
  }

  /// Reads the type and the value of `key`.
  static func readValue(
    of key: String, _ reader: inout ByteReader
  ) throws(FormatError) -> GGUFValue {
    let offset = reader.position
    let type = try readType(of: "key '\(key)'", &reader)
    guard type == .array else { return try readScalar(type, &reader) }
    let elementType = try readType(of: "the array of key '\(key)'", &reader)
    guard elementType != .array else {
      throw .corrupt("key '\(key)' is an array of arrays", at: offset)
    }
    return try readArray(elementType, of: key, &reader)
  }

  private static func readType(
    of what: String, _ reader: inout ByteReader
  ) throws(FormatError) -> GGUFValueType {
    let offset = reader.position
    let number = try reader.read(Int32.self)
    guard let type = GGUFValueType(rawValue: number) else {
      throw .corrupt("\(what) has the value type \(number), types are 0 to 12", at: offset)
    }
    return type
  }

  private static func readArray(
    _ type: GGUFValueType, of key: String, _ reader: inout ByteReader
  ) throws(FormatError) -> GGUFValue {
    let offset = reader.position
    let declared = try reader.read(UInt64.self)
    // A string takes at least the eight bytes of its length.
    let width = type.byteWidth ?? 8
    guard declared <= arrayCountLimit, Int(declared) <= reader.remaining / width else {
      throw .corrupt(
        "key '\(key)' claims an array of \(declared) values, more than fit the "
          + "\(reader.remaining) bytes that are left", at: offset)
    }
    let count = Int(declared)
    var first: [GGUFValue] = []
    for _ in 0..<min(count, keptCount) { first.append(try readScalar(type, &reader)) }
    let rest = count - first.count
    if type == .string {
      for _ in 0..<rest { _ = try reader.readBytes(try textByteCount(&reader)) }
    } else {
      _ = try reader.readBytes(rest * width)
    }
    return .array(type, count: count, first: first)
  }

  private static func textByteCount(_ reader: inout ByteReader) throws(FormatError) -> Int {
    let offset = reader.position
    let declared = try reader.read(UInt64.self)
    guard declared <= textByteLimit, Int(declared) <= reader.remaining else {
      throw .corrupt(
        "a text claims \(declared) bytes, but the file has \(reader.remaining) left", at: offset)
    }
    return Int(declared)
  }

  private static func readScalar(
    _ type: GGUFValueType, _ reader: inout ByteReader
  ) throws(FormatError) -> GGUFValue {
    func integer<T: FixedWidthInteger & BitwiseCopyable>(
      _: T.Type, _ reader: inout ByteReader
    ) throws(FormatError) -> GGUFValue {
      .integer(Int128(try reader.read(T.self)), type)
    }
    switch type {
    case .uint8: return try integer(UInt8.self, &reader)
    case .int8: return try integer(Int8.self, &reader)
    case .uint16: return try integer(UInt16.self, &reader)
    case .int16: return try integer(Int16.self, &reader)
    case .uint32: return try integer(UInt32.self, &reader)
    case .int32: return try integer(Int32.self, &reader)
    case .uint64: return try integer(UInt64.self, &reader)
    case .int64: return try integer(Int64.self, &reader)
    case .float32: return .float(Float(bitPattern: try reader.read(UInt32.self)))
    case .float64: return .double(Double(bitPattern: try reader.read(UInt64.self)))
    case .bool: return .boolean(try reader.read(UInt8.self) != 0)
    case .string, .array: return .string(String(decoding: try readText(&reader), as: UTF8.self))
    }
  }
}
