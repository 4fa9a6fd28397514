/// Values written so that every YAML reader gives back the same text.
package enum YAMLText {
  /// `text` as a scalar: plain where nothing could take it for anything else, otherwise in double
  /// quotes.
  package static func scalar(_ text: String) -> String {
    isPlain(text) ? text : quoted(text)
  }

  /// A line `key: value`.
  package static func member(_ key: String, _ value: String) -> String {
    "\(key): \(scalar(value))\n"
  }

  /// A key with a list below it, or nothing if the list is empty.
  package static func member(_ key: String, _ values: [String]) -> String {
    values.isEmpty ? "" : "\(key):\n" + values.map { "- \(scalar($0))\n" }.joined()
  }

  /// Words that some version of YAML reads as a truth value or as nothing.
  private static let reserved: Set<String> = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null",
  ]

  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.utf8.first, isLetter(first), !reserved.contains(text.lowercased()) else {
      return false
    }
    return text.utf8.allSatisfy {
      isLetter($0) || (0x30...0x39).contains($0) || "._/-".utf8.contains($0)
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

  /// In double quotes on one line, with what YAML does not allow inside as escapes.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\u{0}"..<"\u{20}", "\u{7F}"..<"\u{A0}", "\u{2028}", "\u{2029}", "\u{FEFF}",
        "\u{FFFE}"..."\u{FFFF}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
