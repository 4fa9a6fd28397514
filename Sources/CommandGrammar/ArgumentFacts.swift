/// All that help, manual and completions need to know of one argument.
package struct ArgumentFacts: Equatable, Sendable {
  package enum Shape: Sendable {
    /// Known by its place.
    case operand
    /// Known by its name, followed by a value.
    case option
    /// Known by its name, without a value.
    case flag
  }

  package let shape: Shape

  /// With their dashes, short ones first; none for an operand.
  package let names: [String]

  /// What the help calls the value, in capitals; empty for a flag.
  package let placeholder: String

  /// Lower case, no full stop.
  package let help: String

  package let isRequired: Bool

  /// Every text accepted as the value, or none if they cannot be listed.
  package let choices: [String]

  /// What leaving the argument out amounts to, if that can be typed.
  package let defaultText: String?

  /// What its values are, for a shell to complete.
  package let valueKind: ArgumentValueKind

  /// Whether it may be given several times, for several values.
  package var isRepeatable = false

  /// The flag that every command understands without listing it.
  package static let help = Self(
    shape: .flag, names: ["-h", "--help"], placeholder: "", help: "show this help and exit",
    isRequired: false, choices: [], defaultText: nil, valueKind: .text)
}

extension ArgumentFacts {
  /// As the usage line shows it: `[-o FILE]`.
  var usage: String {
    let words = (names.prefix(1) + [placeholder]).filter { !$0.isEmpty }.joined(separator: " ")
    return (isRequired ? words : "[\(words)]") + repetition
  }

  /// As the help's left column shows it, long names aligned: `-o, --output FILE`.
  var term: String {
    guard let first = names.first else { return placeholder + repetition }
    let indent = first.hasPrefix("--") ? "    " : ""
    let value = placeholder.isEmpty ? "" : " \(placeholder)"
    return indent + names.joined(separator: ", ") + value
  }

  private var repetition: String { isRepeatable ? "..." : "" }

  /// As the help's right column shows it, with what follows from the value's type.
  var explanation: String {
    var notes: [String] = []
    if isRequired && shape != .operand { notes.append("required") }
    if !choices.isEmpty { notes.append("one of: \(choices.joined(separator: ", "))") }
    if let defaultText { notes.append("default: \(defaultText)") }
    return notes.isEmpty ? help : "\(help) [\(notes.joined(separator: "; "))]"
  }
}
