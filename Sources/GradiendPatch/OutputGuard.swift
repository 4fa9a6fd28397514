internal import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchEngine

/// Keeps outputs away from inputs, and from each other.
struct OutputGuard {
  private let files: [MappedFile]
  /// Folders, and files in them that were read without being mapped for long.
  private let paths: [String]

  init(_ checkpoints: [Checkpoint], files: [MappedFile] = []) {
    self.files = checkpoints.flatMap { $0.files.map(\.mapped) } + files
    paths = checkpoints.filter(\.isFolder).flatMap { checkpoint in
      [checkpoint.path]
        + ["config.json", checkpoint.indexName].compactMap { $0 }
        .map { Folder.join(checkpoint.path, $0) }
    }
  }

  /// Checks that none of `outputs` is one of the inputs, under whatever name, or a folder above one:
  /// what it replaces goes with all that it holds. Nor is one in the Hub's cache, whose files other
  /// programs take for what the Hub has; nor is one the same as another, or in the folder of another.
  ///
  /// - Throws: ``PatchError`` of kind `cannotCreate`, or `usage` for two that collide.
  func check(_ outputs: String...) throws(PatchError) { try check(outputs) }

  /// As above.
  func check(_ outputs: [String]) throws(PatchError) {
    for (index, output) in outputs.enumerated() {
      try check(one: output)
      for other in outputs[..<index] { try Self.check(output, isApartFrom: other) }
    }
  }

  private func check(one output: String) throws(PatchError) {
    guard output != "-" else {
      throw PatchError(
        .usage, path: output,
        "the standard output does not take this: an output is written in parts, and checked before "
          + "it has its name", remedy: "name a file or folder; one of this name is './-'")
    }
    guard !HubCache.holds(Folder.parent(of: output)) else {
      throw refusal(output, "the output lies in the Hub's cache, which is only read")
    }
    guard let status = try? FileStatus(path: output) else { return }
    let isInput =
      files.contains { $0.identity == status.identity }
      || paths.contains { (try? FileStatus(path: $0))?.identity == status.identity }
    guard !isInput else { throw refusal(output, "the output is one of the inputs") }
    let holdsInput =
      status.isFolder
      && (files.map(\.path) + paths).contains { Folder.enclosing($0).contains(status.identity) }
    guard !holdsInput else {
      throw refusal(output, "the output is a folder that holds one of the inputs")
    }
  }

  /// However they are spelled: a name is the same if it is in the same folder.
  private static func check(_ output: String, isApartFrom other: String) throws(PatchError) {
    func identity(_ path: String) -> FileStatus.Identity? {
      (try? FileStatus(path: path))?.identity
    }
    let (folder, old) = (identity(Folder.parent(of: output)), identity(other))
    let hasSameName =
      folder == identity(Folder.parent(of: other))
      && Folder.lastComponent(of: output).utf8.elementsEqual(Folder.lastComponent(of: other).utf8)
    guard !hasSameName, old == nil || old != identity(output) else {
      throw PatchError(
        .usage, path: output, "this output and \(other) would be the same",
        remedy: "give them two names")
    }
    guard let old else { return }
    guard folder != old, !Folder.enclosing(Folder.parent(of: output)).contains(old) else {
      throw PatchError(
        .usage, path: output, "this output lies in \(other), which is replaced as a whole",
        remedy: "choose another name for it")
    }
  }

  private func refusal(_ output: String, _ message: String) -> PatchError {
    PatchError(
      .cannotCreate, path: output, message, remedy: "choose another name for the output")
  }
}
