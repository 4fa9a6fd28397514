extension String {
  /// The text with everything made visible that could steer a terminal: names and metadata come from
  /// strangers.
  var printable: String { escaping { $0.isControl } }

  /// As ``printable``, but with its lines.
  var printableLines: String { escaping { $0.isControl && $0 != "\n" } }

  private func escaping(_ isEscaped: (Unicode.Scalar) -> Bool) -> String {
    guard unicodeScalars.contains(where: { isEscaped($0) || $0.isByteOfName }) else {
      return self
    }
    var text = ""
    for scalar in unicodeScalars {
      let digits = String(scalar.value, radix: 16, uppercase: true)
      if scalar.isByteOfName {
        text += "\\x\(digits.suffix(2))"
      } else {
        text += isEscaped(scalar) ? "\\u{\(digits)}" : String(scalar)
      }
    }
    return text
  }
}

extension Unicode.Scalar {
  /// Whether it stands for a byte of a file's name that is not UTF-8 (Formats/json.md).
  fileprivate var isByteOfName: Bool { (0xEF80...0xEFFF).contains(value) }

  /// Whether it moves, colours or erases on some terminal, ends a line, or turns the direction of the
  /// text.
  fileprivate var isControl: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
