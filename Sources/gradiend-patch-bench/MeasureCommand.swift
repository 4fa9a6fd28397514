import ByteIO
import CommandGrammar

/// `gradiend-patch-bench measure`: size, time and memory of a patch.
struct MeasureCommand: BenchCommand {
  var base = ""
  var gradiend: String?
  var featureFactor: String?
  var learningRate: String?
  var result: String?
  var runCount = 5
  var threadCounts = [1, 2]
  var measuresPeers = false
  var measuresSlowPeers = false
  var folder = "."
  var label: String?
  var commit: String?
  var tool: String?
  var python = "python3"
  var printsMarkdown = false

  static let name = "measure"
  static let summary = "Measure the patch of a base model: size, time, memory."
  static let discussion = """
    Prints a JSON object a line: the patch's size and where its bytes went, the entropies that bound \
    it, the time and the peak memory of every command, and those of other tools if asked for. Times \
    are given as multiples of the time of 'cp' too, which runs in turn with the commands, in the same \
    folder. Inputs are in the page cache if they fit; outputs are removed, and everything written is on the disk, \
    before the next run. No time is good or bad here: that is for the reader to say.

    The command may be left out: a first word that is a path means 'measure'.
    """
  static let examples = [
    CommandExample(
      "gradiend-patch-bench measure SmolLM2-135M --gradiend gradiend-gender --feature-factor -1 "
        + "--learning-rate 0.001 --markdown", "a GRADIEND's patch, with a table at the end"),
    CommandExample(
      "gradiend-patch-bench measure SmolLM2-135M --result SmolLM2-135M-debiased --peers",
      "a finished model's patch, and other tools'"),
  ]

  static var grammar: [Argument<Self>] {
    [
      .operand(\.base, "BASE", help: "base model: safetensors file, or folder of them"),
      .option(
        \.gradiend, "--gradiend", value: "DIR", help: "GRADIEND checkpoint to make a patch of"),
      .option(\.featureFactor, "--feature-factor", value: "H[,H...]", help: "as in 'create'"),
      .option(\.learningRate, "--learning-rate", value: "A", help: "as in 'create'"),
      .option(\.result, "--result", value: "RESULT", help: "finished model to make a patch of"),
      .option(\.runCount, "--runs", value: "N", help: "how often each command runs"),
      .option(
        \.threadCounts, "--threads", value: "N[,N...]", help: "how many threads they may use"),
      .flag(\.measuresPeers, "--peers", help: "measure other tools too, those that are installed"),
      .flag(\.measuresSlowPeers, "--slow-peers", help: "and those that take minutes"),
      .option(\.folder, "--folder", value: "TMP", help: "where outputs go; a folder of their own"),
      .option(\.label, "--label", value: "NAME", help: "what the results are called"),
      .option(\.commit, "--commit", value: "ID", help: "what was measured, for the results"),
      .option(
        \.tool, "--tool", value: "PATH", help: "gradiend-patch; else the one beside this, or PATH's"
      ),
      .option(
        \.python, "--python", value: "PATH", help: "Python for the other tools that need one"),
      .flag(\.printsMarkdown, "--markdown", help: "print Markdown tables after the objects"),
    ]
  }

  mutating func validate() throws(UsageError) {
    guard (gradiend == nil) != (result == nil) else {
      throw UsageError("either '--gradiend DIR' or '--result RESULT' is needed")
    }
    guard (gradiend == nil) == (featureFactor == nil), (gradiend == nil) == (learningRate == nil)
    else {
      throw UsageError(
        "'--gradiend DIR' goes with '--feature-factor H[,H...]' and '--learning-rate A'")
    }
    guard (1...1000).contains(runCount) else {
      throw UsageError("N of '--runs' must be from 1 to 1000, not \(runCount)")
    }
    guard threadCounts.allSatisfy((1...1024).contains) else {
      throw UsageError("every N of '--threads' must be from 1 to 1024")
    }
  }

  func run() throws {
    let pair = try MeasuredPair(
      base: base, source: source, tool: try toolPath(),
      label: label ?? Folder.lastComponent(of: gradiend ?? result ?? base), folder: folder)
    var records: [Record] = []
    func emit(_ record: Record) {
      records.append(record)
      print(record.line)
      flushOutput()
    }
    emit(try pair.environment(commit: commit ?? ""))
    try pair.prepare()
    emit(try pair.size())
    emit(try pair.floors())
    for record in try pair.times(runCount: runCount, threadCounts: threadCounts) { emit(record) }
    if measuresPeers || measuresSlowPeers {
      try pair.measurePeers(python: python, includesSlow: measuresSlowPeers, emit)
    }
    if printsMarkdown { print("\n" + MarkdownReport(records.map(\.json)).text) }
  }

  private var source: MeasuredPair.Source {
    if let gradiend, let featureFactor, let learningRate {
      return .gradiend(gradiend, featureFactor: featureFactor, learningRate: learningRate)
    }
    return .result(result ?? "")
  }

  private func toolPath() throws -> String {
    let beside = Folder.join(Folder.parent(of: Machine.ownPath), "gradiend-patch")
    for candidate in tool.map({ [$0] }) ?? [beside, "gradiend-patch"] {
      if let path = Machine.find(candidate) { return path }
    }
    throw BenchError(
      "there is no \(tool ?? "gradiend-patch"): build it, or name it with --tool PATH")
  }
}
