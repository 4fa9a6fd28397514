/// The types of values in a GGUF header, with the numbers that stand for them.
package enum GGUFValueType: Int32, Sendable {
  case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64
  case float64

  package var name: String {
    switch self {
    case .uint8: "u8"
    case .int8: "i8"
    case .uint16: "u16"
    case .int16: "i16"
    case .uint32: "u32"
    case .int32: "i32"
    case .float32: "f32"
    case .bool: "bool"
    case .string: "string"
    case .array: "array"
    case .uint64: "u64"
    case .int64: "i64"
    case .float64: "f64"
    }
  }

  /// Bytes of one value; nil where it depends on the value.
  var byteWidth: Int? {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: nil
    }
  }
}

/// A value of a GGUF header, for people and for what the tool must know of a model.
///
/// Headers are never written from these: outputs have the bytes of their input.
package enum GGUFValue: Equatable, Sendable {
  case integer(Int128, GGUFValueType)
  case float(Float)
  case double(Double)
  case boolean(Bool)
  /// Bytes that are not UTF-8 are shown as U+FFFD.
  case string(String)
  /// Of a long array only the first elements are kept.
  case array(GGUFValueType, count: Int, first: [GGUFValue])

  package var string: String? {
    if case .string(let string) = self { string } else { nil }
  }

  /// The value, if it is an integer of any width that `Int` can hold.
  package var integer: Int? {
    if case .integer(let integer, _) = self { Int(exactly: integer) } else { nil }
  }

  /// The value, if it is an integer stored in this type.
  func integer(_ type: GGUFValueType) -> Int? {
    guard case .integer(let integer, type) = self else { return nil }
    return Int(exactly: integer)
  }
}

extension GGUFValue: CustomStringConvertible {
  package var description: String {
    switch self {
    case .integer(let integer, _): "\(integer)"
    case .float(let float): "\(float)"
    case .double(let double): "\(double)"
    case .boolean(let boolean): "\(boolean)"
    case .string(let string): string
    case .array(let type, let count, let first):
      first.count == count
        ? "[" + first.map(\.description).joined(separator: ", ") + "]"
        : "\(count) × \(type.name)"
    }
  }
}
