import CommandGrammar
import GradiendPatch

/// `gradiend-patch verify`: which of a patch's two models a checkpoint is.
struct VerifyCommand: Command {
  var checkpoint = ""
  var patch = ""
  var expected: Role?
  var checksSHA256 = false
  var tracesBase = false
  var share: Share?
  var common = CommonOptions()

  /// What a checkpoint can be expected to be.
  enum Role: String, CaseIterable, ArgumentValue {
    case base
    case result

    var defaultText: String? { nil }
  }

  static let name = "verify"
  static let summary = "Say whether a model is a patch's base, its result, or neither."
  static let discussion = """
    With '--trace', CHECKPOINT must be the result, in the publisher's files. What is printed is \
    computed from CHECKPOINT and PATCH alone, so that what somebody signed of the base can be \
    checked without it.

    With '--share I/N', what is said is of the share's weight files, tensor by tensor, with 32 bits of \
    each digest. Shares cannot compare the digest of the whole, which has 128.
    """
  static let exitStatuses =
    [
      ExitMeaning(0, "it is the base or the result, or what --expect and --sha256 ask for"),
      ExitMeaning(1, "it is not"),
    ] + ExitStatus.reading.dropFirst(2)
  static let examples = [
    CommandExample(
      "gradiend-patch verify Llama-3.2-3B-debiased gradiend_patch.safetensors --expect result",
      "fails unless the patch is applied")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.checkpoint, "CHECKPOINT", help: "safetensors or GGUF, folder, or name on the Hub"),
      .operand(\.patch, "PATCH", help: "a patch"),
      .option(\.expected, "--expect", value: "WHICH", help: "what it must be"),
      .flag(
        \.checksSHA256, "--sha256",
        help:
          "its files must have the publisher's SHA-256 too, and the Hub's if they lie in its cache"),
      .flag(
        \.tracesBase, "--trace",
        help: "strip PATCH in memory, and print the SHA-256 of each of the base's files"),
      .share(\.share, "and say what they are"),
    ] + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
    guard tracesBase else { return }
    let others = [
      checksSHA256 ? "--sha256" : nil, expected == .base ? "--expect base" : nil,
      share == nil ? nil : "--share",
    ]
    if let other = others.compactMap(\.self).first {
      throw UsageError("'--trace' is of a whole result, and cannot be combined with '\(other)'")
    }
  }

  func run() throws(PatchError) -> ExitStatus {
    var verification = Verify(checkpoint: checkpoint, patch: patch)
    verification.tracesBase = tracesBase
    verification.checksSHA256 = checksSHA256
    verification.share = share
    verification.threadCount = common.threadCount
    let line = progress("verifying")
    defer { line?.finish() }
    let verdict = try verification.run(progress: line?.handler)
    line?.finish()
    printResult(json: verdict.json, text: verdict.baseSHA256 ?? verdict.text(checkpoint))
    if verdict.isEmpty { return .done }
    // A patch that changes nothing has the same values on both sides.
    let isExpected =
      switch expected {
      case nil: verdict.role != nil
      case .base: verdict.differingFromBase.isEmpty
      case .result: verdict.differingFromResult.isEmpty
      }
    let hasRightFiles = verdict.hasPublishedFiles && verdict.damagedFiles.isEmpty
    return isExpected && (hasRightFiles || !checksSHA256) ? .done : .mismatch
  }
}
