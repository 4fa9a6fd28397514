import CommandGrammar
import GradiendPatch

/// `gradiend-patch inspect`: what a file or folder holds.
struct InspectCommand: Command {
  var path = ""
  var base: String?
  var picture: String?
  var page: String?
  var overwrites = false
  var common = CommonOptions()

  static let name = "inspect"
  static let summary = "Show what a patch, a checkpoint or a GRADIEND holds."
  static let discussion = """
    Of a patch, '--svg' draws how much it changes in each layer and module, to be shown in a model \
    card, and '--html' writes a page with the picture and a table to sort. With the base, both and \
    '--json' also say how far the weights move: the RMS of the update, relative to that of the \
    weights. With '--quiet', these outputs are all there is.
    """
  static let exitStatuses = ExitStatus.writing
  static let examples = [
    CommandExample(
      "gradiend-patch inspect gradiend_patch.safetensors", "what a patch changes, and how much"),
    CommandExample(
      "gradiend-patch inspect gradiend_patch.safetensors --base Llama-3.2-3B --svg changes.svg",
      "a picture of it, with the size of the update"),
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(
        \.path, "FILE|DIR",
        help: "patch, checkpoint, folder of either kind of checkpoint, or name on the Hub"),
      .option(
        \.base, "--base", value: "BASE", help: "the patch's base, to measure the update against"),
      .option(
        \.picture, "--svg", value: "FILE",
        help: "draw the patch's changes as an SVG; '-' is standard output"),
      .option(
        \.page, "--html", value: "FILE",
        help: "write a page on the patch's changes; '-' is standard output"),
      .flag(\.overwrites, "-f", "--force", help: "replace the outputs if they exist"),
    ] + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
    let texts = [picture, page].filter { $0 == "-" }.count + (common.printsJSON ? 1 : 0)
    guard [picture, page].allSatisfy({ $0 != "-" }) || texts == 1 else {
      throw UsageError("the standard output takes one of '--svg', '--html' and '--json'")
    }
  }

  func run() throws(PatchError) -> ExitStatus {
    var inspection = Inspect(path: path)
    inspection.base = base
    inspection.pictureOutput = picture == "-" ? nil : picture
    inspection.pageOutput = page == "-" ? nil : page
    inspection.overwrites = overwrites
    inspection.threadCount = common.threadCount
    let line = progress("measuring")
    defer { line?.finish() }
    let report = try inspection.run(progress: line?.handler)
    line?.finish()
    if let report = report.patch, picture == "-" || page == "-" {
      print(picture == "-" ? report.svg : report.html, terminator: "")
    } else if common.printsJSON || !common.isQuiet || picture == nil && page == nil {
      printResult(json: report.json, text: report.text(path))
    }
    return .done
  }
}
