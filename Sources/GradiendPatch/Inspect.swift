internal import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchEngine
internal import PatchFormat

/// Says what a file or folder holds.
///
/// Weights are read only to measure a patch's update, which takes its base.
public struct Inspect: PatchOperation {
  /// A patch, a checkpoint file or folder, or a GRADIEND checkpoint folder.
  public var path: String
  /// The base of the patch, to measure how far the patch moves its tensors.
  public var base: String?
  /// Where a picture of the patch goes, an SVG.
  public var pictureOutput: String?
  /// Where a page on the patch goes, an HTML file that needs no other.
  public var pageOutput: String?
  /// Whether these outputs may exist.
  public var overwrites = false
  /// 0 for one a core.
  public var threadCount = 0

  /// Looks at what is at `path`.
  public init(path: String) {
    self.path = path
  }

  /// Looks, measures and draws.
  ///
  /// - Throws: ``PatchError`` if it is nothing of the kind, or damaged; if an output cannot be made,
  ///   or takes a patch. An output that is not complete then does not have its name.
  /// - Complexity: O(bytes of the patch) without a base, O(bytes of the base) with one.
  public func run(in execution: Execution) throws(PatchError) -> Inspection {
    switch try open() {
    case .patch(let patch): return Inspection(patch: try report(on: patch, execution))
    case .checkpoint(let checkpoint):
      try refusePatchOptions("a checkpoint")
      return Inspection(checkpoint: CheckpointReport(checkpoint))
    case .gradiend(let gradiend):
      try refusePatchOptions("a GRADIEND checkpoint")
      return Inspection(gradiend: GradiendReport(gradiend))
    }
  }

  private func refusePatchOptions(_ kind: String) throws(PatchError) {
    guard base != nil || pictureOutput != nil || pageOutput != nil else { return }
    throw PatchError(
      .badInput, path: path,
      "this is \(kind); only of a patch there are changes to measure or draw",
      remedy: "name a patch, as create and diff make them")
  }

  private enum Found {
    case patch(PatchFile)
    case checkpoint(Checkpoint)
    case gradiend(GradiendCheckpoint)
  }

  private func open() throws(PatchError) -> Found {
    let input = try InputName(self.path)
    let path = input.path
    if Self.isGradiend(path) { return .gradiend(try input.gradiend()) }
    let isFolder = (try? FileStatus(path: path))?.isFolder ?? false
    // A model's folder may well have patches in it.
    if isFolder, !WeightFiles.areIn(path),
      FileStatus.exists(Folder.join(path, PatchFile.defaultName))
    {
      return .patch(try input.patch())
    }
    let checkpoint = try input.checkpoint()
    let format = checkpoint.files.first?.metadata(Checkpoint.File.patchMark.key)
    let isOfShare = format.flatMap(ShareHeader.Kind.init(rawValue:)) != nil
    guard !isFolder, isOfShare || checkpoint.files.first?.isPatch ?? false else {
      return .checkpoint(checkpoint)
    }
    return .patch(try input.patch())
  }

  private static func isGradiend(_ path: String) -> Bool {
    guard let file = try? MappedFile(path: Folder.join(path, "config.json")),
      let document = try? JSONValue(parsingPython: file.bytes)
    else { return false }
    let isOlder = document["input_dim"] != nil && document["layers"] != nil
    return document["architecture"]?.members != nil || isOlder
  }
}

// MARK: - Patches

extension Inspect {
  private func report(
    on patch: PatchFile, _ execution: Execution
  ) throws(PatchError) -> PatchReport {
    let base = try self.base.map { (path) throws(PatchError) in
      try InputName(path).checkpoint().settingAside(carriedBy: patch)
    }
    // Made first: an output that cannot be is better known before the work than after it.
    try OutputGuard([base].compactMap { $0 }, files: [patch.file])
      .check([pictureOutput, pageOutput].compactMap { $0 })
    let picture = try output(pictureOutput)
    let page = try output(pageOutput)
    var report = try PatchError.opening { () throws(CheckpointError) in try PatchReport(patch) }
    if let base {
      report.updates = try UpdateMeasurement(PatchMatch(patch, base), execution).run()
    }
    try picture?.publish(report.svg)
    try page?.publish(report.html)
    return report
  }

  private func output(_ path: String?) throws(PatchError) -> TextOutput? {
    guard let path else { return nil }
    return try TextOutput(path, overwrites: overwrites)
  }
}

/// What something is and holds: one of these is there.
public struct Inspection: Sendable {
  /// Of a patch.
  public private(set) var patch: PatchReport?
  /// Of a checkpoint.
  public private(set) var checkpoint: CheckpointReport?
  /// Of a GRADIEND checkpoint.
  public private(set) var gradiend: GradiendReport?

  init(patch: PatchReport) { self.patch = patch }

  init(checkpoint: CheckpointReport) { self.checkpoint = checkpoint }

  init(gradiend: GradiendReport) { self.gradiend = gradiend }
}
