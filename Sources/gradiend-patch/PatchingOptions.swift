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
  var share: Share?
  var finishesShares = false
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
      .share(
        \.patching.share, "and leave it in OUT.shares until '--finish' makes OUT of all shares"),
      .flag(
        \.patching.finishesShares, "--finish",
        help: "check what all shares wrote, and make OUT of it; with the options of the shares"),
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
      guard patching.share == nil || !patching.finishesShares else {
        throw UsageError("'--finish' is for when all shares are done: leave out '--share'")
      }
      guard patching.undo == nil || patching.share == nil && !patching.finishesShares else {
        throw UsageError("'--undo' is of a whole model, and cannot be combined with shares")
      }
      return
    }
    let others: [(String, Bool)] = [
      ("--share", patching.share != nil), ("--finish", patching.finishesShares),
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
    let synchronises = !patching.skipsSynchronising
    if let share = patching.share {
      return .share(
        share, of: output, overwriting: patching.overwrites, synchronising: synchronises)
    }
    if patching.finishesShares {
      return .finishing(output, overwriting: patching.overwrites, synchronising: synchronises)
    }
    return .files(
      output, overwriting: patching.overwrites, synchronising: synchronises,
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
