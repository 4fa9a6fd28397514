/// An exit status, or several that mean the same, for the help to explain.
package struct ExitMeaning: Sendable {
  /// A number or a formula such as `128+n`.
  package let code: String

  /// Lower case, no full stop.
  package let meaning: String

  package init(_ code: some BinaryInteger, _ meaning: String) {
    self.init(code.description, meaning)
  }

  package init(_ code: String, _ meaning: String) {
    self.code = code
    self.meaning = meaning
  }
}
