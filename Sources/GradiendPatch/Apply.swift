package import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import Hub
internal import InPlace
internal import PatchEngine
internal import PatchFormat

/// Applies a patch to its base, or several that follow each other in one pass.
public struct Apply: PatchOperation {
  /// The base: checkpoint file or folder; of a split set of GGUF files, the first.
  public var base: String
  /// The patch files, in the order in which they are applied: each is for the result of the one before.
  public var patches: [String]
  /// Where the result goes.
  public var destination: ModelDestination
  /// Whether to check the SHA-256 of the result's files too, which takes longer than all the rest.
  public var checksSHA256 = false
  /// Whether to leave what belongs to no tensor as the base has it, even if a patch carries more.
  public var valuesOnly = false
  /// 0 for one a core.
  public var threadCount = 0

  /// Applies a patch with the default options.
  public init(base: String, patch: String, to destination: ModelDestination) {
    self.init(base: base, patches: [patch], to: destination)
  }

  /// Applies patches one after the other with the default options.
  public init(base: String, patches: [String], to destination: ModelDestination) {
    self.base = base
    self.patches = patches
    self.destination = destination
  }

  /// Writes the result, once the digests of all tensors of base and result are those in the patches.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name, and a model in place is as it was,
  ///   unless the error says that the change is unfinished.
  /// - Complexity: O(bytes of the base), with a few chunks of memory for each thread.
  public func run(in execution: Execution) throws(PatchError) -> ModelSummary {
    try destination.write(.apply, base, patches, checksSHA256, valuesOnly, execution)
  }
}

/// Strips a patch from its result, which gives the base back, or several that follow each other.
public struct Strip: PatchOperation {
  /// The result: checkpoint file or folder; of a split set of GGUF files, the first.
  public var result: String
  /// The patch files, in the order in which they are applied: each is for the result of the one before.
  public var patches: [String]
  /// Where the base goes.
  public var destination: ModelDestination
  /// Whether to check the SHA-256 of the base's files too, which takes longer than all the rest.
  public var checksSHA256 = false
  /// Whether to leave what belongs to no tensor as the result has it, even if a patch carries more.
  public var valuesOnly = false
  /// 0 for one a core.
  public var threadCount = 0

  /// Strips a patch with the default options.
  public init(result: String, patch: String, to destination: ModelDestination) {
    self.init(result: result, patches: [patch], to: destination)
  }

  /// Strips patches, the last one first, with the default options.
  public init(result: String, patches: [String], to destination: ModelDestination) {
    self.result = result
    self.patches = patches
    self.destination = destination
  }

  /// Writes the base, as ``Apply`` writes the result.
  ///
  /// - Throws: ``PatchError``, as ``Apply`` does.
  /// - Complexity: O(bytes of the result), with a few chunks of memory for each thread.
  public func run(in execution: Execution) throws(PatchError) -> ModelSummary {
    try destination.write(.strip, result, patches, checksSHA256, valuesOnly, execution)
  }
}

/// Where a patched model goes.
public struct ModelDestination: Sendable {
  private enum Kind: Sendable {
    case files(String, overwrites: Bool, synchronises: Bool, undo: String?)
    case share(Share?, String, overwrites: Bool, synchronises: Bool)
    case inPlace(rollsBack: Bool, disk: any Disk)
  }

  private let kind: Kind

  /// New files.
  ///
  /// - Parameters:
  ///   - path: a file for a file, a folder for a folder, the first file for a split set.
  ///   - overwriting: whether there may be something of this name.
  ///   - synchronising: whether to wait until the output is on the disk before it gets its name.
  ///     Without, a power loss soon afterwards may leave less than the whole output under it.
  ///   - undo: where to write what restores the input, should the output not fit the types that the
  ///     input has: a patch to be stripped from the output. Nil refuses such an output.
  /// - Returns: the destination.
  public static func files(
    _ path: String, overwriting: Bool = false, synchronising: Bool = true, undo: String? = nil
  ) -> Self {
    Self(kind: .files(path, overwrites: overwriting, synchronises: synchronising, undo: undo))
  }

  /// A share of new files, in the folder `path` + `.shares` (Formats/share.md). Nobody takes anything there
  /// for a model; ``finishing(_:overwriting:synchronising:)`` makes the output once all shares are there.
  /// The operation must have the same inputs and options in all shares, and then.
  ///
  /// - Parameters:
  ///   - share: which.
  ///   - path: as for ``files(_:overwriting:synchronising:undo:)``.
  ///   - overwriting: likewise.
  ///   - synchronising: likewise.
  /// - Returns: the destination.
  public static func share(
    _ share: Share, of path: String, overwriting: Bool = false, synchronising: Bool = true
  ) -> Self {
    Self(kind: .share(share, path, overwrites: overwriting, synchronises: synchronising))
  }

  /// New files that all shares have written: they are checked, and get their names. No weight is read.
  ///
  /// - Parameters:
  ///   - path: as in ``share(_:of:overwriting:synchronising:)``.
  ///   - overwriting: likewise.
  ///   - synchronising: likewise.
  /// - Returns: the destination.
  public static func finishing(
    _ path: String, overwriting: Bool = false, synchronising: Bool = true
  ) -> Self {
    Self(kind: .share(nil, path, overwrites: overwriting, synchronises: synchronising))
  }

  /// The input's own files. A journal beside them (Formats/journal.md) takes care that from any
  /// interruption the same operation goes on; a model that was changed already is left as it is.
  public static let inPlace = inPlace(on: SystemDisk())

  /// The input's own files, where an interrupted operation is undone.
  public static let rollback = rollback(on: SystemDisk())

  package static func inPlace(on disk: any Disk) -> Self {
    Self(kind: .inPlace(rollsBack: false, disk: disk))
  }

  package static func rollback(on disk: any Disk) -> Self {
    Self(kind: .inPlace(rollsBack: true, disk: disk))
  }

  fileprivate func write(
    _ direction: Direction, _ checkpoint: String, _ names: [String], _ checksSHA256: Bool,
    _ valuesOnly: Bool, _ execution: Execution
  ) throws(PatchError) -> ModelSummary {
    let patches = try InputName.patches(names)
    func patching(
      _ path: String, _ overwrites: Bool, _ synchronises: Bool, besides others: [String]
    ) throws(PatchError) -> ModelPatching {
      let input = try InputName(checkpoint).checkpoint()
        .settingAside(carriedBy: patches.end(direction.input))
      try OutputGuard([input], files: patches.patches.map(\.file))
        .check(try CheckpointOutput.paths(path, for: input) + others)
      var patching = ModelPatching(direction, input, patches, output: path)
      patching.overwrites = overwrites
      patching.synchronises = synchronises
      patching.checksSHA256 = checksSHA256
      patching.valuesOnly = valuesOnly
      return patching
    }
    switch kind {
    case .files(let path, let overwrites, let synchronises, let undo):
      var patching = try patching(
        path, overwrites, synchronises, besides: [undo].compactMap { $0 })
      patching.undo = undo
      return try patching.run(execution)
    case .share(let share, let path, let overwrites, let synchronises):
      let patching = try patching(
        path, overwrites, synchronises, besides: [ModelPatching.shares(of: path)])
      guard let share else { return try patching.finishShares(execution) }
      return try patching.write(share, execution)
    case .inPlace(let rollsBack, let disk):
      let input = try Self.changeable(checkpoint)
        .settingAside(carriedBy: patches.end(direction.input))
      var patching = InPlacePatching(direction, input, patches)
      patching.rollsBack = rollsBack
      patching.checksSHA256 = checksSHA256
      patching.valuesOnly = valuesOnly
      patching.disk = disk
      return try patching.run(execution)
    }
  }

  /// Opens a checkpoint whose files may change: no other program relies on them.
  private static func changeable(_ path: String) throws(PatchError) -> Checkpoint {
    let isInCache = PatchError(
      .usage, path: path, "this lies in the Hub's cache, which other programs rely on",
      remedy: "copy it elsewhere first, or write new files", option: .newFiles)
    guard try InputName(path).origin == nil else { throw isInCache }
    let input = try PatchError.opening { () throws(CheckpointError) in try Checkpoint(path: path) }
    // A folder elsewhere may have links to files of the cache.
    guard !input.files.contains(where: { HubCache.holds($0.mapped.path) }) else { throw isInCache }
    return input
  }
}
