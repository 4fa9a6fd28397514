import CommandGrammar
import GradiendPatch

/// `gradiend-patch diff`: a patch from a base and a finished result.
struct DiffCommand: Command {
  var base = ""
  var result = ""
  var output = Create.defaultOutput
  var maxRelativeError: Float = 0
  var valuesOnly = false
  var omitsSHA256 = false
  var share: Share?
  var overwrites = false
  var common = CommonOptions()

  static let name = "diff"
  static let summary = "Make the patch that turns a base model into a finished one."
  static let discussion = """
    Both must have the same tensors, of the same types and shapes. This is how debiased models that \
    are already published become patches.

    With '--share I/N', on as many machines as there are, each run does its share of the weight files \
    and writes a piece of the patch; 'gradiend-patch join' makes the patch of them. A model in a single \
    file is one share.
    """
  static let exitStatuses = ExitStatus.writing.filter { $0.code != "1" }
  static let examples = [
    CommandExample(
      "gradiend-patch diff bert-base-cased bert-base-cased-gradiend-gender-debiased",
      "a patch of a model that was published in full")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.base, "BASE", help: "base model: safetensors or GGUF, folder, or name on the Hub"),
      .operand(\.result, "RESULT", help: "finished model: likewise"),
      .option(\.output, "-o", "--output", value: "PATCH", help: "where the patch goes"),
      .option(
        \.maxRelativeError, "--max-relative-error", value: "E",
        help: "make a smaller patch whose update errs by E of its RMS in each tensor; 0 is exact"),
      .flag(
        \.valuesOnly, "--values-only",
        help: "leave out the headers and the order of tensors of RESULT, where they differ"),
      .flag(
        \.omitsSHA256, "--no-sha256",
        help: "do not hash the files, only the tensors: a quarter less time; not with --share"),
      .share(\.share, "and write it as PATCH.piece-I-of-N, of which 'join' makes the patch"),
      .flag(\.overwrites, "-f", "--force", help: "replace PATCH, or the piece, if it exists"),
    ] + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
    try check(maxRelativeError: maxRelativeError)
    if omitsSHA256, share != nil { throw UsageError("'--no-sha256' does not go with '--share'") }
  }

  func run() throws(PatchError) -> ExitStatus {
    var comparison = Diff(base: base, result: result, output: output)
    comparison.maxRelativeError = Double(maxRelativeError)
    comparison.valuesOnly = valuesOnly
    comparison.hashesFiles = !omitsSHA256
    comparison.share = share
    comparison.overwrites = overwrites
    comparison.threadCount = common.threadCount
    let line = progress("comparing")
    defer { line?.finish() }
    let summary = try comparison.run(progress: line?.handler)
    line?.finish()
    writeNotes(summary.notes)
    printResult(json: summary.json, text: summary.text)
    return .done
  }
}
