import CommandGrammar
import GradiendPatch

/// `gradiend-patch card`: the model card of a patch or an adapter.
struct CardCommand: PublishingCommand {
  var patch = ""
  var output: String?
  var card = CardOptions()
  var overwrites = false
  var common = CommonOptions()

  static let name = "card"
  static let summary = "Write the model card of a patch or an adapter."
  static let discussion = """
    The card says for the Hub and for people what was changed and how, how to apply, verify and \
    strip a patch and its digests, or how to load an adapter and what it misses, its limits, and what \
    the licences of Llama and Gemma ask for. What PATCH does not know comes from the options, or from the base's card in the Hub's \
    cache. 'gradiend-patch package' makes a whole folder for the Hub.
    """
  static let exitStatuses = ExitStatus.writing.filter { $0.code != "1" }
  static let examples = [
    CommandExample(
      "gradiend-patch card gradiend_patch.safetensors -o README.md --feature gender",
      "a card to go on writing")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.patch, "PATCH", help: "patch, or folder that 'adapter' made"),
      .option(
        \.output, "-o", "--output", value: "FILE",
        help: "where the card goes; standard output if absent or '-'"),
    ] + Argument.card + [.flag(\.overwrites, "-f", "--force", help: "replace FILE if it exists")]
      + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
  }

  func run() throws(PatchError) -> ExitStatus {
    let output = output == "-" ? nil : output
    var writing = Card(patch: patch, details: card.details, output: output)
    writing.overwrites = overwrites
    let made = try writing.run()
    writeNotes(made.notes)
    if common.printsJSON {
      print(made.json)
    } else if let output {
      print("\(output): the card of \(made.repository)")
    } else {
      print(made.text, terminator: "")
    }
    return .done
  }
}
