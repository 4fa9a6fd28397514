import CommandGrammar

/// A command with arguments of every kind.
struct BakeCommand: ParsedCommand, Equatable {
  var recipe = ""
  var tin = ""
  var output = ""
  var heats: [Float] = []
  var rate: Float = 0
  var side = Side.both
  var shelf: Int?
  var trays = 2
  var overwrites = false
  var isQuiet = false

  static let name = "bake"
  static let summary = "Bake a recipe in a tin."
  static let discussion = """
    The oven is heated first, and stays at that heat until the recipe says otherwise or the door is
    opened.

    A tin that is too small is refused.
    """
  static let examples = [
    CommandExample("oven bake bread.txt loaf --heat 180,-20 --rate -0.01", "a loaf"),
    CommandExample(
      "oven bake --heat 220 --rate 0.5 --side top -o supper.txt pizza-with-everything.txt round",
      "a pizza with everything, browned from above, and the report kept for later"),
  ]
  static let exitStatuses = [
    ExitMeaning(0, "baked"),
    ExitMeaning(1, "burnt, or not risen: the report says which, and what to do about it next time"),
    ExitMeaning("128+n", "the door was opened by signal n"),
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.recipe, "RECIPE", help: "what to bake (text or 'oven write')"),
      .operand(\.tin, "TIN", help: "where to bake it"),
      .option(
        \.heats, "--heat", value: "H[,H...]", help: "degrees, one for each phase", isRequired: true),
      .option(
        \.rate, "-r", "--rate", value: "A", help: "how fast to heat; negative numbers cool",
        isRequired: true),
      .option(\.output, "-o", "--output", value: "FILE", help: "where to write the report"),
      .option(\.side, "--side", value: "SIDE", help: "where the heat comes from"),
      .option(\.shelf, "--shelf", value: "N", help: "shelf, counted from below"),
      .option(\.trays, "-t", "--trays", value: "N", help: "trays to put in; 0 is one a shelf"),
      .flag(\.overwrites, "-f", "--force", help: "replace FILE if it exists"),
      .flag(\.isQuiet, "-q", "--quiet", help: "do not ring the bell"),
    ]
  }

  func validate() throws(UsageError) {
    guard rate.isFinite else { throw UsageError("'--rate' must be finite") }
  }
}

enum Side: String, CaseIterable, ArgumentValue {
  case top
  case bottom
  case both
}
