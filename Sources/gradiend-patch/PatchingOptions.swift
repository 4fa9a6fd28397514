import CommandGrammar
import GradiendPatch

/// The options that `apply` and `strip` have in common.
struct PatchingOptions: Sendable {
  var output: String?
  var isInPlace = false
  var rollsBack = false
  var checksSHA256 = false
  var valuesOnly = false
  /// Of `apply` alone.
  var undo: String?
  var skipsSynchronising = false
  var overwrites = false
}

/// `apply` or `strip`.
protocol PatchingCommand: Command {
  var patching: PatchingOptions { get set }
}

extension Argument where Command: PatchingCommand {
  /// The rows of ``PatchingOptions`` for a command that makes `output`, "the base" for instance.
  static func patching(_ output: String) -> [Self] {
    [
      .option(
        \.patching.output, "-o", "--output", value: "OUT", help: "where \(output) goes"),
      .flag(
        \.patching.isInPlace, "--in-place",
        help: "change the model's own files; nothing is lost if it is interrupted"),
      .flag(
        \.patching.rollsBack, "--rollback",
        help: "undo what an interrupted '--in-place' has done, instead of finishing it"),
      .flag(
        \.patching.checksSHA256, "--sha256",
        help: "check the SHA-256 of the output's files too; slower"),
      .flag(
        \.patching.valuesOnly, "--values-only",
        help:
          "leave headers and the order of tensors as they are, even if the patch has the publisher's"
      ),
      .flag(
        \.patching.skipsSynchronising, "--no-sync",
        help: "do not wait until OUT is on the disk; faster, but a power loss may cut it short"),
      .flag(
        \.patching.overwrites, "-f", "--force",
        help: "replace OUT if it exists, a folder only if OUT brings all that it holds"),
    ]
  }
}

extension PatchingCommand {
  mutating func validate() throws(UsageError) {
    try checkThreadCount()
    guard patching.isInPlace else {
      guard !patching.rollsBack else {
        throw UsageError("'--rollback' undoes a change by '--in-place', which is missing")
      }
      guard patching.output != nil else {
        throw UsageError("missing option '--output OUT' or '--in-place'")
      }
      return
    }
    let others: [(String, Bool)] = [
      ("--output", patching.output != nil), ("--undo", patching.undo != nil),
      ("--no-sync", patching.skipsSynchronising), ("--force", patching.overwrites),
    ]
    if let other = others.first(where: \.1)?.0 {
      throw UsageError("'--in-place' cannot be combined with '\(other)'")
    }
  }

  /// Where the patched model goes.
  var destination: ModelDestination {
    guard let output = patching.output else { return patching.rollsBack ? .rollback : .inPlace }
    return .files(
      output, overwriting: patching.overwrites, synchronising: !patching.skipsSynchronising,
      undo: patching.undo)
  }

  /// Carries `operation` out, and prints what came of it.
  func run(
    _ operation: some PatchOperation<ModelSummary>, verb: String
  ) throws(PatchError) -> ExitStatus {
    let line = progress(verb)
    defer { line?.finish() }
    let summary = try operation.run(progress: line?.handler)
    line?.finish()
    writeNotes(summary.notes)
    printResult(json: summary.json, text: summary.text)
    return .done
  }
}
