import CommandGrammar
import GradiendPatch

/// `gradiend-patch join`: the patch, from the pieces of all shares.
struct JoinCommand: Command {
  var pieces: [String] = []
  var output = Create.defaultOutput
  var overwrites = false
  var common = CommonOptions()

  static let name = "join"
  static let summary = "Make a patch of the pieces that all shares wrote."
  static let discussion = """
    'create' and 'diff' with '--share I/N' write pieces, on as many machines as there are, or one after \
    the other. The output is the patch that one process makes, byte for byte, or there is an error that \
    names the piece that is missing, doubled, damaged or of another run. A piece can be made again at any \
    time. The models and GRADIENDs are not needed here.
    """
  static let exitStatuses = ExitStatus.writing.filter { $0.code != "1" }
  static let examples = [
    CommandExample(
      "gradiend-patch join gradiend_patch.safetensors.piece-*-of-16 -o gradiend_patch.safetensors",
      "the patch of 16 shares")
  ]

  static var grammar: [Argument<Self>] {
    [
      .operands(\.pieces, "PIECE", help: "pieces of one run, all of them, in any order"),
      .option(\.output, "-o", "--output", value: "PATCH", help: "where the patch goes"),
      .flag(\.overwrites, "-f", "--force", help: "replace PATCH if it exists"),
    ] + Argument.common
  }

  mutating func validate() throws(UsageError) {
    try checkThreadCount()
  }

  func run() throws(PatchError) -> ExitStatus {
    var join = Join(pieces: pieces, output: output)
    join.overwrites = overwrites
    join.threadCount = common.threadCount
    let line = progress("joining")
    defer { line?.finish() }
    let summary = try join.run(progress: line?.handler)
    line?.finish()
    writeNotes(summary.notes)
    printResult(json: summary.json, text: summary.text)
    return .done
  }
}
