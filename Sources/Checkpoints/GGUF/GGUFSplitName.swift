/// The name of a file of a split set: `PREFIX-00002-of-00003.gguf`.
package struct GGUFSplitName: Equatable, Sendable {
  /// All that comes before, folders included.
  package let prefix: String
  /// From 1.
  package let number: Int
  package let count: Int

  /// Reads the name at the end of `path`.
  ///
  /// - Returns: nil if it is not of this form.
  package init?(_ path: String) {
    guard path.hasSuffix(".gguf") else { return nil }
    var rest = path.dropLast(".gguf".count)
    guard let count = Self.takeNumber(from: &rest), rest.hasSuffix("-of") else { return nil }
    rest.removeLast("-of".count)
    guard let number = Self.takeNumber(from: &rest), number >= 1, number <= count else {
      return nil
    }
    prefix = String(rest)
    self.number = number
    self.count = count
  }

  /// The path of file `number` of the same set.
  package func path(number: Int) -> String { prefix + Self.ending(number, of: count) }

  /// How the name of file `number` of `count` ends.
  package static func ending(_ number: Int, of count: Int) -> String {
    func digits(_ value: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, 5 - text.count)) + text
    }
    return "-\(digits(number))-of-\(digits(count)).gguf"
  }

  /// Removes a dash and a number of at least five digits from the end.
  private static func takeNumber(from text: inout Substring) -> Int? {
    guard let dash = text.lastIndex(of: "-") else { return nil }
    let digits = text[text.index(after: dash)...]
    guard digits.count >= 5, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    text = text[..<dash]
    return Int(digits)
  }
}
