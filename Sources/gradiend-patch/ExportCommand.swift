import CommandGrammar
import GradiendPatch

/// `gradiend-patch export`: a patch's changes for other programs.
struct ExportCommand: Command {
  var patch = ""
  var base = ""
  var output = ""
  var overwrites = false
  var common = CommonOptions()

  static let name = "export"
  static let summary = "Write what a patch changes as a safetensors file of indices and values."
  static let discussion = """
    For each changed tensor NAME, the file has NAME.indices, ascending I64 positions in the tensor \
    made flat, and NAME.values, what the result has there, in the tensor's own type.
    """
  static let exitStatuses = ExitStatus.writing
  static let examples = [
    CommandExample(
      "gradiend-patch export gradiend_patch.safetensors --base Llama-3.2-3B -o changes.safetensors",
      "the changes, for a program of your own")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.patch, "PATCH", help: "a patch"),
      .option(\.base, "--base", value: "BASE", help: "the patch's base", isRequired: true),
      .option(
        \.output, "-o", "--output", value: "FILE", help: "where the changes go", isRequired: true),
      .flag(\.overwrites, "-f", "--force", help: "replace FILE if it exists"),
    ] + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
  }

  func run() throws(PatchError) -> ExitStatus {
    var export = Export(patch: patch, base: base, output: output)
    export.overwrites = overwrites
    export.threadCount = common.threadCount
    let line = progress("exporting")
    defer { line?.finish() }
    let summary = try export.run(progress: line?.handler)
    line?.finish()
    printResult(json: summary.json, text: summary.text)
    return .done
  }
}
