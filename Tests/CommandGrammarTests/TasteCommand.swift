import CommandGrammar

/// A command with hardly any argument.
struct TasteCommand: ParsedCommand, Equatable {
  var dish: String?

  static let name = "taste"
  static let summary = "Say whether a dish is good."
  static let exitStatuses = [ExitMeaning(0, "good")]

  static var grammar: [Argument<Self>] {
    [.operand(\.dish, "DISH", help: "what to taste, or the last dish", isRequired: false)]
  }
}
