/// A type that an operand or the value of an option can have.
///
/// An enum with `String` raw values needs no more than `String, CaseIterable, ArgumentValue`.
package protocol ArgumentValue {
  /// - Parameters:
  ///   - text: What was typed.
  ///   - placeholder: What the help calls the value, for the error's sentence.
  /// - Throws: ``UsageError`` without the option's name, which the parser adds.
  init(parsing text: String, placeholder: String) throws(UsageError)

  /// Every text that is accepted, or none if they cannot be listed.
  static var choices: [String] { get }

  /// What a shell can offer to type where there are no choices.
  static var kind: ArgumentValueKind { get }

  /// What to type for this value, or `nil` if it stands for nothing typed.
  var defaultText: String? { get }
}

/// What the values of an argument are to a shell.
package enum ArgumentValueKind: Sendable {
  /// Something to be thought up, such as a number.
  case text
  /// The name of a file or folder.
  case path
  /// The name of a command of the program.
  case command
}

extension ArgumentValue {
  package static var choices: [String] { [] }
  package static var kind: ArgumentValueKind { .text }
}

extension String: ArgumentValue {
  /// Refuses an empty text: it names no file and is mostly an unset shell variable.
  package init(parsing text: String, placeholder: String) throws(UsageError) {
    guard !text.isEmpty else { throw UsageError("\(placeholder) is empty") }
    self = text
  }

  package static var kind: ArgumentValueKind { .path }

  package var defaultText: String? { isEmpty ? nil : self }
}

extension Int: ArgumentValue {
  package init(parsing text: String, placeholder: String) throws(UsageError) {
    guard let value = Int(text) else {
      throw UsageError("\(placeholder) must be a whole number, not '\(text)'")
    }
    self = value
  }

  package var defaultText: String? { description }
}

extension Float: ArgumentValue {
  /// Rounds twice, first to double precision, as Python programs do that take the same number.
  ///
  /// Accepts `inf` and `nan`: whether they make sense is for the command to say.
  package init(parsing text: String, placeholder: String) throws(UsageError) {
    guard let value = Double(text) else {
      throw UsageError("\(placeholder) must be a number, not '\(text)'")
    }
    self = Float(value)
  }

  package var defaultText: String? { description }
}

extension Optional: ArgumentValue where Wrapped: ArgumentValue {
  package init(parsing text: String, placeholder: String) throws(UsageError) {
    self = try Wrapped(parsing: text, placeholder: placeholder)
  }

  package static var choices: [String] { Wrapped.choices }

  package static var kind: ArgumentValueKind { Wrapped.kind }

  package var defaultText: String? { self?.defaultText }
}

/// Values between commas. A placeholder such as `H[,H...]` names one of them before the bracket.
extension Array: ArgumentValue where Element: ArgumentValue {
  package init(parsing text: String, placeholder: String) throws(UsageError) {
    self = []
    let element = String(placeholder.prefix { $0 != "[" })
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      append(try Element(parsing: String(part), placeholder: element))
    }
  }

  package var defaultText: String? {
    isEmpty ? nil : compactMap(\.defaultText).joined(separator: ",")
  }
}

extension ArgumentValue where Self: RawRepresentable & CaseIterable, RawValue == String {
  package init(parsing text: String, placeholder: String) throws(UsageError) {
    guard let value = Self(rawValue: text) else {
      let choices = Self.choices.map { "'\($0)'" }.listed(by: "or")
      let end = Suggestion.sentenceEnd(for: text, among: Self.choices)
      throw UsageError("\(placeholder) must be \(choices), not '\(text)'\(end)")
    }
    self = value
  }

  package static var choices: [String] { allCases.map(\.rawValue) }

  package var defaultText: String? { rawValue }
}
