import CommandGrammar
import GradiendPatch

/// `gradiend-patch apply`: the result, from a base and a patch.
struct ApplyCommand: Command {
  var base = ""
  var patch = ""
  var output = ""
  var checksSHA256 = false
  var valuesOnly = false
  var undo: String?
  var skipsSynchronising = false
  var overwrites = false
  var common = CommonOptions()

  static let name = "apply"
  static let summary = "Write the patched copy of a base model."
  static let discussion = """
    The output has the publisher's exact bytes, or there is an error and no output. A file gives a \
    file; a folder gives a folder with configuration and tokenizer, ready to load.
    """
  static let exitStatuses = ExitStatus.writing
  static let examples = [
    CommandExample(
      "gradiend-patch apply Llama-3.2-3B gradiend_patch.safetensors -o Llama-3.2-3B-debiased",
      "the debiased model beside its base")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.base, "BASE", help: "base model: safetensors or GGUF, or folder"),
      .operand(\.patch, "PATCH", help: "patch made by 'create' or 'diff'"),
      .option(
        \.output, "-o", "--output", value: "OUT", help: "where the result goes", isRequired: true),
      .flag(
        \.checksSHA256, "--sha256", help: "check the SHA-256 of the output's files too; slower"),
      .flag(
        \.valuesOnly, "--values-only",
        help:
          "leave headers and the order of tensors as they are, even if the patch has the publisher's"
      ),
      .option(
        \.undo, "--undo", value: "FILE",
        help:
          "where the types of BASE cannot hold the result, round, and keep in FILE what strip needs"
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
    var patching = CheckpointPatching(.apply, checkpoint: base, patch: patch, output: output)
    patching.checksSHA256 = checksSHA256
    patching.keepsLayout = valuesOnly
    patching.undo = undo
    patching.synchronises = !skipsSynchronising
    patching.overwrites = overwrites
    return try run(patching, "applying")
  }
}

extension Command {
  /// Runs what `apply` and `strip` have in common.
  func run(_ patching: CheckpointPatching, _ verb: String) throws(PatchError) -> ExitStatus {
    var patching = patching
    patching.threadCount = common.threadCount
    let line = progress(verb)
    defer { line?.finish() }
    let summary = try patching.run(progress: line?.handler)
    line?.finish()
    writeNotes(summary.notes)
    printResult(json: summary.json, text: summary.text)
    return .done
  }
}
