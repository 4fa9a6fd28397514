import CommandGrammar
import GradiendPatch

/// `gradiend-patch strip`: the base, from a result and its patch.
struct StripCommand: Command {
  var result = ""
  var patch = ""
  var output = ""
  var checksSHA256 = false
  var valuesOnly = false
  var skipsSynchronising = false
  var overwrites = false
  var common = CommonOptions()

  static let name = "strip"
  static let summary = "Write the base model back from a patched one."
  static let discussion = """
    The inverse of 'gradiend-patch apply': the output has the base's exact bytes, or there is an \
    error and no output.
    """
  static let exitStatuses = ExitStatus.writing
  static let examples = [
    CommandExample(
      "gradiend-patch strip Llama-3.2-3B-debiased gradiend_patch.safetensors -o Llama-3.2-3B",
      "the base back")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.result, "RESULT", help: "patched model: safetensors or GGUF, or folder"),
      .operand(\.patch, "PATCH", help: "the patch that made it"),
      .option(
        \.output, "-o", "--output", value: "OUT", help: "where the base goes", isRequired: true),
      .flag(
        \.checksSHA256, "--sha256", help: "check the SHA-256 of the output's files too; slower"),
      .flag(
        \.valuesOnly, "--values-only",
        help:
          "leave headers and the order of tensors as they are, even if the patch has the publisher's"
      ),
      .flag(
        \.skipsSynchronising, "--no-sync",
        help: "do not wait until OUT is on the disk; faster, but a power loss may cut it short"),
      .flag(\.overwrites, "-f", "--force", help: "replace OUT if it exists"),
    ] + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
  }

  func run() throws(PatchError) -> ExitStatus {
    var patching = CheckpointPatching(.strip, checkpoint: result, patch: patch, output: output)
    patching.checksSHA256 = checksSHA256
    patching.keepsLayout = valuesOnly
    patching.synchronises = !skipsSynchronising
    patching.overwrites = overwrites
    return try run(patching, "stripping")
  }
}
