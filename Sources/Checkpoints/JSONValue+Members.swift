internal import ByteIO

// What these do by themselves is to find where values begin and end. What is in them is parsed by
// the parser that parses everything.

extension JSONValue {
  /// Calls `body` with the members of the object in `range` of `text`, one after the other, so that
  /// memory holds no more than one of them.
  ///
  /// - Parameters:
  ///   - text: UTF-8.
  ///   - range: where the object is, and nothing else.
  ///   - body: called with a key, and with the range of a value, which it must parse.
  /// - Throws: ``FormatError`` at the byte of `text` behind the token where the object ends to be
  ///   one; what `body` throws.
  /// - Complexity: O(`range.count`).
  static func forEachMember(
    of text: RawSpan, in range: Range<Int>,
    _ body: (String, Range<Int>) throws(FormatError) -> Void
  ) throws(FormatError) {
    var scanner = JSONScanner(position: range.lowerBound, end: range.upperBound)
    guard scanner.take("{", in: text) else {
      throw .corrupt("not a JSON object", at: range.lowerBound)
    }
    var keys: Set<String> = []
    if !scanner.take("}", in: text) {
      repeat {
        let keyRange = scanner.takeValue(in: text)
        guard case .string(let key) = try JSONValue(parsingMember: text, in: keyRange) else {
          throw .corrupt("not JSON: string or '}' expected", at: keyRange.upperBound)
        }
        guard keys.insert(key).inserted else {
          throw .corrupt(
            "not JSON: duplicate object key near '\(JSONValue.string(key).text())'",
            at: keyRange.upperBound)
        }
        guard scanner.take(":", in: text) else { throw scanner.missing("':'", in: text) }
        try body(key, scanner.takeValue(in: text))
      } while scanner.take(",", in: text)
      guard scanner.take("}", in: text) else { throw scanner.missing("'}'", in: text) }
    }
    guard scanner.isAtEnd(of: text) else { throw scanner.missing("end of file", in: text) }
  }

  /// Refuses text that would take too much memory.
  static func checkSize(of text: RawSpan, in range: Range<Int>) throws(FormatError) {
    guard range.count <= byteCountLimit else {
      throw .limitExceeded(
        "JSON of \(range.count) bytes is longer than the \(byteCountLimit) allowed",
        at: range.lowerBound)
    }
    // Every value but the first comes behind one of these.
    var valueCount = 1
    var scanner = JSONScanner(position: range.lowerBound, end: range.upperBound)
    while let byte = scanner.next(in: text) {
      switch byte {
      case UInt8(ascii: "\""): scanner.skipString(in: text)
      case UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: ","): valueCount += 1
      default: break
      }
    }
    guard valueCount <= valueCountLimit else {
      throw .limitExceeded(
        "JSON of \(valueCount) values has more than the \(valueCountLimit) allowed",
        at: range.lowerBound)
    }
  }
}

/// A position in JSON text.
private struct JSONScanner {
  private(set) var position: Int
  let end: Int

  init(position: Int, end: Int) {
    self.position = position
    self.end = end
  }

  /// Takes the next byte, whatever it is.
  mutating func next(in text: RawSpan) -> UInt8? {
    guard position < end else { return nil }
    defer { position += 1 }
    return text[byteAt: position]
  }

  /// Takes `token` if it comes next, behind white space or not.
  mutating func take(_ token: Unicode.Scalar, in text: RawSpan) -> Bool {
    guard !isAtEnd(of: text), text[byteAt: position] == UInt8(ascii: token) else { return false }
    position += 1
    return true
  }

  /// Skips white space.
  mutating func isAtEnd(of text: RawSpan) -> Bool {
    while position < end, Self.isSpace(text[byteAt: position]) { position += 1 }
    return position == end
  }

  /// Takes what must be a value: a string, brackets with all that is between them, or what comes
  /// before white space or a token.
  mutating func takeValue(in text: RawSpan) -> Range<Int> {
    _ = isAtEnd(of: text)
    let start = position
    var depth = 0
    while position < end {
      let byte = text[byteAt: position]
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        skipString(in: text)
        if depth == 0 { return start..<position }
        continue
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        if depth == 0 { return start..<position }
        depth -= 1
        if depth == 0 {
          position += 1
          return start..<position
        }
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        if depth == 0 { return start..<position }
      default:
        if depth == 0, Self.isSpace(byte) { return start..<position }
      }
      position += 1
    }
    return start..<position
  }

  /// Skips the rest of a string whose first quote was taken.
  mutating func skipString(in text: RawSpan) {
    while let byte = next(in: text), byte != UInt8(ascii: "\"") {
      if byte == UInt8(ascii: "\\") { _ = next(in: text) }
    }
  }

  /// An error that says what should come next, and what does.
  mutating func missing(_ expected: String, in text: RawSpan) -> FormatError {
    guard !isAtEnd(of: text) else {
      return .corrupt("not JSON: \(expected) expected near end of file", at: position)
    }
    let found = String(decoding: text.extracting(position..<position + 1).array, as: UTF8.self)
    return .corrupt("not JSON: \(expected) expected near '\(found)'", at: position + 1)
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    [0x20, 0x09, 0x0A, 0x0D].contains(byte)
  }
}
