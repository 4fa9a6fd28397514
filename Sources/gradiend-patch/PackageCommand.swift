import CommandGrammar
import GradiendPatch

/// `gradiend-patch package`: a folder that is ready for the Hub.
struct PackageCommand: PublishingCommand {
  var patch = ""
  var output = ""
  var card = CardOptions()
  var licenseFile: String?
  var overwrites = false
  var common = CommonOptions()

  static let name = "package"
  static let summary = "Make a folder of a patch or an adapter that is ready for a model hub."
  static let discussion = """
    The folder holds the patch, a picture of it and a config.json by which the Hub counts downloads, \
    or the adapter, and the card, the base's licence texts from the Hub's cache with the notice that \
    they ask for, and SHA256SUMS. The same PATCH and options give the same bytes. Nothing is uploaded: the command that does is \
    printed.
    """
  static let exitStatuses = ExitStatus.writing.filter { $0.code != "1" }
  static let examples = [
    CommandExample(
      "gradiend-patch package gradiend_patch.safetensors -o upload --repository me/Llama-fair",
      "a folder to sign and upload")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.patch, "PATCH", help: "patch, or folder that 'adapter' made"),
      .option(
        \.output, "-o", "--output", value: "FOLDER", help: "where the package goes",
        isRequired: true),
    ] + Argument.card + [
      .option(
        \.licenseFile, "--license-file", value: "FILE",
        help: "licence text to bring instead of the base's"),
      .flag(
        \.overwrites, "-f", "--force",
        help: "write into FOLDER if it exists; what is no package's stays"),
    ] + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
  }

  func run() throws(PatchError) -> ExitStatus {
    var packaging = Package(patch: patch, output: output, details: card.details)
    packaging.licenseFile = licenseFile
    packaging.overwrites = overwrites
    let made = try packaging.run()
    writeNotes(made.notes)
    printResult(json: made.json, text: made.text)
    return .done
  }
}
