import CommandGrammar
import GradiendPatch

/// `gradiend-patch strip`: the base, from a result and its patches.
struct StripCommand: PatchingCommand {
  var result = ""
  var patches: [String] = []
  var patching = PatchingOptions()
  var common = CommonOptions()

  static let name = "strip"
  static let summary = "Write the base model back from a patched one, or in its place."
  static let discussion = """
    The inverse of 'gradiend-patch apply': the output has the base's exact bytes, or there is an \
    error and no output. Of several patches, the last is stripped first, all in one pass.

    With '--in-place', the model's own files change, so that no second copy needs room. A journal \
    beside them takes an eighth of the model, and at most 65 MiB. Whatever interrupts the change, \
    the same command run again finishes it, or with '--rollback' undoes it.

    With '--share I/N', on as many machines as there are, each run writes its share of the weight files \
    to OUT.shares, where nothing takes them for a model. '--finish' with the same arguments then checks \
    that all are there and right, and makes OUT of them. A model in a single file is one share.
    """
  static let exitStatuses = ExitStatus.writing
  static let examples = [
    CommandExample(
      "gradiend-patch strip Llama-3.2-3B-debiased gradiend_patch.safetensors -o Llama-3.2-3B",
      "the base back"),
    CommandExample(
      "gradiend-patch strip Llama-3.2-3B-debiased gradiend_patch.safetensors --in-place",
      "the base in place of the debiased model"),
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(
        \.result, "RESULT", help: "patched model: safetensors or GGUF, folder, or name on the Hub"),
      .operands(
        \.patches, "PATCH",
        help: "the patch that made it, or several in the order in which they did"),
    ] + Argument.patching("the base") + Argument.common
  }

  func run() throws(PatchError) -> ExitStatus {
    var operation = Strip(result: result, patches: patches, to: destination)
    operation.checksSHA256 = patching.checksSHA256
    operation.valuesOnly = patching.valuesOnly
    operation.threadCount = common.threadCount
    return try run(operation, verb: "stripping")
  }
}
