internal import ByteIO
internal import Checkpoints
internal import Hub

/// Keeps outputs away from inputs.
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

  /// Checks that `output` is none of the inputs, under whatever name, and no folder above one: what
  /// it replaces goes with all that it holds. Nor is it in the Hub's cache, whose files other
  /// programs take for what the Hub has.
  ///
  /// - Throws: ``PatchError`` of kind `cannotCreate`.
  func check(_ output: String) throws(PatchError) {
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

  private func refusal(_ output: String, _ message: String) -> PatchError {
    PatchError(
      .cannotCreate, path: output, message, remedy: "choose another name for the output")
  }
}
