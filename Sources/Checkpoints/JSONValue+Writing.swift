internal import CJansson

extension JSONValue {
  /// The value as JSON text, members in their order: one a line and two spaces a level if
  /// `isIndented`, otherwise without white space.
  ///
  /// Real numbers have so many significant digits, by default as many as give them back.
  ///
  /// - Precondition: No real number is infinite or NaN, and no key holds U+0000.
  package func text(isIndented: Bool = false, significantDigits: Int = 17) -> String {
    let root = unsafe jansson()
    defer { unsafe json_decref(root) }
    // JSON_COMPACT is 0x20, JSON_INDENT(2) is 2, JSON_REAL_PRECISION(n) is n << 11: macros that
    // Swift does not see.
    let flags = (isIndented ? 2 : 0x20) | significantDigits << 11 | Self.encodeAny
    guard let text = unsafe json_dumps(root, flags) else {
      preconditionFailure("a JSON value cannot be written")
    }
    defer { unsafe free(text) }
    return unsafe String(cString: text)
  }

  private static let encodeAny = 0x200

  private func jansson() -> UnsafeMutablePointer<json_t>? {
    switch self {
    case .object(let members):
      let object = unsafe json_object()
      for member in members {
        unsafe json_object_set_new(object, member.key, member.value.jansson())
      }
      return unsafe object
    case .array(let elements):
      let array = unsafe json_array()
      for element in elements { unsafe json_array_append_new(array, element.jansson()) }
      return unsafe array
    case .string(var string):
      // With its length: the text may hold U+0000.
      return string.withUTF8 { bytes in
        unsafe bytes.withMemoryRebound(to: CChar.self) {
          unsafe json_stringn($0.baseAddress, $0.count)
        }
      }
    case .integer(let integer): return unsafe json_integer(json_int_t(integer))
    case .real(let real): return unsafe json_real(real)
    case .boolean(let boolean): return unsafe boolean ? json_true() : json_false()
    case .null: return unsafe json_null()
    }
  }
}
