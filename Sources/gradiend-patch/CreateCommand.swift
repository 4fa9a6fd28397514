import CommandGrammar
import GradiendPatch

/// `gradiend-patch create`: a patch from a base and GRADIEND checkpoints.
struct CreateCommand: AddingCommand {
  var base = ""
  var adding = SummandOptions()
  var output = Create.defaultOutput
  var maxRelativeError: Float = 0
  var share: Share?
  var overwrites = false
  var common = CommonOptions()

  static let name = "create"
  static let summary = "Make the patch that adds GRADIENDs to a base model."
  static let discussion = """
    Computes learning rate times decoder output, adds it to the weights that a GRADIEND covers as \
    the reference package does, and writes what changes. The result itself is not written; \
    'gradiend-patch apply' makes it.

    Several GRADIENDs have a '--feature-factor' and a '--learning-rate' each, in the same order. What \
    they add is summed up and rounded once; patches that are made and applied one after the other \
    round after each.

    With '--share I/N', on as many machines as there are, each run does its share of the weight files \
    and writes a piece of the patch; 'gradiend-patch join' makes the patch of them. A model in a single \
    file is one share.
    """
  static let exitStatuses = ExitStatus.writing.filter { $0.code != "1" }
  static let examples = [
    CommandExample(
      "gradiend-patch create Llama-3.2-3B gradiend-gender -o gradiend_patch.safetensors "
        + "--feature-factor 0 --learning-rate 0.01", "a patch of a debiased model"),
    CommandExample(
      "gradiend-patch create Llama-3.2-3B gradiend-gender gradiend-religion --feature-factor 0 "
        + "--learning-rate 0.01 --feature-factor 1 --learning-rate 0.005", "two features at once"),
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.base, "BASE", help: "base model: safetensors, float GGUF, or name on the Hub")
    ] + Argument.adding + [
      .option(\.output, "-o", "--output", value: "PATCH", help: "where the patch goes"),
      .option(
        \.maxRelativeError, "--max-relative-error", value: "E",
        help: "make a smaller patch whose update errs by E of its RMS in each tensor; 0 is exact"),
      .share(\.share, "and write it as PATCH.piece-I-of-N, of which 'join' makes the patch"),
      .flag(\.overwrites, "-f", "--force", help: "replace PATCH, or the piece, if it exists"),
    ] + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
    try check(maxRelativeError: maxRelativeError)
    try adding.validate()
  }

  func run() throws(PatchError) -> ExitStatus {
    var creation = Create(base: base, adding: try adding.summands(), output: output)
    creation.part = adding.part.updated
    creation.maxRelativeError = Double(maxRelativeError)
    creation.share = share
    creation.overwrites = overwrites
    creation.threadCount = common.threadCount
    let line = progress("creating")
    defer { line?.finish() }
    let summary = try creation.run(progress: line?.handler)
    line?.finish()
    writeNotes(summary.notes)
    printResult(json: summary.json, text: summary.text)
    return .done
  }
}
