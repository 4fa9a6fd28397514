/// A command line worth copying.
package struct CommandExample: Sendable {
  /// What to type, program included.
  package let line: String

  /// What it is for: lower case, no full stop.
  package let purpose: String

  package init(_ line: String, _ purpose: String) {
    self.line = line
    self.purpose = purpose
  }
}
