/// The name of a command of the program, given to another one.
package struct CommandName: ArgumentValue {
  /// As it was typed: only the program knows its commands.
  package let text: String

  package init(parsing text: String, placeholder: String) throws(UsageError) {
    self.text = text
  }

  package static var kind: ArgumentValueKind { .command }

  package var defaultText: String? { nil }
}
