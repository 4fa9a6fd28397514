internal import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchEngine
internal import PatchFormat

/// GRADIENDs that are open, of which something is added to a base.
struct OpenedSummands {
  private let summands: [Opened]
  private let part: UpdatePart

  /// - Throws: ``PatchError`` if there are too few or too many, or one cannot be opened or lacks numbers.
  init(
    _ summands: [Create.Summand], part: UpdatePart, base: InputName
  ) throws(PatchError) {
    guard (1...Create.summandLimit).contains(summands.count) else {
      throw PatchError(
        .usage,
        summands.isEmpty
          ? "there is no GRADIEND to add"
          : "a patch adds at most \(Create.summandLimit) GRADIENDs, not \(summands.count)",
        remedy: summands.isEmpty
          ? "name one" : "create several patches, each from the result of the one before")
    }
    self.part = part
    self.summands = try summands.map { (summand) throws(PatchError) in
      try Opened(summand, part: part, base: base)
    }
  }

  /// The files that determine what is added.
  var files: [MappedFile] {
    summands.flatMap { $0.gradiend.determiningParts(of: part).map(\.file) }
  }

  /// What they add to `base` together.
  func sum(of base: Checkpoint, in share: FileShare? = nil) throws(PatchError) -> GradiendSum {
    GradiendSum(
      try summands.map { (each) throws(PatchError) in
        do throws(PatchError) {
          return (try GradiendMatch(each.gradiend, of: base, in: share), each.output)
        } catch {
          throw summands.count > 1 ? error.adding("; the GRADIEND is \(each.gradiend.path)") : error
        }
      })
  }

  /// What is said of each, digests included, for which all is read.
  ///
  /// - Throws: ``PatchError`` if one is there twice.
  func updates(_ execution: Execution) throws(PatchError) -> [PatchMetadata.Update] {
    let updates = try summands.map { (each) throws(PatchError) in
      each.update(digest: "\(try GradiendDigest(each.gradiend, part: part).whole(execution))")
    }
    try checkDiffer(updates)
    return updates
  }

  /// What is said of each before the digests are known.
  var undigested: [PatchMetadata.Update] { summands.map { $0.update(digest: "") } }

  /// What a share reads of each.
  ///
  /// - Parameters:
  ///   - share: whose.
  ///   - tensors: its tensors.
  ///   - sum: what is added to all tensors.
  ///   - execution: how.
  /// - Returns: the lengths of the parts of each GRADIEND, and what was read of it.
  /// - Throws: ``PatchError`` if the work is cancelled.
  func readings(
    of share: Share, _ tensors: [String], in sum: GradiendSum, _ execution: Execution
  ) throws(PatchError) -> [(byteCounts: [Int], reading: GradiendReading)] {
    try summands.enumerated().map { (position, each) throws(PatchError) in
      let digest = GradiendDigest(each.gradiend, part: part)
      let numbers = digest.numbers(
        of: share, entries: sum.entries(position, of: tensors), among: sum.entries(position))
      let digests = try digest.digests(of: numbers, execution)
      return (digest.byteCounts, GradiendReading(zip(numbers, digests).map { ($0, $1) }))
    }
  }

  /// - Throws: ``PatchError`` if a GRADIEND is there twice: nobody means that, as one learning rate can
  ///   do it.
  private func checkDiffer(_ updates: [PatchMetadata.Update]) throws(PatchError) {
    var paths: [String: String] = [:]
    for (each, update) in zip(summands, updates) {
      let path = each.gradiend.path
      guard let other = paths.updateValue(path, forKey: update.gradiendDigest) else { continue }
      throw PatchError(
        .usage, path: path, "this is the same GRADIEND as \(other), under whatever name",
        remedy: PatchMetadata.Update.repeatedRemedy)
    }
  }
}

/// A summand whose GRADIEND is open, and for which all numbers were given.
private struct Opened {
  let gradiend: GradiendCheckpoint
  let output: DecoderOutput
  private let origin: Provenance?

  init(_ summand: Create.Summand, part: UpdatePart, base: InputName) throws(PatchError) {
    let name = try InputName(summand.gradiend)
    gradiend = try name.gradiend(of: base)
    origin = name.origin
    output = try DecoderOutput(
      of: gradiend, part: part, featureFactors: summand.featureFactors,
      learningRate: summand.learningRate)
  }

  /// What the patch says of it.
  func update(digest: String) -> PatchMetadata.Update {
    let factors = output.part == .decoder ? output.featureFactors : []
    return PatchMetadata.Update(
      featureFactors: factors.isEmpty ? nil : factors.map { "\($0)" }.joined(separator: ","),
      learningRate: "\(output.learningRate)", gradiendDigest: digest,
      // Of several latents, nothing says which of them it is about.
      featureClasses: factors.count == 1 ? FeatureClasses(gradiend.featureClasses) : nil,
      origin: origin)
  }
}
