/// The SHA-256 of a file, and the file's name.
package struct FileDigest: Equatable, Sendable {
  package let name: String
  /// Sixty-four lower-case hexadecimal digits.
  package let sha256: String

  package init(name: String, sha256: String) {
    self.name = name
    self.sha256 = sha256
  }

  /// The line that `sha256sum` writes (Formats/patch.md, section 3.1).
  package var line: String {
    var escaped = String.UnicodeScalarView()
    for scalar in name.unicodeScalars {
      guard let letter = Self.escapes[scalar] else {
        escaped.append(scalar)
        continue
      }
      escaped.append(contentsOf: ["\\", letter])
    }
    let text = "\(sha256)  \(String(escaped))"
    return escaped.count == name.unicodeScalars.count ? text : "\\" + text
  }

  /// Reads such a line.
  ///
  /// - Returns: nil if `sha256sum` would not write it.
  init?(line: String) {
    let isEscaped = line.hasPrefix("\\")
    let scalars = line.unicodeScalars.dropFirst(isEscaped ? 1 : 0)
    let digest = scalars.prefix(64)
    guard digest.count == 64, digest.allSatisfy({ Self.digits.contains($0) }) else { return nil }
    var name = String.UnicodeScalarView()
    var rest = scalars.dropFirst(64 + 2)[...]
    while let scalar = rest.popFirst() {
      guard isEscaped, scalar == "\\" else {
        name.append(scalar)
        continue
      }
      guard let letter = rest.popFirst(),
        let original = Self.escapes.first(where: { $0.value == letter })
      else { return nil }
      name.append(original.key)
    }
    self.init(name: String(name), sha256: String(digest))
    guard !name.isEmpty, self.line == line else { return nil }
  }

  private static let escapes: [Unicode.Scalar: Unicode.Scalar] = [
    "\\": "\\", "\n": "n", "\r": "r",
  ]
  private static let digits = "0123456789abcdef".unicodeScalars
}

extension [FileDigest] {
  /// Their lines, without a line feed at the end.
  package var lines: String { map(\.line).joined(separator: "\n") }

  /// Reads such lines.
  ///
  /// - Returns: nil if one is not as `sha256sum` writes it.
  package init?(lines: String) {
    self = []
    guard !lines.isEmpty else { return }
    for line in lines.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false) {
      guard let digest = FileDigest(line: String(line)) else { return nil }
      append(digest)
    }
  }
}
