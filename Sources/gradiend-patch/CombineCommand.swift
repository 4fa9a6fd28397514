import CommandGrammar
import GradiendPatch

/// `gradiend-patch combine`: one patch of several that follow each other.
struct CombineCommand: Command {
  var base = ""
  var patches: [String] = []
  var output = Create.defaultOutput
  var valuesOnly = false
  var overwrites = false
  var common = CommonOptions()

  static let name = "combine"
  static let summary = "Make one patch of several that follow each other."
  static let discussion = """
    The first patch is for BASE, and each other one for the result of the one before. The output is \
    the patch that 'gradiend-patch diff' makes of BASE and the last result, byte for byte, but no \
    model is written.
    """
  static let exitStatuses = ExitStatus.writing
  static let examples = [
    CommandExample(
      "gradiend-patch combine Llama-3.2-3B v1.safetensors v1-to-v2.safetensors -o v2.safetensors",
      "the patch from the base to the second version")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(
        \.base, "BASE",
        help: "base of the first patch: safetensors or GGUF, folder, or name on the Hub"),
      .operands(\.patches, "PATCH", help: "patches, in the order in which they are applied"),
      .option(\.output, "-o", "--output", value: "OUT", help: "where the one patch goes"),
      .flag(
        \.valuesOnly, "--values-only",
        help: "leave out the headers and the order of tensors of the result, where they differ"),
      .flag(\.overwrites, "-f", "--force", help: "replace OUT if it exists"),
    ] + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
  }

  func run() throws(PatchError) -> ExitStatus {
    var combination = Combine(base: base, patches: patches, output: output)
    combination.valuesOnly = valuesOnly
    combination.overwrites = overwrites
    combination.threadCount = common.threadCount
    let line = progress("combining")
    defer { line?.finish() }
    let summary = try combination.run(progress: line?.handler)
    line?.finish()
    writeNotes(summary.notes)
    printResult(json: summary.json, text: summary.text)
    return .done
  }
}
