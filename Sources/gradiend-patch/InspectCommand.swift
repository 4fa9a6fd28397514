import CommandGrammar
import GradiendPatch

/// `gradiend-patch inspect`: what a file or folder holds.
struct InspectCommand: Command {
  var path = ""
  var common = CommonOptions()

  static let name = "inspect"
  static let summary = "Show what a patch, a checkpoint or a GRADIEND holds."
  static let exitStatuses = ExitStatus.reading.filter { $0.code != "1" }
  static let examples = [
    CommandExample(
      "gradiend-patch inspect gradiend_patch.safetensors", "what a patch changes, and how much")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(
        \.path, "FILE|DIR", help: "patch, checkpoint, or folder of either kind of checkpoint")
    ] + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
  }

  func run() throws(PatchError) -> ExitStatus {
    let report = try Inspection(path: path).run()
    printResult(json: report.json, text: report.text(path))
    return .done
  }
}
