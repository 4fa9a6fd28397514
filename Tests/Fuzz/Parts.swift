import ByteIO

/// Inputs that are several files at once: one after the other, with a mark between them.
///
/// A mark survives insertions and deletions, which lengths would not.
enum Parts {
  private static let mark: [UInt8] = [0xFA, 0xCE, 0xB0, 0x0C]

  static func join(_ parts: [[UInt8]]) -> [UInt8] {
    Array(parts.joined(separator: mark))
  }

  /// What lies between the marks, at most `limit` parts: the last one holds what is left, marks
  /// included.
  static func split(_ bytes: RawSpan, limit: Int) -> [[UInt8]] {
    var parts: [[UInt8]] = []
    var rest = bytes.array[...]
    while parts.count + 1 < limit, let range = rest.firstRange(of: mark) {
      parts.append(Array(rest[..<range.lowerBound]))
      rest = rest[range.upperBound...]
    }
    return parts + [Array(rest)]
  }
}
