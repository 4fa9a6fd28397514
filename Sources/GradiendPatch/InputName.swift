internal import Adapter
internal import ByteIO
package import Checkpoints
package import Gradiend
internal import Hub
package import PatchEngine
package import PatchFormat
internal import Publishing

/// An input as a user named it: a path, or a name on the Hub of something in the local cache
/// (Formats/hub.md).
package struct InputName {
  let name: String
  let path: String
  /// The repository and commit that it comes from, however it was named.
  let origin: Provenance?
  private let reference: HubReference?

  /// Finds what `name` stands for. A path that exists wins.
  ///
  /// - Throws: ``PatchError`` of kind `cannotOpen` for a name of the Hub that is not in the cache.
  package init(_ name: String) throws(PatchError) {
    self.name = name
    let reference = HubReference(name)
    if !(reference?.isExplicit ?? false), FileStatus.exists(name) || reference == nil {
      (path, origin, self.reference) = (name, Provenance(ofPath: name), nil)
      return
    }
    guard let reference, let cache = HubCache(environment: Environment.value) else {
      guard reference?.isExplicit ?? false else {
        (path, origin, self.reference) = (name, nil, nil)
        return
      }
      throw PatchError(
        .cannotOpen, path: name, "neither HF_HUB_CACHE nor HOME says where the Hub's cache is")
    }
    do {
      let location = try cache.locate(reference)
      (path, origin, self.reference) = (location.path, location.origin, reference)
    } catch {
      guard reference.repository.owner != nil || reference.isExplicit || error != .noRepository
      else {
        // A single word is a file far more often than one of the few repositories without owner.
        (path, origin, self.reference) = (name, nil, nil)
        return
      }
      throw Self.error(error, name, reference, cache)
    }
  }

  private static func error(
    _ absence: HubCache.Absence, _ name: String, _ reference: HubReference, _ cache: HubCache
  ) -> PatchError {
    let remedy = "if it is on the Hub, this gets it: \(reference.downloadCommand)"
    switch absence {
    case .noRepository:
      let found = reference.isExplicit ? "" : "no such file or folder, and "
      return PatchError(
        .cannotOpen, path: name,
        found + "'\(reference.repository)' is not in the Hub's cache, \(cache.path)",
        remedy: remedy)
    case .noRevision(let revision):
      return PatchError(
        .cannotOpen, path: name,
        "the Hub's cache has '\(reference.repository)', but not its revision '\(revision)'",
        remedy: remedy)
    case .noPath(let path):
      return PatchError(
        .cannotOpen, path: name,
        "the Hub's cache has '\(reference.repository)', but no '\(path)' of this revision",
        remedy: remedy)
    case .damaged(let path, let reason):
      return PatchError(
        .cannotOpen, path: path, reason,
        remedy: "this gets it again: \(reference.downloadCommand) --force-download")
    }
  }

  /// Opens the input.
  ///
  /// - Throws: ``PatchError``, with the command line that gets what the cache lacks.
  private func open<Opened>(
    _ path: String, _ body: (String) throws(CheckpointError) -> Opened
  ) throws(PatchError) -> Opened {
    do {
      return try body(path)
    } catch {
      let failure = PatchError(error)
      guard let origin, failure.remedy == nil else { throw failure }
      let isMissing =
        switch error.cause {
        case .system(let system): system.kind == .missing
        case .inconsistent: true
        case .format: false
        }
      guard isMissing else { throw failure }
      let reference =
        self.reference ?? HubReference(origin.repository, revision: "\(origin.commit)")
      throw PatchError(
        failure.kind, path: failure.path, failure.message,
        remedy: "if it is not in the cache as a whole, this gets the rest: "
          + reference.downloadCommand)
    }
  }

  /// Opens the checkpoint, to read it. Nobody changes it in place until its files are closed.
  ///
  /// - Throws: ``PatchError`` if it cannot be opened, is not sound, or half changed.
  package func checkpoint() throws(PatchError) -> Checkpoint {
    let checkpoint = try open(path) { (path) throws(CheckpointError) in
      try Checkpoint(path: path)
    }
    try UnfinishedChange.keepAway(from: checkpoint)
    return checkpoint
  }

  /// Opens the GRADIEND, and says so if it and its base are the other way round.
  package func gradiend(of base: InputName) throws(PatchError) -> GradiendCheckpoint {
    do throws(PatchError) {
      return try gradiend()
    } catch {
      guard (try? base.gradiend()) != nil else { throw error }
      throw PatchError(
        .badInput, path: base.name,
        "this is a GRADIEND checkpoint, in place of the base; \(name) is none",
        remedy: "name the base model first, and the GRADIEND after it")
    }
  }

  func gradiend() throws(PatchError) -> GradiendCheckpoint {
    try open(path) { (path) throws(CheckpointError) in try GradiendCheckpoint(path: path) }
  }

  /// Opens patches, which must follow each other.
  ///
  /// - Throws: ``PatchError`` if one cannot be opened, or they are out of order.
  static func patches(_ names: [String]) throws(PatchError) -> PatchSequence {
    // Not more are opened than are taken.
    try PatchSequence.check(count: names.count)
    return try PatchSequence(
      names.map { (name) throws(PatchError) in try InputName(name).patch() })
  }

  /// Opens what is to be published: the patch, or the adapter in a folder.
  ///
  /// - Throws: ``PatchError`` if it is neither, is damaged, or another tool made it.
  func publication() throws(PatchError) -> Publication {
    guard AdapterFolder.isAdapter(path) else { return try Publication(patch()) }
    return Publication(
      try open(path) { (path) throws(CheckpointError) in try AdapterFolder(path: path) })
  }

  /// Opens the patch, in a folder that of the usual name.
  ///
  /// - Parameter isCopy: whether to read all of it into memory.
  /// - Returns: the patch.
  /// - Throws: ``PatchError`` if it cannot be opened, is no patch, or is damaged.
  package func patch(isCopy: Bool = false) throws(PatchError) -> PatchFile {
    let isFolder = (try? FileStatus(path: path))?.isFolder ?? false
    let file = isFolder ? Folder.join(path, PatchFile.defaultName) : path
    if isFolder, (try? FileStatus(path: file)) == nil {
      let isAdapter = AdapterFolder.isAdapter(path)
      throw PatchError(
        isAdapter ? .badInput : .cannotOpen, path: path,
        isAdapter
          ? "this is an adapter, and no patch"
          : "there is no patch in this folder: nothing has the name \(PatchFile.defaultName)",
        remedy: isAdapter ? "PEFT, vLLM or llama.cpp loads it" : nil)
    }
    return try open(file) {
      (path) throws(CheckpointError) in try PatchFile(path: path, isCopy: isCopy)
    }
  }
}
