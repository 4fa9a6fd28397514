package import ByteIO
internal import CJansson

/// A JSON document, its objects in the order of the text.
package indirect enum JSONValue: Equatable, Sendable {
  case object([Member])
  case array([JSONValue])
  case string(String)
  case integer(Int)
  case real(Double)
  case boolean(Bool)
  case null

  package struct Member: Equatable, Sendable {
    package var key: String
    package var value: JSONValue

    package init(_ key: String, _ value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  /// The deepest nesting accepted, that of the safetensors reference.
  package static let depthLimit = 127

  /// What is parsed at once may have so many bytes, and so many values: each of these takes up to 300
  /// bytes of memory, however few it has in the text.
  package static let byteCountLimit = 16 << 20
  package static let valueCountLimit = 500_000

  /// Parses UTF-8 text that is one JSON object and nothing else.
  ///
  /// Stricter than many parsers: a key that occurs twice, a byte order mark and NUL are errors.
  ///
  /// - Throws: ``FormatError`` at the byte where parsing stopped, or before it if the text is over a
  ///   limit.
  /// - Complexity: O(`text.byteCount`).
  package init(parsing text: RawSpan) throws(FormatError) {
    try self.init(text, in: 0..<text.byteCount, flags: 0, depth: 1)
    guard case .object = self else { throw .corrupt("not a JSON object", at: 0) }
  }

  /// Parses a value of any kind in `range` of `text`, where it is a member of the outermost object.
  ///
  /// - Throws: ``FormatError`` as ``init(parsing:)`` does, at the byte of `text`.
  init(parsingMember text: RawSpan, in range: Range<Int>) throws(FormatError) {
    try self.init(text, in: range, flags: JSON_DECODE_ANY, depth: 2)
  }

  private init(
    _ text: RawSpan, in range: Range<Int>, flags: Int32, depth: Int
  ) throws(FormatError) {
    try Self.checkSize(of: text, in: range)
    var error = json_error_t()
    let root = unsafe text.extracting(range).withUnsafeBytes { bytes in
      unsafe json_loadb(
        bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count,
        Int(JSON_REJECT_DUPLICATES | flags), &error)
    }
    guard let root = unsafe root else {
      let message = unsafe withUnsafePointer(to: &error.text) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: Int(JSON_ERROR_TEXT_LENGTH)) {
          unsafe String(cString: $0)
        }
      }
      throw .corrupt("not JSON: \(message)", at: range.lowerBound + max(0, Int(error.position)))
    }
    defer { unsafe json_decref(root) }
    do throws(FormatError) {
      self = try unsafe JSONValue(root, depth: depth)
    } catch {
      throw error.shifted(by: range.lowerBound)
    }
  }

  private init(_ value: UnsafeMutablePointer<json_t>, depth: Int) throws(FormatError) {
    guard depth <= Self.depthLimit else {
      throw .corrupt("JSON is nested more than \(Self.depthLimit) deep", at: 0)
    }
    switch unsafe value.pointee.type {
    case JSON_OBJECT:
      var members: [Member] = []
      unsafe members.reserveCapacity(json_object_size(value))
      var iterator = unsafe json_object_iter(value)
      while let current = unsafe iterator {
        guard let key = unsafe json_object_iter_key(current),
          let member = unsafe json_object_iter_value(current)
        else { break }
        unsafe members.append(
          Member(String(cString: key), try JSONValue(member, depth: depth + 1)))
        unsafe iterator = json_object_iter_next(value, current)
      }
      self = .object(members)
    case JSON_ARRAY:
      var elements: [JSONValue] = []
      let count = unsafe json_array_size(value)
      elements.reserveCapacity(count)
      for index in 0..<count {
        guard let element = unsafe json_array_get(value, index) else { break }
        elements.append(try unsafe JSONValue(element, depth: depth + 1))
      }
      self = .array(elements)
    case JSON_STRING: self = .string(unsafe String(cString: json_string_value(value)))
    case JSON_INTEGER: self = .integer(unsafe Int(json_integer_value(value)))
    case JSON_REAL: self = .real(unsafe json_real_value(value))
    case JSON_TRUE: self = .boolean(true)
    case JSON_FALSE: self = .boolean(false)
    default: self = .null
    }
  }

  /// The member with this key, if this is an object that has one.
  ///
  /// - Complexity: O(members).
  package subscript(key: String) -> JSONValue? {
    members?.first { $0.key == key }?.value
  }

  package var members: [Member]? {
    if case .object(let members) = self { members } else { nil }
  }

  package var elements: [JSONValue]? {
    if case .array(let elements) = self { elements } else { nil }
  }

  package var string: String? {
    if case .string(let string) = self { string } else { nil }
  }

  package var integer: Int? {
    if case .integer(let integer) = self { integer } else { nil }
  }

  /// The value of a number, whole or not.
  package var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .real(let value): value
    default: nil
    }
  }

  package var boolean: Bool? {
    if case .boolean(let boolean) = self { boolean } else { nil }
  }
}
