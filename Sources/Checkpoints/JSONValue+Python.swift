package import ByteIO

extension JSONValue {
  /// Parses JSON as Python writes it, with numbers that JSON does not have.
  ///
  /// `NaN`, `Infinity`, `-Infinity` and integers over 64 bits, as they stand among the metrics of a
  /// training, become empty arrays: whoever asks for a number or a string there is told no.
  ///
  /// - Throws: ``FormatError`` as ``init(parsing:)`` does, at the byte of `text`.
  package init(parsingPython text: RawSpan) throws(FormatError) {
    try Self.checkSize(of: text, in: 0..<text.byteCount)
    var bytes = text.array
    var position = 0
    while position < bytes.count {
      if bytes[position] == UInt8(ascii: "\"") {
        position = Self.end(ofString: position, in: bytes)
        continue
      }
      let start = position
      while position < bytes.count, Self.isPartOfToken(bytes[position]) { position += 1 }
      if Self.isForeign(bytes[start..<position]) {
        bytes[start] = UInt8(ascii: "[")
        bytes[start + 1] = UInt8(ascii: "]")
        for index in start + 2..<position { bytes[index] = UInt8(ascii: " ") }
      }
      if position == start { position += 1 }
    }
    try self.init(parsing: bytes.rawSpan)
  }

  /// The position behind the string that begins at `start`.
  private static func end(ofString start: Int, in bytes: [UInt8]) -> Int {
    var position = start + 1
    while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
      position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
    }
    return position + 1
  }

  private static func isPartOfToken(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }

  private static func isForeign(_ token: ArraySlice<UInt8>) -> Bool {
    guard token.count > 2 else { return false }
    let text = String(decoding: token, as: UTF8.self)
    if ["NaN", "Infinity", "-Infinity"].contains(text) { return true }
    let digits = text.first == "-" ? token.dropFirst() : token
    // JSON has no leading zeros; such a token is an error, whatever its length.
    return digits.count > 18 && digits.first != UInt8(ascii: "0")
      && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      && Int(text) == nil
  }
}
