import ByteIO
import Checkpoints

/// A base, what makes its patch, and the folder in which that is measured.
struct MeasuredPair {
  /// What a patch is made of.
  enum Source {
    case gradiend(String, featureFactor: String, learningRate: String)
    case result(String)
  }

  let base: String
  let source: Source
  let tool: String
  let label: String
  let scratch: ScratchFolder
  /// What a copy of the base is called: a file's name, or a folder's.
  private let suffix: String

  init(base: String, source: Source, tool: String, label: String, folder: String) throws {
    self.base = base
    self.source = source
    self.tool = tool
    self.label = label
    suffix = try FileStatus(path: base).isFolder ? "" : ".safetensors"
    scratch = try ScratchFolder(in: folder, named: "gradiend-patch-bench")
  }

  var patch: String { scratch.path("patch.safetensors") }
  var result: String { scratch.path("result" + suffix) }

  /// What was measured on.
  func environment(commit: String) throws -> Record {
    let version = try ChildProcess.succeed([tool, "--version"], scratch: scratch).output
    return .environment(
      label: label, tool: version.split(separator: "\n").first.map(String.init) ?? "",
      commit: commit)
  }

  /// Makes patch and result, and checks that each gives the other back.
  ///
  /// - Throws: ``BenchError`` if one of them is not what it should be.
  func prepare() throws {
    try run(making(patch))
    try run(["apply", base, patch, "-o", result])
    try run(["verify", result, patch, "--expect", "result"])
    if case .result(let given) = source {
      try run(["verify", given, patch, "--expect", "result"])
    }
    let stripped = "stripped" + suffix
    try run(["strip", result, patch, "-o", scratch.path(stripped)])
    try run(["verify", scratch.path(stripped), patch, "--expect", "base"])
    scratch.remove(stripped)
  }

  private func run(_ arguments: [String]) throws {
    Bench.note("\(label): \(arguments[0])")
    _ = try ChildProcess.succeed([tool] + arguments + ["--quiet"], scratch: scratch)
  }

  /// The command that makes the patch.
  private func making(_ patch: String) -> [String] {
    switch source {
    case .gradiend(let path, let featureFactor, let learningRate):
      [
        "create", base, path, "-o", patch, "--feature-factor=\(featureFactor)",
        "--learning-rate=\(learningRate)",
      ]
    case .result(let path): ["diff", base, path, "-o", patch]
    }
  }

  /// The patch's size, and where its bytes went.
  func size() throws -> Record {
    let report = try json([tool, "inspect", patch, "--json"])
    var record = Record("size", label: label)
    let changed = report["changed_elements"]?.integer ?? 0
    let bytes = try FileStatus(path: patch).byteCount
    record.add("bytes", bytes)
    record.add("base_bytes", try FileStatus.totalByteCount(of: base))
    record.add("elements", report["elements"]?.integer ?? 0)
    record.add("changed_elements", changed)
    if changed > 0 {
      record.add("bits_per_changed_element", 8 * Double(bytes) / Double(changed))
    }
    record.add("byte_counts", report["byte_counts"] ?? .object([]))
    return record
  }

  /// The entropies that bound the size. A child computes them; see ``ChildProcess``.
  func floors() throws -> Record {
    Bench.note("\(label): floors")
    let floors = try Floors(
      try json([Machine.ownPath, FloorsCommand.name, base, result, "--json"]))
    var record = Record("floors", label: label)
    record.add("bytes", try FileStatus(path: patch).byteCount)
    record.add(floors.members)
    return record
  }

  private func json(_ arguments: [String]) throws -> JSONValue {
    let output = try ChildProcess.succeed(arguments, scratch: scratch).output
    return try JSONValue(text: output)
  }

  // MARK: Times

  /// Times every command, in turn with `cp`.
  func times(runCount: Int, threadCounts: [Int]) throws -> [Record] {
    let copy = "copy" + suffix
    let copying = ["cp", "-rL", "--reflink=never", base, scratch.path(copy)]
    let operations =
      [
        Operation(
          name: "cp", threadCount: nil, arguments: copying, inputs: [base], output: copy),
        Operation(
          name: "cp and sync", threadCount: nil, arguments: copying, inputs: [base], output: copy,
          synchronisesOutput: true),
      ] + threadCounts.flatMap(commands)
    let measurements = try Rounds(scratch: scratch, roundCount: runCount).run(operations) {
      Bench.note("\(label): \($0)")
    }
    let (plain, synchronised) = (measurements[0].seconds, measurements[1].seconds)
    return measurements.map { measurement in
      var record = Record("time", label: label)
      record.add("operation", measurement.operation.name)
      if let threadCount = measurement.operation.threadCount { record.add("threads", threadCount) }
      record.add("runs", measurement.seconds.count)
      record.add("median_seconds", measurement.seconds.median)
      record.add("minimum_seconds", measurement.seconds.minimum)
      record.add("maximum_seconds", measurement.seconds.maximum)
      record.add("spread", measurement.seconds.spread)
      record.add("ratio_to_cp", measurement.seconds.median / plain.median)
      record.add("ratio_to_cp_and_sync", measurement.seconds.median / synchronised.median)
      record.add("peak_bytes", measurement.peakByteCount)
      return record
    }
  }

  /// The commands of the tool, each with so many threads.
  private func commands(threadCount: Int) -> [Operation] {
    let (madePatch, output) = ("made.safetensors", "output" + suffix)
    func command(
      _ name: String, _ arguments: [String], reading inputs: [String], _ output: String?
    ) -> Operation {
      Operation(
        name: name, threadCount: threadCount,
        arguments: [tool] + arguments + ["--quiet", "--threads", String(threadCount)],
        inputs: inputs, output: output)
    }
    let applying = ["apply", base, patch, "-o", scratch.path(output)]
    let stripping = ["strip", result, patch, "-o", scratch.path(output)]
    let diffing = ["diff", base, result, "-o", scratch.path(madePatch)]
    var operations: [Operation] = []
    if case .gradiend(let gradiend, _, _) = source {
      operations = [
        command(
          "create", making(scratch.path(madePatch)), reading: [gradiend, base], madePatch)
      ]
    }
    return operations + [
      command("diff", diffing, reading: [result, base], madePatch),
      command("apply", applying, reading: [base], output),
      command("apply --no-sync", applying + ["--no-sync"], reading: [base], output),
      command("strip", stripping, reading: [result], output),
      command("strip --no-sync", stripping + ["--no-sync"], reading: [result], output),
      command("verify", ["verify", result, patch], reading: [result], nil),
    ]
  }
}

extension JSONValue {
  /// Parses the JSON object in `text`.
  init(text: String) throws {
    let bytes = Array(text.utf8)
    try self.init(parsing: bytes.span.bytes)
  }
}

extension FileStatus {
  /// The length of a file, or of all files in a folder.
  static func totalByteCount(of path: String) throws -> Int {
    let status = try FileStatus(path: path)
    guard status.isFolder else { return status.byteCount }
    return try Folder.names(in: path).reduce(0) {
      try $0 + totalByteCount(of: Folder.join(path, $1))
    }
  }
}
