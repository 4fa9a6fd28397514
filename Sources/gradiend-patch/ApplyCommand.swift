import CommandGrammar
import GradiendPatch

/// `gradiend-patch apply`: the result, from a base and patches.
struct ApplyCommand: PatchingCommand {
  var base = ""
  var patches: [String] = []
  var patching = PatchingOptions()
  var common = CommonOptions()

  static let name = "apply"
  static let summary = "Write the patched copy of a base model, or patch it in place."
  static let discussion = """
    The output has the publisher's exact bytes, or there is an error and no output. A file gives a \
    file; a folder gives a folder with configuration and tokenizer, ready to load. Several patches \
    are applied in one pass, and no model in between is written.

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
      "gradiend-patch apply Llama-3.2-3B gradiend_patch.safetensors -o Llama-3.2-3B-debiased",
      "the debiased model beside its base"),
    CommandExample(
      "gradiend-patch apply Llama-3.2-3B gradiend_patch.safetensors --in-place",
      "the debiased model in place of its base"),
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.base, "BASE", help: "base model: safetensors or GGUF, folder, or name on the Hub"),
      .operands(
        \.patches, "PATCH",
        help:
          "a patch; others are each for the result of the one before"),
    ] + Argument.patching("the result")
      + [
        .option(
          \.patching.undo, "--undo", value: "FILE",
          help:
            "where the types of BASE cannot hold the result, round, and keep in FILE what strip needs"
        )
      ] + Argument.common
  }

  func run() throws(PatchError) -> ExitStatus {
    var operation = Apply(base: base, patches: patches, to: destination)
    operation.checksSHA256 = patching.checksSHA256
    operation.valuesOnly = patching.valuesOnly
    operation.threadCount = common.threadCount
    return try run(operation, verb: "applying")
  }
}
