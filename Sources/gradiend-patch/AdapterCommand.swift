import CommandGrammar
import GradiendPatch

/// `gradiend-patch adapter`: a LoRA of a GRADIEND's update, before it is rounded.
struct AdapterCommand: AddingCommand {
  var base = ""
  var adding = SummandOptions()
  var output = ""
  var ggufOutput: String?
  var rank: Int?
  var maxRelativeError: Float?
  var savesModules = false
  var overwrites = false
  var common = CommonOptions()

  static let name = "adapter"
  static let summary = "Make a LoRA adapter of what a GRADIEND adds to a base model."
  static let discussion = """
    Decomposes the update before it is rounded to the base's type, with norms folded into the linear \
    layers that they feed, and says what is lost. The adapter fits the base unchanged, its quantised \
    GGUFs too, and loads in PEFT and vLLM; with --gguf also in llama.cpp. FOLDER has its card, too. Unlike \
    a patch it is not exact.
    """
  static let exitStatuses = ExitStatus.writing.filter { $0.code != "1" }
  static let examples = [
    CommandExample(
      "gradiend-patch adapter Llama-3.2-3B gradiend-gender -o adapter --gguf adapter.gguf "
        + "--feature-factor 0 --learning-rate 0.01", "an adapter for PEFT, vLLM and llama.cpp")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.base, "BASE", help: "base model: safetensors, or name on the Hub")
    ] + Argument.adding + [
      .option(
        \.output, "-o", "--output", value: "FOLDER", help: "where the adapter goes, as PEFT has it",
        isRequired: true),
      .option(
        \.ggufOutput, "--gguf", value: "FILE",
        help: "where a GGUF adapter goes, FOLDER/NAME.gguf or elsewhere"),
      .option(
        \.rank, "--rank", value: "R",
        help: "rank of the factors, 8 unless only --max-relative-error is given"),
      .option(
        \.maxRelativeError, "--max-relative-error", value: "E",
        help:
          "refuse to err by more than E of the update, 0.8 unless given; without --rank, take the "
          + "smallest rank that keeps to it"),
      .flag(
        \.savesModules, "--modules-to-save",
        help: "bring norms and embeddings whole, for PEFT alone: vLLM and llama.cpp refuse them"),
      .flag(\.overwrites, "-f", "--force", help: "replace FOLDER and FILE if they exist"),
    ] + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
    try adding.validate()
    if let rank, !MakeAdapter.ranks.contains(rank) {
      throw UsageError(
        "R of '--rank' must be from \(MakeAdapter.ranks.lowerBound) to "
          + "\(MakeAdapter.ranks.upperBound), not \(rank)")
    }
    if savesModules, ggufOutput != nil {
      throw UsageError(
        "llama.cpp takes no modules that are brought whole: '--gguf' does not go with '--modules-to-save'"
      )
    }
    if let maxRelativeError, !(maxRelativeError > 0 && maxRelativeError <= 1) {
      throw UsageError("E of '--max-relative-error' must be above 0 and at most 1")
    }
  }

  func run() throws(PatchError) -> ExitStatus {
    var making = MakeAdapter(base: base, adding: try adding.summands(), output: output)
    making.part = adding.part.updated
    making.ggufOutput = ggufOutput
    making.rank = rank
    making.savesModules = savesModules
    making.maxRelativeError = maxRelativeError.map { Double($0) }
    making.overwrites = overwrites
    making.threadCount = common.threadCount
    let line = progress("decomposing")
    defer { line?.finish() }
    let summary = try making.run(progress: line?.handler)
    line?.finish()
    writeNotes(summary.notes)
    printResult(json: summary.json, text: summary.text)
    return .done
  }
}
