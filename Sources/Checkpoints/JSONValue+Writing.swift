internal import CJansson

extension JSONValue {
  /// The value as JSON text, members in their order: one a line and two spaces a level if
  /// `isIndented`, otherwise without white space.
  ///
  /// Real numbers have so many significant digits, by default as many as give them back; those that
  /// JSON does not have are `null`.
  package func text(isIndented: Bool = false, significantDigits: Int = 17) -> String {
    var text = ""
    write(to: &text, level: isIndented ? 0 : nil, significantDigits)
    return text
  }

  /// Only what holds no other value is written by Jansson: a tree of its own would take many times the
  /// memory of the text.
  private func write(to text: inout String, level: Int?, _ significantDigits: Int) {
    switch self {
    case .object(let members):
      Self.write(members, between: "{", "}", to: &text, level: level) { member, text, level in
        text += JSONValue.string(member.key).plainText(0) + (level == nil ? ":" : ": ")
        member.value.write(to: &text, level: level, significantDigits)
      }
    case .array(let elements):
      Self.write(elements, between: "[", "]", to: &text, level: level) { element, text, level in
        element.write(to: &text, level: level, significantDigits)
      }
    default: text += plainText(significantDigits)
    }
  }

  private static func write<Item>(
    _ items: [Item], between first: String, _ last: String, to text: inout String, level: Int?,
    _ body: (Item, inout String, Int?) -> Void
  ) {
    func breakLine(_ level: Int?) {
      if let level { text += "\n" + String(repeating: "  ", count: level) }
    }
    let inner = level.map { $0 + 1 }
    text += first
    for (index, item) in items.enumerated() {
      if index > 0 { text += "," }
      breakLine(inner)
      body(item, &text, inner)
    }
    if !items.isEmpty { breakLine(level) }
    text += last
  }

  private func plainText(_ significantDigits: Int) -> String {
    let value = unsafe jansson()
    defer { unsafe json_decref(value) }
    // JSON_REAL_PRECISION(n) is n << 11 and JSON_ENCODE_ANY is 0x200: macros that Swift does not see.
    guard let text = unsafe json_dumps(value, significantDigits << 11 | 0x200) else {
      preconditionFailure("a JSON value cannot be written")
    }
    defer { unsafe free(text) }
    return unsafe String(cString: text)
  }

  private func jansson() -> UnsafeMutablePointer<json_t>? {
    switch self {
    case .string(var string):
      // With its length: the text may hold U+0000.
      return string.withUTF8 { bytes in
        unsafe bytes.withMemoryRebound(to: CChar.self) {
          unsafe json_stringn($0.baseAddress, $0.count)
        }
      }
    case .integer(let integer): return unsafe json_integer(json_int_t(integer))
    case .real(let real) where real.isFinite: return unsafe json_real(real)
    case .boolean(let boolean): return unsafe boolean ? json_true() : json_false()
    default: return unsafe json_null()
    }
  }
}
